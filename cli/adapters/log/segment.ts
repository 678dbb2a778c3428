/**
 * Segments: a partition's files, named by their first offset, and how to walk their frames. A torn
 * last frame and damage in the middle look alike at first. They differ in whether a whole frame
 * follows, because only one frame is written at a time.
 */
import { basename, join } from 'node:path'
import { CcsError } from '../../domain/kernel/errors.ts'
import { type Files, listNames, type OpenFile } from '../files/files.ts'
import type { CompressedForm } from './compressed-file.ts'
import { decodeHeader, type FrameHeader, HEADER_BYTES, indexOfMagic, isIntact } from './frame.ts'

/** A position between two frames. */
export interface Place {
  /** Byte position in the segment. */
  readonly position: number
  /** Offset of the record that is, or will be, at this position. */
  readonly offset: number
}

const NAME_DIGITS = 20
const WALK_BYTES = 256 * 1024
const SCAN_BYTES = 1024 * 1024

/** The file of the segment that begins with `baseOffset`. */
export function segmentPath(dir: string, baseOffset: number): string {
  return join(dir, `${String(baseOffset).padStart(NAME_DIGITS, '0')}.log`)
}

/** The first offset of the segment `path`. */
export function parseBase(path: string): number {
  return Number.parseInt(basename(path), 10)
}

/** First offsets of a partition's segments, ascending; [] if it has no directory. */
export async function listSegments(files: Files, dir: string): Promise<readonly number[]> {
  return (await listNames(files, dir))
    .filter((name) => /^\d{20}\.log$/.test(name))
    .map((name) => Number.parseInt(name, 10))
}

