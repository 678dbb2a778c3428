/**
 * The exact memory of event ids: 128-bit keys in open-addressing tables of typed arrays (20 bytes a slot),
 * in shards, so that growing one does not double the whole. Each id carries the hour of the watermark at
 * its arrival; one older than the horizon counts as never seen and is dropped when its shard is rebuilt.
 */
const SHARD_BITS = 6
const SHARDS = 1 << SHARD_BITS
const START_SLOTS = 1 << 10
/** A shard is rebuilt at this load, in eighths. */
const LOAD_EIGHTHS = 6

interface Shard {
  keys: Uint32Array
  /** Hours since 1970; 0 = free slot. */
  hours: Uint32Array
  slots: number
  used: number
}

/** Ids added since the last `takeAdded`, five words each: the id's four and the hour. */
export type SeenWords = Uint32Array

export class Seen {
  readonly #horizonHours: number
  readonly #shards: Shard[]
  #hour = 1
  #added = new Uint32Array(5 * 4096)
  #addedWords = 0

  constructor(horizonMs: number) {
    this.#horizonHours = Math.max(1, Math.ceil(horizonMs / 3_600_000))
    this.#shards = Array.from({ length: SHARDS }, () => emptyShard(START_SLOTS))
  }

  /** Moves the clock that ids are stamped with and expire by: the greatest watermark, ms. It never goes back. */
  advance(watermarkMs: number): void {
    const hour = Math.floor(watermarkMs / 3_600_000)
    if (hour > this.#hour) this.#hour = hour
  }

  /** Hour words below this have expired. */
  get oldestHour(): number {
    return Math.max(1, this.#hour - this.#horizonHours)
  }

  get size(): number {
    return this.#shards.reduce((sum, shard) => sum + shard.used, 0)
  }

  /** Remembers the id; true when it was not known within the horizon. */
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

  /** What was added since the last call, to be written to disk with the checkpoint. */
  takeAdded(): SeenWords {
    const taken = this.#added.slice(0, this.#addedWords)
    this.#addedWords = 0
    return taken
  }

  /** Takes back what a checkpoint wrote; expired ids are left out. */
  restore(words: SeenWords): void {
    for (let at = 4; at < words.length; at += 5) {
      const hour = words[at] ?? 0
      if (hour > this.#hour) this.#hour = hour
    }
    for (let at = 0; at + 4 < words.length; at += 5) {
      const hour = words[at + 4] ?? 0
      if (hour < this.oldestHour) continue
      this.#insert(words[at] ?? 0, words[at + 1] ?? 0, words[at + 2] ?? 0, words[at + 3] ?? 0, hour)
    }
  }

  #insert(id0: number, id1: number, id2: number, id3: number, hour: number): boolean {
    // Shards index this array by the low bits, so there always is one.
    const shard = this.#shards[(id1 ^ id3) & (SHARDS - 1)] as Shard
    if (shard.used * 8 >= shard.slots * LOAD_EIGHTHS) this.#rebuild(shard)
    const { keys, hours, slots } = shard
    let slot = mix(id0, id1, id2, id3) & (slots - 1)
    for (;;) {
      const seenHour = hours[slot] ?? 0
      const at = slot * 4
      if (seenHour === 0) {
        keys[at] = id0
        keys[at + 1] = id1
        keys[at + 2] = id2
        keys[at + 3] = id3
        hours[slot] = hour
        shard.used++
        return true
      }
      if (
        keys[at] === id0 >>> 0 &&
        keys[at + 1] === id1 >>> 0 &&
        keys[at + 2] === id2 >>> 0 &&
        keys[at + 3] === id3 >>> 0
      ) {
        if (seenHour >= this.oldestHour) return false
        hours[slot] = hour
        return true
      }
      slot = (slot + 1) & (slots - 1)
    }
  }

  #rebuild(shard: Shard): void {
    const oldest = this.oldestHour
    let live = 0
    for (let slot = 0; slot < shard.slots; slot++) if ((shard.hours[slot] ?? 0) >= oldest) live++
    let slots = shard.slots
    while (live * 8 >= slots * (LOAD_EIGHTHS - 1)) slots *= 2
    const { keys, hours, slots: before } = shard
    Object.assign(shard, emptyShard(slots))
    for (let slot = 0; slot < before; slot++) {
      const hour = hours[slot] ?? 0
      if (hour >= oldest) place(shard, keys, slot * 4, hour)
    }
  }
}

/** Puts the id at `from` of `source`, which the shard does not have, into a free slot of it. */
function place(shard: Shard, source: Uint32Array, from: number, hour: number): void {
  const { keys, hours, slots } = shard
  const id0 = source[from] ?? 0
  const id1 = source[from + 1] ?? 0
  const id2 = source[from + 2] ?? 0
  const id3 = source[from + 3] ?? 0
  let slot = mix(id0, id1, id2, id3) & (slots - 1)
  while (hours[slot] !== 0) slot = (slot + 1) & (slots - 1)
  const at = slot * 4
  keys[at] = id0
  keys[at + 1] = id1
  keys[at + 2] = id2
  keys[at + 3] = id3
  hours[slot] = hour
  shard.used++
}

function emptyShard(slots: number): Shard {
  return { keys: new Uint32Array(slots * 4), hours: new Uint32Array(slots), slots, used: 0 }
}

/** UUIDs need not be random (versions 1, 7 and 8 are not), so all four words are mixed. */
function mix(id0: number, id1: number, id2: number, id3: number): number {
  let h = Math.imul(id0 ^ 0x9e3779b9, 0x85ebca6b)
  h = Math.imul((h ^ (h >>> 15)) + id1, 0xc2b2ae35)
  h = Math.imul((h ^ (h >>> 13)) + id2, 0x27d4eb2f)
  h = Math.imul((h ^ (h >>> 16)) + id3, 0x165667b1)
  return (h ^ (h >>> 15)) >>> 0
}
