/**
 * A compressed segment, read as the frames that it was made of: positions are those of the segment
 * before it was compressed. A block that is damaged reads as zeros, in which no frame begins, so
 * that whoever reads frames finds the damage, and what lies behind it, as in any other segment.
 */
import { promisify } from 'node:util'
import { brotliDecompress } from 'node:zlib'
import { CcsError, EXIT } from '../../domain/kernel/errors.ts'
import { isErrno, type OpenFile } from '../files/files.ts'
import {
  BLOCK_HEADER_BYTES,
  type BlockPlace,
  COMPRESSED_FORMAT,
  type CompressedHeader,
  decodeBlockHeader,
  decodeFileHeader,
  decodeIndex,
  decodeIndexPlace,
  FILE_END_BYTES,
  FILE_HEADER_BYTES,
  hasEndMagic,
  hasFileMagic,
  indexOfBlock,
  isBlockIntact,
} from './compressed-format.ts'
import { BODY_BYTES_MAX, HEADER_BYTES, isFrameMagic } from './frame.ts'

const unpack = promisify(brotliDecompress)
const SCAN_BYTES = 1024 * 1024
/** Frames of a block are at most one MiB, or a single larger frame. */
const BLOCK_BYTES_MAX = BODY_BYTES_MAX + HEADER_BYTES

/** What only a compressed segment has. */
export interface CompressedForm {
  /** undefined: it is damaged. */
  readonly header: CompressedHeader | undefined
  /** Length of the file. */
  readonly diskBytes: number
  /** Whether header, index and end are as they were written, and nothing is between the blocks. */
  readonly isIntact: boolean
  /** The start of the block that has the offset, or of the first one. */
  findBlock(offset: number): { readonly position: number; readonly offset: number }
}

/** Opens the compressed segment in `file`, which is closed with it; undefined: it is none. */
export async function openCompressed(
  file: OpenFile,
  path: string,
): Promise<CompressedFile | undefined> {
  const head = await readUpTo(file, 0, FILE_HEADER_BYTES)
  if (head.length < 4 || isFrameMagic(head, 0)) return undefined
  const bytes = await file.size()
  const end = await readUpTo(file, Math.max(0, bytes - FILE_END_BYTES), FILE_END_BYTES)
  if (!hasFileMagic(head) && !hasEndMagic(end)) return undefined
  const header = decodeFileHeader(head)
  if (header && header.readerFormat > COMPRESSED_FORMAT) throw newerError(path, header)
  const index = await readIndex(file, end, bytes)
  const blocks = index?.blocks ?? (await findBlocks(file, bytes))
  const frameBytes = header?.frameBytes ?? index?.frameBytes
  return new CompressedFile(file, { header, blocks, frameBytes, bytes, hasIndex: !!index })
}

function newerError(path: string, { readerFormat }: CompressedHeader): CcsError {
  const what = `${path} has format ${readerFormat}; this ccs knows formats up to`
  return new CcsError('CCS_LOG_CORRUPT', `${what} ${COMPRESSED_FORMAT}.`, {
    exit: EXIT.usage,
    hint: 'Nothing is damaged. Run the newer ccs that wrote it, or --data with another directory.',
  })
}

interface Parts {
  readonly header: CompressedHeader | undefined
  readonly blocks: readonly BlockPlace[]
  /** undefined: up to the end of the last block. */
  readonly frameBytes: number | undefined
  readonly bytes: number
  readonly hasIndex: boolean
}

/** Reads only. */
export class CompressedFile implements OpenFile {
  readonly compressed: CompressedForm
  readonly #file: OpenFile
  readonly #blocks: readonly BlockPlace[]
  #frameBytes: number | undefined
  /** The block that was read last; no frames: it is damaged. */
  #held: { readonly number: number; readonly frames: Buffer | undefined } | undefined

  constructor(file: OpenFile, { header, blocks, frameBytes, bytes, hasIndex }: Parts) {
    this.#file = file
    this.#blocks = blocks
    this.#frameBytes = frameBytes
    this.compressed = {
      header,
      diskBytes: bytes,
      isIntact: header !== undefined && hasIndex && blocks[0]?.at === FILE_HEADER_BYTES,
      findBlock: (offset) =>
        blocks[findLast(blocks, (block) => block.offset <= offset)] ?? {
          position: 0,
          offset: header?.baseOffset ?? 0,
        },
    }
  }

