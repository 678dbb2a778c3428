/**
 * Confluent's wire header, which opens each record: a zero byte, then the schema's id. Avro
 * follows.
 */
import { Buffer } from 'node:buffer'

/** The zero byte and the id, u32 big-endian. */
export const WIRE_HEADER_BYTES = 5

/** Id of the schema that the record was written with; null for bytes without a whole header. */
export function readSchemaId(bytes: Uint8Array): number | null {
  if (bytes.length < WIRE_HEADER_BYTES || bytes[0] !== 0) return null
  return Buffer.from(bytes.buffer, bytes.byteOffset, WIRE_HEADER_BYTES).readInt32BE(1)
}

/** Writes the header at `at` and returns the position after it. */
export function writeWireHeader(target: Uint8Array, at: number, schemaId: number): number {
  target[at] = 0
  target[at + 1] = schemaId >>> 24
  target[at + 2] = schemaId >>> 16
  target[at + 3] = schemaId >>> 8
  target[at + 4] = schemaId
  return at + WIRE_HEADER_BYTES
}
