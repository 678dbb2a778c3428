/**
 * Repairs a partition so that everything intact can be read again: a damaged segment is written
 * anew from its intact frames; between them, records are made again, or marked as lost. Nothing is
 * deleted: the damaged file stays beside the new one under another name.
 */
import type { OffsetRange } from '../../domain/log/log-report.ts'
import { packFrames, type RecordRestorer } from '../../domain/log/restored-record.ts'
import { type Files, isErrno, type OpenFile } from '../files/files.ts'
import type { Processes } from '../files/process-id.ts'
import type { LogPartition } from './check-log.ts'
import { type CheckedPartition, type CheckedSegment, checkPartition } from './check-partition.ts'
import { encodeMark, markPath } from './durable-end.ts'
import { encodeHeader, LOST_COUNT_MAX } from './frame.ts'
import { lockPartition } from './partition-writer.ts'
import { segmentPath } from './segment.ts'

/** What a repair works with. */
export interface RepairOptions {
  readonly files: Files
  readonly processes: Processes
  /** Shown to others who want to write. */
  readonly owner: string
  /** ms since 1970, for the marks of lost records. */
  readonly nowMs: number
  readonly restorer: RecordRestorer
  /** Also make the records before the first segment again. */
  readonly fromStart: boolean
}

/** What a repair did. */
export interface RepairedPartition {
  readonly restored: number
  readonly lost: number
  /** The damaged files, as they are called now. */
  readonly kept: readonly string[]
}

/** Throws CCS_LOG_LOCKED while another process writes to the partition. */
export async function repairPartition(
  partition: LogPartition,
  options: RepairOptions,
): Promise<RepairedPartition> {
  const { files } = options
  await files.mkdir(partition.dir)
  const lock = await lockPartition(partition, options)
  try {
    return await new Repair(partition, options).run()
  } finally {
    await lock.release()
  }
}

class Repair {
  readonly #partition: LogPartition
  readonly #options: RepairOptions
  readonly #kept: string[] = []
  #breaks: ReadonlySet<number> = new Set()
  #restored = 0
  #lost = 0

  constructor(partition: LogPartition, options: RepairOptions) {
    this.#partition = partition
    this.#options = options
  }

  async run(): Promise<RepairedPartition> {
    const { files, restorer, fromStart } = this.#options
    const { topic, partition, dir, committedEnd } = this.#partition
    const checked = await checkPartition(files, this.#partition, { committedEnd })
    const { damage, start } = checked.report
    this.#breaks = await restorer.breaks(topic, partition)
    // What follows stays as it is until the file before it is whole.
    if (fromStart && start > 0) await this.#addSegment(0, start, checked)
    for (const { base, path, runs } of checked.segments) {
      // Which of two writers' records count, nobody knows.
      const own = damage.filter((one) => one.file === path && one.kind !== 'overlap')
      if (own.length === 0) continue
      const end = Math.max(runs.at(-1)?.end.offset ?? base, ...own.map(({ to }) => to))
      const [first] = own
      const isWhole = own.length === 1 && first?.kind === 'missing' && first.from > base
      if (isWhole) await this.#addSegment(first.from, end, checked)
      else await this.#rewrite({ base, path, runs }, end, checked)
    }
    if (checked.segments.length === 0 && damage[0]) await this.#addSegment(0, damage[0].to, checked)
    const after = await checkPartition(files, this.#partition, { committedEnd })
    await this.#writeMark(after)
    await files.fsyncDir(dir)
    return { restored: this.#restored, lost: this.#lost, kept: this.#kept }
  }

  /** A segment for records of which no file is left. */
  async #addSegment(from: number, to: number, checked: CheckedPartition): Promise<void> {
    const path = segmentPath(this.#partition.dir, from)
    const draft = await this.#write(path, (file) => this.#fill(file, 0, { from, to }))
    await this.#replace(draft, path, checked)
  }

  /** The segment again: its intact frames, and what belongs between and behind them. */
  async #rewrite(
    { base, path, runs }: Pick<CheckedSegment, 'base' | 'path' | 'runs'>,
    to: number,
    checked: CheckedPartition,
  ): Promise<void> {
    const { files } = this.#options
    const old = await files.open(path, 'r')
    let draft: string
    try {
      draft = await this.#write(path, async (file) => {
        let [position, offset] = [0, base]
        for (const { start, end } of runs) {
          position = await this.#fill(file, position, { from: offset, to: start.offset })
          position = await copyBytes(old, file, position, [start.position, end.position])
          offset = end.offset
        }
        return this.#fill(file, position, { from: offset, to })
      })
    } finally {
      await old.close()
    }
    this.#kept.push(await keepDamaged(files, path))
    await this.#replace(draft, path, checked)
  }

