/**
 * How often the figures of the live page are asked: dear ones wait so that all together cost a share of a core
 * at most, and what a quiet time did not spend of that share is saved up for the moment when something happens.
 */

/** However dear, a figure is asked again after this time, or three times what it says. */
const WAIT_MS_MAX = 15_000

/**
 * Waiting times with which all questions together cost `share` of a core at most, where that is possible, and
 * the figures are as fresh as that allows: the sum of waits, each as a multiple of what the figure asks for, is
 * least where a wait grows with the root of the cost. Nobody waits less than it asks for.
 */
export function paceOf(
  figures: readonly { readonly id: string; readonly everyMs: number; readonly costMs: number }[],
  share: number,
): ReadonlyMap<string, number> {
  const pace = new Map(figures.map(({ id, everyMs }) => [id, everyMs]))
  let dear = figures.filter(({ costMs }) => costMs > 0)
  let left = share
  if (sum(dear, ({ costMs, everyMs }) => costMs / everyMs) <= share) return pace
  for (;;) {
    const roots = sum(dear, ({ costMs, everyMs }) => Math.sqrt(costMs / everyMs))
    const stretch = left > 0 ? roots / left : Number.POSITIVE_INFINITY
    const waitOf = (one: (typeof dear)[number]) => stretch * Math.sqrt(one.costMs * one.everyMs)
    const cheap = dear.filter((one) => waitOf(one) < one.everyMs)
    for (const one of dear)
      pace.set(one.id, Math.min(waitOf(one), Math.max(WAIT_MS_MAX, 3 * one.everyMs)))
    if (cheap.length === 0) return pace
    for (const { id, everyMs } of cheap) pace.set(id, everyMs)
    left -= sum(cheap, ({ costMs, everyMs }) => costMs / everyMs)
    dear = dear.filter((one) => !cheap.includes(one))
  }
}

function sum<T>(items: readonly T[], pick: (item: T) => number): number {
  return items.reduce((total, item) => total + pick(item), 0)
}

/** How long the share is saved up, ms. */
const SAVED_MS_MAX = 15_000
/** Above this part of all that can be saved, news are worth more than an even pace. */
const AMPLE = 2 / 3

/**
 * CPU time that the figures' share of a core allowed and nobody spent. What is asked at its pace may overdraw
 * it, so that nothing is saved while the pace alone costs the whole share.
 */
export class Credit {
  readonly #share: number
  readonly #mostMs: number
  #leftMs: number
  #atMs: number | undefined

  constructor(share: number) {
    this.#share = share
    this.#mostMs = share * SAVED_MS_MAX
    this.#leftMs = this.#mostMs
  }

  /** CPU time that may be spent at once, ms; below 0: overdrawn. */
  leftMs(nowMs: number): number {
    // A clock that was put back earns nothing.
    const goneMs = Math.max(0, nowMs - (this.#atMs ?? nowMs))
    this.#leftMs = Math.min(this.#mostMs, this.#leftMs + goneMs * this.#share)
    this.#atMs = nowMs
    return this.#leftMs
  }

  isAmple(nowMs: number): boolean {
    return this.leftMs(nowMs) > AMPLE * this.#mostMs
  }

  spend(costMs: number, nowMs: number): void {
    this.#leftMs = Math.max(-this.#mostMs, this.leftMs(nowMs) - costMs)
  }
}
