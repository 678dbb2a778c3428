/** Work of which one piece runs at a time: commits, changes of the manifest, merges of files. */

/** First come, first served, so that many merges never keep a commit waiting for more than one. */
export class Turns {
  #last: Promise<void> = Promise.resolve()
  #taken = 0

  /** Resolves when all work that was asked for until now has ended; undefined: there is none. */
  get current(): Promise<void> | undefined {
    return this.#taken > 0 ? this.#last : undefined
  }

  /** Begins when all work before it has ended, also if that failed. Errors are the caller's. */
  take<T>(work: () => Promise<T>): Promise<T> {
    this.#taken++
    const done = this.#last.then(work)
    const end = () => {
      this.#taken--
    }
    this.#last = done.then(end, end)
    return done
  }
}
