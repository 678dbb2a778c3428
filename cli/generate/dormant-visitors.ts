/** Visitors between two visits: a bounded crowd from which some come back. */
import type { Random } from './random.ts'
import type { Visitor } from './visitor.ts'

const CROWD_MAX = 32_768
const RETURNING_SHARE = 0.45
/** With fewer than these, new visitors are the more likely. */
const CROWD_USUAL = 2_000

export class DormantVisitors {
  readonly #random: Random
  readonly #crowd: Visitor[] = []

  constructor(random: Random) {
    this.#random = random
  }

  /** In a full crowd somebody is forgotten. */
  add(visitor: Visitor): void {
    if (this.#crowd.length < CROWD_MAX) this.#crowd.push(visitor)
    else this.#crowd[this.#random.below(CROWD_MAX)] = visitor
  }

  /** Somebody who comes back, null when it is somebody new. */
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
