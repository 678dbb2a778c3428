/** Work of which one piece runs at a time: commits, changes of the manifest, merges of files. */

/** Whoever has the turn runs; the others wait. */
export class Turns {
  #current: Promise<void> | undefined

  /** Resolves when the work that runs now has ended, also if it failed; undefined: none runs. */
  get current(): Promise<void> | undefined {
    return this.#current
  }

  /** Resolves when no work runs. */
  async free(): Promise<void> {
    while (this.#current) await this.#current
  }

  /** Begins at once; call it only while no work runs. Errors are the caller's. */
  take<T>(work: () => Promise<T>): Promise<T> {
    const done = work()
    const end = () => {
      this.#current = undefined
    }
    this.#current = done.then(end, end)
    return done
  }

  /** Begins when no other work runs. */
  async takeNext<T>(work: () => Promise<T>): Promise<T> {
    await this.free()
    return this.take(work)
  }
}
