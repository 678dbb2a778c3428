/**
 * Decoder steps for numbers. A number is first read into typed arrays, as two words and as a
 * double, so that no object is allocated; then it is checked against the field's bounds and stored.
 */
import { longWords, nextPosition, readVarint32, readVarint64 } from './source-bytes.ts'
import type { DecodeState } from './state.ts'
import type { Step } from './step.ts'

const TWO_POW_28 = 0x10000000
const TWO_POW_32 = 0x100000000

/** Reads an int into `longWords` and `state.number`. Returns the next position, -1 for a fault. */
export function readInt(state: DecodeState, p: number): number {
  const first = state.view.getUint8(p)
  if (first > 127) return readWideInt(state, p)
  return setNumber(state, first, p + 1)
}

function readWideInt(state: DecodeState, p: number): number {
  const value = readVarint32(state.source.bytes, p)
  state.number[0] = value
  longWords[0] = value
  longWords[1] = value < 0 ? -1 : 0
  return nextPosition[0] ?? -1
}

/**
 * Reads a long into `longWords` (low, high) and, rounded beyond 2^53, into `state.number`. Returns
 * the next position, -1 for a fault.
 */
export function readLong(state: DecodeState, p: number): number {
  const { view } = state
  let byte = view.getUint8(p)
  if (byte < 128) return setNumber(state, byte, p + 1)
  let low = byte & 127
  byte = view.getUint8(p + 1)
  low |= (byte & 127) << 7
  if (byte < 128) return setNumber(state, low, p + 2)
  byte = view.getUint8(p + 2)
  low |= (byte & 127) << 14
  if (byte < 128) return setNumber(state, low, p + 3)
  byte = view.getUint8(p + 3)
  low |= (byte & 127) << 21
  if (byte < 128) return setNumber(state, low, p + 4)
  // Times take six bytes.
  const fifth = view.getUint8(p + 4)
  const sixth = view.getUint8(p + 5)
  if (fifth < 128 || sixth > 127) return readWideLong(state, p)
  const value = ((fifth & 127) | (sixth << 7)) * TWO_POW_28 + low
  const number = (low & 1) === 0 ? value / 2 : -(value + 1) / 2
  state.number[0] = number
  longWords[0] = number | 0
  longWords[1] = Math.floor(number / TWO_POW_32)
  return p + 6
}

function readWideLong(state: DecodeState, p: number): number {
  state.number[0] = readVarint64(state.source.bytes, p)
  return nextPosition[0] ?? -1
}

/** Stores a zigzag-encoded number of 28 bits; returns `next`. */
function setNumber(state: DecodeState, zigzag: number, next: number): number {
  const value = (zigzag >>> 1) ^ -(zigzag & 1)
  state.number[0] = value
  longWords[0] = value
  longWords[1] = value >> 31
  return next
}

/** Stores the number just read, which ended at `p`; returns `p`, or -1 if it is out of bounds. */
export function storeInt(state: DecodeState, step: Step, p: number, row: number): number {
  const value = longWords[0] ?? 0
  if (p < 0 || !(value >= step.minimum && value <= step.maximum)) return -1
  state.i32[step.at + row] = value
  return p
}

/** As storeInt, for 64 bits; times are also noted in `state.times`. */
export function storeLong(state: DecodeState, step: Step, p: number, row: number): number {
  const value = state.number[0] ?? 0
  if (p < 0 || !(value >= step.minimum && value <= step.maximum)) return -1
  state.times[step.clock] = value
  const to = step.at + row * 2
  if (step.isMillis) storeMicros(state.i32, to, value)
  else {
    state.i32[to] = longWords[0] ?? 0
    state.i32[to + 1] = longWords[1] ?? 0
  }
  return p
}

/** Milliseconds as microseconds in two words; both products stay below 2^53. */
function storeMicros(i32: Int32Array, to: number, ms: number): void {
  const high = Math.floor(ms / TWO_POW_32)
  const low = (ms - high * TWO_POW_32) * 1000
  i32[to] = low | 0
  i32[to + 1] = high * 1000 + Math.floor(low / TWO_POW_32)
}

/** Reads, checks and stores a float or double; returns the next position, -1 for a fault. */
export function readReal(state: DecodeState, step: Step, p: number, row: number): number {
  const isFloat = step.kind === 'float'
  const next = p + (isFloat ? 4 : 8)
  if (next > state.end) return -1
  const value = isFloat ? state.view.getFloat32(p, true) : state.view.getFloat64(p, true)
  if (step.isBounded && !(value >= step.minimum && value <= step.maximum)) return -1
  if (isFloat) state.f32[step.at + row] = value
  else state.f64[step.at + row] = value
  return next
}
