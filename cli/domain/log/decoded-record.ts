/** Records as commands show them: decoded by the schema that the wire header names. */
import { Buffer } from 'node:buffer'

/** A decoded record: its value, or the problem that kept it from being decoded. */
export interface DecodedRecord {
  readonly schemaId: number | null
  readonly value?: Readonly<Record<string, unknown>>
  readonly problem?: string
}

/**
 * Decodes a record of any schema; a record that can't be decoded has a `problem`, and nothing is
 * thrown.
 */
export type DecodeRecord = (bytes: Uint8Array) => Promise<DecodedRecord>

/** The value in a form that JSON can hold: bytes as base64, bigints as text. */
export function toJsonValue(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (value instanceof Uint8Array)
    return Buffer.from(value.buffer, value.byteOffset, value.length).toString('base64')
  if (Array.isArray(value)) return value.map(toJsonValue)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, toJsonValue(one)]))
}
