/** Remembers the ids of the events that a partition received last, after a restart. */
import type { EventLog } from '../log/event-log.ts'
import { readRecords } from '../log/frame-records.ts'
import type { RecentIds } from './recent-ids.ts'

/** How many records are read again at most. */
const RECALLED_MAX = 50_000

/** Reads the end of the partition; `readId` gives a record's event id, undefined if it has none. */
export async function recallIds(
  log: EventLog,
  place: { readonly topic: string; readonly partition: number },
  readId: (record: Buffer) => string | undefined,
  ids: RecentIds,
): Promise<void> {
  const { start, end } = await log.range(place.topic, place.partition)
  const from = Math.max(start, end - RECALLED_MAX)
  if (from >= end) return
  for await (const { records } of readRecords(log, { ...place, from }))
    for (const { bytes } of records) {
      const id = readId(bytes)
      if (id !== undefined) ids.add(id)
    }
}
