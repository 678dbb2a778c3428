/**
 * Waits while the disk is full or Kafka or the registry is unreachable: reports it once, retries
 * until it works, and reports the end. All other errors are rethrown.
 */

import type { Clock } from '../kernel/clock.ts'
import { CcsError, type ErrorCode } from '../kernel/errors.ts'

const RETRY_MS = 500

interface StallTexts {
  readonly waiting: string
  readonly over: string
}

const KAFKA: StallTexts = { waiting: 'Waiting for it.', over: 'Kafka answers again; continuing.' }
const RETRIED: Partial<Record<ErrorCode, StallTexts>> = {
  CCS_DISK_FULL: { waiting: 'Waiting for space.', over: 'The disk has space again; continuing.' },
  CCS_KAFKA_UNREACHABLE: KAFKA,
  CCS_REGISTRY_UNREACHABLE: {
    waiting: 'Waiting for it: nothing is rejected meanwhile.',
    over: 'The registry answers again; continuing.',
  },
  CCS_KAFKA_TOPIC: { waiting: 'Waiting for it.', over: 'The topic exists again; continuing.' },
}

/** How long commands that end by themselves wait for Kafka. */
export const KAFKA_WAIT_MS = 15_000

interface Stall extends StallTexts {
  readonly who: string
  readonly message: string
  readonly sinceMs: number
}

/** Shared by everything that waits for the same servers, so that an outage is reported once. */
export class OutageHandler {
  readonly #clock: Clock
  readonly #onNotice: (text: string) => void
  readonly #kafkaMs: number
  readonly #stopping = new AbortController()
  #stalled: Stall | undefined

  /**
   * `kafkaMs`: an outage of Kafka or the registry that lasts longer is an
   * error; unlimited by default.
   */
  constructor(
    clock: Clock,
    onNotice: (text: string) => void,
    { kafkaMs = Number.POSITIVE_INFINITY }: { readonly kafkaMs?: number } = {},
  ) {
    this.#clock = clock
    this.#onNotice = onNotice
    this.#kafkaMs = kafkaMs
  }

  /** What it is waiting for, as a sentence; null: nothing. */
  get stalled(): string | null {
    return this.#stalled?.message ?? null
  }

  /**
   * Makes the next failure an error; use it on shutdown, when what is not
   * written yet is in the log.
   */
  stopWaiting(): void {
    this.#stopping.abort()
  }

  /**
   * Repeats `run` until there is no outage; only the same `who` ends the outage that it reported.
   */
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
    const texts = error instanceof CcsError ? RETRIED[error.code] : undefined
    if (!(error instanceof CcsError) || !texts || this.#stopping.signal.aborted) throw error
    const nowMs = this.#clock.nowMs()
    const sinceMs = this.#stalled?.sinceMs ?? nowMs
    if (error.code !== 'CCS_DISK_FULL' && nowMs - sinceMs > this.#kafkaMs) throw error
    if (!this.#stalled) this.#onNotice(`${error.message} ${texts.waiting}`)
    this.#stalled = { ...texts, who, message: error.message, sinceMs }
    await this.#clock.sleep(RETRY_MS, this.#stopping.signal)
  }

  #endStall(who: string): void {
    if (this.#stalled?.who !== who) return
    this.#onNotice(this.#stalled.over)
    this.#stalled = undefined
  }
}
