/**
 * Reads a partition in order while others write: whole frames up to the durable end, each checked,
 * as views of one large buffer that a single read has filled.
 */
import { CcsError } from '../../domain/kernel/errors.ts'
import type { LogFrame, LogReader } from '../../domain/log/event-log.ts'
import { type Files, isErrno } from '../files/files.ts'
import type { Processes } from '../files/process-id.ts'
import { DurableEnd } from './durable-end.ts'
import { type FrameHeader, HEADER_BYTES, isIntact, recordPosition } from './frame.ts'
import {
  FileWindow,
  findLaterFrame,
  listSegments,
  logCorruptError,
  nextPlace,
  type Place,
  seekFrame,
  segmentPath,
} from './segment.ts'
import { openSegment, type SegmentFile } from './segment-file.ts'

const WINDOW_BYTES = 256 * 1024
const READ_BYTES_MAX = 16 * 1024 * 1024

/** A partition and its directory. */
export interface Partition {
  readonly topic: string
  readonly partition: number
  readonly dir: string
}

interface OpenSegment {
  readonly file: SegmentFile
  readonly path: string
}

/** Call `open` first. The views that `read` returns are overwritten by the next `read`. */
export class PartitionReader implements LogReader {
  readonly #files: Files
  readonly #partition: Partition
  readonly #durable: DurableEnd
  readonly #window = new FileWindow(WINDOW_BYTES)
  #end = 0
  #segment: OpenSegment | undefined
  /** The next frame. */
  #place: Place = { position: 0, offset: 0 }
  /** The next record; it may lie inside the next frame. */
  #offset: number
  #isClosed = false

  constructor(files: Files, partition: Partition, fromOffset: number, processes: Processes) {
    this.#files = files
    this.#partition = partition
    this.#durable = new DurableEnd(files, partition.dir, processes)
    this.#offset = fromOffset
  }

  /** Finds the first frame. Throws CCS_LOG_CORRUPT if the log doesn't have the offset. */
  async open(): Promise<void> {
    this.#end = await this.#durable.refresh()
    const { dir } = this.#partition
    const segments = await listSegments(this.#files, dir)
    const base = segments.findLast((begin) => begin <= this.#offset)
    if (base === undefined && (this.#offset > 0 || segments.length > 0)) {
      throw this.#notThereError(segments[0] ?? 0, this.#end)
    }
    if (base === undefined) return
    const segment = await this.#openSegment(base)
    this.#place = await seekFrame(segment.file, base, this.#offset)
    const { offset, position } = this.#place
    if (offset === this.#offset) return
    // Either this frame contains the offset, or the chain of headers ends here.
    await this.#window.load(segment.file, position, HEADER_BYTES)
    if (this.#window.readHeader(this.#place) !== undefined) return
    if (offset < this.#end) throw await this.#damagedError(segment)
    throw this.#notThereError(segments[0] ?? 0, Math.max(this.#end, offset))
  }

  position(): number {
    return this.#offset
  }

  async read(bytesMax: number): Promise<readonly LogFrame[]> {
    if (this.#isClosed) throw new Error('the log reader is closed')
    if (this.#offset >= this.#end) {
      this.#end = await this.#durable.refresh()
      if (this.#offset >= this.#end) return []
    }
    let segment = this.#segment ?? (await this.#openSegment(this.#place.offset))
    let wanted = Math.max(WINDOW_BYTES, Math.min(Math.ceil(bytesMax), READ_BYTES_MAX))
    for (;;) {
      const { position } = this.#place
      await this.#window.load(segment.file, position, wanted)
      const frames = this.#takeFrames(bytesMax)
      if (frames.length > 0 || this.#offset >= this.#end) return frames
      // Only lost frames.
      if (this.#place.position > position) continue
      const header = this.#window.readHeader(this.#place)
      const held = this.#window.countHeld(this.#place.position)
      const frameBytes = HEADER_BYTES + (header?.bodyBytes ?? 0)
      if (header !== undefined && frameBytes > held && held === wanted) wanted = frameBytes
      else if (held === 0 && this.#place.position > 0) {
        segment = await this.#openSegment(this.#place.offset)
      } else throw await this.#damagedError(segment)
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#durable.close()
    await this.#segment?.file.close()
    this.#segment = undefined
  }

  /** The whole frames in the window, up to the first that is damaged. */
  #takeFrames(bytesMax: number): LogFrame[] {
    const frames: LogFrame[] = []
    let bytes = 0
    while (this.#place.offset < this.#end) {
      const header = this.#window.readHeader(this.#place)
      if (header === undefined) break
      const frameBytes = HEADER_BYTES + header.bodyBytes
      if (frameBytes > this.#window.countHeld(this.#place.position)) break
      if (bytes > 0 && bytes + frameBytes > bytesMax) break
      const at = this.#window.indexOf(this.#place.position)
      if (!isIntact(this.#window.buffer, at, header)) break
      if (!header.isLost) frames.push(this.#frame(header, at + HEADER_BYTES))
      bytes += frameBytes
      this.#place = nextPlace(this.#place, header)
      this.#offset = this.#place.offset
    }
    return frames
  }

  #frame(header: FrameHeader, at: number): LogFrame {
    const { topic, partition } = this.#partition
    const body = this.#window.buffer.subarray(at, at + header.bodyBytes)
    const skipped = this.#offset - header.baseOffset
    return {
      topic,
      partition,
      baseOffset: this.#offset,
      count: header.count - skipped,
      appendMs: header.appendMs,
      body: skipped === 0 ? body : body.subarray(recordPosition(body, skipped)),
    }
  }

  /** Replaces the open segment by the one that begins with `base`. */
  async #openSegment(base: number): Promise<OpenSegment> {
    const path = segmentPath(this.#partition.dir, base)
    const previous = this.#segment
    try {
      this.#segment = { file: await openSegment(this.#files, path), path }
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error
      const start = (await listSegments(this.#files, this.#partition.dir))[0] ?? 0
      if (start > base) throw this.#notThereError(start, this.#end)
      const damage = { ...this.#place, path: previous?.path ?? path }
      throw logCorruptError({ ...damage, endOffset: await this.#findNextWhole(this.#place.offset) })
    }
    this.#place = { position: 0, offset: base }
    await previous?.file.close()
    return this.#segment
  }

  async #damagedError(segment: OpenSegment): Promise<CcsError> {
    const later = await findLaterFrame(segment.file, this.#place)
    const endOffset = later?.offset ?? (await this.#findNextWhole(this.#place.offset))
    return logCorruptError({ ...this.#place, path: segment.path, endOffset })
  }

  /** The offset at which another segment continues, or the end. */
  async #findNextWhole(offset: number): Promise<number> {
    const segments = await listSegments(this.#files, this.#partition.dir)
    return segments.find((base) => base > offset) ?? this.#end
  }

  #notThereError(start: number, end: number): CcsError {
    const { topic, partition, dir } = this.#partition
    const wanted = `Record ${this.#offset} of ${topic}-${partition} was requested`
    return new CcsError('CCS_LOG_CORRUPT', `${wanted}, but ${dir} has ${start} to ${end}.`, {
      hint:
        'Records from the beginning of the log are gone: retention may have removed them just ' +
        'now, then start this again. To make records again from Bronze: ccs log repair',
    })
  }
}
