/**
 * Finds the offsets of records of which only the bytes and the time of reading are known, by
 * searching what arrived shortly before. A query that catches up reads older records: those are
 * not found.
 */
import type {
  LocateRecords,
  RecordPosition,
  UnlocatedRecord,
} from '../../domain/dlq/collect-stream.ts'
import type { KafkaConnection } from './connection.ts'
import { toKafkaFault } from './fault.ts'

const BEFORE_MS = 30_000
const READ_BYTES = 1024 * 1024
/** Read per partition, for all records together. */
const BYTES_MAX = 32 * READ_BYTES

/** Reads each partition once for all records of a call; a record that isn't found is absent. */
export function createRecordLocator(kafka: KafkaConnection): LocateRecords {
  return async (topic, sought) => {
    const found = new Map<UnlocatedRecord, RecordPosition>()
    if (sought.length === 0) return found
    const times = sought.map(({ timeMs }) => timeMs)
    const fromMs = times.reduce((least, one) => Math.min(least, one)) - BEFORE_MS
    const untilMs = times.reduce((most, one) => Math.max(most, one))
    try {
      const admin = await kafka.admin()
      const starts = await admin.fetchTopicOffsetsByTimestamp(topic, fromMs)
      for (const { partition, offset } of starts) {
        if (found.size === sought.length) break
        const start = Number(offset)
        if (start >= 0)
          await searchPartition(kafka, { topic, partition, start, untilMs, sought, found })
      }
      return found
    } catch (error) {
      throw toKafkaFault(error, kafka.brokers, { topic })
    }
  }
}

interface Search {
  readonly topic: string
  readonly partition: number
  readonly start: number
  readonly untilMs: number
  readonly sought: readonly UnlocatedRecord[]
  readonly found: Map<UnlocatedRecord, RecordPosition>
}

async function searchPartition(kafka: KafkaConnection, search: Search): Promise<void> {
  const { topic, partition, untilMs, sought, found } = search
  const lengths = new Set(sought.map(({ bytes }) => bytes.length))
  let offset = search.start
  for (let bytes = 0; bytes < BYTES_MAX && found.size < sought.length; bytes += READ_BYTES) {
    const options = { bytesMax: READ_BYTES, waitMs: 0 }
    const { records, nextOffset } = await kafka.fetch(topic, partition, offset, options)
    for (const { value, offset: at, appendMs } of records) {
      if (!value || !lengths.has(value.length)) continue
      const one = sought.find((other) => !found.has(other) && value.equals(other.bytes))
      if (one) found.set(one, { partition, offset: at, appendMs })
    }
    if (nextOffset === offset || (records.at(-1)?.appendMs ?? 0) > untilMs) return
    offset = nextOffset
  }
}
