/** Work of which one piece runs at a time: commits, changes of the manifest, merges of files. */

/** Whoever has the turn runs; the others wait, in no particular order. */
export class Turns {
  #current: Promise<void> | undefined

  /** Resolves when the work that runs now has ended, also if it failed; undefined: none runs. */
  get current(): Promise<void> | undefined {
    return this.#current
  }

  /** Begins when no other work runs, at once if none does. Errors are the caller's. */
  async take<T>(work: () => Promise<T>): Promise<T> {
    // Nothing may come between the last look and the beginning: others wait for the same moment.
    while (this.#current) await this.#current
    const done = work()
    const end = () => {
      this.#current = undefined
    }
    this.#current = done.then(end, end)
    return await done
  }
}
