/**
 * What only the order of arrival can say of an event: whether its id is new, and how far behind its
 * partition's watermark it came. The latter follows from the partition's own order, so a replay gives the same
 * answer; so does the former within the horizon (docs/adr/0008 on what lies beyond).
 */

import { selectWatermarkPositions } from '../../../domain/dlq/replay-partitions.ts'
import type { Counts, Manifest, PartitionPosition } from '../../../domain/lake/manifest.ts'
import type { LogFrame } from '../../../domain/log/event-log.ts'
import type { DedupeIndex, EventIdWords } from './dedupe-index.ts'

interface PartitionProgress {
  readonly topic: string
  readonly partition: number
  nextOffset: number
  maxEventMs: number | null
}

export class ArrivalTracker {
  readonly dedupeIndex: DedupeIndex
  readonly #watermarkDelayMs: number
  readonly #positions = new Map<string, PartitionProgress>()
  #current: PartitionProgress | undefined
  #counts = { records: 0, bronze: 0, duplicates: 0, dlq: 0, late: 0 }
  #isDirty = false
  /** Answers of the last `accept`. */
  lateMs = 0
  isFirstArrival = false

  constructor(seen: DedupeIndex, watermarkDelayMs: number, manifest?: Manifest) {
    this.dedupeIndex = seen
    this.#watermarkDelayMs = watermarkDelayMs
    if (manifest) this.#counts = { ...manifest.counts }
    for (const one of manifest?.positions ?? [])
      this.#positions.set(`${one.topic}-${one.partition}`, { ...one })
    const newest = this.greatestWatermarkMs
    if (newest !== null) seen.advance(newest)
  }

  /** The frames' records follow now. */
  beginFrame({ topic, partition, baseOffset }: LogFrame): void {
    const key = `${topic}-${partition}`
    let position = this.#positions.get(key)
    if (!position) {
      position = { topic, partition, nextOffset: baseOffset, maxEventMs: null }
      this.#positions.set(key, position)
    }
    this.#current = position
  }

  /** Judges the next accepted record; the answers are in `lateMs` and `isFresh`. */
  track(id0: number, id1: number, id2: number, id3: number, eventMs: number): void {
    const position = this.#current as PartitionProgress // begin() was called
    const newest = position.maxEventMs
    this.lateMs = newest === null ? 0 : Math.max(0, newest - this.#watermarkDelayMs - eventMs)
    if (this.lateMs > 0) this.#counts.late++
    if (newest === null || eventMs > newest) {
      position.maxEventMs = eventMs
      this.dedupeIndex.advance(eventMs - this.#watermarkDelayMs)
    }
    this.isFirstArrival = this.dedupeIndex.add(id0, id1, id2, id3)
    if (!this.isFirstArrival) this.#counts.duplicates++
  }

  endFrame(frame: LogFrame, accepted: number): void {
    const position = this.#current as PartitionProgress // begin() was called
    position.nextOffset = frame.baseOffset + frame.count
    this.#counts.records += frame.count
    this.#counts.bronze += accepted
    this.#counts.dlq += frame.count - accepted
    this.#isDirty = true
  }

  positions(): readonly PartitionPosition[] {
    return [...this.#positions.values()].map((one) => ({ ...one }))
  }

  counts(): Counts {
    return { ...this.#counts }
  }

  /** The least watermark of all partitions that are waited for; null while one has none. */
  get leastWatermarkMs(): number | null {
    let least: number | null = null
    for (const { maxEventMs } of selectWatermarkPositions([...this.#positions.values()])) {
      if (maxEventMs === null) return null
      const watermark = maxEventMs - this.#watermarkDelayMs
      if (least === null || watermark < least) least = watermark
    }
    return least
  }

  /** The greatest watermark of all partitions; null: none has one. */
  get greatestWatermarkMs(): number | null {
    const times = [...this.#positions.values()].flatMap(({ maxEventMs }) => maxEventMs ?? [])
    return times.length === 0 ? null : Math.max(...times) - this.#watermarkDelayMs
  }

  /** Whether records came since the last freeze. */
  isDirty(): boolean {
    return this.#isDirty
  }

  /** There is something to commit though no record came. */
  markDirty(): void {
    this.#isDirty = true
  }

  freeze(): {
    positions: readonly PartitionPosition[]
    counts: Counts
    seen: EventIdWords
    oldestSeenHour: number
    watermarkMs: number | null
  } {
    this.#isDirty = false
    return {
      positions: this.positions(),
      counts: this.counts(),
      seen: this.dedupeIndex.takeNewIds(),
      oldestSeenHour: this.dedupeIndex.oldestHour,
      watermarkMs: this.leastWatermarkMs,
    }
  }
}
