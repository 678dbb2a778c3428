/**
 * Decodes broken Avro as far as possible: the fields before the fault, and where the fault is. Only
 * for people who look at a reject; records are processed by the strict decoders alone.
 */
import { Buffer } from 'node:buffer'
import { compileInspector } from './inspector.ts'
import { type AvroNode, parseRecordSchema, type RecordNode } from './schema.ts'
import type { RegisteredSchema } from './schema-registry.ts'

/** The whole fields of a broken record, and its first fault. */
export interface PartialRecord {
  /** The top-level fields before the fault, in the schema's order. */
  readonly value: Readonly<Record<string, unknown>>
  /** The field with the fault; null if all fields are whole and bytes are left over. */
  readonly field: string | null
  /** Position at which that field or the leftover begins, counted from the record's first byte. */
  readonly stopsAt: number
  /** A sentence with the exact byte. */
  readonly fault: string
}

/**
 * Decodes from position `from`. undefined if not even one field is whole, or if the record has no
 * fault.
 */
export function decodePartially(
  { schema, subject }: RegisteredSchema,
  bytes: Uint8Array,
  from: number,
): PartialRecord | undefined {
  const record = parseRecordSchema(schema, subject)
  const fault = compileInspector(record)(bytes, from)
  if (fault === undefined) return undefined
  const cursor = { bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), at: from }
  const value: Record<string, unknown> = {}
  for (const { name, type } of record.fields) {
    const start = cursor.at
    try {
      value[name] = readValue(type, cursor, 0)
    } catch (error) {
      if (!(error instanceof DecodeStop)) throw error
      if (Object.keys(value).length === 0) return undefined
      return { value, field: name, stopsAt: start, fault: `${fault}.` }
    }
  }
  return { value, field: null, stopsAt: cursor.at, fault: `${fault}.` }
}

/** Thrown where the bytes end or are not a value of the type. */
class DecodeStop extends Error {}

interface Cursor {
  readonly bytes: Buffer
  at: number
}

const DEPTH_MAX = 64
/** Most entries of a list: a larger count is a fault, whatever bytes follow. */
const ENTRIES_MAX = 5_000

function readValue(node: AvroNode, cursor: Cursor, depth: number): unknown {
  if (depth > DEPTH_MAX) throw new DecodeStop()
  switch (node.kind) {
    case 'null':
      return null
    case 'boolean': {
      const byte = take(cursor, 1)[0] ?? 2
      if (byte > 1) throw new DecodeStop()
      return byte === 1
    }
    case 'int':
    case 'long':
      return readLong(cursor)
    case 'float':
      return take(cursor, 4).readFloatLE()
    case 'double':
      return take(cursor, 8).readDoubleLE()
    case 'fixed':
      return take(cursor, node.size)
    case 'bytes':
      return take(cursor, readLength(cursor))
    case 'string':
      return readText(cursor)
    case 'enum':
      return readChoice(node.symbols, cursor)
    case 'union':
      return readValue(readChoice(node.branches, cursor), cursor, depth + 1)
    case 'array':
      return readBlocks(cursor, () => readValue(node.items, cursor, depth + 1))
    case 'map': {
      const entry = () => [readText(cursor), readValue(node.values, cursor, depth + 1)]
      return Object.fromEntries(readBlocks(cursor, entry))
    }
    case 'record':
      return readRecord(node, cursor, depth)
  }
}

function readRecord(node: RecordNode, cursor: Cursor, depth: number): unknown {
  return Object.fromEntries(
    node.fields.map(({ name, type }) => [name, readValue(type, cursor, depth + 1)]),
  )
}

function readBlocks<T>(cursor: Cursor, entry: () => T): T[] {
  const entries: T[] = []
  for (;;) {
    let left = Number(readLong(cursor))
    if (left === 0) return entries
    if (left < 0) {
      readLength(cursor)
      left = -left
    }
    if (entries.length + left > ENTRIES_MAX) throw new DecodeStop()
    for (; left > 0; left--) entries.push(entry())
  }
}

function take(cursor: Cursor, length: number): Buffer {
  if (length > cursor.bytes.length - cursor.at) throw new DecodeStop()
  cursor.at += length
  return cursor.bytes.subarray(cursor.at - length, cursor.at)
}

function readText(cursor: Cursor): string {
  const bytes = take(cursor, readLength(cursor))
  const text = bytes.toString('utf8')
  if (!Buffer.from(text).equals(bytes)) throw new DecodeStop()
  return text
}

function readChoice<T>(choices: readonly T[], cursor: Cursor): T {
  const choice = choices[Number(readLong(cursor))]
  if (choice === undefined) throw new DecodeStop()
  return choice
}

function readLength(cursor: Cursor): number {
  const length = Number(readLong(cursor))
  if (length < 0) throw new DecodeStop()
  return length
}

/** A zigzag varint: a number as far as it is exact, else a bigint. */
function readLong(cursor: Cursor): number | bigint {
  let value = 0n
  for (let shift = 0n; shift < 70n; shift += 7n) {
    const byte = BigInt(take(cursor, 1)[0] ?? 0)
    value |= (byte & 127n) << shift
    if (byte >= 128n) continue
    const signed = BigInt.asIntN(64, (value >> 1n) ^ -(value & 1n))
    const number = Number(signed)
    return Number.isSafeInteger(number) ? number : signed
  }
  throw new DecodeStop()
}
