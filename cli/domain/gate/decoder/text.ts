/**
 * Decoder steps for text. Up to 12 bytes are copied into the column; of longer text only the
 * address in DuckDB's memory is stored. All text is checked for UTF-8; while it is ASCII, that
 * costs one OR per word.
 */
import { isCurrencyCode } from '../../events/currencies.ts'
import { isUtf8Range, nextPosition, readVarintLength } from './source-bytes.ts'
import type { DecodeState } from './state.ts'
import type { Step } from './step.ts'

const NON_ASCII = 0x80808080 | 0

/** Checks and stores text or bytes; returns the next position, -1 for a fault. */
export function readText(state: DecodeState, step: Step, from: number, row: number): number {
  const { view, i32 } = state
  let p = from + 1
  let length = view.getUint8(from)
  if (length > 127) {
    length = readVarintLength(state.source.bytes, from)
    p = nextPosition[0] ?? -1
  }
  // -1, a fault, is odd, too.
  if ((length & 1) !== 0) return -1
  length >>>= 1
  if (length > state.end - p || length < step.lengthMin || length > step.lengthMax) return -1
  const to = step.at + row * 4
  const bits = length < 13 ? inlineText(state, p, length, to) : longText(state, p, length, to)
  i32[to] = length
  if ((bits & NON_ASCII) !== 0 && !isText(state, step, p, length)) return -1
  return p + length
}

/** Stores text of up to 12 bytes; returns the OR of its words. */
function inlineText({ view, i32, masks }: DecodeState, p: number, length: number, to: number) {
  const mask = length * 3
  const first = view.getInt32(p, true) & (masks[mask] ?? 0)
  const second = view.getInt32(p + 4, true) & (masks[mask + 1] ?? 0)
  const third = view.getInt32(p + 8, true) & (masks[mask + 2] ?? 0)
  i32[to + 1] = first
  i32[to + 2] = second
  i32[to + 3] = third
  return first | second | third
}

function longText({ view, i32, source }: DecodeState, p: number, length: number, to: number) {
  const last = p + length - 4
  let bits = view.getInt32(p, true)
  i32[to + 1] = bits
  i32[to + 2] = (source.low + p) | 0
  i32[to + 3] = p >= source.carryAt ? source.high + 1 : source.high
  let at = p + 4
  for (; at < last - 12; at += 16)
    bits |=
      view.getInt32(at, true) |
      view.getInt32(at + 4, true) |
      view.getInt32(at + 8, true) |
      view.getInt32(at + 12, true)
  for (; at < last; at += 4) bits |= view.getInt32(at, true)
  return bits | view.getInt32(last, true)
}

function isText(state: DecodeState, step: Step, p: number, length: number): boolean {
  return step.kind === 'bytes' || isUtf8Range(state.source.bytes, p, length)
}

const DASH = 45

/** Checks the 36 characters before `end`; returns `end`, or -1 for a fault, also an earlier one. */
export function checkUuid(state: DecodeState, step: Step, end: number): number {
  if (end < 0) return -1
  const { view, id } = state
  const p = end - 36
  const a = hexDigits(view.getInt32(p, true))
  const b = hexDigits(view.getInt32(p + 4, true))
  const c = hexDigits(view.getInt32(p + 9, true))
  const d = hexDigits(view.getInt32(p + 14, true))
  const e = hexDigits(view.getInt32(p + 19, true))
  const f = hexDigits(view.getInt32(p + 24, true))
  const g = hexDigits(view.getInt32(p + 28, true))
  const h = hexDigits(view.getInt32(p + 32, true))
  if ((a | b | c | d | e | f | g | h) < 0) return -1
  const first = view.getUint8(p + 8) ^ DASH
  const second = view.getUint8(p + 13) ^ DASH
  const third = view.getUint8(p + 18) ^ DASH
  const fourth = view.getUint8(p + 23) ^ DASH
  if ((first | second | third | fourth) !== 0) return -1
  if (step.isId) {
    id[0] = (a << 16) | b
    id[1] = (c << 16) | d
    id[2] = (e << 16) | f
    id[3] = (g << 16) | h
  }
  return end
}

/** Four hex characters as 16 bits, computed at once; -1 unless all are 0-9 or a-f. */
function hexDigits(chars: number): number {
  // Letters have bit 6 set, and their low bits begin at 1.
  const digits = (chars & 0x0f0f0f0f) + ((chars >>> 6) & 0x01010101) * 9
  // Encode the digits again, as if below 16, and compare.
  const letters = ((digits + 0x06060606) >>> 4) & 0x01010101
  const written = digits + 0x30303030 + letters * 0x27
  if (((written ^ chars) | (digits & 0x10101010)) !== 0) return -1
  const pairs = ((digits << 4) | (digits >>> 8)) & 0x00ff00ff
  return ((pairs & 255) << 8) | (pairs >>> 16)
}

/** Checks the 3 characters before `end`; returns `end`, or -1 for a fault, also an earlier one. */
export function checkCurrency(state: DecodeState, end: number, from: number): number {
  if (end < 0) return -1
  const { view } = state
  // One byte of length, then the text; other lengths have other values there.
  if (end - from !== 4) return -1
  return isCurrencyCode(view.getUint8(end - 3), view.getUint8(end - 2), view.getUint8(end - 1))
    ? end
    : -1
}
