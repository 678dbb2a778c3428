/**
 * Which days of event time the dedupe index covers, that is, of which it has all ids; days are UTC.
 * An id is remembered from its arrival on for the horizon, so a day is covered for that long from
 * its first event on. Events of other days are looked up among the rows of Bronze before they
 * count, so what the index has forgotten changes the cost, not the result.
 */
import type { DedupedDay, LakeFile } from '../../../domain/lake/manifest.ts'

const DAY_MS = 86_400_000

/** Column of the UTC day of event time, by which files of Bronze and Silver are partitioned. */
export const EVENT_DAY = 'event_date'

/** Days since 1970; hours are those of the dedupe index's clock. */
export class DedupedDays {
  /** Day → hour of its first event. */
  readonly #covered: Map<number, number>
  /** Days that have rows in Bronze, or had events since the engine started. */
  readonly #known: Set<number>

  /**
   * `files` are those of the model that has all arrivals. An older ccs did not write `covered`: its
   * clock was never more than the watermark's delay behind an event that arrived.
   */
  constructor(files: readonly LakeFile[], covered: readonly DedupedDay[] | undefined) {
    this.#known = new Set(files.map(({ partition }) => parseDay(partition)))
    const days = covered ?? [...this.#known].map((day) => ({ day, hour: 24 * day - 1 }))
    this.#covered = new Map(days.map(({ day, hour }) => [day, hour]))
  }

  /**
   * Whether the index has all ids that an event of this hour can share, at `nowHour` of its clock.
   * A day without any event before is covered from now on. Between two deliveries, the corrected
   * time of an event may cross midnight.
   */
  covers(hour: number, nowHour: number): boolean {
    const day = Math.floor(hour / 24)
    const beside = hour - day * 24 === 0 ? day - 1 : hour - day * 24 === 23 ? day + 1 : day
    const isForgotten = this.#known.has(beside) && !this.#covered.has(beside)
    if (!this.#known.has(day)) {
      this.#known.add(day)
      this.#covered.set(day, nowHour)
    }
    return this.#covered.has(day) && (beside === day || !isForgotten)
  }

  /** Ids that arrived before this hour have expired. */
  expire(oldestHour: number): void {
    for (const [day, hour] of this.#covered) if (hour < oldestHour) this.#covered.delete(day)
  }

  /** The index was emptied. */
  clear(): void {
    this.#covered.clear()
  }

  list(): readonly DedupedDay[] {
    return [...this.#covered].map(([day, hour]) => ({ day, hour }))
  }
}

/** `event_date=2026-11-22` of a day. */
export function partitionOf(day: number): string {
  return `${EVENT_DAY}=${new Date(day * DAY_MS).toISOString().slice(0, 10)}`
}

function parseDay(partition: string): number {
  return Math.floor(Date.parse(partition.slice(EVENT_DAY.length + 1)) / DAY_MS)
}
