/**
 * Carries out a decoder's steps: one small function a kind of value, called with where the record's bytes
 * and the column's are. Each returns the position behind its value, or -1 where the bytes are no such value
 * or break the contract. Small, so that V8 compiles them within the first hundreds of records and throws
 * none of that away when a rare branch is taken; numbers too wide for that go through typed arrays.
 *
 * A field begins at or before the record's end and takes less than Source's margin beyond it; only text
 * may be longer, and its length is checked before a word of it is read or its address is formed.
 */
import { type ColumnBuffers, ITEMS_MAX } from './avro-columns.ts'
import {
  ends,
  inlineMasks,
  type Source,
  utf8,
  wideInt,
  wideLength,
  wideLong,
  words,
} from './avro-decode-lib.ts'
import { type Step, TIMES } from './avro-decode-step.ts'

const NON_ASCII = 0x80808080 | 0
const TWO_POW_28 = 0x10000000
const TWO_POW_32 = 0x100000000

/** What steps read from and write to. */
export class DecodeState {
  readonly u8: Uint8Array
  readonly i32: Int32Array
  readonly f32: Float32Array
  readonly f64: Float64Array
  readonly items: Int32Array
  readonly itemsNext: Int32Array
  readonly source: Source
  /** Four words of the event's id. */
  readonly id: Int32Array
  /** Clock readings, ms, in the order of TIMES, NaN where null; then room for other numbers. */
  readonly times = new Float64Array(TIMES.length + 1)
  /** The last long. */
  readonly number = new Float64Array(1)
  readonly masks = inlineMasks()
  view: DataView
  /** Where the record ends. */
  end = 0
  /** Items in all lists of the record. */
  total = 0

  constructor(columns: ColumnBuffers, source: Source, id: Int32Array) {
    this.u8 = columns.u8
    this.i32 = columns.i32
    this.f32 = columns.f32
    this.f64 = columns.f64
    this.items = columns.items
    this.itemsNext = columns.itemsNext
    this.source = source
    this.view = source.view
    this.id = id
  }

  begin(end: number): void {
    this.view = this.source.view
    this.end = end
    this.total = 0
    this.times[0] = Number.NaN
    this.times[1] = Number.NaN
    this.times[2] = Number.NaN
  }
}

/** Takes the steps from `first` on, into row `row` of their columns. */
export function readFields(
  state: DecodeState,
  first: Step | undefined,
  from: number,
  row: number,
): number {
  const { view, u8, i32, end } = state
  const byte = row >> 3
  const mask = ~(1 << (row & 7))
  let p = from
  for (let step = first; step !== undefined; step = step.next) {
    if (step.nullChoice >= 0) {
      let choice = view.getUint8(p++)
      if (choice > 127) {
        choice = wideLength(state.source.bytes, p - 1)
        p = ends[0] ?? -1
      }
      if (choice === step.nullChoice) {
        if (step.isKept) {
          const at = step.validAt + byte
          u8[at] = (u8[at] ?? 0) & mask
          if (step.width === 16) i32[step.at + row * 4] = 0
        }
        continue
      }
      if (choice !== 2 - step.nullChoice) return -1
    }
    p = step.isKept ? readValue(state, step, p, row) : skipValue(state, step, p)
    if (p < 0 || p > end) return -1
  }
  return p
}

function setNull(state: DecodeState, step: Step, row: number): void {
  const byte = step.validAt + (row >> 3)
  state.u8[byte] = (state.u8[byte] ?? 0) & ~(1 << (row & 7))
  // An empty text under the null, so that no row ever holds an old address.
  if (step.width === 16) state.i32[step.at + row * 4] = 0
}

/** The kinds that most fields are. */
function readValue(state: DecodeState, step: Step, p: number, row: number): number {
  const { kind } = step
  if (kind === 'text') return readText(state, step, p, row)
  if (kind === 'enum') return readEnum(state, step, p, row)
  if (kind === 'long') return storeLong(state, step, readLong(state, p), row)
  return readOther(state, step, p, row)
}

