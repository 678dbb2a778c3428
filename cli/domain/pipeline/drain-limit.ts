/**
 * How long the loop goes on after it was told to stop: it ingests what the log holds, but not
 * longer than a few seconds. The rest is safe in the log.
 */
import type { Clock } from '../kernel/clock.ts'
import { CcsError, EXIT } from '../kernel/errors.ts'
import type { OutageHandler } from './outage-handler.ts'

/** How often to ask an unreachable log during shutdown. */
const RETRY_MS = 200
/** How long intake continues after a signal; the final commit takes a second or two more. */
const DRAIN_MS = 5_000

/** One per run of the loop. */
export class DrainLimit {
  readonly #clock: Clock
  readonly #outage: OutageHandler
  #stoppedMs = Number.POSITIVE_INFINITY

  constructor(clock: Clock, outage: OutageHandler) {
    this.#clock = clock
    this.#outage = outage
  }

  /** The loop was told to stop. */
  stop(): void {
    this.#outage.stopWaiting()
    this.#stoppedMs = this.#clock.elapsedMs()
  }

  get isOverdue(): boolean {
    return this.#clock.elapsedMs() - this.#stoppedMs > DRAIN_MS
  }

  /**
   * Waits while the log or the registry is unreachable; undefined if the
   * shutdown can't wait longer.
   */
  async retryUntilStopped<T>(run: () => Promise<T>, who = 'log'): Promise<T | undefined> {
    for (;;)
      try {
        return await this.#outage.retryWhileUnavailable(who, run)
      } catch (error) {
        const isAway = error instanceof CcsError && error.exit === EXIT.unreachable
        if (!isAway || !Number.isFinite(this.#stoppedMs)) throw error
        if (this.isOverdue) return undefined
        await this.#clock.sleep(RETRY_MS)
      }
  }
}
