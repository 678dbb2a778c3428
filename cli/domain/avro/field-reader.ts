/**
 * Reads chosen fields of Avro records as values that JSON can carry and that DuckDB casts without
 * loss: times and dates in ISO 8601, decimals in digits, whole numbers beyond 2^53 as text. Fields
 * that nobody wants are skipped. For topics that an engine writes, millions of records long.
 */
import type { Buffer } from 'node:buffer'
import {
  type AvroNode,
  isPrimitive,
  type PrimitiveNode,
  type RecordNode,
  unwrapOptional,
} from './schema.ts'

/**
 * The wanted fields of the record at `from`, in the order wanted; null for one that the schema
 * lacks. Throws an Error that says what is wrong, unless the record ends with the bytes.
 */
export type FieldReader = (bytes: Buffer, from: number) => readonly unknown[]

interface Cursor {
  readonly bytes: Buffer
  at: number
}

type Read = (cursor: Cursor) => unknown
type Skip = (cursor: Cursor) => void

/** Compiles the reader of a record's fields, by name. */
export function compileFieldReader(record: RecordNode, names: readonly string[]): FieldReader {
  const steps = record.fields.map(({ name, type }) => {
    const index = names.indexOf(name)
    return { index, read: index < 0 ? compileSkip(type) : compileRead(type) }
  })
  return (bytes, from) => {
    const cursor = { bytes, at: from }
    const values: unknown[] = names.map(() => null)
    for (const { index, read } of steps) {
      const value = read(cursor)
      if (index >= 0) values[index] = value
    }
    if (cursor.at !== bytes.length)
      throw new Error(`${bytes.length - cursor.at} bytes are left over after the last field`)
    return values
  }
}

function compileRead(node: AvroNode): Read {
  if (isPrimitive(node)) return compilePrimitive(node)
  switch (node.kind) {
    case 'enum':
      return (c) => choose(node.symbols, readCount(c))
    case 'fixed':
      return (c) => formatBytes(take(c, node.size))
    case 'array': {
      const item = compileRead(node.items)
      return (c) => {
        const items: unknown[] = []
        readBlocks(c, () => items.push(item(c)))
        return items
      }
    }
    case 'map': {
      const value = compileRead(node.values)
      return (c) => {
        const entries: [string, unknown][] = []
        readBlocks(c, () => entries.push([readText(c), value(c)]))
        return Object.fromEntries(entries)
      }
    }
    case 'union': {
      const branches = node.branches.map(compileRead)
      const { isNullable, nullIndex } = unwrapOptional(node)
      const [first = readNull, second = readNull] = branches
      if (!isNullable) return (c) => choose(branches, readCount(c))(c)
      const other = nullIndex === 0 ? second : first
      return (c) => (choose(NULL_OR_OTHER, readCount(c)) === nullIndex ? null : other(c))
    }
    case 'record': {
      const fields = node.fields.map(({ name, type }) => [name, compileRead(type)] as const)
      return (c) => Object.fromEntries(fields.map(([name, read]) => [name, read(c)]))
    }
  }
}

const NULL_OR_OTHER = [0, 1]
const readNull: Read = () => null

function compilePrimitive({ kind, logical, scale = 0 }: PrimitiveNode): Read {
  switch (kind) {
    case 'null':
      return readNull
    case 'boolean':
      return (c) => choose(FALSE_OR_TRUE, take(c, 1)[0] ?? 2)
    case 'int':
    case 'long':
      if (logical === 'date') return (c) => formatTime(Number(readLong(c)) * DAY_MS).slice(0, -13)
      if (logical?.endsWith('timestamp-millis')) return (c) => formatTime(Number(readLong(c)))
      if (logical?.endsWith('timestamp-micros')) return (c) => formatMicros(BigInt(readLong(c)))
      return (c) => {
        const value = readLong(c)
        return typeof value === 'number' ? value : String(value)
      }
    case 'float':
      return (c) => toJsonNumber(take(c, 4).readFloatLE())
    case 'double':
      return (c) => toJsonNumber(take(c, 8).readDoubleLE())
    case 'bytes':
      if (logical === 'decimal') return (c) => formatDecimal(take(c, readCount(c)), scale)
      return (c) => formatBytes(take(c, readCount(c)))
    case 'string':
      return readText
  }
}

const FALSE_OR_TRUE = [false, true]
const DAY_MS = 86_400_000

