/**
 * Reads a Confluent-framed record into an object, for topics that we write ourselves and for printing:
 * strict, within the budgets of avro-walk.ts, and in no hurry.
 */
import { Buffer } from 'node:buffer'
import { readSchemaId, WIRE_HEADER_BYTES } from '../log/wire-header.ts'
import { compileInspector } from './inspector.ts'
import { compileObjectReader } from './object-reader.ts'
import { parseRecordSchema } from './schema.ts'

/** undefined for bytes that are no record of this schema and id. Longs are numbers while they are safe, else bigint. */
export type RecordDecoder<T> = (bytes: Uint8Array) => T | undefined

export function compileRecordDecoder<T extends object>(
  schema: string,
  id: number,
): RecordDecoder<T> {
  const inspect = compileInspector(parseRecordSchema(schema))
  const read = compileObjectReader(schema, schema)
  return (bytes) => {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    if (readSchemaId(buffer) !== id) return undefined
    if (inspect(buffer, WIRE_HEADER_BYTES) !== undefined) return undefined
    // The schema is what T was generated from.
    return convertSafeLongs(read(buffer.subarray(WIRE_HEADER_BYTES))) as T
  }
}

/** The value with safe longs as numbers. */
export function convertSafeLongs(value: unknown): unknown {
  if (typeof value === 'bigint') {
    const number = Number(value)
    return Number.isSafeInteger(number) ? number : value
  }
  if (Array.isArray(value)) return value.map(convertSafeLongs)
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, convertSafeLongs(one)]))
}
