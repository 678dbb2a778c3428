/**
 * Decides what depends on the order of arrival: whether an event's id is new, and how far behind
 * its partition's watermark it came. Lateness follows from the partition's own order, so a replay
 * gives the same answer. An id is new if the dedupe index does not have it; for an event of a day
 * that the index does not cover, the rows of Bronze decide later (docs/adr/0020). A purchase is
 * also a duplicate if its order id came before, whenever that was (docs/adr/0019).
 */

import { selectWatermarkPositions } from '../../../domain/dlq/replay-partitions.ts'
import { greatest } from '../../../domain/kernel/lists.ts'
import type {
  Counts,
  DedupedDay,
  LakeFile,
  Manifest,
  PartitionEnd,
  PartitionPosition,
} from '../../../domain/lake/manifest.ts'
import type { LogFrame } from '../../../domain/log/event-log.ts'
import type { EngineUsage } from '../../../domain/monitoring/engine-usage.ts'
import type { DedupeIndex, EventIdWords } from './dedupe-index.ts'
import { type DedupeIndexes, shareOfDuckDb } from './dedupe-indexes.ts'
import { DedupedDays } from './deduped-days.ts'

const ONLY_MARKS = { maxEventMs: null, hasEnded: true } as const

interface PartitionProgress {
  readonly topic: string
  readonly partition: number
  nextOffset: number
  maxEventMs: number | null
  hasEnded?: true
}

/** Positions, counts and event ids at a snapshot. */
export interface FrozenArrivals {
  readonly positions: readonly PartitionPosition[]
  readonly counts: Counts
  /** Ids that were added since the snapshot before. */
  readonly newIds: EventIdWords
  /** Order ids that were added since the snapshot before. */
  readonly newOrders: EventIdWords
  /** Ids stamped with an earlier hour have expired. */
  readonly oldestLiveHour: number
  /** The ids of earlier snapshots no longer count: the log's clock went back. */
  readonly hasForgotten: boolean
  readonly dedupedDays: readonly DedupedDay[]
  /** Least watermark of all partitions; null: none yet. */
  readonly watermarkMs: number | null
}

/** Positions, watermarks and counts of all partitions; changed only by frames, in their order. */
export class ArrivalTracker {
  readonly dedupeIndex: DedupeIndex
  /** Order ids; it forgets none. Absent: orders are not deduplicated. */
  readonly #orderIndex: DedupeIndex | undefined
  readonly #dedupedDays: DedupedDays
  readonly #watermarkDelayMs: number
  readonly #partitions = new Map<string, PartitionProgress>()
  #current: PartitionProgress | undefined
  /** Append time of the current frame. */
  #appendMs = 0
  /** The hour of the last event, unless the index may cover other days since. */
  #hour = Number.NaN
  /** Days with events of the current frame that the dedupe index does not cover. */
  readonly uncoveredDays = new Set<number>()
  #counts = { records: 0, bronze: 0, duplicates: 0, dlq: 0, setAside: 0, late: 0 }
  /** How many duplicates were found among the rows of Bronze since the start. */
  lateDuplicates = 0
  #isDirty = false
  /** Results of the last `track`; fields, so that no object is created per record. */
  lateMs = 0
  isFirstArrival = false

  /** `files` are those of the model that has all arrivals. */
  constructor(
    { events, orders }: DedupeIndexes,
    watermarkDelayMs: number,
    manifest?: Manifest,
    files: readonly LakeFile[] = [],
  ) {
    this.dedupeIndex = events
    this.#orderIndex = orders
    this.#dedupedDays = new DedupedDays(files, manifest ? manifest.dedupedDays : [])
    this.#watermarkDelayMs = watermarkDelayMs
    if (manifest) this.#counts = { ...manifest.counts }
    for (const one of manifest?.positions ?? [])
      this.#partitions.set(`${one.topic}-${one.partition}`, { ...one })
    this.#followWatermarks()
  }

