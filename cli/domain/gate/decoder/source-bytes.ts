/**
 * The bytes that decoders read, and the slow paths that they call: numbers of many bytes and text
 * that is not ASCII. Slow paths return the next position in `nextPosition[0]`, -1 for a fault.
 */
import { isUtf8 } from 'node:buffer'

/** The bytes of records, and the address of DuckDB's copy of them. */
export class SourceBytes {
  bytes: Uint8Array = new Uint8Array(0)
  view = new DataView(this.bytes.buffer)
  /**
   * Address of byte 0 in DuckDB's memory, as low and high word; from position `carryAt` on, the
   * high word is one more.
   */
  low = 0
  high = 0
  carryAt = 0

  #length = 0

  /** Replaces the bytes by a copy of `body`; zeros follow, as words may be read beyond the end. */
  load(body: Uint8Array): void {
    this.#length = 0
    this.add(body)
  }

  /** Appends a copy; returns its position. */
  add(bytes: Uint8Array): number {
    const at = this.#length
    const end = at + bytes.length
    if (this.bytes.length < end + MARGIN) {
      const larger = new Uint8Array(end * 2 + 64 * 1024)
      larger.set(this.bytes.subarray(0, at))
      this.bytes = larger
      this.view = new DataView(larger.buffer)
    }
    this.bytes.set(bytes, at)
    this.bytes.fill(0, end, end + MARGIN)
    this.#length = end
    return at
  }

  /** Sets the address (two words) of DuckDB's copy of the bytes from `at` on. */
  setAddress(low: number, high: number, at = 0): void {
    // The address of position 0.
    const start = (low >>> 0) - at
    this.low = start | 0
    this.high = (start < 0 ? high - 1 : high) | 0
    this.carryAt = Math.min(0x100000000 - (start >>> 0), 0x7fffffff)
  }
}

const MARGIN = 1024

/** Where the last slow path ended; -1 for a fault. An array, so that no object is allocated. */
export const nextPosition = new Int32Array(1)
/** The last long as two's complement in two words, low first. */
export const longWords = new Int32Array(2)

/** A length, count or union branch, still zigzag-encoded; -1 unless it is below 2^31. */
export function readVarintLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? 0
  const second = bytes[at + 1] ?? 0
  if (first > 127 && second < 128) {
    nextPosition[0] = at + 2
    return (first & 127) | (second << 7)
  }
  const value = readVarint64(bytes, at)
  if ((nextPosition[0] ?? -1) < 0) return -1
  const zigzag = value < 0 ? -value * 2 - 1 : value * 2
  return zigzag <= 0x7fffffff ? zigzag : -1
}

/** An int; a fault if it has more than 5 bytes or does not fit 32 bits. */
export function readVarint32(bytes: Uint8Array, at: number): number {
  const value = readVarint64(bytes, at)
  if ((nextPosition[0] ?? -1) - at > 5 || value < -0x80000000 || value > 0x7fffffff)
    nextPosition[0] = -1
  return value
}

/** A long, rounded beyond 2^53; `longWords` has it exactly. */
export function readVarint64(bytes: Uint8Array, at: number): number {
  let low = 0
  let middle = 0
  let high = 0
  for (let i = 0; i < 10; i++) {
    const byte = bytes[at + i] ?? 0
    const part = byte & 127
    if (i < 4) low |= part << (7 * i)
    else if (i < 8) middle |= part << (7 * (i - 4))
    else high |= part << (7 * (i - 8))
    if (byte > 127) continue
    if (i === 9 && byte > 1) break
    nextPosition[0] = at + i + 1
    return unzigzag((low | (middle << 28)) >>> 0, ((middle >>> 4) | (high << 24)) >>> 0)
  }
  nextPosition[0] = -1
  return 0
}

function unzigzag(low: number, high: number): number {
  const sign = -(low & 1)
  longWords[0] = ((low >>> 1) | (high << 31)) ^ sign
  longWords[1] = (high >>> 1) ^ sign
  return longWords[1] * 0x100000000 + (longWords[0] >>> 0)
}

/** Whether the bytes are valid UTF-8. */
export function isUtf8Range(bytes: Uint8Array, at: number, length: number): boolean {
  return isUtf8(bytes.subarray(at, at + length))
}

/** Masks that keep the first n of 12 bytes, as three words each: masks[3 * n + word]. */
export function inlineMasks(): Int32Array {
  const masks = new Int32Array(13 * 3)
  const bytes = new Uint8Array(masks.buffer)
  for (let n = 0; n <= 12; n++) bytes.fill(255, n * 12, n * 12 + n)
  return masks
}
