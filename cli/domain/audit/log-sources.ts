/** What an audit reads of the log: which offsets it keeps, and where rejects came from. */
import type { RegisteredSchema } from '../avro/schema-registry.ts'
import { compileRejectCodec } from '../gate/reject-codec.ts'
import type { EventLog } from '../log/event-log.ts'
import { frameRecords } from '../log/frame-records.ts'
import { DLQ_TOPIC, ENGINE_PARTITION } from '../log/topics.ts'
import type { LogRange, RejectSource } from './log-accounts.ts'

const READ_BYTES = 4 * 1024 * 1024

/** Stretches of offsets that have a record, from `start` to before `end`. */
export async function* keptFrames(
  log: EventLog,
  { partition, start, end, shift }: LogRange,
): AsyncGenerator<{ readonly baseOffset: number; readonly count: number }> {
  const reader = await log.reader('events.raw', partition, start - shift)
  try {
    while (reader.position() + shift < end) {
      const frames = await reader.read(READ_BYTES)
      if (frames.length === 0) return
      for (const { baseOffset, count } of frames) yield { baseOffset: baseOffset + shift, count }
    }
  } finally {
    await reader.close()
  }
}

/** Sources of the engine's rejects up to offset `end` of the topic, in batches; undefined for what is no reject. */
export async function* rejectSources(
  log: EventLog,
  dlqSchema: RegisteredSchema,
  end: number,
): AsyncGenerator<(RejectSource | undefined)[]> {
  const { start, end: kept } = await log.range(DLQ_TOPIC, ENGINE_PARTITION)
  if (kept === start || end <= start) return
  const { decode } = compileRejectCodec(dlqSchema)
  const reader = await log.reader(DLQ_TOPIC, ENGINE_PARTITION, start)
  try {
    for (;;) {
      const frames = await reader.read(READ_BYTES)
      if (frames.length === 0) return
      for (const frame of frames) {
        const records = [...frameRecords(frame)].filter(({ offset }) => offset < end)
        if (records.length === 0) return
        yield records.map(({ bytes }) => decode(bytes))
      }
    }
  } finally {
    await reader.close()
  }
}
