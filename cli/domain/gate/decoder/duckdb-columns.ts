/**
 * Rows as columns in DuckDB's memory layout, all in one ArrayBuffer: the compiled decoder writes
 * them, and they are copied into DuckDB's vectors as they are. Text is `duckdb_string_t` of
 * DuckDB's C API: u32 length, then up to 12 bytes inline, or the first 4 bytes and a u64 address.
 */

import { ITEMS_MAX } from '../../avro/inspector.ts'
import { type AvroNode, type EnumNode, type RecordNode, unwrapOptional } from '../../avro/schema.ts'
import { CcsError } from '../../kernel/errors.ts'

/** Types that a column of events can have, by DuckDB's names. */
export type ColumnType =
  | 'VARCHAR'
  | 'BLOB'
  | 'BOOLEAN'
  | 'INTEGER'
  | 'DATE'
  | 'BIGINT'
  | 'TIMESTAMP'
  | 'FLOAT'
  | 'DOUBLE'
  | 'ENUM'
  | 'LIST'

/** Where the values of a column are in the buffer. */
export interface Column {
  readonly name: string
  readonly type: ColumnType
  readonly isNullable: boolean
  /** Bytes of a value; a list value is the u64 offset and u64 length of its items. */
  readonly width: number
  /** Byte position of the values; a multiple of 16. */
  readonly at: number
  /** Byte position of the validity bits (1: not null); -1 if the column is never null. */
  readonly validAt: number
  /** ENUM only. */
  readonly symbols: readonly string[]
  /** LIST only: the fields of its structs, and its index in `ColumnBuffers.lists`. */
  readonly children: readonly Column[]
  readonly list: number
  /** LIST only: the most items that one row may have. */
  readonly itemsMax: number
}

const WIDTHS: Record<ColumnType, number> = {
  VARCHAR: 16,
  BLOB: 16,
  BOOLEAN: 1,
  INTEGER: 4,
  DATE: 4,
  BIGINT: 8,
  TIMESTAMP: 8,
  FLOAT: 4,
  DOUBLE: 8,
  ENUM: 1,
  LIST: 16,
}

/** Columns of every row beside the event's fields, in this order after them. */
export const SOURCE_COLUMNS: readonly { readonly name: string; readonly type: ColumnType }[] = [
  { name: 'topic', type: 'VARCHAR' },
  { name: 'partition', type: 'INTEGER' },
  { name: 'offset', type: 'BIGINT' },
  { name: 'ingest_time', type: 'TIMESTAMP' },
  { name: 'late_ms', type: 'BIGINT' },
  { name: 'seq', type: 'BIGINT' },
  { name: 'fresh', type: 'BOOLEAN' },
]

/** Buffers for up to `rowsMax` rows. */
export class ColumnBuffers {
  readonly rowsMax: number
  /** The event's fields, then SOURCE_COLUMNS. */
  readonly columns: readonly Column[]
  readonly lists: readonly Column[]
  readonly buffer: ArrayBuffer
  readonly u8: Uint8Array
  readonly i32: Int32Array
  readonly f32: Float32Array
  readonly f64: Float64Array
  /** By list: items of the accepted rows, and items including the row being written. */
  readonly items: Int32Array
  readonly itemsNext: Int32Array
  /** By list: how many items fit; one more slot may hold garbage. */
  readonly capacities: readonly number[]

  constructor(record: RecordNode, rowsMax: number) {
    const plan = new BufferPlan(rowsMax)
    this.rowsMax = rowsMax
    this.columns = [
      ...record.fields.map((field) => plan.field(field.name, field.type, field.rules.maxItems)),
      ...SOURCE_COLUMNS.map(({ name, type }) => plan.column(name, type, false)),
    ]
    this.lists = this.columns.filter((column) => column.type === 'LIST')
    this.capacities = plan.capacities
    this.buffer = new ArrayBuffer(plan.bytes)
    this.u8 = new Uint8Array(this.buffer)
    this.i32 = new Int32Array(this.buffer)
    this.f32 = new Float32Array(this.buffer)
    this.f64 = new Float64Array(this.buffer)
    this.items = new Int32Array(this.lists.length)
    this.itemsNext = new Int32Array(this.lists.length)
    this.clear()
  }

  column(name: string): Column {
    const column = this.columns.find((one) => one.name === name)
    if (column === undefined)
      throw new CcsError('CCS_SCHEMA_INVALID', `There is no column ${name}.`)
    return column
  }

  /** Keeps the list items of the row just written. */
  acceptRow(): void {
    this.items.set(this.itemsNext)
  }

  /** Whether another row can be written. */
  hasRoom(rows: number): boolean {
    if (rows >= this.rowsMax) return false
    for (let i = 0; i < this.lists.length; i++) {
      const list = this.lists[i]
      if (list && (this.items[i] ?? 0) + list.itemsMax > (this.capacities[i] ?? 0)) return false
    }
    return true
  }

  /** Discards the row just written: its nulls become valid again. */
  discardRow(row: number): void {
    for (const column of this.columns) {
      if (column.validAt >= 0) setBit(this.u8, column.validAt, row)
      const from = this.items[column.list] ?? 0
      for (const child of column.children)
        if (child.validAt >= 0) setBits(this.u8, child.validAt, from, from + column.itemsMax + 1)
    }
  }

