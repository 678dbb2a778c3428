/** The port to the log: topics of append-only partitions, read and written frame by frame. */
import type { RecordBatch } from './record-batch.ts'

/** A group of records that were appended and made durable together. */
export interface LogFrame {
  readonly topic: string
  readonly partition: number
  /** Offset of the first record; the others follow without gaps. */
  readonly baseOffset: number
  readonly count: number
  /**
   * When the frame was appended, ms since 1970, by the writer's clock. Where ccs writes, it only
   * decreases when a clock that was wrong by more than ten minutes is put right; on Kafka it is the
   * newest timestamp of the record batch, whoever wrote it.
   */
  readonly appendMs: number
  /** `count` times: u32 little-endian length, then that many bytes. Valid until the next read. */
  readonly body: Buffer
  /** Marked by the pipeline: the first or last frame of a run of `ccs import`. */
  readonly startsRun?: boolean
  readonly endsRun?: boolean
}

/** The writer of one partition; appends happen in the order of the calls. */
export interface LogWriter {
  readonly topic: string
  readonly partition: number
  /** Appends all records or none. Resolves with the offset of the first, once they are durable. */
  append(batch: RecordBatch, appendMs: number): Promise<number>
  close(): Promise<void>
}

/** Reads one partition in order, also while it is written. */
export interface LogReader {
  /**
   * The next whole frames, about `bytesMax` in all and at least one if there is any; [] at the end.
   */
  read(bytesMax: number): Promise<readonly LogFrame[]>
  /** Offset at which the next read begins; offsets without a record may follow. */
  position(): number
  close(): Promise<void>
}

/** Topics of append-only partitions, from which everything else can be rebuilt. */
export interface EventLog {
  partitions(topic: string): Promise<readonly number[]>
  /**
   * Differs after the topic is deleted and recreated. null where the log can't tell, or has no such
   * topic.
   */
  identity(topic: string): Promise<string | null>
  /** The first offset that is kept, and the offset after the last durable record. */
  range(topic: string, partition: number): Promise<{ readonly start: number; readonly end: number }>
  /** Reads from `fromOffset` on. Throws CCS_LOG_CORRUPT instead of returning a damaged frame. */
  reader(topic: string, partition: number, fromOffset: number): Promise<LogReader>
  /**
   * The only writer of the partition. Throws CCS_LOG_LOCKED with the holder's name if there is
   * another; `owner` is the name that others are shown.
   */
  writer(topic: string, partition: number, owner: string): Promise<LogWriter>
  close(): Promise<void>
}