  async read(into: Uint8Array, position: number): Promise<number> {
    const end = Math.min(position + into.length, await this.size())
    let at = position
    while (at < end) {
      const number = findLast(this.#blocks, (block) => block.position <= at)
      const next = Math.min(end, this.#blocks[number + 1]?.position ?? end)
      const start = this.#blocks[number]?.position ?? 0
      const frames = await this.#load(number)
      const to = Math.min(next, start + (frames?.length ?? 0))
      if (frames && to > at) into.set(frames.subarray(at - start, to - start), at - position)
      into.fill(0, Math.max(at, to) - position, next - position)
      at = next
    }
    return Math.max(0, end - position)
  }

  async size(): Promise<number> {
    if (this.#frameBytes !== undefined) return this.#frameBytes
    const number = this.#blocks.length - 1
    const frames = await this.#load(number)
    this.#frameBytes = (this.#blocks[number]?.position ?? 0) + (frames?.length ?? 0)
    return this.#frameBytes
  }

  write(): Promise<void> {
    return Promise.reject(new Error('a compressed segment is not written to'))
  }

  truncate(): Promise<void> {
    return this.write()
  }

  datasync(): Promise<void> {
    return this.#file.datasync()
  }

  sync(): Promise<void> {
    return this.#file.sync()
  }

  close(): Promise<void> {
    this.#held = undefined
    return this.#file.close()
  }

  /** The frames of a block, checked. */
  async #load(number: number): Promise<Buffer | undefined> {
    const place = this.#blocks[number]
    if (place === undefined) return undefined
    if (this.#held?.number === number) return this.#held.frames
    const frames = await readBlock(this.#file, place)
    // What lies between two blocks is under no checksum.
    const until = this.#blocks[number + 1]?.position ?? this.#frameBytes ?? Infinity
    const isWhole = frames !== undefined && place.position + frames.length <= until
    this.#held = { number, frames: isWhole ? frames : undefined }
    return this.#held.frames
  }
}

/** The frames of the block at a place; undefined: it is damaged. */
async function readBlock(file: OpenFile, place: BlockPlace): Promise<Buffer | undefined> {
  const head = decodeBlockHeader(await readUpTo(file, place.at, BLOCK_HEADER_BYTES))
  if (head === undefined || head.frameBytes > BLOCK_BYTES_MAX) return undefined
  if (head.position !== place.position || head.offset !== place.offset) return undefined
  // Brotli adds a little to what it can't pack.
  if (head.packedBytes > 2 * head.frameBytes + 1024) return undefined
  const block = await readUpTo(file, place.at, BLOCK_HEADER_BYTES + head.packedBytes)
  if (block.length < BLOCK_HEADER_BYTES + head.packedBytes || !isBlockIntact(block))
    return undefined
  const options = { maxOutputLength: head.frameBytes }
  const frames = await unpack(block.subarray(BLOCK_HEADER_BYTES), options).catch(() => undefined)
  return frames?.length === head.frameBytes ? frames : undefined
}

async function readIndex(file: OpenFile, end: Buffer, bytes: number) {
  const at = decodeIndexPlace(end, bytes)
  if (at === undefined) return undefined
  try {
    return decodeIndex(await readUpTo(file, at, bytes - at))
  } catch (error) {
    if (isErrno(error, 'EIO')) return undefined
    throw error
  }
}

/** The intact blocks of a file without a readable index, by reading all of it. */
async function findBlocks(file: OpenFile, bytes: number): Promise<readonly BlockPlace[]> {
  const blocks: BlockPlace[] = []
  for (let at = 0; at < bytes; ) {
    const piece = await readUpTo(file, at, SCAN_BYTES)
    const found = indexOfBlock(piece, 0)
    if (found < 0) {
      if (piece.length < BLOCK_HEADER_BYTES) break
      at += piece.length - BLOCK_HEADER_BYTES + 1
      continue
    }
    at += found
    const head = decodeBlockHeader(await readUpTo(file, at, BLOCK_HEADER_BYTES))
    const place = head && { at, position: head.position, offset: head.offset }
    if (place && (await readBlock(file, place))) {
      blocks.push(place)
      at += BLOCK_HEADER_BYTES + head.packedBytes
    } else at++
  }
  return blocks
}

async function readUpTo(file: OpenFile, position: number, bytes: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(bytes)
  return buffer.subarray(0, await file.read(buffer, position))
}

/** Index of the last block that `is`; -1 if none. Those that are come first. */
function findLast(blocks: readonly BlockPlace[], is: (block: BlockPlace) => boolean): number {
  let [low, high] = [0, blocks.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    const block = blocks[middle]
    if (block && is(block)) low = middle + 1
    else high = middle
  }
  return low - 1
}