  /** What the remembered ids leave of the engine's memory limit, in bytes. */
  shareOfDuckDb({ memoryLimitBytes }: { readonly memoryLimitBytes: number }): number {
    return shareOfDuckDb(memoryLimitBytes, { events: this.dedupeIndex, orders: this.#orderIndex })
  }

  /** How many ids are remembered, and the memory of their tables. */
  countIds(): Pick<EngineUsage, 'eventIds' | 'orderIds' | 'idBytes'> {
    const [events, orders] = [this.dedupeIndex, this.#orderIndex]
    const idBytes = events.bytes + (orders?.bytes ?? 0)
    return { eventIds: events.size, orderIds: orders?.size ?? 0, idBytes }
  }

  /**
   * Selects the frame's partition; its records follow. A watermark is never ahead of the log's own
   * clock: if that was put back, the watermark goes back with it.
   */
  beginFrame({ topic, partition, baseOffset, appendMs, startsRun }: LogFrame): void {
    const key = `${topic}-${partition}`
    let progress = this.#partitions.get(key)
    if (!progress) {
      progress = { topic, partition, nextOffset: baseOffset, maxEventMs: null }
      this.#partitions.set(key, progress)
    }
    this.#current = progress
    this.#appendMs = appendMs
    this.uncoveredDays.clear()
    this.#hour = Number.NaN
    delete progress.hasEnded
    // Its first event sets the watermark, as in a new partition.
    if (startsRun) progress.maxEventMs = null
    if (progress.maxEventMs === null || progress.maxEventMs <= appendMs) return
    progress.maxEventMs = appendMs
    this.#followWatermarks()
  }

  /** Sets the clock of the dedupe index; if the watermarks went far back, it starts anew. */
  #followWatermarks(): void {
    const greatestMs = this.greatestWatermarkMs
    if (greatestMs === null) return
    const isFarBack = this.dedupeIndex.isAheadOf(greatestMs)
    if (isFarBack) this.dedupeIndex.reset(greatestMs)
    if (isFarBack) this.#dedupedDays.clear()
    this.dedupeIndex.advance(greatestMs)
    this.#expireDays()
  }

  #expireDays(): void {
    this.#dedupedDays.expire(this.dedupeIndex.oldestHour)
    this.#hour = Number.NaN
  }

  /**
   * Tracks the next valid record, by the words of its id, and of its order id if it is a purchase;
   * sets `lateMs` and `isFirstArrival`.
   */
  track(
    id0: number,
    id1: number,
    id2: number,
    id3: number,
    eventMs: number,
    order: Int32Array | undefined,
  ): void {
    const progress = this.#current as PartitionProgress // beginFrame() was called
    const newest = progress.maxEventMs
    this.lateMs = newest === null ? 0 : Math.max(0, newest - this.#watermarkDelayMs - eventMs)
    if (this.lateMs > 0) this.#counts.late++
    // A fast clock moves the watermark no further than to when its event was appended.
    const boundedMs = Math.min(eventMs, this.#appendMs)
    if (newest === null || boundedMs > newest) {
      progress.maxEventMs = boundedMs
      if (newest === null) this.#followWatermarks()
      else if (this.dedupeIndex.advance(boundedMs - this.#watermarkDelayMs)) this.#expireDays()
    }
    const hour = Math.floor(eventMs / 3_600_000)
    if (hour !== this.#hour) this.#selectHour(hour)
    this.isFirstArrival = this.dedupeIndex.add(id0, id1, id2, id3)
    if (order !== undefined && this.#orderIndex !== undefined) {
      const [o0 = 0, o1 = 0, o2 = 0, o3 = 0] = order
      if (!this.#orderIndex.add(o0, o1, o2, o3)) this.isFirstArrival = false
    }
    if (!this.isFirstArrival) this.#counts.duplicates++
  }

  #selectHour(hour: number): void {
    this.#hour = hour
    if (!this.#dedupedDays.covers(hour, this.dedupeIndex.hour))
      this.uncoveredDays.add(Math.floor(hour / 24))
  }

  /** Counts duplicates that were found among the rows of Bronze. */
  addLateDuplicates(count: number): void {
    this.#counts.duplicates += count
    this.lateDuplicates += count
  }

  /** Counts the frame, of whose records `accepted` were valid; on `setAside` a model failed. */
  endFrame(frame: LogFrame, accepted: number, setAside: number): void {
    const progress = this.#current as PartitionProgress // beginFrame() was called
    progress.nextOffset = frame.baseOffset + frame.count
    if (frame.endsRun) progress.hasEnded = true
    this.#counts.records += frame.count
    this.#counts.bronze += accepted
    this.#counts.dlq += frame.count - accepted
    this.#counts.setAside += setAside
    this.#isDirty = true
  }

  /** Counts the offsets before these as read: they have no record, only marks of what is gone. */
  skipTo(ends: readonly PartitionEnd[]): void {
    for (const { topic, partition, nextOffset } of ends) {
      const key = `${topic}-${partition}`
      const known = this.#partitions.get(key)
      if (nextOffset <= (known?.nextOffset ?? 0)) continue
      // A partition of marks alone has no watermark, and must not hold that of the others back.
      if (known) known.nextOffset = nextOffset
      else this.#partitions.set(key, { ...ONLY_MARKS, topic, partition, nextOffset })
      this.#isDirty = true
    }
  }

  positions(): readonly PartitionPosition[] {
    return [...this.#partitions.values()].map((one) => ({ ...one }))
  }

  counts(): Counts {
    return { ...this.#counts }
  }

  /** Least watermark of all partitions that count (no replays); null while one has none. */
  get leastWatermarkMs(): number | null {
    let least: number | null = null
    for (const { maxEventMs } of selectWatermarkPositions([...this.#partitions.values()])) {
      if (maxEventMs === null) return null
      const watermark = maxEventMs - this.#watermarkDelayMs
      if (least === null || watermark < least) least = watermark
    }
    return least
  }

  /** Greatest watermark of all partitions; null: none has one. */
  get greatestWatermarkMs(): number | null {
    const times = [...this.#partitions.values()].flatMap(({ maxEventMs }) => maxEventMs ?? [])
    return times.length === 0 ? null : greatest(times) - this.#watermarkDelayMs
  }

  /** Whether there is something to commit since the last freeze. */
  isDirty(): boolean {
    return this.#isDirty
  }

  /** Makes the next checkpoint commit even if no record arrived. */
  markDirty(): void {
    this.#isDirty = true
  }

  /** Frees what the remembered ids take. It is not used afterwards. */
  close(): void {
    for (const one of [this.dedupeIndex, this.#orderIndex]) one?.close()
  }

  /** Takes the counts for a snapshot; the new event ids are handed over, not copied. */
  freeze(): FrozenArrivals {
    this.#isDirty = false
    return {
      positions: this.positions(),
      counts: this.counts(),
      newIds: this.dedupeIndex.takeNewIds(),
      newOrders: this.#orderIndex?.takeNewIds() ?? new Uint32Array(),
      oldestLiveHour: this.dedupeIndex.oldestHour,
      hasForgotten: this.dedupeIndex.takeReset(),
      dedupedDays: this.#dedupedDays.list(),
      watermarkMs: this.leastWatermarkMs,
    }
  }
}