function readOther(state: DecodeState, step: Step, p: number, row: number): number {
  switch (step.kind) {
    case 'int':
      return storeInt(state, step, readInt(state, p), row)
    case 'list':
      return readList(state, step, p, row)
    case 'boolean':
      return readBoolean(state, step, p, row)
    case 'uuid':
      return checkUuid(state, step, readText(state, step, p, row))
    case 'bytes':
      return readText(state, step, p, row)
    case 'widened':
      return storeLong(state, step, readInt(state, p), row)
    case 'float':
    case 'double':
      return readReal(state, step, p, row)
    default:
      return setConstant(state, step, p, row)
  }
}

function readText(state: DecodeState, step: Step, from: number, row: number): number {
  const { view, i32 } = state
  let p = from + 1
  let length = view.getUint8(from)
  if (length > 127) {
    length = wideLength(state.source.bytes, from)
    p = ends[0] ?? -1
  }
  // A fault's -1 is odd, too.
  if ((length & 1) !== 0) return -1
  length >>>= 1
  if (length > state.end - p || length < step.lengthMin || length > step.lengthMax) return -1
  const to = step.at + row * 4
  const bits = length < 13 ? inlineText(state, p, length, to) : longText(state, p, length, to)
  i32[to] = length
  if ((bits & NON_ASCII) !== 0 && !isText(state, step, p, length)) return -1
  return p + length
}

/** Stores a text of up to 12 bytes; returns its bits, as all longer ones'. */
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
  i32[to + 3] = p >= source.cut ? source.high + 1 : source.high
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
  return step.kind === 'bytes' || utf8(state.source.bytes, p, length)
}

const DASH = 45

