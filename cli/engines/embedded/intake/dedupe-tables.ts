/**
 * Memory of the tables of event ids. A table grows in place: its room is part of a slab that is far larger
 * than what is used of it at first, and pages of it that were never written to are no memory yet.
 */

/** Where one slot's id and tag are: three words of `keys`, one of `tags`. */
export interface IdTable {
  readonly keys: Int32Array
  /** 0 = free slot. */
  readonly tags: Int32Array
  /** Slots in use; there may be room for more. */
  readonly slots: number
  used: number
}

/** Slots that tables of a slab have room for; more are four times as many again. */
const CAPACITIES = [256, 32_768]
const TABLES_A_SLAB = 128
const WORDS_A_SLOT = 4

/** Hands out room for tables. */
export class TableAllocator {
  readonly #slabs = new Map<number, { readonly buffer: ArrayBuffer; next: number }>()

  /** An empty table. */
  allocate(slots: number): IdTable {
    let room = CAPACITIES.find((one) => one >= slots) ?? CAPACITIES.at(-1) ?? slots
    while (room < slots) room *= 4
    let slab = this.#slabs.get(room)
    if (!slab || slab.next === TABLES_A_SLAB) {
      slab = { buffer: new ArrayBuffer(TABLES_A_SLAB * room * WORDS_A_SLOT * 4), next: 0 }
      this.#slabs.set(room, slab)
    }
    const at = slab.next++ * room * WORDS_A_SLOT * 4
    return {
      keys: new Int32Array(slab.buffer, at, room * 3),
      tags: new Int32Array(slab.buffer, at + room * 12, room),
      slots,
      used: 0,
    }
  }

  /** An empty table in the room of `table`, or elsewhere where that is too small. */
  resize(table: IdTable, slots: number): IdTable {
    const { keys, tags } = table
    if (slots > tags.length) return this.allocate(slots)
    tags.fill(0, 0, Math.max(slots, table.slots))
    return { keys, tags, slots, used: 0 }
  }
}
