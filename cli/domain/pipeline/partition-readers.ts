/**
 * Reads all partitions of a topic from the engine's positions on; new partitions are found by
 * themselves. On Kafka, records can be lost before they are read (retention, a recreated
 * topic): such a gap is reported and stored. Offsets of a recreated topic are shifted, so
 * that no two rows share one.
 */

import type { Clock } from '../kernel/clock.ts'
import { CcsError } from '../kernel/errors.ts'
import type { LogGap, LogSource, PartitionEnd, PartitionPosition } from '../lake/manifest.ts'
import type { EventLog, LogFrame, LogReader } from '../log/event-log.ts'

/** How often to look for new partitions. */
const PARTITIONS_MS = 1_000
/** How often per read a reader that lost its position is reopened. */
const TRIES = 3

/** Which topic to read, and what is known about it. */
export interface PartitionReadersOptions {
  readonly topic: string
  readonly clock: Clock
  /** Sources and gaps of the last commit. */
  readonly sources?: readonly LogSource[]
  readonly gaps?: readonly LogGap[]
  readonly onNotice: (text: string) => void
}

interface OpenReader {
  readonly partition: number
  /** Added to the log's offsets. */
  readonly shift: number
  readonly reader: LogReader
}

/** One reader per partition, opened on demand. */
export class PartitionReaders {
  readonly #log: EventLog
  readonly #options: PartitionReadersOptions
  readonly #sources = new Map<number, LogSource>()
  #gaps: readonly LogGap[]
  /** By the monotonic clock. */
  #nextLookMs = Number.NEGATIVE_INFINITY
  #readers: readonly OpenReader[] = []
  /** Positions of readers that were closed because their offset is gone. */
  readonly #lostPositions = new Map<number, number>()

  constructor(log: EventLog, options: PartitionReadersOptions) {
    this.#log = log
    this.#options = options
    for (const one of options.sources ?? []) this.#sources.set(one.partition, one)
    this.#gaps = options.gaps ?? []
  }

