/** The log as a port: topics of append-only partitions, read and written frame by frame. */
import type { RecordBatch } from './record-batch.ts'

/** A group of records that was appended, and made durable, as one. */
export interface LogFrame {
  readonly topic: string
  readonly partition: number
  /** Offset of the first record; the others follow without gaps. */
  readonly baseOffset: number
  readonly count: number
  /**
   * When the frame was appended, ms since 1970, by the writer's clock. A writer of ccs never goes back; on Kafka
   * it is the newest time of the record batch, whoever wrote that.
   */
  readonly appendMs: number
  /** `count` times: u32 little-endian length, then that many bytes. Valid until the next read. */
  readonly body: Buffer
}

export interface LogWriter {
  readonly topic: string
  readonly partition: number
  /** Appends all records or none; resolves with the first offset once they are on the disk. */
  append(batch: RecordBatch, appendMs: number): Promise<number>
  close(): Promise<void>
}

export interface LogReader {
  /** The next whole frames, up to about `bytesMax` (at least one frame if there is any); [] at the end. */
  read(bytesMax: number): Promise<readonly LogFrame[]>
  /** Offset that the next read begins with; offsets without a record may come first. */
  position(): number
  close(): Promise<void>
}

/** Topics of append-only partitions: the truth that everything else can be rebuilt from. */
export interface EventLog {
  partitions(topic: string): Promise<readonly number[]>
  /** Changes when the topic is deleted and made anew; null where there is no telling, or no topic. */
  identity(topic: string): Promise<string | null>
  /** First offset kept, and the offset after the last durable record. */
  range(topic: string, partition: number): Promise<{ readonly start: number; readonly end: number }>
  /** Reads from `fromOffset` on, while others write. A frame that fails its checksum is never served: CCS_LOG_CORRUPT. */
  reader(topic: string, partition: number, fromOffset: number): Promise<LogReader>
  /** The partition's one writer; CCS_LOG_LOCKED names the holder when there is another. `owner` is shown to others. */
  writer(topic: string, partition: number, owner: string): Promise<LogWriter>
  close(): Promise<void>
}