/** Checks the 36 characters before `end`. */
function checkUuid(state: DecodeState, step: Step, end: number): number {
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

/** Four characters as 16 bits, all at once; -1 unless they are 0-9 or a-f. */
function hexDigits(chars: number): number {
  // Letters have bit 6, and their low bits begin at 1.
  const digits = (chars & 0x0f0f0f0f) + ((chars >>> 6) & 0x01010101) * 9
  // What the digits are written as, were they below 16.
  const letters = ((digits + 0x06060606) >>> 4) & 0x01010101
  const written = digits + 0x30303030 + letters * 0x27
  if (((written ^ chars) | (digits & 0x10101010)) !== 0) return -1
  const pairs = ((digits << 4) | (digits >>> 8)) & 0x00ff00ff
  return ((pairs & 255) << 8) | (pairs >>> 16)
}

function readBoolean(state: DecodeState, step: Step, p: number, row: number): number {
  const value = state.view.getUint8(p)
  if (value > 1) return -1
  state.u8[step.at + row] = value
  return p + 1
}

function readEnum(state: DecodeState, step: Step, from: number, row: number): number {
  let p = from + 1
  let choice = state.view.getUint8(from)
  if (choice > 127) {
    choice = wideLength(state.source.bytes, from)
    p = ends[0] ?? -1
  }
  // A fault's -1 is odd, too.
  if ((choice & 1) !== 0 || choice >= step.symbols.length * 2) return -1
  state.u8[step.at + row] = step.symbols[choice >>> 1] ?? 0
  return p
}

/** Reads an int as `words` and `number`. */
function readInt(state: DecodeState, p: number): number {
  const first = state.view.getUint8(p)
  if (first > 127) return readWideInt(state, p)
  return setNumber(state, first, p + 1)
}

function readWideInt(state: DecodeState, p: number): number {
  const value = wideInt(state.source.bytes, p)
  state.number[0] = value
  words[0] = value
  words[1] = value < 0 ? -1 : 0
  return ends[0] ?? -1
}

/** Reads a long as `words` (low, high) and, rounded beyond 2^53, as `number`. */
function readLong(state: DecodeState, p: number): number {
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
  // Times have six bytes.
  const fifth = view.getUint8(p + 4)
  const sixth = view.getUint8(p + 5)
  if (fifth < 128 || sixth > 127) return readWideLong(state, p)
  const value = ((fifth & 127) | (sixth << 7)) * TWO_POW_28 + low
  const number = (low & 1) === 0 ? value / 2 : -(value + 1) / 2
  state.number[0] = number
  words[0] = number | 0
  words[1] = Math.floor(number / TWO_POW_32)
  return p + 6
}

function readWideLong(state: DecodeState, p: number): number {
  state.number[0] = wideLong(state.source.bytes, p)
  return ends[0] ?? -1
}

/** Keeps a number of 28 bits in zigzag; returns `next`. */
function setNumber(state: DecodeState, zigzag: number, next: number): number {
  const value = (zigzag >>> 1) ^ -(zigzag & 1)
  state.number[0] = value
  words[0] = value
  words[1] = value >> 31
  return next
}

function storeInt(state: DecodeState, step: Step, p: number, row: number): number {
  const value = words[0] ?? 0
  if (p < 0 || !(value >= step.minimum && value <= step.maximum)) return -1
  state.i32[step.at + row] = value
  return p
}

function storeLong(state: DecodeState, step: Step, p: number, row: number): number {
  const value = state.number[0] ?? 0
  if (p < 0 || !(value >= step.minimum && value <= step.maximum)) return -1
  state.times[step.time] = value
  const to = step.at + row * 2
  if (step.isMillis) storeMicros(state.i32, to, value)
  else {
    state.i32[to] = words[0] ?? 0
    state.i32[to + 1] = words[1] ?? 0
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

function readReal(state: DecodeState, step: Step, p: number, row: number): number {
  const isFloat = step.kind === 'float'
  const next = p + (isFloat ? 4 : 8)
  if (next > state.end) return -1
  const value = isFloat ? state.view.getFloat32(p, true) : state.view.getFloat64(p, true)
  if (step.isBounded && !(value >= step.minimum && value <= step.maximum)) return -1
  if (isFloat) state.f32[step.at + row] = value
  else state.f64[step.at + row] = value
  return next
}

function readList(state: DecodeState, step: Step, from: number, row: number): number {
  const first = state.items[step.list] ?? 0
  const full = first + step.itemsMax
  let item = first
  let p = from
  for (;;) {
    let count = state.view.getUint8(p++)
    if (count > 127) {
      count = wideLength(state.source.bytes, p - 1)
      p = ends[0] ?? -1
      if (count < 0) return -1
    }
    if (count === 0) break
    if ((count & 1) !== 0) p = skipBlockBytes(state, p)
    count = (count + 1) >>> 1
    state.total += count
    if (p < 0 || state.total > ITEMS_MAX) return -1
    for (; count > 0; count--) {
      if (item === full) return -1
      p = readFields(state, step.items, p, item++)
      if (p < 0) return -1
    }
  }
  setList(state, step, row, item)
  return p
}

/** A block with a negative count says its bytes as well. */
function skipBlockBytes(state: DecodeState, p: number): number {
  const bytes = wideLength(state.source.bytes, p)
  const next = ends[0] ?? -1
  return next < 0 || (bytes & 1) !== 0 || bytes >>> 1 > state.end - next ? -1 : next
}

/** The row's list goes from the accepted items up to `next`. */
function setList(state: DecodeState, step: Step, row: number, next: number): void {
  const { i32 } = state
  const to = step.at + row * 4
  const first = state.items[step.list] ?? 0
  i32[to] = first
  i32[to + 1] = 0
  i32[to + 2] = next - first
  i32[to + 3] = 0
  state.itemsNext[step.list] = next
}

/** A value that is not among the bytes. */
function setConstant(state: DecodeState, step: Step, p: number, row: number): number {
  const { kind, at, low, high } = step
  if (kind === 'none') setNull(state, step, row)
  else if (kind === 'empty') setList(state, step, row, state.items[step.list] ?? 0)
  else if (kind === 'word') state.i32[at + row] = low
  else if (kind === 'flag') state.u8[at + row] = low
  else {
    state.i32[at + row * 2] = low
    state.i32[at + row * 2 + 1] = high
  }
  return p
}

/** Passes over a value that the reader does not know; its bytes are checked all the same. */
function skipValue(state: DecodeState, step: Step, p: number): number {
  const { bytes } = state.source
  if (step.kind === 'boolean') return state.view.getUint8(p) > 1 ? -1 : p + 1
  if (step.kind === 'int') return readInt(state, p)
  if (step.kind === 'long') return readLong(state, p)
  const zigzag = wideLength(bytes, p)
  const next = ends[0] ?? -1
  if (next < 0 || (zigzag & 1) !== 0) return -1
  if (step.kind === 'enum') return zigzag >= step.symbols.length * 2 ? -1 : next
  const length = zigzag >>> 1
  return length > state.end - next || !utf8(bytes, next, length) ? -1 : next + length
}
