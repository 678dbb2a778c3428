/**
 * Counts the rejects that arrived in a span of time, from offsets alone: where the span begins in a
 * partition is found by bisection over the append times of its frames, and no reject is read.
 */
import { CcsError, EXIT } from '../kernel/errors.ts'
import type { EventLog, LogFrame } from '../log/event-log.ts'
import { COLLECTOR_PARTITION, DLQ_TOPIC, ENGINE_PARTITION, IMPORTS_TOPIC } from '../log/topics.ts'

/** Rejects of a span, and all that events.dlq has; 0 where offsets don't say it. */
export interface RejectCounts {
  /** Records of events.raw, and what the collector rejected before. */
  readonly records: number
  readonly recordsTotal: number
  /** Rows of files that `ccs import` rejected: they never were records of events.raw. */
  readonly importRows: number
  readonly importRowsTotal: number
}

/** The newest reject of a span, for `ccs dlq show`. */
export interface RejectPlace {
  readonly partition: number
  readonly offset: number
}

const STEP_BYTES = 1024 * 1024

/** Partitions of events.dlq that hold rejected rows of imports; only a local log has some. */
export async function listImportPartitions(log: EventLog): Promise<readonly number[]> {
  if ((await log.partitions(IMPORTS_TOPIC)).length === 0) return []
  const others = [ENGINE_PARTITION, COLLECTOR_PARTITION]
  return (await log.partitions(DLQ_TOPIC)).filter((one) => !others.includes(one))
}

/** Remembers where spans begin, so that a later count of the same span costs two ends. */
export class RejectCounter {
  readonly #log: EventLog
  readonly #isWhole: boolean
  readonly #starts = new Map<string, { readonly offset: number; readonly isFound: boolean }>()
  /** By partition what was counted last: the records of a range of offsets. */
  readonly #counted = new Map<number, { from: number; next: number; count: number }>()

  /**
   * `isWhole`: each offset is a record. Otherwise some are those of transactions, and the frames of
   * the span are read, each once.
   */
  constructor(log: EventLog, { isWhole = true }: { readonly isWhole?: boolean } = {}) {
    this.#log = log
    this.#isWhole = isWhole
  }

  /**
   * Rejects that arrived at `sinceMs` or later and before `untilMs`; undefined while the log can't
   * be reached.
   */
  async count(sinceMs: number, untilMs: number): Promise<RejectCounts | undefined> {
    try {
      const imports = await listImportPartitions(this.#log)
      const counts = { records: 0, recordsTotal: 0, importRows: 0, importRowsTotal: 0 }
      for (const partition of await this.#log.partitions(DLQ_TOPIC)) {
        const { start, end } = await this.#log.range(DLQ_TOPIC, partition)
        const from = await this.#findOffset(partition, sinceMs)
        const to = await this.#findOffset(partition, untilMs)
        const what = imports.includes(partition) ? 'importRows' : 'records'
        counts[what] += await this.#countRange(partition, from, to)
        if (this.#isWhole) counts[`${what}Total`] += end - start
      }
      return counts
    } catch (error) {
      if (error instanceof CcsError && error.exit === EXIT.unreachable) return undefined
      throw error
    }
  }

  /** The newest reject of the span: of an import, or of events.raw. */
  async findNewest(
    sinceMs: number,
    untilMs: number,
    ofImport: boolean,
  ): Promise<RejectPlace | undefined> {
    const imports = await listImportPartitions(this.#log)
    let newest: (RejectPlace & { readonly appendMs: number }) | undefined
    for (const partition of await this.#log.partitions(DLQ_TOPIC)) {
      if (imports.includes(partition) !== ofImport) continue
      const from = await this.#findOffset(partition, sinceMs)
      const to = await this.#findOffset(partition, untilMs)
      if (to <= from) continue
      const appendMs = (await this.#readFrame(partition, to - 1))?.appendMs ?? 0
      if (!newest || appendMs > newest.appendMs) newest = { partition, offset: to - 1, appendMs }
    }
    return newest && { partition: newest.partition, offset: newest.offset }
  }

  async #countRange(partition: number, from: number, to: number): Promise<number> {
    if (this.#isWhole) return Math.max(0, to - from)
    const last = this.#counted.get(partition)
    const isSame = last?.from === from && last.next <= to
    const counted = isSame ? last : { from, next: from, count: 0 }
    const reader = await this.#log.reader(DLQ_TOPIC, partition, counted.next)
    try {
      while (counted.next < to) {
        const frames = await reader.read(STEP_BYTES)
        for (const { baseOffset, count } of frames)
          counted.count += Math.max(
            0,
            Math.min(baseOffset + count, to) - Math.max(baseOffset, from),
          )
        // Behind the last record there may be offsets of transactions alone.
        if (frames.length === 0 && reader.position() <= counted.next) break
        counted.next = reader.position()
      }
    } finally {
      await reader.close()
    }
    this.#counted.set(partition, counted)
    return counted.count
  }

  /** The frame with the record at `offset`; undefined at the end. */
  async #readFrame(partition: number, offset: number): Promise<LogFrame | undefined> {
    const reader = await this.#log.reader(DLQ_TOPIC, partition, offset)
    const [frame] = await reader.read(1).finally(() => reader.close())
    return frame
  }

  /** Offset of the first frame that was appended at `ms` or later; the end if there is none. */
  async #findOffset(partition: number, ms: number): Promise<number> {
    const { start, end } = await this.#log.range(DLQ_TOPIC, partition)
    const key = `${partition}:${ms}`
    const known = this.#starts.get(key)
    let low = Math.max(start, known?.offset ?? start)
    if (known?.isFound) return low
    let high = end
    let isFound = false
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      const frame = await this.#readFrame(partition, middle)
      if (frame === undefined) high = middle
      else if (frame.appendMs < ms) low = frame.baseOffset + frame.count
      else {
        // The frame may begin behind the middle, after offsets of transactions.
        high = Math.max(low, Math.min(middle, frame.baseOffset))
        isFound = true
      }
    }
    this.#starts.set(key, { offset: low, isFound })
    return low
  }
}
