/**
 * Identifies the record that a reject is about, for logs where a record may have several rejects:
 * by position, arrival time and bytes. The last two distinguish records of a recreated topic,
 * whose offsets start again.
 */
import { createHash } from 'node:crypto'
import type { RejectedEvent } from '../events/contracts.ts'

/** Equal for all rejects of one record. */
export interface SourceKey {
  /** `<topic>-<partition>` */
  readonly partition: string
  readonly offset: number
  /** 32 bits of a hash of arrival time and bytes. */
  readonly bytesHash: number
}

/**
 * Returns undefined for records that are in no topic, such as rows of an
 * import. `offset` is the log's.
 */
export function createSourceKey(
  reject: RejectedEvent,
  offset = reject.offset,
): SourceKey | undefined {
  if (offset < 0) return undefined
  const hash = createHash('sha256').update(`${reject.first_seen} `).update(reject.bytes)
  const partition = `${reject.topic}-${reject.partition}`
  return { partition, offset, bytesHash: hash.digest().readUInt32BE(0) }
}

/** A set of millions of keys, at about 20 bytes each. */
export class SourceKeySet {
  readonly #tables = new Map<string, OffsetTable>()

  /** Returns false if the key was in the set already. */
  add({ partition, offset, bytesHash }: SourceKey): boolean {
    const table = this.#tables.get(partition) ?? new OffsetTable()
    this.#tables.set(partition, table)
    return table.add(offset, bytesHash)
  }

  has({ partition, offset, bytesHash }: SourceKey): boolean {
    return this.#tables.get(partition)?.has(offset, bytesHash) ?? false
  }
}

const FREE = -1
const FIRST_SLOTS = 64
const LOAD_MAX = 0.75

/** Pairs of numbers, by open addressing. */
class OffsetTable {
  #offsets = new Float64Array(FIRST_SLOTS).fill(FREE)
  #hashes = new Uint32Array(FIRST_SLOTS)
  #taken = 0

  add(offset: number, hash: number): boolean {
    if (this.has(offset, hash)) return false
    if (this.#taken + 1 > this.#offsets.length * LOAD_MAX) this.#grow()
    this.#put(offset, hash)
    return true
  }

  has(offset: number, hash: number): boolean {
    return this.#offsets[this.#find(offset, hash)] === offset
  }

  /** Returns the slot of the pair, or the free slot where the search ended. */
  #find(offset: number, hash: number): number {
    const last = this.#offsets.length - 1
    let slot = firstSlot(offset, hash) & last
    while (this.#offsets[slot] !== FREE) {
      if (this.#offsets[slot] === offset && this.#hashes[slot] === hash) return slot
      slot = (slot + 1) & last
    }
    return slot
  }

  #put(offset: number, hash: number): void {
    const slot = this.#find(offset, hash)
    this.#offsets[slot] = offset
    this.#hashes[slot] = hash
    this.#taken++
  }

  #grow(): void {
    const [offsets, hashes] = [this.#offsets, this.#hashes]
    this.#offsets = new Float64Array(offsets.length * 2).fill(FREE)
    this.#hashes = new Uint32Array(offsets.length * 2)
    this.#taken = 0
    for (const [slot, offset] of offsets.entries())
      if (offset >= 0) this.#put(offset, hashes[slot] ?? 0)
  }
}

function firstSlot(offset: number, hash: number): number {
  const mixed = Math.imul((offset >>> 0) ^ hash, 0x9e37_79b1)
  return (mixed ^ (mixed >>> 15)) >>> 0
}
