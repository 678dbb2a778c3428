/**
 * The port to an engine's processing log. The rejects of a batch and the position after it are
 * written in one transaction, and only one collector runs at a time.
 */
export interface CollectBatch {
  readonly partition: number
  /** Values of the rows; tombstones have none. */
  readonly rows: readonly Buffer[]
  /** Offset where the partition's next batch starts. */
  readonly nextOffset: number
  /** Whether no partition had anything new; `rows` is empty then. */
  readonly isEnd: boolean
}

/** A transactional reader of the processing log. */
export interface CollectStream {
  /** Rows that expired or were deleted before they were read. */
  readonly missing: number
  /** Continues after the last batch, at first after the last commit; waits briefly for rows. */
  read(): Promise<CollectBatch>
  /** Writes `rejects` to events.dlq and the position after the batch, or neither. */
  commit(batch: CollectBatch, rejects: readonly Uint8Array[]): Promise<void>
  close(): Promise<void>
}

/** A record of which only bytes and time are known. */
export interface UnlocatedRecord {
  readonly bytes: Buffer
  /** When the engine read it, ms; the record was appended earlier. */
  readonly timeMs: number
}

/** Where a record is in its topic. */
export interface RecordPosition {
  readonly partition: number
  readonly offset: number
  readonly appendMs: number
}

/** Searches a topic (full name) for records and returns those that are cheap to find. */
export type LocateRecords = (
  topic: string,
  records: readonly UnlocatedRecord[],
) => Promise<ReadonlyMap<UnlocatedRecord, RecordPosition>>
