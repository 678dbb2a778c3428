/**
 * Counts keys by their hashes, at 24 bytes a key. Two keys may share a hash: then both count as
 * scattered, and their count is the sum of both, so that their rows are held for longer.
 */

const SLOTS_MIN = 1 << 12

/** An open-addressing table of hashes; it doubles when half of it is used. */
export class KeyCounts {
  #hashes = new Float64Array(SLOTS_MIN)
  #counts = new Uint32Array(SLOTS_MIN)
  #size = 0
  readonly #scattered = new Set<number>()

  /** A number from 1 to 2^53, the same for the same key in every process. */
  static hash(key: string): number {
    let a = 0xdeadbeef
    let b = 0x41c6ce57
    for (let i = 0; i < key.length; i++) {
      const code = key.charCodeAt(i)
      a = Math.imul(a ^ code, 2654435761)
      b = Math.imul(b ^ code, 1597334677)
    }
    a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909)
    b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909)
    return 4294967296 * (2097151 & b) + (a >>> 0) + 1
  }

  /** Counts one row of a key; `isNewRun`: the row before it had another key. */
  add(key: string, isNewRun: boolean): void {
    const hash = KeyCounts.hash(key)
    const slot = this.#take(hash)
    const count = this.#counts[slot] ?? 0
    if (count > 0 && isNewRun) this.#scattered.add(hash)
    this.#counts[slot] = count + 1
  }

  /** Instead of a count: keeps the first number, such as a line, that is given for a key. */
  keepFirst(key: string, value: number): void {
    const slot = this.#take(KeyCounts.hash(key))
    if (this.#counts[slot] === 0) this.#counts[slot] = value
  }

  /** Hashes of the keys that `others` has too, with their numbers here. */
  within(others: KeyCounts): ReadonlyMap<number, number> {
    const found = new Map<number, number>()
    for (const [slot, hash] of this.#size === 0 ? [] : this.#hashes.entries())
      if (hash !== 0 && others.#hashes[others.#find(hash)] === hash)
        found.set(hash, this.#counts[slot] ?? 0)
    return found
  }

  /** Hashes of the keys whose rows don't follow each other, with the number of their rows. */
  scattered(): ReadonlyMap<number, number> {
    return new Map([...this.#scattered].map((hash) => [hash, this.#counts[this.#find(hash)] ?? 0]))
  }

  /** The slot of a hash, which is made if there is none. */
  #take(hash: number): number {
    const slot = this.#find(hash)
    if (this.#hashes[slot] === hash) return slot
    if (++this.#size <= this.#hashes.length / 2) {
      this.#hashes[slot] = hash
      return slot
    }
    this.#grow()
    const other = this.#find(hash)
    this.#hashes[other] = hash
    return other
  }

  /** The slot of a hash, or the free one where it belongs. */
  #find(hash: number): number {
    const mask = this.#hashes.length - 1
    let slot = hash % this.#hashes.length
    while (this.#hashes[slot] !== 0 && this.#hashes[slot] !== hash) slot = (slot + 1) & mask
    return slot
  }

  #grow(): void {
    const [hashes, counts] = [this.#hashes, this.#counts]
    this.#hashes = new Float64Array(hashes.length * 2)
    this.#counts = new Uint32Array(hashes.length * 2)
    for (const [i, hash] of hashes.entries()) {
      if (hash === 0) continue
      const slot = this.#find(hash)
      this.#hashes[slot] = hash
      this.#counts[slot] = counts[i] ?? 0
    }
  }
}
