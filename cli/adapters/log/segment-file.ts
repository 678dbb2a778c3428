/** The one place that opens a segment to read it, compressed or not. */
import type { Files, OpenFile } from '../files/files.ts'
import { type CompressedForm, openCompressed } from './compressed-file.ts'
import { decodeFileHeader, FILE_HEADER_BYTES, hasFileMagic } from './compressed-format.ts'
import { decodeHeader, HEADER_BYTES } from './frame.ts'

/** A segment as frames: positions and size are those of the frames, whatever its form. */
export interface SegmentFile extends OpenFile {
  /** undefined: it is not compressed. */
  readonly compressed?: CompressedForm
}

/** CCS_LOG_CORRUPT if a newer ccs has compressed it. */
export async function openSegment(files: Files, path: string): Promise<SegmentFile> {
  const file = await files.open(path, 'r')
  try {
    return (await openCompressed(file, path)) ?? file
  } catch (error) {
    await file.close()
    throw error
  }
}

/** What the first bytes of a segment tell, without reading its frames. */
export interface SegmentHead {
  readonly isCompressed: boolean
  /** Length of the file. */
  readonly bytes: number
  /** Length before it was compressed. */
  readonly frameBytes: number
  /** When its first frame was appended, ms since 1970; null: not readable, or there is none. */
  readonly firstMs: number | null
  /** Tells its frames from others of the same base; undefined: by the inode of its file. */
  readonly fileId: string | undefined
}

/** Reads the head of the segment that begins with `base`. */
export async function readHead(files: Files, path: string, base: number): Promise<SegmentHead> {
  const file = await files.open(path, 'r')
  try {
    const bytes = await file.size()
    const buffer = Buffer.alloc(FILE_HEADER_BYTES)
    const head = buffer.subarray(0, await file.read(buffer, 0))
    if (hasFileMagic(head)) {
      const header = decodeFileHeader(head)
      return {
        ...{ isCompressed: true, bytes, frameBytes: header?.frameBytes ?? bytes },
        ...{ firstMs: header?.firstMs ?? null, fileId: header?.fileId },
      }
    }
    const first = head.length < HEADER_BYTES ? undefined : decodeHeader(head, 0)
    const firstMs = first?.baseOffset === base ? first.appendMs : null
    return { isCompressed: false, bytes, frameBytes: bytes, firstMs, fileId: undefined }
  } finally {
    await file.close()
  }
}
