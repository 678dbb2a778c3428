/**
 * The ids of the last events that came in, by which a repeated event is recognised in its answer.
 * It only informs: repeated events are kept in Bronze, and Silver removes them however late.
 */

/** How many ids are remembered at least; at most twice as many are. */
export const RECENT_IDS = 100_000

/** Remembers the last ids; forgets the oldest by halves. */
export class RecentIds {
  readonly #half: number
  #young = new Set<string>()
  #old = new Set<string>()

  constructor(half = RECENT_IDS) {
    this.#half = half
  }

  has(id: string): boolean {
    return this.#young.has(id) || this.#old.has(id)
  }

  add(id: string): void {
    this.#young.add(id)
    if (this.#young.size < this.#half) return
    this.#old = this.#young
    this.#young = new Set()
  }

  /** For an event that could not be written after all. */
  delete(id: string): void {
    this.#young.delete(id)
    this.#old.delete(id)
  }
}
