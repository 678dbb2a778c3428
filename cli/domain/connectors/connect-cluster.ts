/** A Kafka Connect cluster as a port. */

/** A connector as Kafka Connect sees it. */
export interface ConnectorState {
  readonly name: string
  /** RUNNING, PAUSED, STOPPED, FAILED, UNASSIGNED, RESTARTING. */
  readonly state: string
  /** What it died of: the first line of the trace and a line for each of its causes. */
  readonly fault?: string
  /** With what each failed task died of, likewise. */
  readonly tasks: readonly {
    readonly id: number
    readonly state: string
    readonly fault?: string
  }[]
  readonly config: Readonly<Record<string, string>>
}

/** Partition positions of a sink; `committed` null: nothing yet. */
export interface ConnectorOffset {
  readonly topic: string
  readonly partition: number
  readonly committed: number | null
}

export interface ConnectCluster {
  readServerInfo(): Promise<Readonly<Record<string, string>>>
  /** Classes of the connectors and converters that the workers have. */
  plugins(): Promise<readonly string[]>
  connectors(): Promise<readonly ConnectorState[]>
  /** What Connect itself says is wrong with a config: one sentence a key. */
  validate(
    config: Readonly<Record<string, string>>,
  ): Promise<readonly { readonly key: string; readonly fault: string }[]>
  /** Creates or changes. What it becomes is for `connectors()` to say: a config that validates may die later. */
  put(name: string, config: Readonly<Record<string, string>>): Promise<void>
  pause(name: string): Promise<void>
  resume(name: string): Promise<void>
  /** The connector and those of its tasks that failed. */
  restart(name: string): Promise<void>
  remove(name: string): Promise<void>
  offsets(name: string): Promise<readonly ConnectorOffset[]>
}
