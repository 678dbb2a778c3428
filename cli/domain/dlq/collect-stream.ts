/**
 * The port of who collects rejects from a topic of reports: a batch's rejects and how far it was read are
 * written in one transaction, and there is one collector at a time.
 */
export interface CollectBatch {
  readonly partition: number
  /** Values; none for a tombstone. */
  readonly rows: readonly Buffer[]
  /** Where the next batch of the partition begins. */
  readonly nextOffset: number
  /** No partition had anything new; there are no rows. */
  readonly isEnd: boolean
}

export interface CollectStream {
  /** Rows that expired, or were deleted, before they were read. */
  readonly missing: number
  /** Goes on where the last call ended, the first where the last commit did; waits a moment for rows. */
  read(): Promise<CollectBatch>
  /** `rejects` are in events.dlq and the batch is taken note of, or neither. */
  commit(batch: CollectBatch, rejects: readonly Uint8Array[]): Promise<void>
  close(): Promise<void>
}

/** A record of which only this is known. */
export interface UnlocatedRecord {
  readonly bytes: Buffer
  /** When it was read, ms: it came before. */
  readonly timeMs: number
}

export interface RecordPosition {
  readonly partition: number
  readonly offset: number
  readonly appendMs: number
}

/** Those of the records that are found with little effort; `topic` by its whole name. */
export type LocateRecords = (
  topic: string,
  records: readonly UnlocatedRecord[],
) => Promise<ReadonlyMap<UnlocatedRecord, RecordPosition>>
