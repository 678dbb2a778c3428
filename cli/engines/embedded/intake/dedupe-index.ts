/**
 * Remembers event ids exactly: open-addressing hash tables of typed arrays, with 8 bytes per slot
 * for 23 bits of an id's hash, its age, and the number under which the whole id lies on disk
 * (id-store.ts). Where the bits agree, the whole ids are compared on disk: for each duplicate, and
 * for one new id in some hundred thousand. There are many small tables (shards), so that each grows
 * by a sixth at a time, quickly and in place (dedupe-tables.ts). An id is stamped with the hour of
 * the watermark at its arrival; once older than the horizon it counts as unknown, and its slot is
 * reused.
 *
 * Nine bits of the hash select the shard. They need not be stored, so the stamp takes their place.
 */
import { randomBytes } from 'node:crypto'
import { type IdTable, TableAllocator } from './dedupe-tables.ts'
import type { IdStore } from './id-store.ts'

const SHARD_BITS = 9
const SHARDS = 1 << SHARD_BITS
const STAMP_MASK = SHARDS - 1
const START_SLOTS = 64
const SLOT_BYTES = 8
/** A shard is rebuilt when its load reaches LOAD_MAX; afterwards it has LOAD_AFTER. */
const LOAD_MAX = 0.86
const LOAD_AFTER = 0.74

/** Event ids as stored in state files, five words each: the id's four and the hour of its stamp. */
export type EventIdWords = Uint32Array

/** An exact set of the event ids within the horizon; ids are four 32-bit words. */
export class DedupeIndex {
  /** Hours per stamp: one, more only for horizons beyond ten days. */
  readonly #unit: number
  readonly #horizonHours: number
  /** Tags hold the hash, with the stamp in the low bits. */
  readonly #shards: IdTable[]
  readonly #allocator = new TableAllocator()
  readonly #store: IdStore
  /** Secret, so that nobody can make ids with one hash, all of which would be compared on disk. */
  readonly #seed = randomBytes(4).readInt32LE()
  /** Holds a shard's slots while it is rebuilt. */
  #scratch = new Int32Array(2 * 1024)
  #hour = 1
  /** A stamp is the hour's distance from this one, in units, plus one. */
  #baseHour = 1
  /** Stamps of the current hour, and of the oldest that has not expired. */
  #stamp = 1
  #oldestStamp = 1
  #added = new Uint32Array(5 * 4096)
  #addedWords = 0
  #isReset = false

  /** The store becomes its own, and must be empty. */
  constructor(horizonMs: number, store: IdStore) {
    this.#store = store
    const hours = Math.max(1, Math.ceil(horizonMs / 3_600_000))
    this.#unit = Math.ceil(hours / (STAMP_MASK / 2))
    this.#horizonHours = Math.ceil(hours / this.#unit) * this.#unit
    this.#shards = Array.from({ length: SHARDS }, () => this.#allocator.allocate(START_SLOTS))
  }

  /**
   * Advances the clock that stamps and expires ids, the greatest watermark; see `reset`. Returns
   * whether its hour changed.
   */
  advance(watermarkMs: number): boolean {
    const before = this.#hour
    this.#advanceTo(Math.floor(watermarkMs / 3_600_000))
    return this.#hour !== before
  }

  /** Whether the clock is ahead of this watermark by more than the horizon. */
  isAheadOf(watermarkMs: number): boolean {
    return this.oldestHour > Math.max(1, Math.floor(watermarkMs / 3_600_000))
  }

  /** Forgets all ids, also those in older state files, and sets the clock to this watermark. */
  reset(watermarkMs: number): void {
    for (const shard of this.#shards) {
      shard.tags.fill(0, 0, shard.slots)
      shard.used = 0
    }
    this.#store.clear()
    this.#addedWords = 0
    this.#isReset = true
    this.#hour = this.#baseHour = this.#stamp = this.#oldestStamp = 1
    this.advance(watermarkMs)
  }

  /** Whether the index was reset since the last call. */
  takeReset(): boolean {
    const isReset = this.#isReset
    this.#isReset = false
    return isReset
  }

  /** The clock: hours since 1970, at least 1. */
  get hour(): number {
    return this.#hour
  }

