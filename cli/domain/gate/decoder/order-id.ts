/**
 * The order id of a purchase as four words, so that the first purchase of each order can be told
 * from later ones in 16 bytes. Two different ids share their words once in 2^64 orders.
 */
import { createHash } from 'node:crypto'
import type { DecodeState } from './state.ts'
import type { Step } from './step.ts'
import { readText } from './text.ts'

/** The field that names an order. */
export const ORDER_FIELD = 'order_id'
/** The kind of event of which there is one for each order. */
export const ORDER_KIND = 'purchase'

/** Fills `words` with the first 128 bits of the SHA-256 of the id's UTF-8 bytes. */
export function hashOrderId(bytes: Uint8Array, words: Int32Array): void {
  const digest = createHash('sha256').update(bytes).digest()
  for (let i = 0; i < 4; i++) words[i] = digest.readInt32LE(i * 4)
}

/** Reads the id as text, and keeps the place of its bytes. */
export function readOrderId(state: DecodeState, step: Step, from: number, row: number): number {
  const end = readText(state, step, from, row)
  state.orderAt = end < 0 ? -1 : end - (state.i32[step.at + row * 4] ?? 0)
  state.orderEnd = end
  return end
}
