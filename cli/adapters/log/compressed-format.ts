/**
 * The format of a compressed segment. All numbers are little-endian:
 * - a header of 80 bytes: magic u32 · crc32 u32 of what follows it here · format u16 · oldest
 *   format that a reader must know u16 · zero u32 · bytes of all frames u64 · base offset u64 ·
 *   append time of the first frame u64 (ms since 1970) · file id, 40 bytes of ASCII, filled up
 * - blocks: 32 bytes of magic u32 · crc32 u32 of what follows · packed bytes u32 · bytes of the
 *   frames u32 · position of the first frame u64 · its offset u64; then whole frames, packed by
 *   Brotli. A position is one in the segment as it was before
 * - an index: for each block its byte in the file u64 · position u64 · offset u64
 * - an end of 32 bytes: magic u32 · crc32 u32 of the index and of what follows · index bytes u32 ·
 *   zero u32 · the byte of the index u64 · bytes of all frames u64
 *
 * So each byte is under a checksum. If header, index or end are damaged, the blocks still tell what
 * they are. A later format keeps the header.
 */
import { crc32 } from 'node:zlib'
import { readUInt64, writeUInt64 } from './frame.ts'

/** Format of compressed segments; a reader refuses those that need a newer one. */
export const COMPRESSED_FORMAT = 1
/** Length of the header of a file. */
export const FILE_HEADER_BYTES = 80
/** Length of the header of a block. */
export const BLOCK_HEADER_BYTES = 32
/** Length of what follows the index. */
export const FILE_END_BYTES = 32
const INDEX_ENTRY_BYTES = 24

const FILE_MAGIC = 0x7a_73_63_63 // 'ccsz' on the disk
const BLOCK_MAGIC = 0x62_73_63_63 // 'ccsb' on the disk
const END_MAGIC = 0x65_73_63_63 // 'ccse' on the disk
const BLOCK_MAGIC_BYTES = Buffer.from('ccsb', 'latin1')
const CRC_FROM = 8
const FILE_ID_AT = 40

/** What the header of a compressed segment says. */
export interface CompressedHeader {
  /** The oldest format that a reader must know. */
  readonly readerFormat: number
  /** Length of the segment before it was compressed. */
  readonly frameBytes: number
  readonly baseOffset: number
  /** Append time of the first frame, ms since 1970. */
  readonly firstMs: number
  /** Stays that of the file that was compressed, as its frames are the same. */
  readonly fileId: string
}

/** Where a block lies, and which frames it has. */
export interface BlockPlace {
  /** Byte in the compressed file. */
  readonly at: number
  /** Of its first frame, in the segment before it was compressed. */
  readonly position: number
  /** Offset of its first record. */
  readonly offset: number
}

/** A block's header. */
export interface BlockHeader extends Omit<BlockPlace, 'at'> {
  readonly packedBytes: number
  readonly frameBytes: number
}

/** The header's bytes. */
export function encodeFileHeader(header: Omit<CompressedHeader, 'readerFormat'>): Buffer {
  const bytes = Buffer.alloc(FILE_HEADER_BYTES)
  bytes.writeUInt32LE(FILE_MAGIC, 0)
  bytes.writeUInt16LE(COMPRESSED_FORMAT, 8)
  bytes.writeUInt16LE(COMPRESSED_FORMAT, 10)
  writeUInt64(bytes, header.frameBytes, 16)
  writeUInt64(bytes, header.baseOffset, 24)
  writeUInt64(bytes, header.firstMs, 32)
  bytes.write(header.fileId, FILE_ID_AT, 'latin1')
  return seal(bytes)
}

/** undefined: it is not intact, or not the header of a compressed segment. */
export function decodeFileHeader(bytes: Buffer): CompressedHeader | undefined {
  if (bytes.length < FILE_HEADER_BYTES || !hasFileMagic(bytes)) return undefined
  if (!isSealed(bytes.subarray(0, FILE_HEADER_BYTES))) return undefined
  const id = bytes.toString('latin1', FILE_ID_AT, FILE_HEADER_BYTES)
  return {
    readerFormat: bytes.readUInt16LE(10),
    frameBytes: readUInt64(bytes, 16),
    baseOffset: readUInt64(bytes, 24),
    firstMs: readUInt64(bytes, 32),
    fileId: id.replace(/\0+$/, ''),
  }
}

/** Whether a file that begins so is a compressed segment, damaged or not. */
export function hasFileMagic(bytes: Buffer): boolean {
  return bytes.length >= 4 && bytes.readUInt32LE(0) === FILE_MAGIC
}

