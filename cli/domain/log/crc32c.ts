/**
 * CRC-32C (Castagnoli), the checksum of Kafka's record batches; node:zlib has only the other
 * polynomial. Reads eight bytes per round with eight tables ("slicing by 8", Kounavis and Berry
 * 2005).
 */
const POLYNOMIAL = 0x82f63b78
const SLICES = 8

let tables: Int32Array | undefined

/** The checksum of `bytes` from `from` to before `to`, as an unsigned number. */
export function crc32c(bytes: Uint8Array, from = 0, to = bytes.length): number {
  tables ??= makeTables()
  const table = tables
  // Each index is below the length of its array.
  const t = (slice: number, byte: number) => table[slice * 256 + byte] as number
  const b = (at: number) => bytes[at] as number
  let crc = -1
  let at = from
  for (const end = to - SLICES; at <= end; at += SLICES) {
    crc ^= b(at) | (b(at + 1) << 8) | (b(at + 2) << 16) | (b(at + 3) << 24)
    crc =
      t(7, crc & 255) ^
      t(6, (crc >>> 8) & 255) ^
      t(5, (crc >>> 16) & 255) ^
      t(4, crc >>> 24) ^
      t(3, b(at + 4)) ^
      t(2, b(at + 5)) ^
      t(1, b(at + 6)) ^
      t(0, b(at + 7))
  }
  for (; at < to; at++) crc = t(0, (crc ^ b(at)) & 255) ^ (crc >>> 8)
  return ~crc >>> 0
}

function makeTables(): Int32Array {
  const made = new Int32Array(SLICES * 256)
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1
    made[byte] = crc
  }
  for (let slice = 1; slice < SLICES; slice++)
    for (let byte = 0; byte < 256; byte++) {
      const before = made[(slice - 1) * 256 + byte] as number // below the length
      made[slice * 256 + byte] = (made[before & 255] as number) ^ (before >>> 8)
    }
  return made
}
