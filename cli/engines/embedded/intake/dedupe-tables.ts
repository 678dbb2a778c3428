/**
 * Allocates memory for the hash tables of event ids. A table grows in place: it gets a part of a
 * slab that is far larger than what it uses at first, and pages never written to take no memory.
 */

/** An open-addressing table; a slot has one word of each. */
export interface IdTable {
  /** Of the ids, as the store of ids gave them. */
  readonly numbers: Uint32Array
  /** 0 = free slot. */
  readonly tags: Int32Array
  /** Length of the table; its memory may have room for more. */
  readonly slots: number
  used: number
}

/**
 * Slots of each table of a slab: as many as its ids need, of these sizes, and beyond the last four
 * times as many each time. A slab can take memory as a whole, even where few slots are used, so a
 * step is small enough not to waste much.
 */
const CAPACITIES = [256, 2_048, 32_768]
const TABLES_PER_SLAB = 128
const WORDS_PER_SLOT = 2

/** Never frees memory: tables live as long as their index. */
export class TableAllocator {
  readonly #slabs = new Map<number, { readonly buffer: ArrayBuffer; next: number }>()

  /** An empty table. */
  allocate(slots: number): IdTable {
    let room = CAPACITIES.find((one) => one >= slots) ?? CAPACITIES.at(-1) ?? slots
    while (room < slots) room *= 4
    let slab = this.#slabs.get(room)
    if (!slab || slab.next === TABLES_PER_SLAB) {
      slab = { buffer: new ArrayBuffer(TABLES_PER_SLAB * room * WORDS_PER_SLOT * 4), next: 0 }
      this.#slabs.set(room, slab)
    }
    const at = slab.next++ * room * WORDS_PER_SLOT * 4
    return {
      numbers: new Uint32Array(slab.buffer, at, room),
      tags: new Int32Array(slab.buffer, at + room * 4, room),
      slots,
      used: 0,
    }
  }

  /** An empty table in the memory of `table`, or in new memory if that is too small. */
  resize(table: IdTable, slots: number): IdTable {
    const { numbers, tags } = table
    if (slots > tags.length) return this.allocate(slots)
    tags.fill(0, 0, Math.max(slots, table.slots))
    return { numbers, tags, slots, used: 0 }
  }
}
