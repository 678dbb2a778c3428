/**
 * Keeps a rate by an absolute schedule: at any moment floor((now - start) * eps / 1000) events are due, and
 * what was not made in time stays owed. So a slow moment is caught up with and errors never add up.
 */
export interface PaceReport {
  readonly made: number
  /** Seconds from the first moment to the last event. */
  readonly seconds: number
  /** Mean rate, events a second. */
  readonly eps: number
  /** Events that were due by then and not made. */
  readonly deficit: number
  /** False when the deficit is more than a thousandth of what was due, and than a tick can explain. */
  readonly isKept: boolean
}

const DEFICIT_SHARE_MAX = 0.001
/** A last tick that came late is no missed rate. */
const SLACK_MS = 100

export class RatePacer {
  readonly #eps: number
  readonly #count: number
  readonly #startMs: number
  #made = 0

  /** `count` may be Infinity; `nowMs` is a monotonic clock's, here and below. */
  constructor(of: { readonly eps: number; readonly count: number; readonly nowMs: number }) {
    this.#eps = of.eps
    this.#count = of.count
    this.#startMs = of.nowMs
  }

  get isDone(): boolean {
    return this.#made >= this.#count
  }

  /** Events that are due and not made yet. */
  countDue(nowMs: number): number {
    return Math.min(this.#due(nowMs), this.#count) - this.#made
  }

  /** Until the last event is due, ms; Infinity where there is no last one. */
  remainingMs(nowMs: number): number {
    return Math.max(this.#startMs + (this.#count * 1000) / this.#eps - nowMs, 0)
  }

  noteMade(events: number): void {
    this.#made += events
  }

  /** Whether even the slack is over in which all of `count` should have been made. */
  isOverdue(nowMs: number): boolean {
    const wholeMs = (this.#count * 1000) / this.#eps
    return nowMs - this.#startMs > wholeMs * (1 + DEFICIT_SHARE_MAX) + SLACK_MS
  }

  report(nowMs: number): PaceReport {
    const seconds = Math.max(nowMs - this.#startMs, 0) / 1000
    const due = this.#due(nowMs)
    const deficit = Math.max(Math.min(due, this.#count) - this.#made, 0)
    const usual = due * DEFICIT_SHARE_MAX + (this.#eps * SLACK_MS) / 1000
    const eps = seconds > 0 ? this.#made / seconds : 0
    // Counted on beyond the last event: who makes all of them, but far too late, missed the rate as well.
    return { made: this.#made, seconds, eps, deficit, isKept: due - this.#made <= usual }
  }

  #due(nowMs: number): number {
    return Math.floor(((nowMs - this.#startMs) * this.#eps) / 1000)
  }
}
