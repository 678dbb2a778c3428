/**
 * The only writer of a partition. Opening it takes the lock and repairs the end: a torn last frame
 * is cut off, the rest is synced. An append is one frame, written and synced before it is
 * acknowledged and before readers may see it; a failed append leaves nothing behind.
 */
import { dirname } from 'node:path'
import { CcsError } from '../../domain/kernel/errors.ts'
import type { LogWriter } from '../../domain/log/event-log.ts'
import type { RecordBatch } from '../../domain/log/record-batch.ts'
import { type FileLock, takeLock } from '../files/file-lock.ts'
import { type Files, isErrno, type OpenFile } from '../files/files.ts'
import type { Processes } from '../files/process-id.ts'
import { type DurableMark, encodeMark, LOCK_NAME, markPath, readMark } from './durable-end.ts'
import { BODY_BYTES_MAX, encodeHeader, HEADER_BYTES } from './frame.ts'
import type { Partition } from './partition-reader.ts'
import { type RecoveredEnd, recoverEnd } from './recover-end.ts'
import { segmentPath } from './segment.ts'

/** How to write a partition. */
export interface WriterOptions {
  readonly files: Files
  readonly processes: Processes
  /** After so many bytes the next segment begins. */
  readonly segmentBytes: number
  /** And when its first record is so old, so that compression and retention get to it. */
  readonly segmentMs: number
  /** Shown to others who want to write, e.g. `ccs up`. */
  readonly owner: string
}

/** Throws CCS_LOG_LOCKED while another process writes, and CCS_LOG_CORRUPT for a damaged end. */
export async function openPartitionWriter(
  partition: Partition,
  options: WriterOptions,
): Promise<LogWriter> {
  const { files } = options
  const { dir } = partition
  await files.mkdir(dir)
  await files.fsyncDir(dirname(dir))
  await files.fsyncDir(dirname(dirname(dir)))
  const lock = await lockPartition(partition, options)
  try {
    const markFile = await openMark(files, dir)
    try {
      const recovered = await recoverEnd(files, dir, await readMark(markFile))
      const writer = new PartitionWriter(partition, options, { lock, markFile, ...recovered })
      await writer.publish()
      return writer
    } catch (error) {
      await markFile.close()
      throw error
    }
  } catch (error) {
    await lock.release()
    throw error
  }
}

/** Takes the lock of a partition's only writer. Throws CCS_LOG_LOCKED while another has it. */
export async function lockPartition(
  partition: Partition,
  options: Pick<WriterOptions, 'files' | 'processes' | 'owner'>,
): Promise<FileLock> {
  const { topic, partition: number, dir } = partition
  const { files, owner, processes } = options
  const attempt = await takeLock(files, { dir, name: LOCK_NAME }, owner, { processes })
  if (attempt.taken) return attempt.lock
  const { who, hint } = attempt
  throw new CcsError('CCS_LOG_LOCKED', `${topic}-${number} is being written by ${who}.`, {
    hint: hint ?? 'Stop it first, or use another data directory with --data.',
  })
}

async function openMark(files: Files, dir: string): Promise<OpenFile> {
  try {
    return await files.open(markPath(dir), 'r+')
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error
    return await files.open(markPath(dir), 'w+')
  }
}

/** A clock that is put back by more than this was wrong before; see nextAppendMs. */
const CLOCK_STEP_MS = 10 * 60_000

/**
 * Append times never decrease while a clock is adjusted. If it had jumped ahead by hours or years,
 * the right time counts again: or all later records would bear the wrong one.
 */
function nextAppendMs(nowMs: number, lastMs: number): number {
  return lastMs - nowMs > CLOCK_STEP_MS ? nowMs : Math.max(nowMs, lastMs)
}

interface OpenParts extends RecoveredEnd {
  readonly lock: FileLock
  readonly markFile: OpenFile
}

class PartitionWriter implements LogWriter {
  readonly topic: string
  readonly partition: number
  readonly #dir: string
  readonly #options: WriterOptions
  readonly #lock: FileLock
  readonly #markFile: OpenFile
  #segment: OpenFile
  #firstMs: number | undefined
  /** The synced end; readers see it once `publish` has written it. */
  #mark: DurableMark
  #isPublished = false
  /** Whether a failed append may have left bytes behind the end. */
  #isTorn = false
  #queue: Promise<unknown> = Promise.resolve()
  #closing: Promise<void> | undefined

