/**
 * The shop's calendar days. Offsets from UTC are cached for each quarter of an hour, because
 * reading one costs microseconds.
 */
import { createOffsetReader, QUARTER_HOUR_MS } from '../domain/kernel/time-zone.ts'

const DAY_MS = 86_400_000
const QUARTERS_KEPT = 100_000

/** Converts between instants (ms since 1970, UTC) and days of the shop's time zone. */
export class ShopDays {
  readonly #readOffset: (utcMs: number) => number
  readonly #offsets = new Map<number, number>()
  #quarter = Number.NaN
  #offset = 0

  /** `timezone` is an IANA name; throws a RangeError for an unknown one. */
  constructor(timezone: string) {
    this.#readOffset = createOffsetReader(timezone)
  }

  /** Returns the day of the shop's calendar, counted from 1970-01-01. */
  dayAt(ms: number): number {
    return Math.floor((ms + this.offsetMs(ms)) / DAY_MS)
  }

  /** Returns the instant at which a day ends. */
  endMs(day: number): number {
    const midnight = (day + 1) * DAY_MS
    const first = midnight - this.offsetMs(midnight - this.offsetMs(midnight))
    const second = midnight - this.offsetMs(first)
    // They differ where the clocks skip midnight; such a day ends at the change, the later one.
    return Math.max(first, second)
  }

  /** Returns how far the shop's clocks are ahead of UTC, ms. */
  offsetMs(ms: number): number {
    const quarter = Math.floor(ms / QUARTER_HOUR_MS)
    if (quarter === this.#quarter) return this.#offset
    let offset = this.#offsets.get(quarter)
    if (offset === undefined) {
      offset = this.#readOffset(quarter * QUARTER_HOUR_MS)
      if (this.#offsets.size >= QUARTERS_KEPT) this.#offsets.clear()
      this.#offsets.set(quarter, offset)
    }
    this.#quarter = quarter
    this.#offset = offset
    return offset
  }
}
