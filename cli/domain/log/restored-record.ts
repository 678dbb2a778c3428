/** Records of the log that are made again from what was committed of them. */
import type { LogFrame } from './event-log.ts'
import type { OffsetRange } from './log-report.ts'
import { RecordBatch } from './record-batch.ts'

/** A record made again: the same event at the same offset, appended at the same time. */
export interface RestoredRecord {
  readonly offset: number
  /** ms since 1970. */
  readonly appendMs: number
  readonly bytes: Uint8Array
}

/** Offsets of a partition. */
export interface RecordRange extends OffsetRange {
  readonly topic: string
  readonly partition: number
}

/** Makes records of the log again. */
export interface RecordRestorer {
  /** Those that can be made, by offset, in batches; may lack some or all. */
  read(range: RecordRange): AsyncIterable<readonly RestoredRecord[]>
  /** Offsets at which a frame must begin: those where a run of `ccs import` begins or ends. */
  readonly breaks: (topic: string, partition: number) => Promise<ReadonlySet<number>>
}

/** A frame of restored records; `body` is valid until the next one is asked for. */
export type RestoredFrame = Pick<LogFrame, 'baseOffset' | 'count' | 'appendMs' | 'body'>

const FRAME_BYTES = 1024 * 1024

/** Packs records into frames: a frame has one append time, and no hole in its offsets. */
export async function* packFrames(
  records: AsyncIterable<readonly RestoredRecord[]>,
  breaks: ReadonlySet<number>,
): AsyncGenerator<RestoredFrame> {
  const batch = new RecordBatch()
  let baseOffset = 0
  let appendMs = 0
  const pack = () => ({ baseOffset, count: batch.count, appendMs, body: batch.body })
  for await (const some of records)
    for (const one of some) {
      const goesOn = one.offset === baseOffset + batch.count && one.appendMs === appendMs
      const isFull = batch.bytes >= FRAME_BYTES
      if (batch.count > 0 && (!goesOn || isFull || breaks.has(one.offset))) {
        yield pack()
        batch.clear()
      }
      if (batch.count === 0) {
        baseOffset = one.offset
        appendMs = one.appendMs
      }
      batch.add(one.bytes)
    }
  if (batch.count > 0) yield pack()
}
