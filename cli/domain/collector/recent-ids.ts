/**
 * The ids of the last events that came in, by which a repeated event is recognised in its answer.
 * It only informs: repeated events are kept in Bronze, and Silver removes them however late. Ids
 * are kept as numbers, since a hundred thousand texts would keep the garbage collector busy.
 */

/** How many ids are remembered at least; at most twice as many are. */
export const RECENT_IDS = 100_000

const WORDS = 4

/** Remembers the last UUIDs; forgets the oldest by halves. */
export class RecentIds {
  readonly #half: number
  readonly #id = new Int32Array(WORDS)
  #young: IdTable
  #old: IdTable

  constructor(half = RECENT_IDS) {
    this.#half = half
    this.#young = new IdTable(half)
    this.#old = new IdTable(half)
  }

  /** Remembers the id; whether it was new. `id` is a UUID in lower case. */
  add(id: string): boolean {
    readWords(id, this.#id)
    if (this.#young.has(this.#id) || this.#old.has(this.#id)) return false
    this.#young.add(this.#id)
    if (this.#young.size >= this.#half) {
      const oldest = this.#old
      this.#old = this.#young
      oldest.clear()
      this.#young = oldest
    }
    return true
  }

  /** After events could not be written: the next attempt is not a repetition. */
  forget(): void {
    this.#young.clear()
    this.#old.clear()
  }
}

/** A table of ids with open addressing; the id of zeros stands for an empty place. */
class IdTable {
  size = 0
  readonly #mask: number
  readonly #words: Int32Array

  constructor(sizeMax: number) {
    const places = 2 ** Math.ceil(Math.log2(sizeMax * 2))
    this.#mask = places - 1
    this.#words = new Int32Array(places * WORDS)
  }

  has(id: Int32Array): boolean {
    return this.#isAt(this.#find(id), id)
  }

  add(id: Int32Array): void {
    this.#words.set(id, this.#find(id))
    this.size++
  }

  clear(): void {
    this.#words.fill(0)
    this.size = 0
  }

  /** The place of the id, or the empty one where it belongs. */
  #find(id: Int32Array): number {
    const [a = 0, b = 0, c = 0, d = 0] = id
    // Ids may be counted up: all their words decide.
    let at = Math.imul(a ^ Math.imul(b, 31) ^ Math.imul(c, 131) ^ Math.imul(d, 1_009), 0x9e3779b1)
    at = (at ^ (at >>> 15)) & this.#mask
    while (!this.#isAt(at * WORDS, id) && !this.#isEmpty(at * WORDS)) at = (at + 1) & this.#mask
    return at * WORDS
  }

  #isAt(place: number, id: Int32Array): boolean {
    const words = this.#words
    return (
      words[place] === id[0] &&
      words[place + 1] === id[1] &&
      words[place + 2] === id[2] &&
      words[place + 3] === id[3]
    )
  }

  #isEmpty(place: number): boolean {
    const words = this.#words
    const all = (words[place] ?? 0) | (words[place + 1] ?? 0) | (words[place + 2] ?? 0)
    return (all | (words[place + 3] ?? 0)) === 0
  }
}

const DASH = 0x2d

/** The 128 bits of a UUID. */
function readWords(id: string, into: Int32Array): void {
  let word = 0
  let digits = 0
  for (let i = 0; i < id.length; i++) {
    const code = id.charCodeAt(i)
    if (code === DASH) continue
    word = (word << 4) | (code <= 0x39 ? code - 0x30 : code - 0x57)
    digits++
    if ((digits & 7) === 0) into[(digits >> 3) - 1] = word
  }
}
