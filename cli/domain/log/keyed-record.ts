/**
 * Records with keys in the local log, which keeps values only: a marker byte that no other record
 * begins with, the key's length (u32 little-endian), the key, the value. A tombstone has no value.
 */
import { Buffer } from 'node:buffer'

/** A keyed record of a published model; `value` null is a tombstone: the row was deleted. */
export interface KeyedRecord {
  readonly key: Uint8Array
  readonly value: Uint8Array | null
}

/** Records with the wire header begin with 0. */
const KEYED = 0x4b
const HEAD_BYTES = 5

/** The record as one value of the log. */
export function encodeKeyedRecord({ key, value }: KeyedRecord): Uint8Array {
  const head = Buffer.alloc(HEAD_BYTES)
  head[0] = KEYED
  head.writeUInt32LE(key.length, 1)
  return Buffer.concat(value ? [head, key, value] : [head, key])
}

/** Views of the record's key and value; undefined for bytes that are not a keyed record. */
export function decodeKeyedRecord(bytes: Uint8Array): KeyedRecord | undefined {
  if (bytes.length < HEAD_BYTES || bytes[0] !== KEYED) return undefined
  const length = Buffer.from(bytes.buffer, bytes.byteOffset, HEAD_BYTES).readUInt32LE(1)
  const end = HEAD_BYTES + length
  if (end > bytes.length) return undefined
  const value = bytes.subarray(end)
  return { key: bytes.subarray(HEAD_BYTES, end), value: value.length > 0 ? value : null }
}
