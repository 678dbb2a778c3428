/**
 * The port of the gate that runs in front of a cluster's engines: it moves records from events.raw
 * to events.valid or events.dlq. A batch is written and marked as read in one transaction.
 */

/** A record as the gate sees it. */
export interface GateRecord {
  readonly offset: number
  readonly appendMs: number
  /** The record's value; empty for a record without one. */
  readonly bytes: Buffer
}

/** What is passed on instead of a record. */
export interface ReplacedRecord {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

/** Consecutive records of a partition, committed ones only; possibly none. */
export interface GateBatch {
  readonly records: readonly GateRecord[]
  /** Where the next batch begins. */
  readonly nextOffset: number
  /** Offset after the last record of the partition at this time. */
  readonly endOffset: number
}

/** A partition that this process owns. After another process has taken it over, calls fail. */
export interface GatePartition {
  readonly partition: number
  /** Records that expired or were deleted before the gate read them. */
  readonly missing: number
  /** Continues after the last call, at first after the last commit. Waits briefly for records. */
  read(): Promise<GateBatch>
  /**
   * In one transaction: writes the batch without those at `rejected` (indexes, ascending) to
   * events.valid, unchanged unless `replaced` has others for them, by index; writes `rejects` to
   * events.dlq, and advances the group's position.
   */
  commit(
    batch: GateBatch,
    rejected: readonly number[],
    rejects: readonly Uint8Array[],
    replaced?: ReadonlyMap<number, ReplacedRecord>,
  ): Promise<void>
}

/** The partitions of events.raw, shared by the processes of a consumer group. */
export interface GateStream {
  /**
   * Runs `work` for every partition that the group assigns to this process, until it is revoked or
   * `stop` is aborted; `work` must then return. If it fails because Kafka is unreachable or another
   * process has the partition, it starts again once the group assigns the partition; any other
   * error ends the run.
   */
  run(
    work: (partition: GatePartition, stop: AbortSignal) => Promise<void>,
    stop: AbortSignal,
  ): Promise<void>
  /** Lag of the whole group. */
  lag(): Promise<GateLag>
  close(): Promise<void>
}

/** How far a consumer group is behind. */
export interface GateLag {
  readonly group: string
  readonly partitions: readonly {
    readonly partition: number
    /** The group's position; null if it has not committed yet. */
    readonly committed: number | null
    readonly end: number
    readonly lag: number
  }[]
  /** Records that have not passed the gate yet; transaction markers count, too. */
  readonly lag: number
}
