/**
 * Decodes records with the wire header into objects: for topics that ccs itself writes, and for
 * printing. Strict (see inspector.ts), and not meant for the hot path.
 */
import { Buffer } from 'node:buffer'
import { readSchemaId, WIRE_HEADER_BYTES } from '../log/wire-header.ts'
import { compileInspector } from './inspector.ts'
import { compileObjectReader } from './object-reader.ts'
import { parseRecordSchema } from './schema.ts'

/**
 * undefined for bytes that are not a record of the schema. Longs are numbers, or bigints beyond
 * 2^53.
 */
export type RecordDecoder<T> = (bytes: Uint8Array) => T | undefined

/**
 * The decoder of records with schema `schema` (JSON text) and id `id`; records with other ids give
 * undefined. The objects have the fields of `reader`, a newer version, if one is given.
 */
export function compileRecordDecoder<T extends object>(
  schema: string,
  id: number,
  reader = schema,
): RecordDecoder<T> {
  const inspect = compileInspector(parseRecordSchema(schema))
  const read = compileObjectReader(schema, reader)
  return (bytes) => {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    if (readSchemaId(buffer) !== id) return undefined
    if (inspect(buffer, WIRE_HEADER_BYTES) !== undefined) return undefined
    // The schema is what T was generated from.
    return convertSafeLongs(read(buffer.subarray(WIRE_HEADER_BYTES))) as T
  }
}

/** The value with its bigints as numbers, as far as they are exact. */
export function convertSafeLongs(value: unknown): unknown {
  if (typeof value === 'bigint') {
    const number = Number(value)
    return Number.isSafeInteger(number) ? number : value
  }
  if (Array.isArray(value)) return value.map(convertSafeLongs)
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, convertSafeLongs(one)]))
}
