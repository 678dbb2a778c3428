/** The single records of a log frame, for readers that print or look up and are in no hurry. */
import type { Buffer } from 'node:buffer'
import type { LogFrame } from './event-log.ts'

export interface LogRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** When it was appended, ms. */
  readonly appendMs: number
  /** A view of the frame, valid as long as that is. */
  readonly bytes: Buffer
}

/** In the order of their offsets. */
export function* frameRecords({ topic, partition, ...frame }: LogFrame): Generator<LogRecord> {
  const { baseOffset, count, appendMs, body } = frame
  for (let index = 0, at = 0; index < count; index++) {
    const end = at + 4 + body.readUInt32LE(at)
    const bytes = body.subarray(at + 4, end)
    yield { topic, partition, offset: baseOffset + index, appendMs, bytes }
    at = end
  }
}
