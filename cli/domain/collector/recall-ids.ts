/** Remembers the ids of the events that a partition received last, after a restart. */
import type { EventLog } from '../log/event-log.ts'
import { readRecords } from '../log/frame-records.ts'
import type { RecentIds } from './recent-ids.ts'

/** Little at a time: a Kafka far away has to send it within the time of one request. */
const READ_BYTES = 512 * 1024

/** The end of a partition: at most as many records. */
export interface RecalledPlace {
  readonly topic: string
  readonly partition: number
  readonly most: number
}

/** Reads the end of the partition; `readId` gives a record's event id, undefined if it has none. */
export async function recallIds(
  log: EventLog,
  { topic, partition, most }: RecalledPlace,
  readId: (record: Buffer) => string | undefined,
  ids: RecentIds,
): Promise<void> {
  const { start, end } = await log.range(topic, partition)
  const from = Math.max(start, end - most)
  if (from >= end) return
  for await (const { records } of readRecords(log, { topic, partition, from }, READ_BYTES))
    for (const { bytes } of records) {
      const id = readId(bytes)
      if (id !== undefined) ids.add(id)
    }
}