  /** Writes a file that is not a segment yet, and syncs it; returns its path. */
  async #write(path: string, fill: (file: OpenFile) => Promise<number>): Promise<string> {
    const draft = `${path}.repair`
    const file = await this.#options.files.open(draft, 'w+')
    try {
      await fill(file)
      await file.sync()
    } finally {
      await file.close()
    }
    return draft
  }

  async #replace(draft: string, path: string, { segments }: CheckedPartition): Promise<void> {
    const { files } = this.#options
    const { dir } = this.#partition
    // The mark says where the last segment ends in bytes, which no longer holds.
    const last = segments.at(-1)?.path
    if (last === undefined || path >= last) await files.remove(markPath(dir))
    await files.fsyncDir(dir)
    await files.rename(draft, path)
    await files.fsyncDir(dir)
  }

  /** Records from one offset to another, as far as they can be made; the others are marked lost. */
  async #fill(file: OpenFile, at: number, { from, to }: OffsetRange): Promise<number> {
    const { topic, partition } = this.#partition
    const records = this.#options.restorer.read({ topic, partition, from, to })
    let position = at
    let offset = from
    if (from >= to) return position
    for await (const { body, ...frame } of packFrames(records, this.#breaks)) {
      position = await this.#markLost(file, position, { from: offset, to: frame.baseOffset })
      const header = encodeHeader(frame, body)
      await file.write([header, body], position)
      position += header.length + body.length
      offset = frame.baseOffset + frame.count
      this.#restored += frame.count
    }
    return this.#markLost(file, position, { from: offset, to })
  }

  async #markLost(file: OpenFile, at: number, { from, to }: OffsetRange): Promise<number> {
    const { nowMs: appendMs } = this.#options
    let position = at
    for (let baseOffset = from; baseOffset < to; ) {
      const count = Math.min(to - baseOffset, LOST_COUNT_MAX)
      const header = encodeHeader({ count, baseOffset, appendMs, isLost: true }, new Uint8Array(0))
      await file.write([header], position)
      position += header.length
      baseOffset += count
      this.#lost += count
    }
    return position
  }

  /** Tells readers and the next writer how far the log now is. */
  async #writeMark({ segments, report, mark }: CheckedPartition): Promise<void> {
    const { files } = this.#options
    const last = segments.at(-1)
    const end = last?.runs.at(-1)?.end ?? { position: 0, offset: last?.base ?? 0 }
    const appendMs = Math.max(report.lastMs ?? 0, mark?.appendMs ?? 0)
    const file = await files.open(markPath(this.#partition.dir), 'w+')
    try {
      await file.write([encodeMark({ segment: last?.base ?? 0, end, appendMs })], 0)
      await file.sync()
    } finally {
      await file.close()
    }
  }
}

const COPY_BYTES = 1024 * 1024

/** Copies the bytes of `from` to a position of `to`; returns the position after them. */
async function copyBytes(
  from: OpenFile,
  to: OpenFile,
  position: number,
  [start, end]: readonly [number, number],
): Promise<number> {
  const buffer = Buffer.allocUnsafe(Math.min(COPY_BYTES, end - start))
  let at = start
  while (at < end) {
    const read = await from.read(buffer.subarray(0, Math.min(buffer.length, end - at)), at)
    if (read === 0) throw new Error('the segment became shorter while it was copied')
    await to.write([buffer.subarray(0, read)], position + at - start)
    at += read
  }
  return position + end - start
}

/** Gives the damaged file a second name that stays when the file is replaced. */
async function keepDamaged(files: Files, path: string): Promise<string> {
  for (let number = 1; ; number++) {
    const name = number === 1 ? `${path}.damaged` : `${path}.damaged-${number}`
    try {
      await files.link(path, name)
      return name
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error
    }
  }
}
