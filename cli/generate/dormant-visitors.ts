/** Visitors between two visits: a pool of bounded size from which some return. */
import type { Random } from './random.ts'
import type { Visitor } from './visitor.ts'

const CROWD_MAX = 32_768
const RETURNING_SHARE = 0.45
/** While the pool is smaller than this, a new visitor is more likely than a returning one. */
const CROWD_USUAL = 2_000

/** Holds visitors whose visit is over, and picks at random who comes back. */
export class DormantVisitors {
  readonly #random: Random
  readonly #crowd: Visitor[] = []

  constructor(random: Random) {
    this.#random = random
  }

  /** Replaces a random visitor if the pool is full. */
  add(visitor: Visitor): void {
    if (this.#crowd.length < CROWD_MAX) this.#crowd.push(visitor)
    else this.#crowd[this.#random.below(CROWD_MAX)] = visitor
  }

  /** Removes and returns a returning visitor; null: the next visitor is a new one. */
  take(): Visitor | null {
    const share = RETURNING_SHARE * Math.min(1, this.#crowd.length / CROWD_USUAL)
    return this.#random.chance(share) ? this.takeAny() : null
  }

  takeAny(): Visitor | null {
    const last = this.#crowd.pop()
    if (last === undefined) return null
    const at = this.#random.below(this.#crowd.length + 1)
    const chosen = this.#crowd[at]
    if (chosen === undefined) return last
    this.#crowd[at] = last
    return chosen
  }
}
