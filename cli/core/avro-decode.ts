/**
 * Avro bytes to columns, compiled: one straight function per writer schema, which checks everything that
 * the contract asks for while it writes. It only says yes or no; why not is for the slow judge (gate.ts) to
 * say. Safe for any bytes: every position is checked before a word is read or an address is formed.
 */
import { type Column, type ColumnBuffers, ITEMS_MAX } from './avro-columns.ts'
import {
  checkBounds,
  logicalOf,
  MICROS,
  READ_CHOICE,
  READ_INT,
  READ_LENGTH,
  READ_LONG,
  readReal,
  readText,
  type Slot,
  setNull,
  type Target,
  TIMES,
} from './avro-decode-code.ts'
import * as lib from './avro-decode-lib.ts'
import {
  type AvroField,
  type AvroNode,
  optional,
  type PrimitiveNode,
  type RecordNode,
} from './avro-schema.ts'
import { correctedMs } from './event-time.ts'
import { presenceOf, timeOf } from './gate-rules.ts'

/** Four words of the event's id, and its corrected time, of the last record that was let in. */
export class Verdict {
  readonly id = new Int32Array(4)
  readonly eventMs = new Float64Array(1)
}

/** Reads bytes [at, end) of the source into row `row`; true when the record keeps the contract. */
export type Decoder = (at: number, end: number, row: number) => boolean

export interface DecoderOptions {
  readonly writer: RecordNode
  readonly reader: RecordNode
  readonly columns: ColumnBuffers
  readonly source: lib.Source
  readonly verdict: Verdict
}

/** Undefined when the pair of schemas needs more than the compiled path can do. */
export function compileDecoder(options: DecoderOptions): Decoder | undefined {
  const emitter = new Emitter(options)
  const body = emitter.record()
  if (body === undefined) return undefined
  const { u8, i32, f32, f64, items, itemsNext } = options.columns
  const scope = {
    ...lib,
    ...{ u8, i32, f32, f64, items, itemsNext, correctedMs },
    ...{ source: options.source, id: options.verdict.id, eventMs: options.verdict.eventMs },
    ...{ hex: lib.hexPairs(), masks: lib.inlineMasks(), maps: emitter.maps },
  }
  const names = Object.keys(scope)
  // The text above is a function of this shape; what it may touch is passed in by name.
  return new Function(...names, body)(...Object.values(scope)) as Decoder
}

class Emitter {
  readonly maps: Int32Array[] = []
  readonly #options: DecoderOptions
  readonly #presence: ReturnType<typeof presenceOf>
  #hasId = false
  #isUnsupported = false

  constructor(options: DecoderOptions) {
    this.#options = options
    this.#presence = presenceOf(options.reader)
  }

  record(): string | undefined {
    const { writer, reader, columns } = this.#options
    const reads = this.#fields(writer, reader, columns.columns, { row: 'row', bit: 'm', byte: 'v' })
    const tests = this.#presence.tests
      .map(
        ({ kinds, bits }) =>
          `if ((${kinds} >> kind & 1) !== 0 && (present & ${bits}) === 0) return false`,
      )
      .join('\n')
    if (this.#isUnsupported || !this.#hasId) return undefined
    return `'use strict'
      return function decode(at, end, row) {
        const B = source.bytes, D = source.view, low = source.low, high = source.high, cut = source.cut
        const v = row >> 3, m = ~(1 << (row & 7))
        let p = at, n = 0, q = 0, s = 0, w0 = 0, w1 = 0, w2 = 0, x = 0, total = 0
        let present = 0, kind = 0, isBroken = false
        let event = NaN, sent = NaN, received = NaN
        ${reads}
        if (p !== end || isBroken) return false
        ${tests}
        x = correctedMs(event, sent, received)
        if (x < ${timeOf(reader).minimum}) return false
        eventMs[0] = x
        return true
      }`
  }

