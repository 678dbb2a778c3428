/**
 * Publishes Gold to topics of the embedded log, whose records have no keys of their own:
 * `gold.sessions` and so on, one record per change. Nothing is compacted: readers take the last
 * record of each key.
 */
import { Buffer } from 'node:buffer'
import type { Clock } from '../../domain/kernel/clock.ts'
import type { EventLog, LogWriter } from '../../domain/log/event-log.ts'
import { readRecords } from '../../domain/log/frame-records.ts'
import { decodeKeyedRecord, encodeKeyedRecord } from '../../domain/log/keyed-record.ts'
import { RecordBatch } from '../../domain/log/record-batch.ts'
import type { GoldSink } from '../../domain/pipeline/gold-sink.ts'

/** `owner` is shown to others who want to write. Closing it leaves the log open. */
export function openLogGold(log: EventLog, clock: Clock, owner: string): GoldSink {
  const writers = new Map<string, LogWriter>()
  const writerOf = async (model: string) => {
    const writer = writers.get(model) ?? (await log.writer(model, 0, owner))
    writers.set(model, writer)
    return writer
  }
  return {
    async publish(model, records) {
      if (records.length === 0) return
      const batch = RecordBatch.of(records.map(encodeKeyedRecord))
      await (await writerOf(model)).append(batch, clock.nowMs())
    },
    keys: (model) => readKeys(log, model),
    identity: async (model) => (await log.identity(model)) ?? 'log',
    async close() {
      for (const writer of writers.values()) await writer.close()
      writers.clear()
    },
  }
}

async function readKeys(log: EventLog, topic: string): Promise<ReadonlySet<string>> {
  const found = new Set<string>()
  for (const partition of await log.partitions(topic)) {
    const { start: from } = await log.range(topic, partition)
    for await (const { records } of readRecords(log, { topic, partition, from }))
      for (const { bytes } of records) {
        const record = decodeKeyedRecord(bytes)
        const key = record && Buffer.from(record.key).toString()
        if (key !== undefined && record?.value) found.add(key)
        else if (key !== undefined) found.delete(key)
      }
  }
  return found
}
