/**
 * The generator's only source of chance: sfc32 (Chris Doty-Humphrey's PractRand), seeded by numbers, so that
 * the same seed gives the same shop on every machine.
 */
export class Random {
  #a: number
  #b: number
  #c: number
  #count = 1

  /** Integers up to 2^53; the order counts. */
  constructor(...seeds: readonly number[]) {
    let a = 0x9e3779b9
    let b = 0x243f6a88
    let c = 0xb7e15162
    for (const seed of seeds) {
      a = Math.imul(a ^ (seed | 0), 0x85ebca6b)
      b = Math.imul(b ^ Math.floor(seed / 0x100000000), 0xc2b2ae35)
      c = (c + a + b) | 0
    }
    this.#a = a | 0
    this.#b = b | 0
    this.#c = c | 0
    for (let i = 0; i < 20; i++) this.int32()
  }

  /** All 32 bits, signed. */
  int32(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#count) | 0
    this.#count = (this.#count + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0
    return sum
  }

  /** 0 <= x < 1 */
  float(): number {
    return (this.int32() >>> 0) * 2.3283064365386963e-10
  }

  /** Whole number, 0 <= x < n. */
  below(n: number): number {
    return Math.floor((this.int32() >>> 0) * 2.3283064365386963e-10 * n)
  }

  /** Whole number, low <= x < high. */
  between(low: number, high: number): number {
    return low + this.below(high - low)
  }

  /** True in `share` of all cases. */
  chance(share: number): boolean {
    return this.float() < share
  }

  pick<T>(list: readonly T[]): T {
    const value = list[this.below(list.length)]
    if (value === undefined) throw new RangeError('nothing to pick from')
    return value
  }
}

const IDS_PER_REFILL = 64
const ID_CHARS = 36

/**
 * Random version 4 UUIDs. They are written in blocks, because one string of 64 ids cut into pieces costs a
 * third of 64 strings put together from parts.
 */
export class IdSource {
  readonly #random: Random
  readonly #block = Buffer.alloc(IDS_PER_REFILL * ID_CHARS, '-')
  #text = ''
  #at = IDS_PER_REFILL

  constructor(random: Random) {
    this.#random = random
  }

  uuid(): string {
    if (this.#at === IDS_PER_REFILL) this.#refill()
    const from = this.#at++ * ID_CHARS
    return this.#text.slice(from, from + ID_CHARS)
  }

  /** 16 hexadecimal digits. */
  short(): string {
    const high = this.#random.int32() >>> 0
    const low = this.#random.int32() >>> 0
    return high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0')
  }

  #refill(): void {
    const block = this.#block
    for (let id = 0; id < IDS_PER_REFILL; id++) {
      let bits = 0
      for (let digit = 0, at = id * ID_CHARS; digit < 32; digit++, at++) {
        if ((digit & 7) === 0) bits = this.#random.int32()
        if (digit === 8 || digit === 12 || digit === 16 || digit === 20) at++
        let value = bits & 15
        bits >>>= 4
        if (digit === 12) value = 4
        if (digit === 16) value = 8 | (value & 3)
        block[at] = value < 10 ? 48 + value : 87 + value
      }
    }
    this.#text = block.toString('latin1')
    this.#at = 0
  }
}
