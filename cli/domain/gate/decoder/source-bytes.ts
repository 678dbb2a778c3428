/**
 * What decoders read from, and what they call where their straight path ends: numbers of many bytes, text
 * that is not ASCII. Positions are handed back in `ends[0]`, -1 for a fault.
 */
import { isUtf8 } from 'node:buffer'

/** The bytes that records are read from, and where DuckDB has its own copy of them. */
export class SourceBytes {
  bytes: Uint8Array = new Uint8Array(0)
  view = new DataView(this.bytes.buffer)
  /** Address of byte 0 in DuckDB's memory: low and high word; from position `cut` on the high word is one more. */
  low = 0
  high = 0
  carryAt = 0

  #length = 0

  /** Takes a copy, with a margin so that words may be read beyond the end. */
  load(body: Uint8Array): void {
    this.#length = 0
    this.add(body)
  }

  /** Takes a copy behind what is there; returns its position. */
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

  /** Says where DuckDB's copy of the bytes from `at` on lies, as two words. */
  setAddress(low: number, high: number, at = 0): void {
    // The address that position 0 would have.
    const start = (low >>> 0) - at
    this.low = start | 0
    this.high = (start < 0 ? high - 1 : high) | 0
    this.carryAt = Math.min(0x100000000 - (start >>> 0), 0x7fffffff)
  }
}

const MARGIN = 1024

export const nextPosition = new Int32Array(1)
/** The last long as two words, low first, sign included. */
export const longWords = new Int32Array(2)

/** A length, count or choice, still in zigzag: below 2^31, else -1. */
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

export function readVarint32(bytes: Uint8Array, at: number): number {
  const value = readVarint64(bytes, at)
  if ((nextPosition[0] ?? -1) - at > 5 || value < -0x80000000 || value > 0x7fffffff)
    nextPosition[0] = -1
  return value
}

/** A long, rounded beyond 2^53; exactly in `words`. */
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
