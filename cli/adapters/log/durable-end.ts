/**
 * How far a reader may read. A frame can be seen in the page cache before it is on the disk, and a power
 * loss would take it back after a reader has used it. So the writer keeps a mark, the file `durable`: the
 * end of what it has synced, overwritten in place after each fdatasync and not synced itself (one small
 * write, no wait). Whatever a crash leaves of the mark was true when written, so it is never too high; it may
 * be too low or gone. Where no writer lives to renew it, a reader checks the frames behind the mark, syncs
 * the segment itself and then takes them as durable, as the next writer will.
 */
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { lockHolder, type Processes } from '../files/file-lock.ts'
import { type Files, isErrno, type OpenFile } from '../files/files.ts'
import { readUInt64, writeUInt64 } from './frame.ts'
import { listSegments, logCorrupt, type Place, scanTail, segmentPath } from './segment.ts'

export const LOCK_NAME = 'writer'

export interface Mark {
  /** Segment that `end.position` is in. */
  readonly segment: number
  readonly end: Place
  /** Greatest append time so far. */
  readonly appendMs: number
}

const MARK_BYTES = 40
const MARK_MAGIC = 0x31_64_63_63

export function markPath(dir: string): string {
  return join(dir, 'durable')
}

export function encodeMark(mark: Mark): Buffer {
  const bytes = Buffer.alloc(MARK_BYTES)
  bytes.writeUInt32LE(MARK_MAGIC, 0)
  writeUInt64(bytes, mark.segment, 8)
  writeUInt64(bytes, mark.end.position, 16)
  writeUInt64(bytes, mark.end.offset, 24)
  writeUInt64(bytes, mark.appendMs, 32)
  bytes.writeUInt32LE(crc32(bytes.subarray(8)), 4)
  return bytes
}

/** The mark in a file; undefined if a crash, or a write that is just under way, left none that is whole. */
export async function readMark(file: OpenFile): Promise<Mark | undefined> {
  const bytes = Buffer.alloc(MARK_BYTES)
  const read = await file.read(bytes, 0)
  if (read < MARK_BYTES || bytes.readUInt32LE(0) !== MARK_MAGIC) return undefined
  if (bytes.readUInt32LE(4) !== crc32(bytes.subarray(8))) return undefined
  return {
    segment: readUInt64(bytes, 8),
    end: { position: readUInt64(bytes, 16), offset: readUInt64(bytes, 24) },
    appendMs: readUInt64(bytes, 32),
  }
}

/** Follows the durable end of one partition; to be closed. */
export class DurableEnd {
  readonly #files: Files
  readonly #dir: string
  readonly #processes: Processes
  #markFile: OpenFile | undefined
  #end = 0
  #isFollowing = false
  /** What was checked without a writer, so that an idle poll costs one stat. */
  #checked: { readonly path: string; readonly bytes: number } | undefined

  constructor(files: Files, dir: string, processes: Processes) {
    this.#files = files
    this.#dir = dir
    this.#processes = processes
  }

  /** Offset after the last durable record, now; it never goes back. CCS_LOG_CORRUPT if the end is damaged. */
  async refresh(): Promise<number> {
    const mark = await this.#mark()
    if (mark !== undefined && mark.end.offset > this.#end) {
      this.#end = mark.end.offset
      this.#checked = undefined
      // There is enough to read for now; only the first time the whole end is wanted at once.
      if (this.#isFollowing) return this.#end
    }
    this.#isFollowing = true
    return await this.#refreshWithoutWriter(mark)
  }

  async close(): Promise<void> {
    await this.#markFile?.close()
    this.#markFile = undefined
  }

  async #mark(): Promise<Mark | undefined> {
    try {
      this.#markFile ??= await this.#files.open(markPath(this.#dir), 'r')
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return undefined
      throw error
    }
    return await readMark(this.#markFile)
  }

  /** The segment's length is taken before the lock is looked at: what was there then, no living writer cuts. */
  async #refreshWithoutWriter(mark: Mark | undefined): Promise<number> {
    const from = await this.#tailStart(mark)
    if (from === undefined) return this.#end
    // A segment is begun when all before it is synced.
    this.#end = Math.max(this.#end, from.base)
    const { bytes } = await this.#files.stat(from.path)
    if (bytes <= from.place.position) return this.#end
    if (this.#checked?.path === from.path && this.#checked.bytes === bytes) return this.#end
    const place = { dir: this.#dir, name: LOCK_NAME }
    if ((await lockHolder(this.#files, place, this.#processes)) !== undefined) return this.#end
    const file = await this.#files.open(from.path, 'r')
    try {
      const scan = await scanTail(file, bytes, from.place)
      if (scan.laterOffset !== undefined) {
        throw logCorrupt({ ...scan.end, path: from.path, endOffset: scan.laterOffset })
      }
      await file.datasync()
      this.#end = Math.max(this.#end, scan.end.offset)
    } finally {
      await file.close()
    }
    this.#checked = { path: from.path, bytes }
    return this.#end
  }

  async #tailStart(mark: Mark | undefined) {
    const last = (await listSegments(this.#files, this.#dir)).at(-1)
    if (last === undefined) return undefined
    const place = mark?.segment === last ? mark.end : { position: 0, offset: last }
    return { base: last, path: segmentPath(this.#dir, last), place }
  }
}
