/** A record of a topic as people and JSON see it: decoded by the schema that its wire header names. */
import { Buffer } from 'node:buffer'

export interface DecodedRecord {
  readonly schemaId: number | null
  readonly value?: Readonly<Record<string, unknown>>
  readonly problem?: string
}

/** Decodes a record by the schema its id names. */
export type DecodeRecord = (bytes: Uint8Array) => Promise<DecodedRecord>

/** A value as JSON can carry it: bytes as base64, whole numbers beyond 2^53 as text. */
export function toJsonValue(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (value instanceof Uint8Array)
    return Buffer.from(value.buffer, value.byteOffset, value.length).toString('base64')
  if (Array.isArray(value)) return value.map(toJsonValue)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, toJsonValue(one)]))
}
