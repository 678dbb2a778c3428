/**
 * Which record a reject is of, for logs on which more than one may reject: the same place, arrival and bytes are
 * the same record. A topic that was made anew gives its places to other records, which these tell apart.
 */
import { createHash } from 'node:crypto'
import type { RejectedEvent } from '../events/contracts.ts'

export interface SourceKey {
  /** `<topic>-<partition>` */
  readonly partition: string
  readonly offset: number
  /** 32 bits of the hash of arrival and bytes. */
  readonly bytesHash: number
}

/** undefined: of no place in a topic, as the rows of an import. `offset` is the log's own. */
export function createSourceKey(
  reject: RejectedEvent,
  offset = reject.offset,
): SourceKey | undefined {
  if (offset < 0) return undefined
  const hash = createHash('sha256').update(`${reject.first_seen} `).update(reject.bytes)
  const partition = `${reject.topic}-${reject.partition}`
  return { partition, offset, bytesHash: hash.digest().readUInt32BE(0) }
}

/** Marks of millions of rejects: about 20 bytes each. */
export class SourceKeySet {
  readonly #tables = new Map<string, OffsetTable>()

  /** False: it was in already. */
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

/** Pairs of numbers by open addressing. */
class OffsetTable {
  #offsets = new Float64Array(FIRST_SLOTS).fill(FREE)
  #prints = new Uint32Array(FIRST_SLOTS)
  #taken = 0

  add(offset: number, print: number): boolean {
    if (this.has(offset, print)) return false
    if (this.#taken + 1 > this.#offsets.length * LOAD_MAX) this.#grow()
    this.#put(offset, print)
    return true
  }

  has(offset: number, print: number): boolean {
    return this.#offsets[this.#find(offset, print)] === offset
  }

  /** The slot of the pair, or the free one where it is looked for last. */
  #find(offset: number, print: number): number {
    const last = this.#offsets.length - 1
    let slot = slotOf(offset, print) & last
    while (this.#offsets[slot] !== FREE) {
      if (this.#offsets[slot] === offset && this.#prints[slot] === print) return slot
      slot = (slot + 1) & last
    }
    return slot
  }

  #put(offset: number, print: number): void {
    const slot = this.#find(offset, print)
    this.#offsets[slot] = offset
    this.#prints[slot] = print
    this.#taken++
  }

  #grow(): void {
    const [offsets, prints] = [this.#offsets, this.#prints]
    this.#offsets = new Float64Array(offsets.length * 2).fill(FREE)
    this.#prints = new Uint32Array(offsets.length * 2)
    this.#taken = 0
    for (const [slot, offset] of offsets.entries())
      if (offset >= 0) this.#put(offset, prints[slot] ?? 0)
  }
}

function slotOf(offset: number, print: number): number {
  const mixed = Math.imul((offset >>> 0) ^ print, 0x9e37_79b1)
  return (mixed ^ (mixed >>> 15)) >>> 0
}
