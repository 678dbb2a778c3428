/**
 * The port of the gate that stands in front of a cluster's engines: partitions on their way from events.raw to
 * events.valid and events.dlq. Its one idea: a batch is written and taken note of in one transaction.
 */
/** A record as the gate sees it. */
export interface GateRecord {
  readonly offset: number
  readonly appendMs: number
  /** Its value; empty for a record without one. */
  readonly bytes: Buffer
}

/** Records of a partition that follow one another, committed ones only; there may be none. */
export interface GateBatch {
  readonly records: readonly GateRecord[]
  /** Where the next batch begins. */
  readonly nextOffset: number
  /** Offset after the last record that the partition has by now. */
  readonly endOffset: number
}

/** One partition on its way through the gate, held by one process: what another has taken over fails. */
export interface GatePartition {
  readonly partition: number
  /** Records that expired, or were deleted, before the gate had them. */
  readonly missing: number
  /** Each call goes on where the last one ended, the first where the last commit did. Waits a moment for records. */
  read(): Promise<GateBatch>
  /**
   * In one transaction: the batch without those at `rejected` (indexes, ascending) is passed on unchanged,
   * `rejects` are kept in events.dlq, and the group's position moves on. All of it or nothing.
   */
  commit(
    batch: GateBatch,
    rejected: readonly number[],
    rejects: readonly Uint8Array[],
  ): Promise<void>
}

/** events.raw to events.valid and events.dlq, its partitions shared by the processes of a group. */
export interface GateStream {
  /**
   * Runs `work` for every partition that the group gives to this process, until it is taken away or `stop`:
   * `work` ends by itself then. Work that fails because Kafka is away, or because another has the partition,
   * begins anew when the group says so; any other error ends it all.
   */
  run(
    work: (partition: GatePartition, stop: AbortSignal) => Promise<void>,
    stop: AbortSignal,
  ): Promise<void>
  /** Of the whole group. */
  lag(): Promise<GateLag>
  close(): Promise<void>
}

export interface GateLag {
  readonly group: string
  readonly partitions: readonly {
    readonly partition: number
    /** Position of the group; null: nothing was committed yet. */
    readonly committed: number | null
    readonly end: number
    readonly lag: number
  }[]
  /** Records that are not through the gate yet; markers of transactions count too. */
  readonly lag: number
}
