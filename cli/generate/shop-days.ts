/**
 * The shop's calendar days. Intl knows the offset from UTC but costs microseconds to ask, so it is asked once
 * for each quarter of an hour: no timezone changes its offset within one.
 */
const QUARTER_MS = 900_000
const DAY_MS = 86_400_000
const QUARTERS_KEPT = 100_000

export class ShopDays {
  readonly #format: Intl.DateTimeFormat
  readonly #offsets = new Map<number, number>()
  #quarter = Number.NaN
  #offset = 0

  /** `timezone` is an IANA name; a RangeError if there is none of that name. */
  constructor(timezone: string) {
    this.#format = new Intl.DateTimeFormat('en-US', {
      timeZone: timezone,
      hourCycle: 'h23',
      era: 'short',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
  }

  /** Days since 1970-01-01 of the shop's calendar. */
  dayAt(ms: number): number {
    return Math.floor((ms + this.offsetMs(ms)) / DAY_MS)
  }

  /** The instant, ms since 1970 UTC, at which the day is over. */
  endMs(day: number): number {
    const midnight = (day + 1) * DAY_MS
    const first = midnight - this.offsetMs(midnight - this.offsetMs(midnight))
    const second = midnight - this.offsetMs(first)
    // They differ where the clocks skip midnight itself; the day then ends at the change, the later of both.
    return Math.max(first, second)
  }

  /** How far the shop's clocks are ahead of UTC, ms. */
  offsetMs(ms: number): number {
    const quarter = Math.floor(ms / QUARTER_MS)
    if (quarter === this.#quarter) return this.#offset
    let offset = this.#offsets.get(quarter)
    if (offset === undefined) {
      offset = this.#queryOffset(quarter * QUARTER_MS)
      if (this.#offsets.size >= QUARTERS_KEPT) this.#offsets.clear()
      this.#offsets.set(quarter, offset)
    }
    this.#quarter = quarter
    this.#offset = offset
    return offset
  }

  #queryOffset(ms: number): number {
    const part: Record<string, number> = {}
    for (const { type, value } of this.#format.formatToParts(ms)) part[type] = Number(value)
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = part
    return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(ms / 1000) * 1000
  }
}
