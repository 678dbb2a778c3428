/** A Kafka Connect cluster as a port. */

/** A connector as Kafka Connect reports it. */
export interface ConnectorState {
  readonly name: string
  /** RUNNING, PAUSED, STOPPED, FAILED, UNASSIGNED, RESTARTING. */
  readonly state: string
  /** Why it failed: the first line of the stack trace, and one line per cause. */
  readonly fault?: string
  /** `fault` says why a task failed, as above. */
  readonly tasks: readonly {
    readonly id: number
    readonly state: string
    readonly fault?: string
  }[]
  readonly config: Readonly<Record<string, string>>
}

/** A sink's position in a partition; `committed` is null if it has committed nothing yet. */
export interface ConnectorOffset {
  readonly topic: string
  readonly partition: number
  readonly committed: number | null
}

/** The REST API of Kafka Connect; throws CCS_CONNECT_UNREACHABLE if it can't be reached. */
export interface ConnectCluster {
  readServerInfo(): Promise<Readonly<Record<string, string>>>
  /** Classes of the connectors and converters that the workers have. */
  plugins(): Promise<readonly string[]>
  connectors(): Promise<readonly ConnectorState[]>
  /** Returns what Connect finds wrong with a config, one sentence per key. */
  validate(
    config: Readonly<Record<string, string>>,
  ): Promise<readonly { readonly key: string; readonly fault: string }[]>
  /** Creates or changes a connector. It may still fail later: see `connectors()`. */
  put(name: string, config: Readonly<Record<string, string>>): Promise<void>
  pause(name: string): Promise<void>
  resume(name: string): Promise<void>
  /** Restarts the connector and those of its tasks that failed. */
  restart(name: string): Promise<void>
  remove(name: string): Promise<void>
  offsets(name: string): Promise<readonly ConnectorOffset[]>
}
