/**
 * A full disk, or a Kafka or registry that is away, is waited out: who can't go on says so in one sentence, tries again
 * until it works, and takes nothing more in meanwhile. Every other error passes.
 */

import type { Clock } from '../kernel/clock.ts'
import { CcsError, type ErrorCode } from '../kernel/errors.ts'

const RETRY_MS = 500

interface StallTexts {
  readonly waiting: string
  readonly over: string
}

const KAFKA: StallTexts = { waiting: 'Waiting for it.', over: 'Kafka answers again: going on.' }
const RETRIED: Partial<Record<ErrorCode, StallTexts>> = {
  CCS_DISK_FULL: { waiting: 'Waiting for space.', over: 'There is space again: going on.' },
  CCS_KAFKA_UNREACHABLE: KAFKA,
  CCS_REGISTRY_UNREACHABLE: {
    waiting: 'Waiting for it: nothing is rejected meanwhile.',
    over: 'The registry answers again: going on.',
  },
  CCS_KAFKA_TOPIC: { waiting: 'Waiting for it.', over: 'The topic is there again: going on.' },
}

/** How long commands that end by themselves wait for a Kafka. */
export const KAFKA_WAIT_MS = 15_000

interface Stall extends StallTexts {
  readonly who: string
  readonly message: string
  readonly sinceMs: number
}

export class OutageHandler {
  readonly #clock: Clock
  readonly #onNotice: (text: string) => void
  readonly #kafkaMs: number
  readonly #leaving = new AbortController()
  #stalled: Stall | undefined

  /** `kafkaMs`: a Kafka or registry that is away for longer is an error; without end unless given. */
  constructor(
    clock: Clock,
    onNotice: (text: string) => void,
    { kafkaMs = Number.POSITIVE_INFINITY }: { readonly kafkaMs?: number } = {},
  ) {
    this.#clock = clock
    this.#onNotice = onNotice
    this.#kafkaMs = kafkaMs
  }

  /** Why something stands still; null: nothing does. */
  get stalled(): string | null {
    return this.#stalled?.message ?? null
  }

  /** From now on nobody waits: what is not written yet is in the log. */
  stopWaiting(): void {
    this.#leaving.abort()
  }

  /** Repeats `run` until it does not meet an outage any more; `who` tells its waiting from another's. */
  async retryWhileUnavailable<T>(who: string, run: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        const result = await run()
        this.#endStall(who)
        return result
      } catch (error) {
        await this.#waitOrThrow(who, error)
      }
    }
  }

  async #waitOrThrow(who: string, error: unknown): Promise<void> {
    const words = error instanceof CcsError ? RETRIED[error.code] : undefined
    if (!(error instanceof CcsError) || !words || this.#leaving.signal.aborted) throw error
    const nowMs = this.#clock.nowMs()
    const sinceMs = this.#stalled?.sinceMs ?? nowMs
    if (error.code !== 'CCS_DISK_FULL' && nowMs - sinceMs > this.#kafkaMs) throw error
    if (!this.#stalled) this.#onNotice(`${error.message} ${words.waiting}`)
    this.#stalled = { ...words, who, message: error.message, sinceMs }
    await this.#clock.sleep(RETRY_MS, this.#leaving.signal)
  }

  #endStall(who: string): void {
    if (this.#stalled?.who !== who) return
    this.#onNotice(this.#stalled.over)
    this.#stalled = undefined
  }
}
