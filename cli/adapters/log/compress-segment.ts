/**
 * Writes a segment in its compressed form, or back, beside the segment, which a rename then
 * replaces: killed at any point, the segment is whole in one form or the other.
 */
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import { brotliCompress, constants } from 'node:zlib'
import { readOpened, writePieces } from '../files/file-pieces.ts'
import { type Files, listNames, type OpenFile } from '../files/files.ts'
import {
  BLOCK_HEADER_BYTES,
  type BlockPlace,
  encodeBlock,
  encodeFileHeader,
  encodeIndex,
  FILE_HEADER_BYTES,
} from './compressed-format.ts'
import { type Place, walkFrames } from './segment.ts'
import { openSegment, type SegmentFile } from './segment-file.ts'

const pack = promisify(brotliCompress)
/** So much is unpacked to read one record. */
const BLOCK_BYTES = 1024 * 1024
/** Higher qualities take twice the time for a tenth less. */
const OPTIONS = {
  params: { [constants.BROTLI_PARAM_QUALITY]: 1, [constants.BROTLI_PARAM_LGWIN]: 20 },
}
const DRAFT = '.converting'

/** The segment in a form that it is to have. */
export interface SegmentSource {
  /** A file with the frames: the segment, or what is to replace it. */
  readonly path: string
  readonly base: number
  /** Offset at which it ends; undefined: wherever its frames do. */
  readonly end?: number
  /** What tells its frames from others; see LiveSegment. */
  readonly fileId: string
  /** Frames of a block have so many bytes at most, unless one alone has more. */
  readonly blockBytes?: number
}

/** `pace` is awaited for so many bytes before they are compressed. */
export type Pace = (bytes: number) => Promise<void>

/** Where the other form of a segment is written. */
export function draftPath(path: string): string {
  return `${path}${DRAFT}`
}

/**
 * Writes the compressed form to `to`, durably, and returns its length; undefined: the segment is
 * damaged, or does not end there, and nothing is left of the draft.
 */
export async function writeCompressed(
  files: Files,
  source: SegmentSource,
  to: string,
  pace: Pace = async () => {},
): Promise<number | undefined> {
  const from = await openSegment(files, source.path)
  try {
    const draft = await files.open(to, 'w+')
    let bytes: number | undefined
    try {
      bytes = await fillDraft(from, draft, source, pace)
      await draft.sync()
    } finally {
      await draft.close()
      if (bytes === undefined) await files.remove(to)
    }
    return bytes
  } finally {
    await from.close()
  }
}

/** Writes the form without compression to `to`, durably; false: the segment is damaged. */
export async function writePlain(
  files: Files,
  { path, base, end }: Omit<SegmentSource, 'fileId'>,
  to: string,
): Promise<boolean> {
  const from = await openSegment(files, path)
  try {
    const bytes = await from.size()
    let last = { position: 0, offset: base }
    for await (const { next } of walkFrames(from, { from: last, bytes })) last = next
    if (last.position !== bytes || last.offset !== (end ?? last.offset)) return false
    const open = () => openSegment(files, path)
    await writePieces(files, to, readOpened(open, { from: 0, to: bytes }))
    return true
  } finally {
    await from.close()
  }
}

/** The draft `from` becomes the segment `path`, durably. */
export async function replaceBy(files: Files, from: string, path: string): Promise<void> {
  await files.rename(from, path)
  await files.fsyncDir(dirname(path))
}

/** Removes what a conversion or a repair that was killed has left in a partition's directory. */
export async function removeDrafts(files: Files, dir: string): Promise<void> {
  for (const name of await listNames(files, dir))
    if (/^\d{20}\.log\.(converting|repair)$/.test(name)) await files.remove(`${dir}/${name}`)
}

async function fillDraft(
  from: SegmentFile,
  draft: OpenFile,
  { base, end, fileId, blockBytes = BLOCK_BYTES }: SegmentSource,
  pace: Pace,
): Promise<number | undefined> {
  const frameBytes = await from.size()
  const blocks: BlockPlace[] = []
  let start: Place = { position: 0, offset: base }
  let last = start
  let firstMs = 0
  let at = FILE_HEADER_BYTES
  const flush = async () => {
    if (last.position === start.position) return
    const frames = Buffer.allocUnsafe(last.position - start.position)
    await from.read(frames, start.position)
    await pace(frames.length)
    const packed = await pack(frames, OPTIONS)
    const about = { ...start, packedBytes: packed.length, frameBytes: frames.length }
    await draft.write(encodeBlock(about, packed), at)
    blocks.push({ at, ...start })
    at += BLOCK_HEADER_BYTES + packed.length
    start = last
  }
  for await (const { next, header } of walkFrames(from, { from: start, bytes: frameBytes })) {
    if (last.position === 0) firstMs = header.appendMs
    if (next.position - start.position > blockBytes) await flush()
    last = next
  }
  const isWhole = last.position === frameBytes && last.offset === (end ?? last.offset)
  if (!isWhole || frameBytes === 0) return undefined
  await flush()
  const index = encodeIndex(blocks, { at, frameBytes })
  await draft.write([index], at)
  const head = encodeFileHeader({ frameBytes, baseOffset: base, firstMs, fileId })
  await draft.write([head], 0)
  return at + index.length
}