  constructor(partition: Partition, options: WriterOptions, parts: OpenParts) {
    this.topic = partition.topic
    this.partition = partition.partition
    this.#dir = partition.dir
    this.#options = options
    this.#lock = parts.lock
    this.#markFile = parts.markFile
    this.#segment = parts.segment
    this.#firstMs = parts.firstMs
    this.#mark = parts.mark
  }

  /** Appends wait for each other; the batch must not change until its append is done. */
  append(batch: RecordBatch, appendMs: number): Promise<number> {
    if (this.#closing !== undefined) return Promise.reject(new Error('the log writer is closed'))
    const result = this.#queue.then(() => this.#append(batch, appendMs))
    this.#queue = result.catch(() => undefined)
    return result
  }

  close(): Promise<void> {
    this.#closing ??= this.#queue.then(() => this.#close())
    return this.#closing
  }

  /** Lets readers read up to the synced end. */
  async publish(): Promise<void> {
    await this.#markFile.write([encodeMark(this.#mark)], 0)
    this.#isPublished = true
  }

  async #append(batch: RecordBatch, wantedMs: number): Promise<number> {
    const { body, count } = batch
    const { offset } = this.#mark.end
    if (count === 0) return offset
    if (body.length > BODY_BYTES_MAX) throw tooLargeError(this.topic, body.length)
    if (!(await this.#lock.isHeld())) throw lockLostError(this)
    if (this.#isTorn) await this.#cut()
    const appendMs = nextAppendMs(wantedMs, this.#mark.appendMs)
    if (this.#isFull(appendMs)) await this.#roll()
    const { segment, end } = this.#mark
    const header = encodeHeader({ count, baseOffset: offset, appendMs }, body)
    try {
      await this.#segment.write([header, body], end.position)
      await this.#segment.datasync()
    } catch (error) {
      this.#isTorn = true
      // If this fails too, the next append cuts first, or the next writer when it opens.
      await this.#cut().catch(() => undefined)
      throw error
    }
    const position = end.position + HEADER_BYTES + body.length
    this.#firstMs ??= appendMs
    this.#mark = { segment, end: { position, offset: offset + count }, appendMs }
    this.#isPublished = false
    // The records are durable and acknowledged; if this fails, their offset is published later.
    await this.publish().catch(() => undefined)
    return offset
  }

  #isFull(nowMs: number): boolean {
    const { segmentBytes, segmentMs } = this.#options
    const ageMs = this.#firstMs === undefined ? 0 : nowMs - this.#firstMs
    return this.#mark.end.position >= segmentBytes || ageMs >= segmentMs
  }

  async #cut(): Promise<void> {
    await this.#segment.truncate(this.#mark.end.position)
    this.#isTorn = false
  }

  /** Everything so far is synced, so the next segment may begin. */
  async #roll(): Promise<void> {
    const { offset } = this.#mark.end
    const segment = await this.#options.files.open(segmentPath(this.#dir, offset), 'w+')
    try {
      await this.#options.files.fsyncDir(this.#dir)
    } catch (error) {
      await segment.close()
      throw error
    }
    await this.#segment.close()
    this.#segment = segment
    this.#firstMs = undefined
    this.#mark = { ...this.#mark, segment: offset, end: { position: 0, offset } }
  }

  async #close(): Promise<void> {
    try {
      if (!this.#isPublished) await this.publish()
      await this.#markFile.sync()
    } finally {
      await this.#markFile.close()
      await this.#segment.close()
      await this.#lock.release()
    }
  }
}

function lockLostError({ topic, partition }: LogWriter): CcsError {
  const what = `The lock of ${topic}-${partition} was removed while it was being written`
  return new CcsError('CCS_LOG_LOCKED', `${what}; nothing more is appended.`, {
    hint: 'Files of a data directory must not be deleted while ccs runs on it. Start this again.',
  })
}

function tooLargeError(topic: string, bytes: number): CcsError {
  const what = `An append of ${bytes} bytes to ${topic} is too large`
  return new CcsError('CCS_LOG_RECORD_TOO_LARGE', `${what}: at most ${BODY_BYTES_MAX} fit.`, {
    hint: 'Append fewer records at a time; a single record must fit too.',
  })
}
