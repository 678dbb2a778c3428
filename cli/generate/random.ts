/**
 * The generator's only source of randomness: sfc32 (from Chris Doty-Humphrey's PractRand), seeded
 * with numbers, so that the same seed gives the same shop on every machine.
 */
export class Random {
  #a: number
  #b: number
  #c: number
  #count = 1

  /** Seeds are integers up to 2^53; their order matters. */
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

  /** Returns 32 random bits as a signed integer. */
  int32(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#count) | 0
    this.#count = (this.#count + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0
    return sum
  }

  /** Returns a number with 0 <= x < 1. */
  float(): number {
    return (this.int32() >>> 0) * 2.3283064365386963e-10
  }

  /** Returns an integer with 0 <= x < n. */
  below(n: number): number {
    return Math.floor((this.int32() >>> 0) * 2.3283064365386963e-10 * n)
  }

  /** Returns an integer with low <= x < high. */
  between(low: number, high: number): number {
    return low + this.below(high - low)
  }

  /** Returns true with the probability `share`. */
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
const UUID_CHARS = 36
const SHORT_CHARS = 16
/** Positions of the first digit of each of the 16 bytes in the text of a UUID. */
const UUID_PLACES = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34]

/**
 * Random version 4 UUIDs and shorter ids. They are created in blocks of 64: slicing one long string
 * costs a third of building 64 short ones.
 */
export class IdSource {
  readonly #random: Random
  readonly #uuids = Buffer.alloc(IDS_PER_REFILL * UUID_CHARS, '-')
  readonly #shorts = Buffer.alloc(IDS_PER_REFILL * SHORT_CHARS)
  readonly #digits = Buffer.from('0123456789abcdef')
  #uuidText = ''
  #uuidAt = IDS_PER_REFILL
  #shortText = ''
  #shortAt = IDS_PER_REFILL

  constructor(random: Random) {
    this.#random = random
  }

  uuid(): string {
    if (this.#uuidAt === IDS_PER_REFILL) this.#refillUuids()
    const from = this.#uuidAt++ * UUID_CHARS
    return this.#uuidText.slice(from, from + UUID_CHARS)
  }

  /** Returns 16 hexadecimal digits. */
  short(): string {
    if (this.#shortAt === IDS_PER_REFILL) this.#refillShorts()
    const from = this.#shortAt++ * SHORT_CHARS
    return this.#shortText.slice(from, from + SHORT_CHARS)
  }

  #refillUuids(): void {
    const text = this.#uuids
    const digits = this.#digits
    for (let id = 0; id < IDS_PER_REFILL; id++) {
      const from = id * UUID_CHARS
      for (let byte = 0, bits = 0; byte < 16; byte++) {
        if ((byte & 3) === 0) bits = this.#random.int32()
        let value = bits & 255
        bits >>>= 8
        if (byte === 6) value = 0x40 | (value & 0x0f)
        else if (byte === 8) value = 0x80 | (value & 0x3f)
        const at = from + (UUID_PLACES[byte] ?? 0)
        text[at] = digits[value >>> 4] ?? 0
        text[at + 1] = digits[value & 15] ?? 0
      }
    }
    this.#uuidText = text.toString('latin1')
    this.#uuidAt = 0
  }

  #refillShorts(): void {
    const text = this.#shorts
    for (let at = 0, bits = 0; at < text.length; at++, bits >>>= 4) {
      if ((at & 7) === 0) bits = this.#random.int32()
      text[at] = this.#digits[bits & 15] ?? 0
    }
    this.#shortText = text.toString('latin1')
    this.#shortAt = 0
  }
}