function compileSkip(node: AvroNode): Skip {
  switch (node.kind) {
    case 'null':
      return () => undefined
    case 'boolean':
      return (c) => skip(c, 1)
    case 'int':
    case 'long':
    case 'enum':
      return skipLong
    case 'float':
      return (c) => skip(c, 4)
    case 'double':
      return (c) => skip(c, 8)
    case 'bytes':
    case 'string':
      return (c) => skip(c, readCount(c))
    case 'fixed':
      return (c) => skip(c, node.size)
    case 'array': {
      const item = compileSkip(node.items)
      return (c) => readBlocks(c, () => item(c))
    }
    case 'map': {
      const value = compileSkip(node.values)
      return (c) =>
        readBlocks(c, () => {
          skip(c, readCount(c))
          value(c)
        })
    }
    case 'union': {
      const branches = node.branches.map(compileSkip)
      return (c) => choose(branches, readCount(c))(c)
    }
    case 'record': {
      const fields = node.fields.map(({ type }) => compileSkip(type))
      return (c) => {
        for (const field of fields) field(c)
      }
    }
  }
}

function readBlocks(cursor: Cursor, entry: () => void): void {
  for (;;) {
    let left = Number(readLong(cursor))
    if (left === 0) return
    if (left < 0) {
      readCount(cursor) // the block's length in bytes
      left = -left
    }
    for (; left > 0; left--) entry()
  }
}

function skip(cursor: Cursor, length: number): void {
  if (length > cursor.bytes.length - cursor.at) throw new Error('the record ends within a field')
  cursor.at += length
}

function take(cursor: Cursor, length: number): Buffer {
  skip(cursor, length)
  return cursor.bytes.subarray(cursor.at - length, cursor.at)
}

function readText(cursor: Cursor): string {
  const length = readCount(cursor)
  skip(cursor, length)
  return cursor.bytes.toString('utf8', cursor.at - length, cursor.at)
}

function choose<T>(choices: readonly T[], index: number): T {
  const choice = choices[index]
  if (choice === undefined) throw new Error(`there is no branch ${index} of ${choices.length}`)
  return choice
}

function readCount(cursor: Cursor): number {
  const count = Number(readLong(cursor))
  if (count < 0) throw new Error(`a length is ${count}`)
  return count
}

function skipLong(cursor: Cursor): void {
  while ((readByte(cursor) & 128) !== 0);
}

function readByte(cursor: Cursor): number {
  const byte = cursor.bytes[cursor.at++]
  if (byte === undefined) throw new Error('the record ends within a field')
  return byte
}

/** Bits of a varint that numbers hold exactly. */
const EXACT_BITS = 49

/** A zigzag varint: a number as far as it is exact, else a bigint. */
function readLong(cursor: Cursor): number | bigint {
  const start = cursor.at
  let value = 0
  let factor = 1
  for (let bits = 7; bits <= EXACT_BITS; bits += 7) {
    const byte = readByte(cursor)
    value += (byte & 127) * factor
    if (byte < 128) return value % 2 === 0 ? value / 2 : -(value + 1) / 2
    factor *= 128
  }
  cursor.at = start
  return readLargeLong(cursor)
}

function readLargeLong(cursor: Cursor): number | bigint {
  let value = 0n
  for (let shift = 0n; shift < 70n; shift += 7n) {
    const byte = readByte(cursor)
    value |= BigInt(byte & 127) << shift
    if (byte >= 128) continue
    const signed = BigInt.asIntN(64, (value >> 1n) ^ -(value & 1n))
    const number = Number(signed)
    return Number.isSafeInteger(number) ? number : signed
  }
  throw new Error('a number is longer than 64 bits')
}

/** Without a zone: times are UTC. */
function formatTime(ms: number): string {
  return new Date(ms).toISOString().slice(0, -1).replace(/^\+0*/, '')
}

function formatMicros(micros: bigint): string {
  const rest = ((micros % 1000n) + 1000n) % 1000n
  return formatTime(Number((micros - rest) / 1000n)) + String(rest).padStart(3, '0')
}

function formatDecimal(bytes: Buffer, scale: number): string {
  const hex = bytes.toString('hex')
  const unscaled = hex === '' ? 0n : BigInt.asIntN(hex.length * 4, BigInt(`0x${hex}`))
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, '0')
  const fraction = scale === 0 ? '' : `.${digits.slice(-scale)}`
  return `${unscaled < 0n ? '-' : ''}${digits.slice(0, digits.length - scale)}${fraction}`
}

/** As DuckDB writes a BLOB. */
function formatBytes(bytes: Buffer): string {
  return bytes.toString('hex').replace(/../g, '\\x$&')
}

/** JSON has no word for these; DuckDB casts their names. */
function toJsonNumber(value: number): number | string {
  return Number.isFinite(value) ? value : String(value)
}
