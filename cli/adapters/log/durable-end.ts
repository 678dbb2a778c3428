/**
 * How far readers may read. A frame is visible in the page cache before it is on disk, and a power
 * loss would take it back after somebody has read it. So the writer publishes how far it has
 * synced, in the file `durable`, overwritten after each fdatasync and not synced itself (one small
 * write, no wait). What a crash leaves of it was true once, so it is never too high; it may be too
 * low or missing. If no writer lives, a reader checks the frames behind it, syncs the segment
 * itself, and then treats them as durable, as the next writer will.
 */
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { readLockHolder } from '../files/file-lock.ts'
import { type Files, isErrno, type OpenFile } from '../files/files.ts'
import type { Processes } from '../files/process-id.ts'
import { readUInt64, writeUInt64 } from './frame.ts'
import { listSegments, logCorruptError, type Place, scanTail, segmentPath } from './segment.ts'
import { openSegment } from './segment-file.ts'

/** Name of the writer's lock in a partition's directory. */
export const LOCK_NAME = 'writer'

/** What the file `durable` says. */
export interface DurableMark {
  /** Base offset of the segment that contains `end`. */
  readonly segment: number
  readonly end: Place
  /** Latest append time so far. */
  readonly appendMs: number
}

const MARK_BYTES = 40
const MARK_MAGIC = 0x31_64_63_63

/** The file `durable` of a partition. */
export function markPath(dir: string): string {
  return join(dir, 'durable')
}

/** The bytes of the file `durable`. */
export function encodeMark(mark: DurableMark): Buffer {
  const bytes = Buffer.alloc(MARK_BYTES)
  bytes.writeUInt32LE(MARK_MAGIC, 0)
  writeUInt64(bytes, mark.segment, 8)
  writeUInt64(bytes, mark.end.position, 16)
  writeUInt64(bytes, mark.end.offset, 24)
  writeUInt64(bytes, mark.appendMs, 32)
  bytes.writeUInt32LE(crc32(bytes.subarray(8)), 4)
  return bytes
}

/** undefined if the file is incomplete, after a crash or during a write. */
export async function readMark(file: OpenFile): Promise<DurableMark | undefined> {
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

/** What a partition's file `durable` says; undefined if it is missing or incomplete. */
export async function loadMark(files: Files, dir: string): Promise<DurableMark | undefined> {
  let file: OpenFile
  try {
    file = await files.open(markPath(dir), 'r')
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined
    throw error
  }
  try {
    return await readMark(file)
  } finally {
    await file.close()
  }
}

/** Follows the durable end of one partition; has to be closed. */
export class DurableEnd {
  readonly #files: Files
  readonly #dir: string
  readonly #processes: Processes
  #markFile: OpenFile | undefined
  #end = 0
  #isFollowing = false
  /** What was checked without a writer, so that an idle poll costs only one stat. */
  #checked: { readonly path: string; readonly bytes: number } | undefined

  constructor(files: Files, dir: string, processes: Processes) {
    this.#files = files
    this.#dir = dir
    this.#processes = processes
  }

  /** Offset after the last durable record; it never decreases. Throws CCS_LOG_CORRUPT. */
  async refresh(): Promise<number> {
    const mark = await this.#mark()
    if (mark !== undefined && mark.end.offset > this.#end) {
      this.#end = mark.end.offset
      this.#checked = undefined
      // That is enough to go on reading; only the first call needs the real end.
      if (this.#isFollowing) return this.#end
    }
    this.#isFollowing = true
    return await this.#refreshWithoutWriter(mark)
  }

  async close(): Promise<void> {
    await this.#markFile?.close()
    this.#markFile = undefined
  }

  async #mark(): Promise<DurableMark | undefined> {
    try {
      this.#markFile ??= await this.#files.open(markPath(this.#dir), 'r')
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return undefined
      throw error
    }
    return await readMark(this.#markFile)
  }

  /** Reads the length before the lock: no living writer cuts what was there at that time. */
  async #refreshWithoutWriter(mark: DurableMark | undefined): Promise<number> {
    const from = await this.#tailStart(mark)
    if (from === undefined) return this.#end
    // A segment begins only after everything before it is synced.
    this.#end = Math.max(this.#end, from.base)
    const { bytes } = await this.#files.stat(from.path)
    if (bytes <= from.place.position) return this.#end
    if (this.#checked?.path === from.path && this.#checked.bytes === bytes) return this.#end
    const place = { dir: this.#dir, name: LOCK_NAME }
    if ((await readLockHolder(this.#files, place, this.#processes)) !== undefined) return this.#end
    const file = await openSegment(this.#files, from.path)
    try {
      const scan = await scanTail(file, file.compressed ? await file.size() : bytes, from.place)
      if (scan.laterOffset !== undefined) {
        throw logCorruptError({ ...scan.end, path: from.path, endOffset: scan.laterOffset })
      }
      await file.datasync()
      this.#end = Math.max(this.#end, scan.end.offset)
    } finally {
      await file.close()
    }
    this.#checked = { path: from.path, bytes }
    return this.#end
  }

  async #tailStart(mark: DurableMark | undefined) {
    const last = (await listSegments(this.#files, this.#dir)).at(-1)
    if (last === undefined) return undefined
    const place = mark?.segment === last ? mark.end : { position: 0, offset: last }
    return { base: last, path: segmentPath(this.#dir, last), place }
  }
}
