/**
 * Limits how much each sender sends: a bucket for each name fills with `rate` tokens a second, up
 * to those of ten seconds, and each event takes one. Requests are taken or refused as a whole.
 */

const BURST_SECONDS = 10
/** More names are not remembered: full buckets are forgotten first, then all of them. */
const NAMES_MAX = 50_000

interface Bucket {
  tokens: number
  atMs: number
}

/** Buckets by name. */
export class TokenBuckets {
  readonly #rate: number
  readonly #buckets = new Map<string, Bucket>()

  /** `rate` is in events a second. */
  constructor(rate: number) {
    this.#rate = rate
  }

  /**
   * Takes the tokens; 0, or after how many ms to try again. A request that is larger than a whole
   * bucket is let through when the bucket is full, so that it is not refused for ever.
   */
  take(name: string, tokens: number, nowMs: number): number {
    const most = this.#rate * BURST_SECONDS
    const bucket = this.#buckets.get(name) ?? this.#add(name, most, nowMs)
    // A clock that was put back adds nothing.
    const gained = (Math.max(0, nowMs - bucket.atMs) / 1000) * this.#rate
    bucket.tokens = Math.min(most, bucket.tokens + gained)
    bucket.atMs = nowMs
    const needed = Math.min(tokens, most)
    if (bucket.tokens < needed) return Math.ceil(((needed - bucket.tokens) / this.#rate) * 1000)
    bucket.tokens -= tokens
    return 0
  }

  #add(name: string, tokens: number, nowMs: number): Bucket {
    if (this.#buckets.size >= NAMES_MAX) this.#forget(nowMs)
    const bucket = { tokens, atMs: nowMs }
    this.#buckets.set(name, bucket)
    return bucket
  }

  #forget(nowMs: number): void {
    for (const [name, { atMs }] of this.#buckets)
      if (nowMs - atMs > BURST_SECONDS * 1000) this.#buckets.delete(name)
    if (this.#buckets.size >= NAMES_MAX) this.#buckets.clear()
  }
}