  /** Sources and gaps for the next commit. */
  get sourcesAndGaps(): {
    readonly sources?: readonly LogSource[]
    readonly gaps?: readonly LogGap[]
  } {
    const sources = [...this.#sources.values()]
    return {
      ...(sources.length > 0 ? { sources } : {}),
      ...(this.#gaps.length > 0 ? { gaps: this.#gaps } : {}),
    }
  }

  /**
   * Returns the next frames, about `bytesMax` in all; [] at the end. `positions` say where a
   * partition starts. If one partition fails, frames of the others are still returned; the error is
   * thrown by the next read without frames.
   */
  async read(
    bytesMax: number,
    positions: readonly PartitionPosition[],
  ): Promise<readonly LogFrame[]> {
    for (let triesLeft = TRIES; ; triesLeft--) {
      await this.#open(positions)
      const readers = this.#readers
      const share = bytesMax / Math.max(1, readers.length)
      const results = await Promise.allSettled(readers.map(({ reader }) => reader.read(share)))
      const frames: LogFrame[] = []
      const lost: unknown[] = []
      let failure: unknown
      for (const [index, { partition, shift }] of readers.entries()) {
        const result = results[index]
        if (result?.status === 'fulfilled')
          for (const frame of result.value)
            frames.push(shift === 0 ? frame : { ...frame, baseOffset: frame.baseOffset + shift })
        else if (isPositionLost(result?.reason)) {
          lost.push(result?.reason)
          await this.#closeLost(partition)
        } else failure ??= result?.reason
      }
      if (frames.length > 0) return frames
      if (failure) throw failure
      if (lost.length === 0) return []
      if (triesLeft === 1) throw lost[0]
    }
  }

  /** Returns the current end of each partition, shifted. */
  async ends(): Promise<ReadonlyMap<number, number>> {
    const ends = new Map<number, number>()
    const { topic } = this.#options
    for (const partition of await this.#log.partitions(topic)) {
      const { end } = await this.#log.range(topic, partition)
      ends.set(partition, end + (this.#sources.get(partition)?.shift ?? 0))
    }
    return ends
  }

  /** Where each reader continues, shifted; before that, the log has no more records to return. */
  positions(): readonly PartitionEnd[] {
    const { topic } = this.#options
    return this.#readers.map(({ partition, shift, reader }) => {
      return { topic, partition, nextOffset: reader.position() + shift }
    })
  }

  hasReached(ends: ReadonlyMap<number, number>): boolean {
    const at = (partition: number) => {
      const open = this.#readers.find((one) => one.partition === partition)
      return open ? open.reader.position() + open.shift : 0
    }
    return [...ends].every(([partition, end]) => at(partition) >= end)
  }

  async close(): Promise<void> {
    for (const { reader } of this.#readers) await reader.close()
    this.#readers = []
  }

  /** The next read begins at the positions that it is given. */
  async startOver(): Promise<void> {
    await this.close()
    this.#lostPositions.clear()
    this.#nextLookMs = Number.NEGATIVE_INFINITY
  }

  async #closeLost(partition: number): Promise<void> {
    const lost = this.#readers.find((one) => one.partition === partition)
    if (!lost) return
    this.#readers = this.#readers.filter((one) => one !== lost)
    this.#lostPositions.set(partition, lost.reader.position() + lost.shift)
    this.#nextLookMs = Number.NEGATIVE_INFINITY
    await lost.reader.close()
  }

  async #open(positions: readonly PartitionPosition[]): Promise<void> {
    const { topic, clock } = this.#options
    if (clock.elapsedMs() < this.#nextLookMs && this.#readers.length > 0) return
    const partitions = await this.#log.partitions(topic)
    const missing = partitions.filter(
      (partition) => !this.#readers.some((one) => one.partition === partition),
    )
    const id =
      missing.length > 0 || partitions.length === 0 ? await this.#log.identity(topic) : null
    if (id === null && partitions.length === 0 && this.#sources.size > 0) throw topicGone(topic)
    for (const partition of missing) {
      const at = positions.find((one) => one.topic === topic && one.partition === partition)
      const lost = this.#lostPositions.get(partition)
      const next = at || lost !== undefined ? Math.max(at?.nextOffset ?? 0, lost ?? 0) : undefined
      const { from, shift } = await this.#findStart(partition, id, next)
      const reader = await this.#log.reader(topic, partition, from)
      this.#readers = [...this.#readers, { partition, shift, reader }]
    }
    this.#nextLookMs = clock.elapsedMs() + PARTITIONS_MS
  }

  /**
   * Returns the log's offset to start from, after noting a gap if there is one; `next`
   * is the engine's position.
   */
  async #findStart(
    partition: number,
    id: string | null,
    next: number | undefined,
  ): Promise<{ readonly from: number; readonly shift: number }> {
    const { topic } = this.#options
    if (id === null)
      return { from: next ?? (await this.#log.range(topic, partition)).start, shift: 0 }
    const { start, end } = await this.#log.range(topic, partition)
    const known = this.#sources.get(partition) ?? { topic, partition, id, shift: 0, since: 0 }
    const goOn = (from: number, source: LogSource) => {
      this.#sources.set(partition, source)
      return { from, shift: source.shift }
    }
    if (next === undefined) return goOn(start, { ...known, id })
    const at = next - known.shift
    if (known.id === id && at > end && (await this.#canReadFrom(partition, at)))
      return goOn(at, known)
    if (known.id !== id || at > end) {
      // The topic may have been deleted between the two calls.
      if ((await this.#log.identity(topic)) !== id) throw topicGone(topic)
      const why = known.id === id ? 'truncated' : 'recreated'
      this.#noteGap({ partition, from: next, to: next, why })
      const from = known.id === id ? end : start
      return goOn(from, { ...known, id, shift: next - from, since: next })
    }
    if (at >= start) return goOn(at, known)
    this.#noteGap({ partition, from: next, to: start + known.shift, why: 'expired' })
    return goOn(start, known)
  }

  /** Whether the log can be read from the offset, although it lies after the reported end. */
  async #canReadFrom(partition: number, offset: number): Promise<boolean> {
    try {
      await (await this.#log.reader(this.#options.topic, partition, offset)).close()
      return true
    } catch (error) {
      if (isPositionLost(error)) return false
      throw error
    }
  }

  /** Replaces an equal gap: a restart without a commit meets the same one again. */
  #noteGap(gap: Pick<LogGap, 'partition' | 'from' | 'to' | 'why'>): void {
    const { topic, clock, onNotice } = this.#options
    const others = this.#gaps.filter(
      (one) => one.partition !== gap.partition || one.from !== gap.from || one.why !== gap.why,
    )
    const whole: LogGap = { topic, ...gap, seenMs: clock.nowMs() }
    this.#gaps = [...others, whole]
    onNotice(describeGap(whole))
  }
}

function topicGone(topic: string): CcsError {
  return new CcsError('CCS_KAFKA_TOPIC', `Topic ${topic} does not exist any more.`, {
    hint: 'Recreate it: ccs deploy --target NAME',
  })
}

/** Describes a gap as a sentence for the user. */
export function describeGap({ topic, partition, from, to, why }: LogGap): string {
  const place = `${topic}-${partition}`
  if (why === 'given up')
    return (
      `A rebuild gave up records ${from} to ${to - 1} of ${place}, which the log no longer had; ` +
      'no table has them.'
    )
  if (why === 'expired')
    return (
      `Kafka deleted records ${from} to ${to - 1} of ${place} before they were ingested: ` +
      `${to - from} are missing.`
    )
  const what = why === 'recreated' ? 'was deleted and recreated' : 'lost its end'
  return (
    `${place} ${what}: records from ${from} on that had not been ingested are lost. ` +
    `Its present records continue the count from there.`
  )
}

/** Whether the reader's offset no longer exists; `#findStart` then finds where to continue. */
function isPositionLost(error: unknown): boolean {
  return (
    error instanceof CcsError &&
    (error.code === 'CCS_KAFKA_OFFSET' || error.code === 'CCS_KAFKA_TOPIC')
  )
}
