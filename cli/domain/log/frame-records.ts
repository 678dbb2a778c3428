/**
 * Single records of the log, for readers that look things up or print: an object for each record.
 */
import type { Buffer } from 'node:buffer'
import type { EventLog, LogFrame } from './event-log.ts'
import { RECORD_LENGTH_BYTES } from './record-batch.ts'

/** A record and where it is in the log. */
export interface LogRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** When it was appended, ms since 1970. */
  readonly appendMs: number
  /** A view of the frame: valid as long as the frame is. */
  readonly bytes: Buffer
}

/** Records of a frame, in the order of their offsets. */
export function* frameRecords({ topic, partition, ...frame }: LogFrame): Generator<LogRecord> {
  const { baseOffset, count, appendMs, body } = frame
  for (let index = 0, at = 0; index < count; index++) {
    const start = at + RECORD_LENGTH_BYTES
    const end = start + body.readUInt32LE(at)
    const bytes = body.subarray(start, end)
    yield { topic, partition, offset: baseOffset + index, appendMs, bytes }
    at = end
  }
}

const READ_BYTES = 4 * 1024 * 1024

/**
 * Records of a partition from offset `from` to its present end, in batches of about `bytesMax`. A
 * batch is valid until the next one is asked for; `nextOffset` is where reading goes on after it.
 * The reader is closed when the loop ends, however it ends.
 */
export async function* readRecords(
  log: EventLog,
  place: { readonly topic: string; readonly partition: number; readonly from: number },
  bytesMax = READ_BYTES,
): AsyncGenerator<{ readonly records: readonly LogRecord[]; readonly nextOffset: number }> {
  const { topic, partition, from } = place
  const reader = await log.reader(topic, partition, from)
  try {
    for (;;) {
      const frames = await reader.read(bytesMax)
      if (frames.length === 0) return
      const records = frames.flatMap((frame) => [...frameRecords(frame)])
      yield { records: records.filter((one) => one.offset >= from), nextOffset: reader.position() }
    }
  } finally {
    await reader.close()
  }
}