  /** Code for the writer's fields in their order, then for those that only the reader has. */
  #fields(writer: RecordNode, reader: RecordNode, columns: readonly Column[], slot: Slot): string {
    const written = new Set<AvroField>()
    const reads = writer.fields.map((field) => {
      const index = reader.fields.findIndex(
        (one) => one.name === field.name || one.aliases.includes(field.name),
      )
      const target = reader.fields[index]
      const column = columns[index]
      if (target === undefined || column === undefined) return this.#skip(field.type)
      written.add(target)
      return this.#field(field.type, { field: target, column, slot })
    })
    const rest = reader.fields.map((field, index) => {
      const column = columns[index]
      if (written.has(field) || column === undefined) return ''
      return this.#default({ field, column, slot })
    })
    return [...reads, ...rest].join('\n')
  }

  #field(type: AvroNode, target: Target): string {
    const { node, isNullable, nullIndex } = optional(type)
    if (!isNullable) return this.#value(node, target)
    if (!target.column.isNullable) return this.#refuse()
    return `${READ_CHOICE}
      if (n === ${nullIndex * 2}) { ${setNull(target)} }
      else if (n === ${(1 - nullIndex) * 2}) { ${this.#value(node, target)} }
      else return false`
  }

  /** Code that reads a value which is there, checks it, and stores it. */
  #value(node: AvroNode, target: Target): string {
    const { field, column } = target
    const wanted = optional(field.type).node
    const isSame = node.kind === wanted.kind || (node.kind === 'int' && wanted.kind === 'long')
    if (!isSame) return this.#refuse()
    const bit = target.slot.row === 'row' ? this.#presence.bits.get(field.name) : undefined
    const mark = bit === undefined || node.kind === 'array' ? '' : `present |= ${bit}`
    switch (node.kind) {
      case 'boolean':
        return `n = B[p++]; if (n > 1) return false; u8[${column.at} + ${target.slot.row}] = n; ${mark}`
      case 'int':
      case 'long':
        return `${this.#number(node, target)}\n${mark}`
      case 'float':
      case 'double':
        return `${readReal(node.kind, target)}; ${mark}`
      case 'string':
      case 'bytes':
        return `${this.#text(wanted, target)}\n${mark}`
      case 'enum':
        return `${this.#enum(node.symbols, target)}\n${mark}`
      case 'array':
        return this.#array(node.items, target, bit)
      default:
        return this.#refuse()
    }
  }

  #number(node: PrimitiveNode, { field, column, slot }: Target): string {
    const value = node.kind === 'int' ? 'n' : 'x'
    const check = checkBounds(field, value)
    const read = node.kind === 'int' ? READ_INT : READ_LONG
    const keep = slot.row === 'row' ? TIMES[field.name] : undefined
    const time = keep === undefined ? '' : `${keep} = ${value}`
    if (column.width === 4)
      return `${read}; ${check}\n i32[${column.at / 4} + ${slot.row}] = n; ${time}`
    const isMillis = logicalOf(field) === 'timestamp-millis'
    const widen = node.kind === 'int' ? 'x = n; w0 = n; w1 = n >> 31' : ''
    return `${read}; ${check}; ${time}
      ${widen}; ${isMillis ? MICROS : ''}
      q = ${column.at / 4} + ${slot.row} * 2; i32[q] = w0; i32[q + 1] = w1`
  }

  #text(node: AvroNode, target: Target): string {
    const isUuid = node.kind === 'string' && logicalOf(target.field) === 'uuid'
    // The first uuid of a record is its id.
    const isId = isUuid && target.slot.row === 'row' && !this.#hasId
    if (isId) this.#hasId = true
    return readText(node, target, isId)
  }

  #enum(symbols: readonly string[], { field, column, slot }: Target): string {
    const indexes = symbols.map((symbol) => column.symbols.indexOf(symbol))
    if (indexes.includes(-1)) return this.#refuse()
    const isIdentity = indexes.every((index, i) => index === i)
    const map = isIdentity ? '' : `n = maps[${this.maps.push(Int32Array.from(indexes)) - 1}][n]`
    const isKind = slot.row === 'row' && field.name === this.#presence.kindField
    return `${READ_CHOICE}
      if ((n & 1) !== 0 || n >= ${symbols.length * 2} || n < 0) return false
      n >>>= 1; ${map}
      u8[${column.at} + ${slot.row}] = n; ${isKind ? 'kind = n' : ''}`
  }

  #array(items: AvroNode, { field, column }: Target, bit: number | undefined): string {
    const wanted = optional(field.type).node
    if (items.kind !== 'record' || wanted.kind !== 'array' || wanted.items.kind !== 'record')
      return this.#refuse()
    const c = `c${column.list}`
    const slot = { row: c, bit: `m${column.list}`, byte: `v${column.list}` }
    const read = this.#fields(items, wanted.items, column.children, slot)
    const entry = `${column.at / 4} + row * 4`
    return `const f${column.list} = items[${column.list}]
      let ${c} = f${column.list}
      for (;;) {
        ${READ_LENGTH}
        if (n === 0) break
        let left = (n + 1) >>> 1
        if ((n & 1) !== 0) {
          ${READ_LENGTH}
          if ((n & 1) !== 0 || (n >>> 1) > end - p) return false
        }
        total += left
        if (total > ${ITEMS_MAX}) return false
        while (left-- > 0) {
          if (p > end) return false
          const v${column.list} = ${c} >> 3, m${column.list} = ~(1 << (${c} & 7))
          ${read}
          if (${c} - f${column.list} < ${column.itemsMax}) ${c}++
          else isBroken = true
        }
      }
      q = ${entry}
      i32[q] = f${column.list}; i32[q + 1] = 0; i32[q + 2] = ${c} - f${column.list}; i32[q + 3] = 0
      itemsNext[${column.list}] = ${c}
      ${bit === undefined ? '' : `if (${c} > f${column.list}) present |= ${bit}`}`
  }

  /** Code for a field that the writer does not know. */
  #default(target: Target): string {
    const { field, column, slot } = target
    if (!field.hasDefault) return this.#refuse()
    if (field.default === null) return setNull(target)
    const value = field.default
    const isPresent = slot.row === 'row' && this.#presence.bits.has(field.name)
    if (isPresent && column.type !== 'LIST') return this.#refuse()
    if (column.type === 'LIST' && Array.isArray(value) && value.length === 0)
      return `q = ${column.at / 4} + row * 4
        i32[q] = items[${column.list}]; i32[q + 1] = 0; i32[q + 2] = 0; i32[q + 3] = 0
        itemsNext[${column.list}] = items[${column.list}]`
    const number = typeof value === 'number' ? value : Number.NaN
    if (column.type === 'BIGINT' && number === (number | 0))
      return `q = ${column.at / 4} + ${slot.row} * 2; i32[q] = ${number}; i32[q + 1] = ${number >> 31}`
    if (column.type === 'INTEGER' && number === (number | 0))
      return `i32[${column.at / 4} + ${slot.row}] = ${number}`
    if (column.type === 'BOOLEAN' && typeof value === 'boolean')
      return `u8[${column.at} + ${slot.row}] = ${value ? 1 : 0}`
    return this.#refuse()
  }

  /** Code that moves over a field which the reader does not know. */
  #skip(type: AvroNode): string {
    const { node, isNullable, nullIndex } = optional(type)
    if (isNullable)
      return `${READ_CHOICE}
        if (n === ${(1 - nullIndex) * 2}) { ${this.#skip(node)} }
        else if (n !== ${nullIndex * 2}) return false`
    switch (node.kind) {
      case 'boolean':
        return 'if (B[p++] > 1) return false'
      case 'int':
        return READ_INT
      case 'long':
        return READ_LONG
      case 'string':
        return `${READ_LENGTH}; if ((n & 1) !== 0) return false
          n >>>= 1; if (n > end - p || !utf8(B, p, n)) return false; p += n`
      case 'enum':
        return `${READ_CHOICE}; if ((n & 1) !== 0 || n >= ${node.symbols.length * 2} || n < 0) return false`
      default:
        return this.#refuse()
    }
  }

  #refuse(): string {
    this.#isUnsupported = true
    return ''
  }
}
