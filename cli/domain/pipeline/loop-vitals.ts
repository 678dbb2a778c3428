/**
 * How the loop is doing, for /metrics and /healthz: when it last turned, how long its commits take,
 * and since when none was begun. All times are differences of the monotonic clock.
 */
import type { Clock } from '../kernel/clock.ts'

/** Upper bounds of the histogram of commits, in seconds. */
export const COMMIT_BOUNDS_S = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120] as const

/** What the loop has done since it was started. */
export interface VitalSigns {
  /** Time since the loop last looked for new records, ms. */
  readonly sinceTurnMs: number
  /** Time since a commit was begun that succeeded or found nothing to commit, ms. */
  readonly sinceCommitMs: number
  readonly commits: {
    readonly count: number
    readonly sumMs: number
    /** Commits that took at most the bound of the same index; not cumulative. */
    readonly buckets: readonly number[]
  }
}

/** One per loop. */
export class LoopVitals {
  readonly #clock: Clock
  #turnedMs: number
  #beganMs: number
  #count = 0
  #sumMs = 0
  readonly #buckets = COMMIT_BOUNDS_S.map(() => 0)

  constructor(clock: Clock) {
    this.#clock = clock
    this.#turnedMs = clock.elapsedMs()
    this.#beganMs = this.#turnedMs
  }

  /** The loop turns; returns the time. */
  turn(): number {
    this.#turnedMs = this.#clock.elapsedMs()
    return this.#turnedMs
  }

  /** A commit begins, or the loop has gone back to the last one. */
  beginCommit(): void {
    this.#beganMs = this.#clock.elapsedMs()
  }

  /** The commit that was begun last counts now. */
  endCommit(): void {
    const tookMs = this.#clock.elapsedMs() - this.#beganMs
    const bucket = COMMIT_BOUNDS_S.findIndex((bound) => tookMs <= bound * 1000)
    if (bucket >= 0) this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + 1
    this.#count++
    this.#sumMs += tookMs
  }

  get sinceCommitMs(): number {
    return this.#clock.elapsedMs() - this.#beganMs
  }

  read(): VitalSigns {
    const { sinceCommitMs } = this
    const sinceTurnMs = this.#clock.elapsedMs() - this.#turnedMs
    const commits = { count: this.#count, sumMs: this.#sumMs, buckets: [...this.#buckets] }
    return { sinceTurnMs, sinceCommitMs, commits }
  }
}
