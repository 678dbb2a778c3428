/**
 * One database for a reader that follows topics and for queries: one use at a time, in the order in
 * which they are asked for. The reader may wait for a server that does not answer, and a query does
 * not wait for that.
 */
import type { Clock } from '../../../domain/kernel/clock.ts'

/** So long a query waits for the reader, ms, and looks again after LOOK_MS. */
const TURN_MS = 1_000
const LOOK_MS = 20

/** Uses of one database. */
export class ReaderTurns {
  readonly #clock: Pick<Clock, 'elapsedMs' | 'sleep'>
  #last: Promise<unknown> = Promise.resolve()
  /** Since when the reader has it, by the clock's `elapsedMs`; undefined: it does not. */
  #readerMs: number | undefined

  constructor(clock: Pick<Clock, 'elapsedMs' | 'sleep'>) {
    this.#clock = clock
  }

  /** Resolves when nobody uses it. */
  get idle(): Promise<unknown> {
    return this.#last
  }

  take<T>(use: () => Promise<T>): Promise<T> {
    const done = this.#last.then(use)
    this.#last = done.catch(() => undefined)
    return done
  }

  /** Resolves when the reader has it, with what gives it back. */
  takeForReader(): Promise<() => void> {
    return new Promise((begin) => {
      void this.take(() => {
        this.#readerMs = this.#clock.elapsedMs()
        return new Promise<void>((end) => {
          begin(() => {
            this.#readerMs = undefined
            end()
          })
        })
      })
    })
  }

  /** undefined if the reader does not give it back soon: `use` is not called then. */
  async takeSoon<T>(use: () => Promise<T>): Promise<T | undefined> {
    const turn = { hasBegun: false, isGivenUp: false }
    const begun = new AbortController()
    const answer = this.take(async () => {
      turn.hasBegun = true
      begun.abort()
      return turn.isGivenUp ? undefined : use()
    })
    while (!turn.hasBegun && !this.#isReaderSlow()) await this.#clock.sleep(LOOK_MS, begun.signal)
    if (turn.hasBegun) return answer
    turn.isGivenUp = true
    return undefined
  }

  #isReaderSlow(): boolean {
    return this.#readerMs !== undefined && this.#clock.elapsedMs() - this.#readerMs >= TURN_MS
  }
}
