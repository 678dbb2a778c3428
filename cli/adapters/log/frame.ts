/**
 * A frame: records that were appended and made durable together. A header of 32 bytes, all numbers
 * little-endian, then the body as in a RecordBatch:
 * magic u32 · crc32 u32 · body bytes u32 · count u32 · base offset u64 · append time u64 (ms since
 * 1970). The CRC covers everything after it, so with the magic any flipped bit is detected.
 *
 * A lost frame has another magic and no body: it stands for `count` records that `ccs log repair`
 * could not bring back, so that readers go on behind them; its append time is that of the repair.
 * An erased frame is the same for records that `ccs erase` removed.
 */
import { crc32 } from 'node:zlib'

/** Length of a frame's header. */
export const HEADER_BYTES = 32
/** Larger bodies are rejected when written; a header that claims one is damaged. */
export const BODY_BYTES_MAX = 64 * 1024 * 1024

const MAGIC = 0x31_73_63_63 // 'ccs1' on the disk
const LOST_MAGIC = 0x58_73_63_63 // 'ccsX' on the disk
const ERASED_MAGIC = 0x45_73_63_63 // 'ccsE' on the disk
const MAGIC_BYTES = Buffer.from('ccs', 'latin1')
/** More lost records take several frames. */
export const LOST_COUNT_MAX = 0xffff_ffff
const CRC_FROM = 8
const TWO_POW_32 = 0x1_0000_0000

/** A frame's header; `appendMs` is ms since 1970. */
export interface FrameHeader {
  readonly bodyBytes: number
  readonly count: number
  readonly baseOffset: number
  readonly appendMs: number
  /** Its records are lost, or were erased. */
  readonly isLost: boolean
  readonly isErased: boolean
}

/** The header of a frame with this body. */
export function encodeHeader(
  frame: Pick<FrameHeader, 'count' | 'baseOffset' | 'appendMs'> &
    Partial<Pick<FrameHeader, 'isLost' | 'isErased'>>,
  body: Uint8Array,
): Buffer {
  const header = Buffer.allocUnsafe(HEADER_BYTES)
  const lostMagic = frame.isErased ? ERASED_MAGIC : LOST_MAGIC
  header.writeUInt32LE(frame.isLost ? lostMagic : MAGIC, 0)
  header.writeUInt32LE(body.length, 8)
  header.writeUInt32LE(frame.count, 12)
  writeUInt64(header, frame.baseOffset, 16)
  writeUInt64(header, frame.appendMs, 24)
  header.writeUInt32LE(crc32(body, crc32(header.subarray(CRC_FROM))), 4)
  return header
}

/** The header at `at`, where `buffer` has HEADER_BYTES; undefined if it isn't one. */
export function decodeHeader(buffer: Buffer, at: number): FrameHeader | undefined {
  const magic = buffer.readUInt32LE(at)
  const isErased = magic === ERASED_MAGIC
  const isLost = magic === LOST_MAGIC || isErased
  if (magic !== MAGIC && !isLost) return undefined
  const bodyBytes = buffer.readUInt32LE(at + 8)
  const count = buffer.readUInt32LE(at + 12)
  const baseOffset = readUInt64(buffer, at + 16)
  const appendMs = readUInt64(buffer, at + 24)
  if (count === 0 || bodyBytes > BODY_BYTES_MAX) return undefined
  // Each record takes at least its four bytes of length.
  if (isLost ? bodyBytes > 0 : count * 4 > bodyBytes) return undefined
  if (!Number.isSafeInteger(baseOffset + count) || !Number.isSafeInteger(appendMs)) return undefined
  return { bodyBytes, count, baseOffset, appendMs, isLost, isErased }
}

/** Whether a frame begins at `at`, by its magic alone. */
export function isFrameMagic(buffer: Buffer, at: number): boolean {
  return [MAGIC, LOST_MAGIC, ERASED_MAGIC].includes(buffer.readUInt32LE(at))
}

/** Whether the CRC of the frame at `at` matches; `buffer` contains all of it. */
export function isIntact(buffer: Buffer, at: number, header: FrameHeader): boolean {
  const end = at + HEADER_BYTES + header.bodyBytes
  return crc32(buffer.subarray(at + CRC_FROM, end)) === buffer.readUInt32LE(at + 4)
}

/** Index from `at` on at which the next frame may begin; -1 if there is none. */
export function indexOfMagic(buffer: Buffer, at: number): number {
  return buffer.indexOf(MAGIC_BYTES, at)
}

/** Byte position of record number `index` (from 0) in `body`. */
export function recordPosition(body: Buffer, index: number): number {
  let at = 0
  for (let record = 0; record < index; record++) at += 4 + body.readUInt32LE(at)
  return at
}

/** A little-endian u64; exact up to 2^53. */
export function readUInt64(buffer: Buffer, at: number): number {
  return buffer.readUInt32LE(at + 4) * TWO_POW_32 + buffer.readUInt32LE(at)
}

/** The reverse of readUInt64. */
export function writeUInt64(buffer: Buffer, value: number, at: number): void {
  buffer.writeUInt32LE(value % TWO_POW_32, at)
  buffer.writeUInt32LE(Math.floor(value / TWO_POW_32), at + 4)
}
