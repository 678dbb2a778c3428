/**
 * Decides what depends on the order of arrival: whether an event's id is new, and how far behind
 * its partition's watermark it came. Lateness follows from the partition's own order, so a replay
 * gives the same answer; so does deduplication within the horizon (docs/adr/0008 has the limits). A
 * purchase is also a duplicate if its order id came before, whenever that was (docs/adr/0019).
 */

import { selectWatermarkPositions } from '../../../domain/dlq/replay-partitions.ts'
import type { Counts, Manifest, PartitionPosition } from '../../../domain/lake/manifest.ts'
import type { LogFrame } from '../../../domain/log/event-log.ts'
import type { DedupeIndex, DedupeIndexes, EventIdWords } from './dedupe-index.ts'

interface PartitionProgress {
  readonly topic: string
  readonly partition: number
  nextOffset: number
  maxEventMs: number | null
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
  /** Least watermark of all partitions; null: none yet. */
  readonly watermarkMs: number | null
}

/** Positions, watermarks and counts of all partitions; changed only by frames, in their order. */
export class ArrivalTracker {
  readonly dedupeIndex: DedupeIndex
  /** Order ids; its clock never advances, so it forgets none. Absent: orders are not deduplicated. */
  readonly #orderIndex: DedupeIndex | undefined
  readonly #watermarkDelayMs: number
  readonly #partitions = new Map<string, PartitionProgress>()
  #current: PartitionProgress | undefined
  #counts = { records: 0, bronze: 0, duplicates: 0, dlq: 0, late: 0 }
  #isDirty = false
  /** Results of the last `track`; fields, so that no object is created per record. */
  lateMs = 0
  isFirstArrival = false

  constructor({ events, orders }: DedupeIndexes, watermarkDelayMs: number, manifest?: Manifest) {
    this.dedupeIndex = events
    this.#orderIndex = orders
    this.#watermarkDelayMs = watermarkDelayMs
    if (manifest) this.#counts = { ...manifest.counts }
    for (const one of manifest?.positions ?? [])
      this.#partitions.set(`${one.topic}-${one.partition}`, { ...one })
    const greatest = this.greatestWatermarkMs
    if (greatest !== null) events.advance(greatest)
  }

  /** Selects the frame's partition; its records follow. */
  beginFrame({ topic, partition, baseOffset }: LogFrame): void {
    const key = `${topic}-${partition}`
    let progress = this.#partitions.get(key)
    if (!progress) {
      progress = { topic, partition, nextOffset: baseOffset, maxEventMs: null }
      this.#partitions.set(key, progress)
    }
    this.#current = progress
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
    if (newest === null || eventMs > newest) {
      progress.maxEventMs = eventMs
      this.dedupeIndex.advance(eventMs - this.#watermarkDelayMs)
    }
    this.isFirstArrival = this.dedupeIndex.add(id0, id1, id2, id3)
    if (order !== undefined && this.#orderIndex !== undefined) {
      const [o0 = 0, o1 = 0, o2 = 0, o3 = 0] = order
      if (!this.#orderIndex.add(o0, o1, o2, o3)) this.isFirstArrival = false
    }
    if (!this.isFirstArrival) this.#counts.duplicates++
  }

  /** Counts the frame, of whose records `accepted` were valid. */
  endFrame(frame: LogFrame, accepted: number): void {
    const progress = this.#current as PartitionProgress // beginFrame() was called
    progress.nextOffset = frame.baseOffset + frame.count
    this.#counts.records += frame.count
    this.#counts.bronze += accepted
    this.#counts.dlq += frame.count - accepted
    this.#isDirty = true
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
    return times.length === 0 ? null : Math.max(...times) - this.#watermarkDelayMs
  }

  /** Whether there is something to commit since the last freeze. */
  isDirty(): boolean {
    return this.#isDirty
  }

  /** Makes the next checkpoint commit even if no record arrived. */
  markDirty(): void {
    this.#isDirty = true
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
      watermarkMs: this.leastWatermarkMs,
    }
  }
}
