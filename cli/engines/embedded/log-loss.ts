/**
 * What a rebuild from the log would lose: events that Bronze has and the log no longer has, because
 * old segments were deleted, or Kafka's retention deleted records, or the end of the log is gone.
 */
import { withDuck } from '../../adapters/duckdb/with-duck.ts'
import type { PartitionRepair } from '../../domain/dlq/plan-log-repair.ts'
import { quoteText } from '../../domain/kernel/sql-text.ts'
import { formatCount } from '../../domain/kernel/units.ts'
import type { LogGap, Manifest } from '../../domain/lake/manifest.ts'
import { describeOffsets, type OffsetRange } from '../../domain/log/log-report.ts'
import { RAW_TOPIC } from '../../domain/log/topics.ts'
import type { EngineStore } from './open-engine.ts'

/** Committed offsets of one partition that the log does not have. */
export interface LostOffsets extends OffsetRange {
  readonly partition: number
}

/** What Bronze has of the offsets that the log lost. */
export interface LogLoss {
  readonly topic: string
  readonly offsets: readonly LostOffsets[]
  /** null: a file of Bronze is damaged, or can't be read. */
  readonly events: number | null
  /** UTC days of the first and the last of these events, as `2026-11-22`; null: not known. */
  readonly firstDay: string | null
  readonly lastDay: string | null
}

/** Compares where the log begins and ends with the commit; undefined: nothing would be lost. */
export async function findLogLoss(
  { log, lake, checked, root }: Pick<EngineStore, 'log' | 'lake' | 'checked' | 'root'>,
  topic: string,
  manifest: Manifest,
): Promise<LogLoss | undefined> {
  const offsets = await listLostOffsets(log, topic, manifest)
  if (offsets.length === 0) return undefined
  const files = manifest.files.filter(({ table }) => table.startsWith('bronze.'))
  const count = async () => {
    // A damaged file may have any number of rows, and rows that are none of ours.
    await checked.requireIntact(files, (file) => lake.path(file))
    const paths = files.map((file) => lake.path(file))
    return countEvents(paths, { topic, offsets, root })
  }
  const found = await count().catch(() => undefined)
  if (found?.events === 0) return undefined
  const { events = null, firstDay = null, lastDay = null } = found ?? {}
  return { topic, offsets, events, firstDay, lastDay }
}

/** Committed records that a rebuild from the log would lack, once it is repaired as planned. */
export async function countLostOffsets(
  log: EngineStore['log'],
  manifest: Manifest,
  repairs: readonly PartitionRepair[],
): Promise<number> {
  const mine = repairs.filter(({ topic }) => topic === RAW_TOPIC)
  const given = mine.reduce((sum, { lost }) => sum + lost, 0)
  const offsets = await listLostOffsets(log, RAW_TOPIC, manifest)
  const others = offsets.filter((one) => !mine.some(({ partition }) => partition === one.partition))
  return others.reduce((sum, { from, to }) => sum + to - from, given)
}

async function listLostOffsets(
  log: EngineStore['log'],
  topic: string,
  manifest: Manifest,
): Promise<readonly LostOffsets[]> {
  const kept = new Set(await log.partitions(topic))
  const offsets: LostOffsets[] = []
  for (const { partition, nextOffset, ...one } of manifest.positions) {
    if (one.topic !== topic) continue
    const source = manifest.sources?.find((at) => at.topic === topic && at.partition === partition)
    const shift = source?.shift ?? 0
    const range = kept.has(partition) ? await log.range(topic, partition) : { start: 0, end: 0 }
    const start = Math.min(range.start + shift, nextOffset)
    const end = Math.max(start, range.end + shift)
    if (start > 0) offsets.push({ partition, from: 0, to: start })
    // Kafka's end can be behind what was read, while a broker catches up.
    if (end < nextOffset && (source === undefined || range.end === 0))
      offsets.push({ partition, from: end, to: nextOffset })
  }
  return offsets
}

async function countEvents(
  paths: readonly string[],
  { topic, offsets, root }: Pick<LogLoss, 'topic' | 'offsets'> & { readonly root: string },
): Promise<{ events: number; firstDay: string | null; lastDay: string | null }> {
  if (paths.length === 0) return { events: 0, firstDay: null, lastDay: null }
  const isLost = offsets
    .map(
      (one) => `partition = ${one.partition} AND "offset" >= ${one.from} AND "offset" < ${one.to}`,
    )
    .join(' OR ')
  const settings = { memoryLimitBytes: 256 * 1024 ** 2, tempDirectory: `${root}/spill` }
  const { rows } = await withDuck(settings, (duck) =>
    duck.all(`SELECT count(*) AS events, min(event_date)::VARCHAR AS first,
        max(event_date)::VARCHAR AS last
      FROM read_parquet([${paths.map(quoteText).join(', ')}], hive_partitioning = false)
      WHERE topic = ${quoteText(topic)} AND (${isLost})`),
  )
  const [row = {}] = rows
  const day = (value: unknown) => (typeof value === 'string' ? value : null)
  return { events: Number(row.events ?? 0), firstDay: day(row.first), lastDay: day(row.last) }
}

/** As half a sentence: how many events of which days, and where they were. */
export function describeLogLoss({ topic, offsets, events, firstDay, lastDay }: LogLoss): string {
  const count = events === null ? 'an unknown number of events' : `${formatCount(events)} events`
  const days = firstDay === null ? '' : ` (of ${firstDay} to ${lastDay})`
  const places = offsets.map((one) => `${topic}-${one.partition}, ${describeOffsets(one)}`)
  return `${count}${days} that Bronze has and the log no longer has: ${places.join('; ')}`
}

/** The gaps that a rebuild leaves which gives these records up. */
export function toGaps({ topic, offsets }: LogLoss, seenMs: number): readonly LogGap[] {
  return offsets.map((one) => ({ topic, ...one, why: 'given up', seenMs }))
}