  /** Ids stamped with an earlier hour have expired. */
  get oldestHour(): number {
    return Math.max(1, this.#hour - this.#horizonHours)
  }

  /** Number of ids, expired ones included that still occupy a slot. */
  get size(): number {
    return this.#shards.reduce((sum, shard) => sum + shard.used, 0)
  }

  /** Memory of the tables, and of ids that are not on disk. */
  get bytes(): number {
    const tables = this.#shards.reduce((sum, shard) => sum + shard.slots * SLOT_BYTES, 0)
    return tables + this.#store.bytes
  }

  /** Frees the disk. It is not used afterwards. */
  close(): void {
    this.#store.close()
  }

  /** Adds the id; true if it was not known within the horizon. */
  add(id0: number, id1: number, id2: number, id3: number): boolean {
    if (!this.#insert(id0, id1, id2, id3, this.#hour)) return false
    if (this.#addedWords === this.#added.length) {
      const larger = new Uint32Array(this.#added.length * 2)
      larger.set(this.#added)
      this.#added = larger
    }
    const at = this.#addedWords
    this.#added[at] = id0
    this.#added[at + 1] = id1
    this.#added[at + 2] = id2
    this.#added[at + 3] = id3
    this.#added[at + 4] = this.#hour
    this.#addedWords += 5
    return true
  }

  /** Returns the ids added since the last call, for the checkpoint to write. */
  takeNewIds(): EventIdWords {
    const taken = this.#added.slice(0, this.#addedWords)
    this.#addedWords = 0
    return taken
  }

  /** Adds the ids of a state file that have not expired. */
  restore(words: EventIdWords): void {
    let newest = 0
    for (let at = 4; at < words.length; at += 5) newest = Math.max(newest, words[at] ?? 0)
    this.#advanceTo(newest)
    const oldest = this.oldestHour
    for (let at = 0; at + 4 < words.length; at += 5) {
      const hour = words[at + 4] ?? 0
      if (hour < oldest) continue
      this.#insert(words[at] ?? 0, words[at + 1] ?? 0, words[at + 2] ?? 0, words[at + 3] ?? 0, hour)
    }
  }

  #advanceTo(given: number): void {
    const hour = given - (given % this.#unit)
    if (hour <= this.#hour) return
    this.#hour = hour
    if (this.#stampOf(hour) > STAMP_MASK) this.#rebase()
    this.#stamp = this.#stampOf(hour)
    this.#oldestStamp = this.#stampOf(this.oldestHour)
  }

  /** Hours before the base expired long ago: their stamps are below all others. */
  #stampOf(hour: number): number {
    return Math.floor((hour - this.#baseHour) / this.#unit) + 1
  }

  /**
   * Moves the base to the oldest hour that has not expired; needed once every few weeks of events.
   */
  #rebase(): void {
    const oldest = this.oldestHour
    const shift = Math.floor((oldest - this.#baseHour) / this.#unit)
    this.#oldestStamp = shift + 1
    for (const [index, shard] of this.#shards.entries()) {
      if (shard.used === 0) continue
      const { tags, slots } = this.#rebuild(shard, index)
      for (let slot = 0; slot < slots; slot++)
        if (tags[slot] !== 0) tags[slot] = (tags[slot] as number) - shift // below `slots`
    }
    this.#baseHour += shift * this.#unit
  }

  #insert(id0: number, id1: number, id2: number, id3: number, hour: number): boolean {
    const tag = mixWords(id0, id1, id2, id3, this.#seed)
    const index = tag & STAMP_MASK
    // There are as many shards as the mask has values.
    let shard = this.#shards[index] as IdTable
    if (shard.used >= shard.slots * LOAD_MAX) shard = this.#rebuild(shard, index)
    const { numbers, tags, slots } = shard
    const oldest = this.#oldestStamp
    let free = -1
    let slot = findFirstSlot(tag, slots)
    for (;;) {
      // Below `slots`, as all that follow.
      const found = tags[slot] as number
      if (found === 0) break
      if ((found & STAMP_MASK) < oldest) {
        if (free < 0) free = slot
      } else if ((found ^ tag) >>> SHARD_BITS === 0) {
        if (this.#store.has(numbers[slot] as number, id0, id1, id2, id3)) return false
      }
      slot++
      if (slot === slots) slot = 0
    }
    const number = this.#store.add(id0, id1, id2, id3, hour, this.oldestHour - this.#unit)
    if (free < 0) {
      free = slot
      shard.used++
    }
    numbers[free] = number
    const stamp = hour === this.#hour ? this.#stamp : this.#stampOf(hour)
    tags[free] = (tag & ~STAMP_MASK) | stamp
    return true
  }

  /** Drops expired ids and resizes the shard to a sixth more than what is left. */
  #rebuild(shard: IdTable, index: number): IdTable {
    const { numbers, tags, slots } = shard
    const oldest = this.#oldestStamp
    if (this.#scratch.length < shard.used * 2) this.#scratch = new Int32Array(shard.used * 3)
    const scratch = this.#scratch
    let end = 0
    for (let slot = 0; slot < slots; slot++) {
      const tag = tags[slot] as number // below `slots`
      if ((tag & STAMP_MASK) < oldest) continue
      scratch[end] = numbers[slot] as number // below `slots`
      scratch[end + 1] = tag
      end += 2
    }
    const larger = Math.max(START_SLOTS, Math.ceil(end / 2 / LOAD_AFTER))
    const rebuilt = this.#allocator.resize(shard, larger)
    for (let at = 0; at < end; at += 2) insertSlot(rebuilt, index, scratch, at)
    this.#shards[index] = rebuilt
    return rebuilt
  }
}

/** Puts what is at `from` of `source`, which the shard does not contain, into a free slot. */
function insertSlot(shard: IdTable, index: number, source: Int32Array, from: number): void {
  const { numbers, tags, slots } = shard
  const tag = source[from + 1] as number // two words a slot
  let slot = findFirstSlot((tag & ~STAMP_MASK) | index, slots)
  while (tags[slot] !== 0) slot = slot + 1 === slots ? 0 : slot + 1
  numbers[slot] = source[from] as number // two words a slot
  tags[slot] = tag
  shard.used++
}

/** UUIDs need not be random (versions 1, 7 and 8 are not), so all words are mixed. */
function mixWords(id0: number, id1: number, id2: number, id3: number, seed: number): number {
  let h = Math.imul(id0 ^ seed, 0x85ebca6b)
  h = Math.imul((h ^ (h >>> 15)) + id1, 0xc2b2ae35)
  h = Math.imul((h ^ (h >>> 13)) + id2, 0x27d4eb2f)
  h = Math.imul((h ^ (h >>> 16)) + (id3 ^ seed), 0x9e3779b1)
  return h ^ (h >>> 15)
}

/** The slot at which the search for a tag begins; depends on the bits of its shard too. */
function findFirstSlot(tag: number, slots: number): number {
  let h = Math.imul(tag ^ (tag >>> 15), 0x2c1b3c6d)
  h = Math.imul(h ^ (h >>> 12), 0x297a2d39)
  return ((((h ^ (h >>> 15)) >>> 0) * slots) / 0x1_0000_0000) | 0
}
