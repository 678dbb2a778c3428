/**
 * Makes records of events.raw again: accepted ones from Bronze, which has every field of an event,
 * and rejected ones from events.dlq, which has their bytes.
 */
import type { RegisteredSchema } from '../avro/schema-registry.ts'
import { compileRejectDecoder } from '../gate/reject-codec.ts'
import type { ImportLedgerEntry } from '../ingest/import-ledger.ts'
import { CcsError } from '../kernel/errors.ts'
import type { EventLog } from '../log/event-log.ts'
import { type LogRecord, readRecords } from '../log/frame-records.ts'
import type { RecordRange, RecordRestorer, RestoredRecord } from '../log/restored-record.ts'
import { DLQ_TOPIC, ENGINE_PARTITION, IMPORTS_TOPIC, RAW_TOPIC } from '../log/topics.ts'

/** Where records are made again from. */
export interface RestoreSources {
  readonly log: EventLog
  readonly dlqSchemas: readonly RegisteredSchema[]
  /** Accepted records from Bronze, by offset, in batches. */
  readonly readBronze: (range: RecordRange) => AsyncIterable<readonly RestoredRecord[]>
}

/** Restores records of events.raw only. */
export function createRestorer({ log, dlqSchemas, readBronze }: RestoreSources): RecordRestorer {
  return {
    async *read(range) {
      if (range.topic !== RAW_TOPIC) return
      const rejects = await readRejected(log, dlqSchemas, range)
      let next = 0
      for await (const rows of readBronze(range)) {
        const last = rows.at(-1)?.offset ?? 0
        const until = rejects.findIndex((one, index) => index >= next && one.offset > last)
        const end = until < 0 ? rejects.length : until
        yield mergeRecords(rows, rejects.slice(next, end))
        next = end
      }
      yield rejects.slice(next)
    },
    breaks: async (topic, partition) => {
      const found = new Set<number>()
      for await (const { bytes } of readIntact(log, IMPORTS_TOPIC)) {
        // ImportLedger wrote it.
        const entry = JSON.parse(bytes.toString('utf8')) as ImportLedgerEntry
        if (entry.topic !== topic || entry.partition !== partition) continue
        if (entry.runStart !== undefined) found.add(entry.runStart)
        found.add(entry.eventsEnd)
      }
      return found
    },
  }
}

/** By offset; of two records at the same offset, only the first. */
function mergeRecords(
  rows: readonly RestoredRecord[],
  rejects: readonly RestoredRecord[],
): readonly RestoredRecord[] {
  const all = [...rows, ...rejects].sort((a, b) => a.offset - b.offset)
  return all.filter((one, index) => one.offset !== all[index - 1]?.offset)
}

async function readRejected(
  log: EventLog,
  dlqSchemas: readonly RegisteredSchema[],
  { topic, partition, from, to }: RecordRange,
): Promise<readonly RestoredRecord[]> {
  const decode = compileRejectDecoder(dlqSchemas)
  const found = new Map<number, RestoredRecord>()
  for await (const { bytes } of readIntact(log, DLQ_TOPIC)) {
    const reject = decode(bytes)
    if (!reject || reject.topic !== topic || reject.partition !== partition) continue
    const { offset, first_seen: appendMs } = reject
    if (offset >= from && offset < to)
      found.set(offset, { offset, appendMs, bytes: Uint8Array.from(reject.bytes) })
  }
  return [...found.values()].sort((a, b) => a.offset - b.offset)
}

/** All records of the topic's first partition, up to the first that is damaged. */
async function* readIntact(log: EventLog, topic: string): AsyncGenerator<LogRecord> {
  if (!(await log.partitions(topic)).includes(ENGINE_PARTITION)) return
  try {
    const { start: from } = await log.range(topic, ENGINE_PARTITION)
    for await (const { records } of readRecords(log, { topic, partition: ENGINE_PARTITION, from }))
      yield* records
  } catch (error) {
    if (!(error instanceof CcsError) || error.code !== 'CCS_LOG_CORRUPT') throw error
  }
}
