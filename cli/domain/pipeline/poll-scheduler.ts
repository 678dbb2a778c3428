/**
 * Decides when the loop polls the log: less often when idle, and at once when a query arrives, so
 * that its answer is fresh.
 */
import type { Clock } from '../kernel/clock.ts'

/** Pause when there is nothing to read; it grows while the log stays idle. */
const IDLE_MS = 20
const IDLE_MS_MAX = 150
/** After a batch the loop pauses this many times as long as the batch took, to keep CPU use low. */
const REST_FACTOR = 50
const REST_MS_MAX = 500
/** A query does not trigger a poll if one ended less than this ago. */
const FRESH_MS = 40
/** A query waits for the loop at most this long. */
const WAIT_MS = 1_000

/** One per loop; the loop calls `poll` and `rest` in turn, queries call `catchUp`. */
export class PollScheduler {
  readonly #clock: Clock
  #isRunning = false
  #polledMs = 0
  #idleMs = IDLE_MS
  #waiting: (() => void)[] = []
  #wake = new AbortController()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Runs one poll; queries that were waiting when it began are released when it ends. */
  async poll<T>(step: () => Promise<T>): Promise<T> {
    this.#isRunning = true
    const waiting = this.#waiting.splice(0)
    try {
      return await step()
    } finally {
      this.#polledMs = this.#clock.elapsedMs()
      for (const resolve of waiting) resolve()
    }
  }

  /**
   * Pauses; `workedMs` is the duration of the last poll, `isFull` means that there is more to read.
   */
  async rest(
    work: { readonly workedMs: number; readonly isIdle: boolean; readonly isFull: boolean },
    stop: AbortSignal,
  ): Promise<void> {
    this.#idleMs = work.isIdle ? Math.min(IDLE_MS_MAX, this.#idleMs * 1.25) : IDLE_MS
    if (work.isFull) return
    this.#wake = new AbortController()
    if (this.#waiting.length > 0) return
    const restMs = work.isIdle ? this.#idleMs : Math.min(REST_MS_MAX, work.workedMs * REST_FACTOR)
    await this.#clock.sleep(restMs, AbortSignal.any([stop, this.#wake.signal]))
  }

  /** Resolves after the next poll, or at once if one just ended or the loop has stopped. */
  async catchUp(): Promise<void> {
    if (!this.#isRunning || this.#clock.elapsedMs() - this.#polledMs < FRESH_MS) return
    const late = new AbortController()
    await Promise.race([
      new Promise<void>((resolve) => {
        this.#waiting.push(resolve)
        this.#wake.abort()
      }),
      this.#clock.sleep(WAIT_MS, late.signal),
    ])
    late.abort()
  }

  /** The loop has stopped: releases all waiting queries. */
  end(): void {
    this.#isRunning = false
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}
