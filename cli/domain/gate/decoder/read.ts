/**
 * Runs a decoder's steps: one small function for each kind of value. Each returns the position
 * after its value, or -1 if the bytes are malformed or break the contract. Small functions are
 * compiled by V8 within the first hundreds of records and rarely deoptimized.
 *
 * A field begins at or before the record's end and reads less than the source's margin beyond it.
 * Only text may be longer; its length is checked before it is read or its address is formed.
 */
import { ITEMS_MAX } from '../../avro/inspector.ts'
import { keepsLineRules } from './line-checks.ts'
import { readInt, readLong, readReal, storeInt, storeLong } from './number.ts'
import { readOrderId } from './order-id.ts'
import { isUtf8Range, nextPosition, readVarintLength } from './source-bytes.ts'
import type { DecodeState } from './state.ts'
import type { Step } from './step.ts'
import { checkCurrency, checkUuid, readText } from './text.ts'

/** Runs the steps from `first` on for row `row`. The caller checks where the last one ends. */
export function readFields(
  state: DecodeState,
  first: Step | undefined,
  from: number,
  row: number,
): number {
  const { view, end } = state
  let p = from
  for (let step = first; step !== undefined; step = step.next) {
    if (p < 0 || p > end) return -1
    if (step.nullChoice >= 0) {
      let choice = view.getUint8(p++)
      if (choice > 127) {
        choice = readVarintLength(state.source.bytes, p - 1)
        p = nextPosition[0] ?? -1
      }
      if (choice === step.nullChoice) {
        if (step.isKept) setNull(state, step, row)
        continue
      }
      if (choice !== 2 - step.nullChoice) return -1
    }
    p = step.isKept ? readValue(state, step, p, row) : skipValue(state, step, p)
  }
  return p
}

function setNull(state: DecodeState, step: Step, row: number): void {
  const byte = step.validAt + (row >> 3)
  state.u8[byte] = (state.u8[byte] ?? 0) & ~(1 << (row & 7))
  // An empty text under the null, so that no row ever holds a stale address.
  if (step.width === 16) state.i32[step.at + row * 4] = 0
}

/** The most common kinds come first. */
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
    case 'currency':
      return checkCurrency(state, readText(state, step, p, row), p)
    case 'bytes':
      return readText(state, step, p, row)
    case 'order':
      return readOrderId(state, step, p, row)
    case 'widened':
      return storeLong(state, step, readInt(state, p), row)
    case 'float':
    case 'double':
      return readReal(state, step, p, row)
    default:
      return setConstant(state, step, p, row)
  }
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
    choice = readVarintLength(state.source.bytes, from)
    p = nextPosition[0] ?? -1
  }
  // -1, a fault, is odd, too.
  if ((choice & 1) !== 0 || choice >= step.symbols.length * 2) return -1
  state.u8[step.at + row] = step.symbols[choice >>> 1] ?? 0
  return p
}

function readList(state: DecodeState, step: Step, from: number, row: number): number {
  const first = state.items[step.list] ?? 0
  const full = first + step.itemsMax
  let item = first
  let p = from
  for (;;) {
    if (p > state.end) return -1
    let count = state.view.getUint8(p++)
    if (count > 127) {
      count = readVarintLength(state.source.bytes, p - 1)
      p = nextPosition[0] ?? -1
      if (count < 0) return -1
    }
    if (count === 0) break
    if ((count & 1) !== 0) p = skipBlockBytes(state, p)
    count = (count + 1) >>> 1
    state.itemsTotal += count
    if (p < 0 || state.itemsTotal > ITEMS_MAX) return -1
    for (; count > 0; count--) {
      if (item === full) return -1
      p = readFields(state, step.items, p, item++)
      if (p < 0) return -1
    }
  }
  if (step.lines !== undefined && !keepsLineRules(state.i32, step.lines, first, item)) return -1
  setList(state, step, row, item)
  return p
}

/** After a negative count, a block states its size in bytes. */
function skipBlockBytes(state: DecodeState, p: number): number {
  const bytes = readVarintLength(state.source.bytes, p)
  const next = nextPosition[0] ?? -1
  return next < 0 || (bytes & 1) !== 0 || bytes >>> 1 > state.end - next ? -1 : next
}

/** The row's list spans the items from the last accepted one up to `next`. */
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

/** Sets a value that is not among the bytes. */
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

/** Skips a value that the reader does not have; its bytes are still checked. */
function skipValue(state: DecodeState, step: Step, p: number): number {
  const { bytes } = state.source
  if (step.kind === 'boolean') return state.view.getUint8(p) > 1 ? -1 : p + 1
  if (step.kind === 'int') return readInt(state, p)
  if (step.kind === 'long') return readLong(state, p)
  const zigzag = readVarintLength(bytes, p)
  const next = nextPosition[0] ?? -1
  if (next < 0 || (zigzag & 1) !== 0) return -1
  if (step.kind === 'enum') return zigzag >= step.symbols.length * 2 ? -1 : next
  const length = zigzag >>> 1
  return length > state.end - next || !isUtf8Range(bytes, next, length) ? -1 : next + length
}
