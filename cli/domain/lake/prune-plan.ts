/**
 * Decides which segments of the log retention removes. A segment goes when its newest record is
 * older than the topic's retention, all its records are committed, and no older segment stays: so
 * the log's beginning moves, and no hole comes to be. The last segment of a partition is closed
 * first, which is possible if nobody writes to it.
 */
import type { Retention } from '../config/retention.ts'
import { greatest } from '../kernel/lists.ts'
import { DLQ_TOPIC, ENGINE_PARTITION, RAW_TOPIC } from '../log/topics.ts'
import type { Manifest, Pruned, PrunedRecords } from './manifest.ts'

/** A segment that another one follows: it does not change any more. */
export interface ClosedSegment {
  /** Its records have the offsets from `from` up to, not including, `to`. */
  readonly from: number
  readonly to: number
  readonly bytes: number
  /** When its first record, and the first one after it, were appended; null: not readable. */
  readonly firstMs: number | null
  readonly untilMs: number | null
}

/** A partition of the log as files. */
export interface SegmentedPartition {
  readonly topic: string
  readonly partition: number
  /** Ascending; without the last segment. */
  readonly closed: readonly ClosedSegment[]
  /** Of the last one: its length, and when its first record was appended; null: it has none. */
  readonly lastBytes: number
  readonly lastFirstMs: number | null
  /** The offsets of its records, if the last one could be closed; null: it has none, or unknown. */
  readonly last: { readonly from: number; readonly to: number } | null
  /** When its newest record was appended; null: it has none. */
  readonly newestMs: number | null
}

/** What is removed from a partition, and what stays. */
export interface PartitionPrune extends PrunedRecords {
  readonly segments: number
  readonly records: number
  readonly bytes: number
  /** When the first record was appended that goes, and the first one that stays. */
  readonly firstMs: number | null
  readonly untilMs: number | null
  readonly keptSegments: number
  readonly keptBytes: number
  /** Segments that are old enough, but hold records that are not committed yet. */
  readonly waiting: number
}

/** Topics that retention applies to, with how long they are kept, ms; null: forever. */
export function listRetained({
  rawMs,
  dlqMs,
}: Retention): readonly { readonly topic: string; readonly keptMs: number | null }[] {
  return [
    { topic: RAW_TOPIC, keptMs: rawMs },
    { topic: DLQ_TOPIC, keptMs: dlqMs },
  ]
}

/** Whether retention removes anything at all. */
export function hasRetention(retention: Retention): boolean {
  return listRetained(retention).some(({ keptMs }) => keptMs !== null)
}

/**
 * Plans what goes from each partition; those of which everything stays are listed too. Age is
 * counted from the topic's newest record, or from `nowMs` if a clock has put that into the future:
 * a shop that rests keeps what it has.
 */
export function planPrune(
  retention: Retention,
  manifest: Pick<Manifest, 'positions' | 'dlqEnd'>,
  partitions: readonly SegmentedPartition[],
  nowMs: number,
): readonly PartitionPrune[] {
  return listRetained(retention).flatMap(({ topic, keptMs }) => {
    if (keptMs === null) return []
    const own = partitions.filter((one) => one.topic === topic)
    const newestMs = Math.max(0, greatest(own.map((one) => one.newestMs ?? 0)))
    const beforeMs = Math.min(newestMs, nowMs) - keptMs
    return own.map((one) => planPartition(one, findCommittedEnd(one, manifest), beforeMs))
  })
}

/**
 * The offset before which all records of a partition are committed. Rows that imports rejected are
 * in events.dlq alone: no commit follows.
 */
export function findCommittedEnd(
  { topic, partition }: Pick<SegmentedPartition, 'topic' | 'partition'>,
  { positions, dlqEnd }: Pick<Manifest, 'positions' | 'dlqEnd'>,
): number {
  if (topic === DLQ_TOPIC) return partition === ENGINE_PARTITION ? dlqEnd : Number.POSITIVE_INFINITY
  const own = positions.find((one) => one.topic === topic && one.partition === partition)
  return own?.nextOffset ?? 0
}

function planPartition(
  { topic, partition, closed: before, last, ...more }: SegmentedPartition,
  committedEnd: number,
  beforeMs: number,
): PartitionPrune {
  const isQuiet = last !== null && more.newestMs !== null && more.newestMs < beforeMs
  // Nobody has appended to the partition for so long that its last segment can be closed too.
  const quiet: readonly ClosedSegment[] = isQuiet
    ? [{ ...last, bytes: more.lastBytes, firstMs: more.lastFirstMs, untilMs: more.newestMs }]
    : []
  const closed = [...before, ...quiet]
  const lastBytes = isQuiet ? 0 : more.lastBytes
  const isOld = ({ untilMs }: ClosedSegment) => untilMs !== null && untilMs < beforeMs
  const kept = closed.findIndex((one) => !isOld(one) || one.to > committedEnd)
  const gone = kept < 0 ? closed : closed.slice(0, kept)
  const rest = closed.slice(gone.length)
  const firstYoung = rest.findIndex((one) => !isOld(one))
  const from = gone[0]?.from ?? 0
  const to = gone.at(-1)?.to ?? from
  const count = (some: readonly ClosedSegment[]) => some.reduce((sum, { bytes }) => sum + bytes, 0)
  return {
    ...{ topic, partition, from, to, segments: gone.length, records: to - from },
    bytes: count(gone),
    firstMs: gone[0]?.firstMs ?? null,
    untilMs: gone.at(-1)?.untilMs ?? null,
    keptSegments: rest.length + 1,
    keptBytes: count(rest) + lastBytes,
    waiting: firstYoung < 0 ? rest.length : firstYoung,
  }
}

/** The partitions of a plan whose last segment goes too, with the offset at which it ends. */
export function listQuiet(
  plan: readonly PartitionPrune[],
  partitions: readonly SegmentedPartition[],
): readonly (Pick<PartitionPrune, 'topic' | 'partition'> & { readonly end: number })[] {
  return partitions.flatMap(({ topic, partition, last }) => {
    const own = plan.find((one) => one.topic === topic && one.partition === partition)
    return last && own?.segments && own.to === last.to ? [{ topic, partition, end: last.to }] : []
  })
}

/**
 * What a manifest says of removed records after these are removed too; the same object if it says
 * so already, as after a removal that broke off.
 */
export function addPruned(
  before: Pruned | undefined,
  plan: readonly PrunedRecords[],
): Pruned | undefined {
  let records = before?.records ?? []
  let rejects = before?.rejects ?? 0
  let isSame = true
  for (const { topic, partition, from, to } of plan) {
    const own = (one: PrunedRecords) => one.topic === topic && one.partition === partition
    const mine = records.filter(own)
    const last = mine.at(-1)
    const start = Math.max(from, last?.to ?? 0)
    if (to <= start) continue
    isSame = false
    if (topic === DLQ_TOPIC && partition === ENGINE_PARTITION) rejects += to - start
    const added = { topic, partition, from: start, to }
    const joined = last?.to === start ? [...mine.slice(0, -1), { ...last, to }] : [...mine, added]
    records = [...records.filter((one) => !own(one)), ...joined]
  }
  return isSame ? before : { records, rejects }
}

/** How many records before offset `start` of a partition were removed by retention. */
export function countPruned(
  pruned: Pruned | undefined,
  { topic, partition }: { readonly topic: string; readonly partition: number },
  start: number,
): number {
  const own = (pruned?.records ?? []).filter(
    (one) => one.topic === topic && one.partition === partition,
  )
  return own.reduce((sum, { from, to }) => sum + Math.max(0, Math.min(to, start) - from), 0)
}
