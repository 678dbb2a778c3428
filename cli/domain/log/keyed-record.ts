/**
 * A record with a key in a log whose records have none: a byte that no other record begins with, the length of
 * the key, the key, and the value; no value for a tombstone.
 */
import { Buffer } from 'node:buffer'

/** A record of a copy; `value` null: the row is gone. */
export interface KeyedRecord {
  readonly key: Uint8Array
  readonly value: Uint8Array | null
}

/** Rows in Confluent's framing begin with 0. */
const KEYED = 0x4b
const HEAD_BYTES = 5

export function encodeKeyedRecord({ key, value }: KeyedRecord): Uint8Array {
  const head = Buffer.alloc(HEAD_BYTES)
  head[0] = KEYED
  head.writeUInt32LE(key.length, 1)
  return Buffer.concat(value ? [head, key, value] : [head, key])
}

/** undefined for bytes that are no record with a key. */
export function decodeKeyedRecord(bytes: Uint8Array): KeyedRecord | undefined {
  if (bytes.length < HEAD_BYTES || bytes[0] !== KEYED) return undefined
  const length = Buffer.from(bytes.buffer, bytes.byteOffset, HEAD_BYTES).readUInt32LE(1)
  const end = HEAD_BYTES + length
  if (end > bytes.length) return undefined
  const value = bytes.subarray(end)
  return { key: bytes.subarray(HEAD_BYTES, end), value: value.length > 0 ? value : null }
}