/** Whether a file that ends so is a compressed segment, damaged or not. */
export function hasEndMagic(end: Buffer): boolean {
  return end.length === FILE_END_BYTES && end.readUInt32LE(0) === END_MAGIC
}

/** A block as it lies in the file: its header with the checksum of both, and `packed`. */
export function encodeBlock(header: BlockHeader, packed: Uint8Array): readonly Uint8Array[] {
  const bytes = Buffer.alloc(BLOCK_HEADER_BYTES)
  bytes.writeUInt32LE(BLOCK_MAGIC, 0)
  bytes.writeUInt32LE(packed.length, 8)
  bytes.writeUInt32LE(header.frameBytes, 12)
  writeUInt64(bytes, header.position, 16)
  writeUInt64(bytes, header.offset, 24)
  bytes.writeUInt32LE(crc32(packed, crc32(bytes.subarray(CRC_FROM))), 4)
  return [bytes, packed]
}

/** What a block's header says; undefined if it is none. Not checked yet. */
export function decodeBlockHeader(bytes: Buffer, at = 0): BlockHeader | undefined {
  if (bytes.length - at < BLOCK_HEADER_BYTES || bytes.readUInt32LE(at) !== BLOCK_MAGIC)
    return undefined
  return {
    packedBytes: bytes.readUInt32LE(at + 8),
    frameBytes: bytes.readUInt32LE(at + 12),
    position: readUInt64(bytes, at + 16),
    offset: readUInt64(bytes, at + 24),
  }
}

/** Whether header and content of a block are as they were written. */
export function isBlockIntact(block: Buffer): boolean {
  return isSealed(block)
}

/** Index from `at` on at which a block may begin; -1 if there is none. */
export function indexOfBlock(bytes: Buffer, at: number): number {
  return bytes.indexOf(BLOCK_MAGIC_BYTES, at)
}

/** Index and end of a file whose index begins at byte `at`. */
export function encodeIndex(
  blocks: readonly BlockPlace[],
  { at, frameBytes }: { readonly at: number; readonly frameBytes: number },
): Buffer {
  const index = Buffer.alloc(blocks.length * INDEX_ENTRY_BYTES)
  for (const [number, block] of blocks.entries()) {
    const from = number * INDEX_ENTRY_BYTES
    writeUInt64(index, block.at, from)
    writeUInt64(index, block.position, from + 8)
    writeUInt64(index, block.offset, from + 16)
  }
  const end = Buffer.alloc(FILE_END_BYTES)
  end.writeUInt32LE(END_MAGIC, 0)
  end.writeUInt32LE(index.length, 8)
  writeUInt64(end, at, 16)
  writeUInt64(end, frameBytes, 24)
  end.writeUInt32LE(crc32(end.subarray(CRC_FROM), crc32(index)), 4)
  return Buffer.concat([index, end])
}

/** The byte at which the index begins, by the end of a file of `bytes`; undefined: damaged. */
export function decodeIndexPlace(end: Buffer, bytes: number): number | undefined {
  if (!hasEndMagic(end)) return undefined
  const at = readUInt64(end, 16)
  return at + end.readUInt32LE(8) + FILE_END_BYTES === bytes ? at : undefined
}

/** The blocks by index and end of a file; undefined: damaged. */
export function decodeIndex(
  tail: Buffer,
): { readonly blocks: readonly BlockPlace[]; readonly frameBytes: number } | undefined {
  const index = tail.subarray(0, tail.length - FILE_END_BYTES)
  const end = tail.subarray(tail.length - FILE_END_BYTES)
  if (!hasEndMagic(end) || index.length % INDEX_ENTRY_BYTES > 0) return undefined
  if (crc32(end.subarray(CRC_FROM), crc32(index)) !== end.readUInt32LE(4)) return undefined
  const blocks: BlockPlace[] = []
  for (let from = 0; from < index.length; from += INDEX_ENTRY_BYTES)
    blocks.push({
      at: readUInt64(index, from),
      position: readUInt64(index, from + 8),
      offset: readUInt64(index, from + 16),
    })
  return { blocks, frameBytes: readUInt64(end, 24) }
}

function seal(bytes: Buffer): Buffer {
  bytes.writeUInt32LE(crc32(bytes.subarray(CRC_FROM)), 4)
  return bytes
}

function isSealed(bytes: Buffer): boolean {
  return crc32(bytes.subarray(CRC_FROM)) === bytes.readUInt32LE(4)
}
