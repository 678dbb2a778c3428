/**
 * Segments: a partition's files, named by the offset they begin with, and how frames are walked in them.
 * A file that ends in a torn frame and a file that is damaged in the middle look alike at first; they
 * differ in whether anything whole follows, because one frame at a time is under way.
 */
import { join } from 'node:path'
import { CcsError, EXIT } from '../../domain/kernel/errors.ts'
import { type Files, isErrno, type OpenFile } from '../files/files.ts'
import { decodeHeader, type FrameHeader, HEADER_BYTES, indexOfMagic, isIntact } from './frame.ts'

/** A place between two frames. */
export interface Place {
  /** Bytes into the segment. */
  readonly position: number
  /** Offset of the record that is, or will be, there. */
  readonly offset: number
}

const NAME_DIGITS = 20
const WALK_BYTES = 256 * 1024
const SCAN_BYTES = 1024 * 1024

export function segmentPath(dir: string, baseOffset: number): string {
  return join(dir, `${String(baseOffset).padStart(NAME_DIGITS, '0')}.log`)
}

/** Base offsets of a partition's segments, ascending; [] if there is no such directory. */
export async function listSegments(files: Files, dir: string): Promise<readonly number[]> {
  try {
    const names = await files.readdir(dir)
    return names
      .filter((name) => /^\d{20}\.log$/.test(name))
      .map((name) => Number.parseInt(name, 10))
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return []
    throw error
  }
}

/** A stretch of a file in memory; what it holds is overwritten by the next `load`. */
export class FileWindow {
  #buffer: Buffer
  #start = 0
  #bytes = 0

  constructor(bytes: number) {
    this.#buffer = Buffer.allocUnsafeSlow(bytes)
  }

  get buffer(): Buffer {
    return this.#buffer
  }

  get bytesMax(): number {
    return this.#buffer.length
  }

  /** Bytes held from `position` on. */
  held(position: number): number {
    return position < this.#start ? 0 : Math.max(0, this.#start + this.#bytes - position)
  }

  /** Index in `buffer` of a file position that is held. */
  index(position: number): number {
    return position - this.#start
  }

  /** Reads from `position` on: `bytes`, or less at the end of the file. */
  async load(file: OpenFile, position: number, bytes: number): Promise<void> {
    if (bytes > this.#buffer.length) this.#buffer = Buffer.allocUnsafeSlow(bytes)
    this.#start = position
    this.#bytes = 0
    this.#bytes = await file.read(this.#buffer.subarray(0, bytes), position)
  }

  /** Makes `bytes` from `position` on held, if the file has them; returns whether it has. */
  async hold(file: OpenFile, position: number, bytes: number): Promise<boolean> {
    if (this.held(position) < bytes) {
      await this.load(file, position, Math.max(bytes, this.#buffer.length))
    }
    return this.held(position) >= bytes
  }

  /** The header at `position`, if it is held whole, and is one, of a frame that begins with `offset`. */
  header({ position, offset }: Place): FrameHeader | undefined {
    if (this.held(position) < HEADER_BYTES) return undefined
    const header = decodeHeader(this.#buffer, this.index(position))
    return header?.baseOffset === offset ? header : undefined
  }
}

/**
 * From the segment's begin to the frame that holds `offset`, by headers alone; `offset` itself need not be
 * there yet. Where the headers' chain ends before, the place it ends at. Bodies are not checked here, that
 * is done when they are read; a wrong header breaks the chain of offsets.
 */
export async function seekFrame(file: OpenFile, begin: number, offset: number): Promise<Place> {
  const window = new FileWindow(WALK_BYTES)
  let place: Place = { position: 0, offset: begin }
  while (place.offset < offset) {
    await window.hold(file, place.position, HEADER_BYTES)
    const header = window.header(place)
    if (header === undefined || place.offset + header.count > offset) break
    place = next(place, header)
  }
  return place
}

export interface TailScan {
  /** After the last whole frame. */
  readonly end: Place
  /** Of the last whole frame; 0 if there was none. */
  readonly appendMs: number
  /** Bytes of a torn frame after it. */
  readonly tornBytes: number
  /** Offset of a whole frame that follows damage at `end`: then it is no torn tail. */
  readonly laterOffset: number | undefined
}

/** Checks all frames from a place to the end of the file, whose length is `bytes`. */
export async function scanTail(file: OpenFile, bytes: number, from: Place): Promise<TailScan> {
  const window = new FileWindow(Math.min(SCAN_BYTES, Math.max(HEADER_BYTES, bytes - from.position)))
  let end = from
  let appendMs = 0
  while (end.position < bytes) {
    const header = await wholeFrame(file, window, end)
    if (header === undefined) break
    end = next(end, header)
    appendMs = header.appendMs
  }
  const tornBytes = Math.max(0, bytes - end.position)
  const laterOffset = tornBytes === 0 ? undefined : await findLater(file, end)
  return { end, appendMs, tornBytes, laterOffset }
}

export function next(place: Place, header: FrameHeader): Place {
  return {
    position: place.position + HEADER_BYTES + header.bodyBytes,
    offset: place.offset + header.count,
  }
}

async function wholeFrame(file: OpenFile, window: FileWindow, place: Place) {
  await window.hold(file, place.position, HEADER_BYTES)
  const header = window.header(place)
  if (header === undefined) return undefined
  const isThere = await window.hold(file, place.position, HEADER_BYTES + header.bodyBytes)
  if (!isThere || !isIntact(window.buffer, window.index(place.position), header)) return undefined
  return header
}

/** Offset of the first whole frame after a damaged one, wherever it lies. */
export async function findLater(file: OpenFile, damaged: Place): Promise<number | undefined> {
  let position = damaged.position + 1
  const bytes = (await file.size()) - position
  if (bytes < HEADER_BYTES) return undefined
  const window = new FileWindow(Math.min(SCAN_BYTES, bytes))
  const frames = new FileWindow(window.bytesMax)
  for (;;) {
    await window.load(file, position, window.bytesMax)
    const held = window.held(position)
    if (held < HEADER_BYTES) return undefined
    const view = window.buffer.subarray(0, held)
    for (let at = indexOfMagic(view, 0); at !== -1; at = indexOfMagic(view, at + 1)) {
      if (held - at < HEADER_BYTES) break
      const offset = decodeHeader(view, at)?.baseOffset
      if (offset === undefined || offset <= damaged.offset) continue
      if (await wholeFrame(file, frames, { position: position + at, offset })) return offset
    }
    position += held - HEADER_BYTES + 1
  }
}

export interface Damage extends Place {
  /** Path of the segment. */
  readonly path: string
  /** Offset after the last record that can't be read. */
  readonly endOffset: number
}

export function logCorrupt(damage: Damage): CcsError {
  const records =
    damage.endOffset > damage.offset + 1
      ? `records ${damage.offset} to ${damage.endOffset - 1}`
      : `record ${damage.offset}`
  return new CcsError(
    'CCS_LOG_CORRUPT',
    `The log is damaged in ${damage.path} at byte ${damage.position}: ${records} can't be read.`,
    {
      hint: 'Restore this file from a copy; all records before it are whole. See docs/errors.md.',
      exit: EXIT.checkFailed,
    },
  )
}
