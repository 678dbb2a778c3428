/**
 * Pieces of the decoder's text: how a number, a text, an id is read from B at p and stored. Names in it:
 * B bytes, D DataView over them, p position, end where the record ends, n, q, s, x, w0 … w2 scratch, isBroken
 * that a rule is. A fault of the format returns false at once.
 */
import type { Column } from './avro-columns.ts'
import { type AvroField, type AvroNode, optional } from './avro-schema.ts'
import { boundsOf } from './gate-rules.ts'

export const READ_LONG = `n = B[p]
  if (n < 128) { p++; n = (n >>> 1) ^ -(n & 1); w0 = n; w1 = n >> 31; x = n }
  else if (B[p + 5] < 128 && (B[p] & B[p + 1] & B[p + 2] & B[p + 3] & B[p + 4]) > 127) {
    w0 = (n & 127) | (B[p + 1] & 127) << 7 | (B[p + 2] & 127) << 14 | (B[p + 3] & 127) << 21
    w1 = B[p + 4] & 127 | B[p + 5] << 7
    p += 6
    x = w1 * 268435456 + w0
    x = (w0 & 1) === 0 ? x / 2 : -(x + 1) / 2
    w1 = Math.floor(x / 4294967296); w0 = x | 0
  } else { x = wideLong(B, p); p = ends[0]; if (p < 0) return false; w0 = words[0]; w1 = words[1] }`

export const READ_INT = `n = B[p]
  if (n < 128) { p++; n = (n >>> 1) ^ -(n & 1) }
  else { n = wideInt(B, p); p = ends[0]; if (p < 0) return false }`

/** A length, count or choice in zigzag, as `n`. */
export const READ_LENGTH = `n = B[p]
  if (n < 128) p++
  else if (B[p + 1] < 128) { n = (n & 127) | B[p + 1] << 7; p += 2 }
  else { n = wideLength(B, p); p = ends[0]; if (n < 0) return false }`

/** Names in the generated code: the row's number, its byte among the validity bits, the mask of its bit. */
export interface Slot {
  readonly row: string
  readonly bit: string
  readonly byte: string
}

export interface Target {
  readonly field: AvroField
  readonly column: Column
  readonly slot: Slot
}

/** The clock readings that the corrected time is made of, and the variables that keep them. */
export const TIMES: Record<string, string> = {
  event_ts: 'event',
  sent_ts: 'sent',
  received_ts: 'received',
}

/** A choice in zigzag, as `n`. */
export const READ_CHOICE = `n = B[p++]
  if (n > 127) { n = wideLength(B, p - 1); p = ends[0]; if (n < 0) return false }`

/** x milliseconds as microseconds in w0 and w1; both products stay below 2^53. */
export const MICROS = `w1 = Math.floor(x / 4294967296); x = (x - w1 * 4294967296) * 1000; w0 = x | 0
  w1 = w1 * 1000 + Math.floor(x / 4294967296)`

export function setNull({ column, slot }: Target): string {
  // An empty text under the null, so that no row ever holds an old address.
  const clear = column.width === 16 ? `; i32[${column.at / 4} + ${slot.row} * 4] = 0` : ''
  return `u8[${column.validAt} + ${slot.byte}] &= ${slot.bit}${clear}`
}

export function readReal(kind: 'float' | 'double', { field, column, slot }: Target): string {
  const size = kind === 'float' ? 4 : 8
  const array = kind === 'float' ? 'f32' : 'f64'
  return `if (end - p < ${size}) return false
    x = D.getFloat${size * 8}(p, true); p += ${size}
    ${checkBounds(field, 'x')}; ${array}[${column.at / size} + ${slot.row}] = x`
}

/** Code that notes a value out of bounds; what is no number is out of any. */
export function checkBounds(field: AvroField, value: string): string {
  const { minimum, maximum } = boundsOf(field)
  const tests = [
    ...(minimum === undefined ? [] : [`${value} >= ${minimum}`]),
    ...(maximum === undefined ? [] : [`${value} <= ${maximum}`]),
  ]
  return tests.length === 0 ? '' : `if (!(${tests.join(' && ')})) isBroken = true`
}

export function logicalOf(field: AvroField): string | undefined {
  const { node } = optional(field.type)
  return 'logical' in node ? node.logical : undefined
}

/** Text or bytes; `isId`: they are the record's id, to be kept. */
export function readText(node: AvroNode, { field, column, slot }: Target, isId: boolean): string {
  const { minLength, maxLength } = field.rules
  const tests = [
    ...(minLength === undefined ? [] : [`n < ${minLength}`]),
    ...(maxLength === undefined ? [] : [`n > ${maxLength}`]),
  ]
  const check = tests.length === 0 ? '' : `if (${tests.join(' || ')}) isBroken = true`
  const isText = node.kind === 'string'
  const isAscii = (acc: string) =>
    isText ? `if ((${acc} & 0x80808080) !== 0 && !utf8(B, p, n)) return false` : ''
  return `${READ_LENGTH}
      if ((n & 1) !== 0) return false
      n >>>= 1
      if (n > end - p) return false
      ${check}
      ${isText && logicalOf(field) === 'uuid' ? readUuid(isId) : ''}
      q = ${column.at / 4} + ${slot.row} * 4
      i32[q] = n
      if (n < 13) {
        i32[q + 1] = w0 = D.getInt32(p, true) & masks[s = n * 3]
        i32[q + 2] = w1 = D.getInt32(p + 4, true) & masks[s + 1]
        i32[q + 3] = w2 = D.getInt32(p + 8, true) & masks[s + 2]
        ${isAscii('(w0 | w1 | w2)')}
      } else {
        i32[q + 1] = w0 = D.getInt32(p, true)
        i32[q + 2] = low + p
        i32[q + 3] = p >= cut ? high + 1 : high
        ${isText ? 'for (s = p + 4, q = p + n - 4; s < q; s += 4) w0 |= D.getInt32(s, true); w0 |= D.getInt32(q, true)' : ''}
        ${isAscii('w0')}
      }
      p += n`
}

/** Checks 36 characters at p. */
function readUuid(isId: boolean): string {
  const pairs = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34]
  const read = pairs.map((at, i) => `h${i} = hex[D.getUint16(p + ${at}, true)]`).join(', ')
  const all = pairs.map((_, i) => `h${i}`).join(' | ')
  const keep = [0, 4, 8, 12].map(
    (i) => `id[${i / 4}] = h${i} << 24 | h${i + 1} << 16 | h${i + 2} << 8 | h${i + 3}`,
  )
  return `if (n !== 36) isBroken = true
      else {
        const ${read}
        if ((${all}) < 0 || B[p + 8] !== 45 || B[p + 13] !== 45 || B[p + 18] !== 45 || B[p + 23] !== 45)
          isBroken = true
        ${isId ? keep.join('; ') : ''}
      }`
}
