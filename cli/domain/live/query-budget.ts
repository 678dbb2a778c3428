/**
 * Keeps the live page's queries within a CPU budget. Expensive queries run less often; unused
 * budget is saved (a token bucket) and spent when new events arrive.
 */

/** However expensive, a metric waits at most this long, or three times what its header says. */
const WAIT_MS_MAX = 15_000

/**
 * Waiting times at which all queries together cost at most `share` of a core, if that is possible.
 * The sum of the waits, each relative to what the metric asks for, is smallest if a wait grows with
 * the square root of the cost. No metric waits less than it asks for.
 */
export function planWaitTimes(
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

/** Unused budget is saved for at most this long. */
const SAVED_MS_MAX = 15_000
/** Above this part of the maximum, answers after new events may be early. */
const AMPLE_PART = 2 / 3

/**
 * A token bucket of CPU time. Queries at their regular pace may overdraw it, so nothing is saved
 * while the regular pace alone costs the whole share.
 */
export class QueryBudget {
  readonly #share: number
  readonly #mostMs: number
  #leftMs: number
  #atMs: number | undefined

  constructor(share: number) {
    this.#share = share
    this.#mostMs = share * SAVED_MS_MAX
    this.#leftMs = this.#mostMs
  }

  /** CPU ms that may be spent at once; negative: overdrawn. */
  leftMs(nowMs: number): number {
    // Setting the clock back earns nothing.
    const goneMs = Math.max(0, nowMs - (this.#atMs ?? nowMs))
    this.#leftMs = Math.min(this.#mostMs, this.#leftMs + goneMs * this.#share)
    this.#atMs = nowMs
    return this.#leftMs
  }

  isAmple(nowMs: number): boolean {
    return this.leftMs(nowMs) > AMPLE_PART * this.#mostMs
  }

  spend(costMs: number, nowMs: number): void {
    this.#leftMs = Math.max(-this.#mostMs, this.leftMs(nowMs) - costMs)
  }
}
