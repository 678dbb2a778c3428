/**
 * A full disk is waited out: who can't write says so in one sentence, tries again until there is space, and
 * takes nothing more in meanwhile. Every other error passes.
 */
import { CcsError } from '../core/errors.ts'
import type { Clock } from '../core/ports.ts'

const RETRY_MS = 500

export class DiskWait {
  readonly #clock: Clock
  readonly #onNotice: (text: string) => void
  readonly #leaving = new AbortController()
  #stalled: { readonly who: string; readonly message: string } | undefined

  constructor(clock: Clock, onNotice: (text: string) => void) {
    this.#clock = clock
    this.#onNotice = onNotice
  }

  /** Why something stands still; null: nothing does. */
  get stalled(): string | null {
    return this.#stalled?.message ?? null
  }

  /** From now on nobody waits: what is not written yet is in the log. */
  leave(): void {
    this.#leaving.abort()
  }

  /** Repeats `run` until it does not meet a full disk any more; `who` tells its waiting from another's. */
  async through<T>(who: string, run: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        const result = await run()
        this.#resume(who)
        return result
      } catch (error) {
        await this.#waitOut(who, error)
      }
    }
  }

  async #waitOut(who: string, error: unknown): Promise<void> {
    if (!(error instanceof CcsError) || error.code !== 'CCS_DISK_FULL') throw error
    if (this.#leaving.signal.aborted) throw error
    if (!this.#stalled) this.#onNotice(`${error.message} Waiting for space.`)
    this.#stalled = { who, message: error.message }
    await this.#clock.sleep(RETRY_MS, this.#leaving.signal)
  }

  #resume(who: string): void {
    if (this.#stalled?.who !== who) return
    this.#onNotice('There is space again: going on.')
    this.#stalled = undefined
  }
}
