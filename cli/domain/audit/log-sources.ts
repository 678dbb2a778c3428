/** What an audit reads from the log: which offsets have records, and the sources of rejects. */
import type { RegisteredSchema } from '../avro/schema-registry.ts'
import { compileRejectDecoder } from '../gate/reject-codec.ts'
import type { EventLog } from '../log/event-log.ts'
import { readRecords } from '../log/frame-records.ts'
import { DLQ_TOPIC, ENGINE_PARTITION, RAW_TOPIC } from '../log/topics.ts'
import type { LogRange, RejectSource } from './log-accounts.ts'

const READ_BYTES = 4 * 1024 * 1024

/** Ranges of offsets that have records, between the range's `start` and `end`, shift included. */
export async function* readKeptRanges(
  log: EventLog,
  { partition, start, end, shift }: LogRange,
): AsyncGenerator<{ readonly baseOffset: number; readonly count: number }> {
  const reader = await log.reader(RAW_TOPIC, partition, start - shift)
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

/** Sources of the engine's rejects before offset `end`, in batches; undefined: not a reject. */
export async function* readRejectSources(
  log: EventLog,
  dlqSchemas: readonly RegisteredSchema[],
  end: number,
): AsyncGenerator<(RejectSource | undefined)[]> {
  const { start: from, end: kept } = await log.range(DLQ_TOPIC, ENGINE_PARTITION)
  if (kept === from || end <= from) return
  const decode = compileRejectDecoder(dlqSchemas)
  const place = { topic: DLQ_TOPIC, partition: ENGINE_PARTITION, from }
  for await (const { records } of readRecords(log, place)) {
    const committed = records.filter(({ offset }) => offset < end)
    if (committed.length === 0) return
    yield committed.map(({ bytes }) => decode(bytes))
  }
}