/** A part of a file in memory; the next `load` overwrites it. */
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

  /** Bytes in memory from file position `position` on. */
  countHeld(position: number): number {
    return position < this.#start ? 0 : Math.max(0, this.#start + this.#bytes - position)
  }

  /** Index in `buffer` of a file position that is in memory. */
  indexOf(position: number): number {
    return position - this.#start
  }

  /** Reads `bytes` from `position` on, fewer at the end of the file. */
  async load(file: OpenFile, position: number, bytes: number): Promise<void> {
    if (bytes > this.#buffer.length) this.#buffer = Buffer.allocUnsafeSlow(bytes)
    this.#start = position
    this.#bytes = 0
    this.#bytes = await file.read(this.#buffer.subarray(0, bytes), position)
  }

  /** Loads `bytes` from `position` on unless they are in memory; false if the file is shorter. */
  async ensureHeld(file: OpenFile, position: number, bytes: number): Promise<boolean> {
    if (this.countHeld(position) < bytes) {
      await this.load(file, position, Math.max(bytes, this.#buffer.length))
    }
    return this.countHeld(position) >= bytes
  }

  /** The header at `place`, if it is in memory and valid. */
  readHeader({ position, offset }: Place): FrameHeader | undefined {
    if (this.countHeld(position) < HEADER_BYTES) return undefined
    const header = decodeHeader(this.#buffer, this.indexOf(position))
    return header?.baseOffset === offset ? header : undefined
  }
}

/**
 * Walks headers from the segment's begin to the frame that contains `offset`, which need not be
 * written yet. Returns the place where the chain of headers ends if it ends before. Bodies are not
 * checked: that is done when they are read.
 */
export async function seekFrame(
  file: OpenFile & { readonly compressed?: CompressedForm },
  begin: number,
  offset: number,
): Promise<Place> {
  const window = new FileWindow(WALK_BYTES)
  // The index of a compressed segment knows the block, so that no other is unpacked.
  let place: Place = file.compressed?.findBlock(offset) ?? { position: 0, offset: begin }
  while (place.offset < offset) {
    await window.ensureHeld(file, place.position, HEADER_BYTES)
    const header = window.readHeader(place)
    if (header === undefined || place.offset + header.count > offset) break
    place = nextPlace(place, header)
  }
  return place
}

/** What the end of a segment looks like. */
export interface TailScan {
  /** After the last whole frame. */
  readonly end: Place
  /** Append time of the last whole frame; 0 if there is none. */
  readonly appendMs: number
  /** Bytes of a torn frame after `end`. */
  readonly tornBytes: number
  /** Offset of a whole frame after the damage at `end`: then it isn't a torn last frame. */
  readonly laterOffset: number | undefined
}

/** Checks all frames from a place to the end of the file of `bytes` bytes. */
export async function scanTail(file: OpenFile, bytes: number, from: Place): Promise<TailScan> {
  let end = from
  let appendMs = 0
  for await (const { header, next } of walkFrames(file, { from, bytes })) {
    end = next
    appendMs = header.appendMs
  }
  const tornBytes = Math.max(0, bytes - end.position)
  const later = tornBytes === 0 ? undefined : await findLaterFrame(file, end)
  return { end, appendMs, tornBytes, laterOffset: later?.offset }
}

/** A whole frame of a segment. */
export interface WholeFrame {
  readonly place: Place
  readonly header: FrameHeader
  /** The place after it. */
  readonly next: Place
  /** A view, valid until the next frame is asked for; empty if its records are lost. */
  readonly body: Buffer
}

/** Frames one after another in the first `bytes` of a segment, up to one that is not whole. */
export async function* walkFrames(
  file: OpenFile,
  { from, bytes }: { readonly from: Place; readonly bytes: number },
): AsyncGenerator<WholeFrame> {
  const window = new FileWindow(Math.min(SCAN_BYTES, Math.max(HEADER_BYTES, bytes - from.position)))
  for (let place = from; place.position < bytes; ) {
    const header = await readWholeFrame(file, window, place)
    if (header === undefined) return
    const next = nextPlace(place, header)
    const at = window.indexOf(place.position) + HEADER_BYTES
    yield { place, header, next, body: window.buffer.subarray(at, at + header.bodyBytes) }
    place = next
  }
}

/** The place after a frame. */
export function nextPlace(place: Place, header: FrameHeader): Place {
  return {
    position: place.position + HEADER_BYTES + header.bodyBytes,
    offset: place.offset + header.count,
  }
}

/** The header of the frame at `place` if all of it is intact; `window` then holds it. */
export async function readWholeFrame(
  file: OpenFile,
  window: FileWindow,
  place: Place,
): Promise<FrameHeader | undefined> {
  await window.ensureHeld(file, place.position, HEADER_BYTES)
  const header = window.readHeader(place)
  if (header === undefined) return undefined
  const isThere = await window.ensureHeld(file, place.position, HEADER_BYTES + header.bodyBytes)
  if (!isThere || !isIntact(window.buffer, window.indexOf(place.position), header)) return undefined
  return header
}

/** The first whole frame after a damaged one. */
export async function findLaterFrame(file: OpenFile, damaged: Place): Promise<Place | undefined> {
  let position = damaged.position + 1
  const bytes = (await file.size()) - position
  if (bytes < HEADER_BYTES) return undefined
  const window = new FileWindow(Math.min(SCAN_BYTES, bytes))
  const frames = new FileWindow(window.bytesMax)
  for (;;) {
    await window.load(file, position, window.bytesMax)
    const held = window.countHeld(position)
    if (held < HEADER_BYTES) return undefined
    const view = window.buffer.subarray(0, held)
    for (let at = indexOfMagic(view, 0); at !== -1; at = indexOfMagic(view, at + 1)) {
      if (held - at < HEADER_BYTES) break
      const offset = decodeHeader(view, at)?.baseOffset
      if (offset === undefined || offset <= damaged.offset) continue
      const place = { position: position + at, offset }
      if (await readWholeFrame(file, frames, place)) return place
    }
    position += held - HEADER_BYTES + 1
  }
}

/** Damage in a segment: from its place to `endOffset`. */
export interface Damage extends Place {
  /** Path of the segment. */
  readonly path: string
  /** Offset after the last unreadable record. */
  readonly endOffset: number
}

/** CCS_LOG_CORRUPT with the file, the byte and the records. */
export function logCorruptError(damage: Damage): CcsError {
  const records =
    damage.endOffset > damage.offset + 1
      ? `records ${damage.offset} to ${damage.endOffset - 1}`
      : `record ${damage.offset}`
  return new CcsError(
    'CCS_LOG_CORRUPT',
    `The log is damaged in ${damage.path} at byte ${damage.position}: ${records} can't be read.`,
    {
      hint:
        'All records before it are intact. To see all damage: ccs log verify. To make the ' +
        'records again from Bronze, as far as it has them: ccs log repair',
    },
  )
}
