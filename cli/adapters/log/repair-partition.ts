/**
 * Repairs a partition so that everything intact can be read again: a damaged segment is written
 * anew from its intact frames; between them, records are made again, or marked as lost. Nothing is
 * deleted: the damaged file stays beside the new one under another name.
 */
import type { OffsetRange } from '../../domain/log/log-report.ts'
import { packFrames, type RecordRestorer } from '../../domain/log/restored-record.ts'
import { type Files, isErrno } from '../files/files.ts'
import type { Processes } from '../files/process-id.ts'
import type { LogPartition } from './check-log.ts'
import { type CheckedPartition, type CheckedSegment, checkPartition } from './check-partition.ts'
import { lockPartition } from './partition-writer.ts'
import { segmentPath } from './segment.ts'
import { replaceSegment, type SegmentDraft, writeDraft } from './segment-draft.ts'
import { openSegment } from './segment-file.ts'
import { writeMark } from './write-mark.ts'

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
    await writeMark(files, dir, after)
    await files.fsyncDir(dir)
    return { restored: this.#restored, lost: this.#lost, kept: this.#kept }
  }

  /** A segment for records of which no file is left. */
  async #addSegment(from: number, to: number, checked: CheckedPartition): Promise<void> {
    const path = segmentPath(this.#partition.dir, from)
    const { files } = this.#options
    const draft = await writeDraft(files, path, (into) => this.#fill(into, { from, to }))
    await replaceSegment(files, { draft, path, last: checked.segments.at(-1)?.path })
  }

  /** The segment again: its intact frames, and what belongs between and behind them. */
  async #rewrite(
    { base, path, runs }: Pick<CheckedSegment, 'base' | 'path' | 'runs'>,
    to: number,
    checked: CheckedPartition,
  ): Promise<void> {
    const { files } = this.#options
    const old = await openSegment(files, path)
    let draft: string
    try {
      draft = await writeDraft(files, path, async (into) => {
        let offset = base
        for (const { start, end } of runs) {
          await this.#fill(into, { from: offset, to: start.offset })
          await into.copy(old, [start.position, end.position])
          offset = end.offset
        }
        await this.#fill(into, { from: offset, to })
      })
    } finally {
      await old.close()
    }
    this.#kept.push(await keepDamaged(files, path))
    await replaceSegment(files, { draft, path, last: checked.segments.at(-1)?.path })
  }

  /** Records from one offset to another, as far as they can be made; the others are marked lost. */
  async #fill(into: SegmentDraft, { from, to }: OffsetRange): Promise<void> {
    const { topic, partition } = this.#partition
    const records = this.#options.restorer.read({ topic, partition, from, to })
    const mark = { appendMs: this.#options.nowMs, isErased: false }
    let offset = from
    if (from >= to) return
    for await (const frame of packFrames(records, this.#breaks)) {
      this.#lost += await into.mark({ from: offset, to: frame.baseOffset }, mark)
      await into.add(frame)
      offset = frame.baseOffset + frame.count
      this.#restored += frame.count
    }
    this.#lost += await into.mark({ from: offset, to }, mark)
  }
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
