/**
 * Who acts next: a wheel of slots 128 ms wide, each a list of visitors (a calendar queue, Brown 1988). Adding
 * and taking cost the same for ten visitors and for fifty thousand, which a heap's do not.
 */
import type { Visitor } from './visitor.ts'

const SLOT_MS = 128
const SLOTS = 16_384

/** The furthest that a visitor may plan ahead. */
export const AHEAD_MS_MAX = SLOT_MS * (SLOTS - 2)

export class CalendarQueue {
  readonly #heads: (Visitor | null)[] = new Array<Visitor | null>(SLOTS).fill(null)
  /** Absolute number of the slot that is being emptied. */
  #slot: number
  #count = 0

  constructor(startMs: number) {
    this.#slot = Math.floor(startMs / SLOT_MS)
  }

  get count(): number {
    return this.#count
  }

  /** When the slot begins that is being emptied, ms. */
  get nowMs(): number {
    return this.#slot * SLOT_MS
  }

  add(visitor: Visitor, dueMs: number): void {
    const wanted = Math.floor(dueMs / SLOT_MS)
    const slot = Math.min(Math.max(wanted, this.#slot), this.#slot + SLOTS - 1) % SLOTS
    visitor.next = this.#heads[slot] ?? null
    this.#heads[slot] = visitor
    this.#count++
  }

  /** A visitor who is due by `nowMs`, null if all have time. */
  take(nowMs: number): Visitor | null {
    const last = Math.floor(nowMs / SLOT_MS)
    if (this.#count === 0) {
      if (last > this.#slot) this.#slot = last
      return null
    }
    while (this.#slot <= last) {
      const at = this.#slot % SLOTS
      const visitor = this.#heads[at] ?? null
      if (visitor !== null) {
        this.#heads[at] = visitor.next
        visitor.next = null
        this.#count--
        return visitor
      }
      if (this.#slot === last) return null
      this.#slot++
    }
    return null
  }

  /** The visitor who is due first, whenever that is. */
  takeFirst(): Visitor | null {
    return this.#count === 0 ? null : this.take((this.#slot + SLOTS) * SLOT_MS)
  }
}
