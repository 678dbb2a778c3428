/**
 * A value that takes long to read, or that a server which is away never gives: it is read in the
 * background, at most once in a while, and whoever asks gets the last one.
 */
import type { Clock } from '../kernel/clock.ts'

/** How it is read. */
export interface LastValueOptions<T> {
  readonly clock: Clock
  readonly load: () => Promise<T>
  /** Time between two readings, ms. */
  readonly everyMs: number
  /** So long the first who asks waits, ms. */
  readonly waitMs: number
}

/** What the last reading gave: a value, or the error with which it failed. */
export type Reading<T> = { readonly value: T } | { readonly error: unknown }

/** One value. */
export class LastValue<T> {
  readonly #options: LastValueOptions<T>
  #last: Reading<T> | undefined
  #loading: Promise<void> | undefined
  #loadedMs = Number.NEGATIVE_INFINITY

  constructor(options: LastValueOptions<T>) {
    this.#options = options
  }

  /** undefined while the first reading takes longer than somebody waits. */
  async read(): Promise<Reading<T> | undefined> {
    const { clock, everyMs, waitMs } = this.#options
    if (clock.elapsedMs() - this.#loadedMs >= everyMs) this.#loading ??= this.#load()
    if (this.#last || !this.#loading) return this.#last
    const stop = new AbortController()
    await Promise.race([this.#loading, clock.sleep(waitMs, stop.signal)])
    stop.abort()
    return this.#last
  }

  /** Resolves when nothing is being read. */
  async close(): Promise<void> {
    await this.#loading
  }

  async #load(): Promise<void> {
    try {
      this.#last = { value: await this.#options.load() }
    } catch (error) {
      this.#last = { error }
    }
    this.#loadedMs = this.#options.clock.elapsedMs()
    this.#loading = undefined
  }
}
