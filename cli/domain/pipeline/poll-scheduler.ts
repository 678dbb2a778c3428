/**
 * When the loop rests, and what wakes it. With little to do it rests for long; a question wakes it, so that
 * answers are fresh although nobody looked meanwhile.
 */
import type { Clock } from '../kernel/clock.ts'

/** Rest where there is nothing to read; it grows while that stays so. */
const IDLE_MS = 20
const IDLE_MS_MAX = 150
/** After a batch the loop rests this many times as long as the batch took, so that little work stays little. */
const REST_FACTOR = 50
const REST_MS_MAX = 500
/** A question makes the loop look at once, unless it did so this short a time ago. */
const LOOK_MS = 40
/** A question waits no longer than this for the loop. */
const WAIT_MS = 1_000

export class PollScheduler {
  readonly #clock: Clock
  #isAwake = false
  #lookedMs = 0
  #idleMs = IDLE_MS
  #waiting: (() => void)[] = []
  #wake = new AbortController()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** One look at the log; whoever asked before it began is answered after it. */
  async poll<T>(step: () => Promise<T>): Promise<T> {
    this.#isAwake = true
    const waiting = this.#waiting.splice(0)
    try {
      return await step()
    } finally {
      this.#lookedMs = this.#clock.elapsedMs()
      for (const resolve of waiting) resolve()
    }
  }

  /** `workedMs`: how long the last look took; `isFull`: there is more to read. */
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

  /** Resolves after the next look; at once when there was one just now, or when nobody looks. */
  async catchUp(): Promise<void> {
    if (!this.#isAwake || this.#clock.elapsedMs() - this.#lookedMs < LOOK_MS) return
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

  /** Nobody looks any more. */
  end(): void {
    this.#isAwake = false
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}