  /** Empties all columns. */
  clear(): void {
    this.items.fill(0)
    this.itemsNext.fill(0)
    for (const column of this.columns) {
      if (column.validAt >= 0) fillBits(this.u8, column.validAt, this.rowsMax)
      const capacity = (this.capacities[column.list] ?? 0) + 1
      for (const child of column.children)
        if (child.validAt >= 0) fillBits(this.u8, child.validAt, capacity)
    }
  }

  /** Whether any of the first `rows` values is null. */
  hasNulls(column: Column, rows: number): boolean {
    if (column.validAt < 0) return false
    const end = column.validAt + ((rows + 7) >> 3)
    for (let at = column.validAt; at < end; at++) if (this.u8[at] !== 255) return true
    return false
  }
}

/** Bytes of the validity bits, which DuckDB keeps in 64-bit words. */
export function validityBytes(rows: number): number {
  return Math.ceil(rows / 64) * 8
}

function setBit(bytes: Uint8Array, at: number, bit: number): void {
  const byte = at + (bit >> 3)
  bytes[byte] = (bytes[byte] ?? 0) | (1 << (bit & 7))
}

function setBits(bytes: Uint8Array, at: number, from: number, to: number): void {
  let bit = from
  while (bit < to && (bit & 7) !== 0) setBit(bytes, at, bit++)
  // All bits after the current row are 1 anyway, so whole bytes can be set.
  if (bit < to) bytes.fill(255, at + (bit >> 3), at + ((to + 7) >> 3))
}

function fillBits(bytes: Uint8Array, at: number, rows: number): void {
  bytes.fill(255, at, at + validityBytes(rows))
}

/** Allocates space in the buffer. */
class BufferPlan {
  bytes = 0
  readonly capacities: number[] = []
  readonly #rowsMax: number

  constructor(rowsMax: number) {
    this.#rowsMax = rowsMax
  }

  field(name: string, type: AvroNode, maxItems: number | undefined): Column {
    const { node, isNullable } = unwrapOptional(type)
    if (node.kind !== 'array') return this.column(name, columnType(name, node), isNullable, node)
    const { node: item } = unwrapOptional(node.items)
    if (item.kind !== 'record' || isNullable || item !== node.items)
      throw unsupported(name, 'an array of anything but records, or one that may be null')
    const itemsMax = Math.min(maxItems ?? ITEMS_MAX, ITEMS_MAX)
    const capacity = this.#rowsMax * 2 + itemsMax
    const list = this.capacities.push(capacity) - 1
    const children = item.fields.map((field) => {
      const { node: inner, isNullable: canBeNull } = unwrapOptional(field.type)
      return this.#place(`${name}.${field.name}`, inner, canBeNull, capacity + 1)
    })
    return { ...this.column(name, 'LIST', false), children, list, itemsMax }
  }

  column(name: string, type: ColumnType, isNullable: boolean, node?: AvroNode): Column {
    return this.#make(name, type, isNullable, this.#rowsMax, node)
  }

  #place(path: string, node: AvroNode, isNullable: boolean, rows: number): Column {
    if (node.kind === 'array') throw unsupported(path, 'an array within an array')
    const name = path.slice(path.indexOf('.') + 1)
    return this.#make(name, columnType(path, node), isNullable, rows, node)
  }

  #make(
    name: string,
    type: ColumnType,
    isNullable: boolean,
    rows: number,
    node?: AvroNode,
  ): Column {
    const width = WIDTHS[type]
    const at = this.#take(rows * width)
    const validAt = isNullable ? this.#take(validityBytes(rows)) : -1
    const symbols = node?.kind === 'enum' ? node.symbols : []
    return {
      name,
      type,
      isNullable,
      width,
      at,
      validAt,
      symbols,
      children: [],
      list: -1,
      itemsMax: 0,
    }
  }

  #take(bytes: number): number {
    const at = this.bytes
    this.bytes += Math.ceil(bytes / 16) * 16
    return at
  }
}

function columnType(path: string, node: AvroNode): ColumnType {
  switch (node.kind) {
    case 'string':
      return 'VARCHAR'
    case 'bytes':
      return 'BLOB'
    case 'boolean':
      return 'BOOLEAN'
    case 'int':
      return node.logical === 'date' ? 'DATE' : 'INTEGER'
    case 'long':
      return node.logical?.startsWith('timestamp-') ? 'TIMESTAMP' : 'BIGINT'
    case 'float':
      return 'FLOAT'
    case 'double':
      return 'DOUBLE'
    case 'enum':
      return enumColumn(path, node)
    default:
      throw unsupported(path, `a ${node.kind}`)
  }
}

function enumColumn(path: string, node: EnumNode): ColumnType {
  if (node.symbols.length > 255) throw unsupported(path, 'an enum of more than 255 symbols')
  return 'ENUM'
}

function unsupported(path: string, what: string): CcsError {
  return new CcsError('CCS_SCHEMA_INVALID', `Field ${path} is ${what}, which events cannot have.`, {
    hint: 'Use text, numbers, booleans, times, enums, nullable or not, and arrays of such records.',
  })
}
