/**
 * All partitions of a topic, read from where the engine stands; new partitions join by themselves. Where a log
 * can lose records behind our back (Kafka: retention, a topic deleted and made anew), what was lost is a gap
 * that is told and kept, and rows never share an offset: those of a topic made anew are counted on.
 */

import type { Clock } from '../kernel/clock.ts'
import { CcsError } from '../kernel/errors.ts'
import type { LogGap, LogSource, PartitionPosition } from '../lake/manifest.ts'
import type { EventLog, LogFrame, LogReader } from '../log/event-log.ts'

/** New partitions are looked for this often. */
const PARTITIONS_MS = 1_000
/** A reader that lost its place is opened anew at once, this many times a read. */
const TRIES = 3

export interface PartitionReadersOptions {
  readonly topic: string
  readonly clock: Clock
  /** What the last commit knew. */
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

export class PartitionReaders {
  readonly #log: EventLog
  readonly #options: PartitionReadersOptions
  readonly #sources = new Map<number, LogSource>()
  #gaps: readonly LogGap[]
  #nextLookMs = 0
  #readers: readonly OpenReader[] = []
  /** Where a reader stood that is no more. */
  readonly #lostPositions = new Map<number, number>()

  constructor(log: EventLog, options: PartitionReadersOptions) {
    this.#log = log
    this.#options = options
    for (const one of options.sources ?? []) this.#sources.set(one.partition, one)
    this.#gaps = options.gaps ?? []
  }

  /** What the next commit is to know. */
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
   * The next frames, about `bytesMax` in all; [] at the end. `positions` say where a partition begins. What one
   * partition gives is not lost when another fails: the error comes with a read that gives nothing.
   */
  async read(
    bytesMax: number,
    positions: readonly PartitionPosition[],
  ): Promise<readonly LogFrame[]> {
    for (let left = TRIES; ; left--) {
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
      if (left === 1) throw lost[0]
    }
  }

  /** Where each partition ends now. */
  async ends(): Promise<ReadonlyMap<number, number>> {
    const ends = new Map<number, number>()
    const { topic } = this.#options
    for (const partition of await this.#log.partitions(topic)) {
      const { end } = await this.#log.range(topic, partition)
      ends.set(partition, end + (this.#sources.get(partition)?.shift ?? 0))
    }
    return ends
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

  async #closeLost(partition: number): Promise<void> {
    const left = this.#readers.find((one) => one.partition === partition)
    if (!left) return
    this.#readers = this.#readers.filter((one) => one !== left)
    this.#lostPositions.set(partition, left.reader.position() + left.shift)
    this.#nextLookMs = 0
    await left.reader.close()
  }

  async #open(positions: readonly PartitionPosition[]): Promise<void> {
    const { topic, clock } = this.#options
    if (clock.nowMs() < this.#nextLookMs && this.#readers.length > 0) return
    const partitions = await this.#log.partitions(topic)
    const missing = partitions.filter(
      (partition) => !this.#readers.some((one) => one.partition === partition),
    )
    const id =
      missing.length > 0 || partitions.length === 0 ? await this.#log.identity(topic) : null
    if (id === null && partitions.length === 0 && this.#sources.size > 0) throw topicGone(topic)
    for (const partition of missing) {
      const at = positions.find((one) => one.topic === topic && one.partition === partition)
      const left = this.#lostPositions.get(partition)
      const next = at || left !== undefined ? Math.max(at?.nextOffset ?? 0, left ?? 0) : undefined
      const { from, shift } = await this.#findStart(partition, id, next)
      const reader = await this.#log.reader(topic, partition, from)
      this.#readers = [...this.#readers, { partition, shift, reader }]
    }
    this.#nextLookMs = clock.nowMs() + PARTITIONS_MS
  }

  /** The log's own offset to begin with, after a gap where there is one; `next` is where the engine stands. */
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
      // Between two questions it may have gone.
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

  /** Whether the log, in spite of the end that it tells, can be read from there. */
  async #canReadFrom(partition: number, offset: number): Promise<boolean> {
    try {
      await (await this.#log.reader(this.#options.topic, partition, offset)).close()
      return true
    } catch (error) {
      if (isPositionLost(error)) return false
      throw error
    }
  }

  /** The same gap is met again by a start that no commit came before. */
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
  return new CcsError('CCS_KAFKA_TOPIC', `The topic ${topic} is gone.`, {
    hint: 'Create it again: ccs deploy --target NAME',
  })
}

/** A gap for a person. */
export function describeGap({ topic, partition, from, to, why }: LogGap): string {
  const place = `${topic}-${partition}`
  if (why === 'expired')
    return `Kafka had deleted records ${from} to ${to - 1} of ${place} before they were taken in: ${to - from} are missing.`
  const what = why === 'recreated' ? 'was deleted and made anew' : 'lost its end'
  return `${place} ${what}: what it held from record ${from} on and was not taken in is gone. What it holds now is counted on from there.`
}

/** The reader's place is no more; what is there instead is for `begin` to find out. */
function isPositionLost(error: unknown): boolean {
  return (
    error instanceof CcsError &&
    (error.code === 'CCS_KAFKA_OFFSET' || error.code === 'CCS_KAFKA_TOPIC')
  )
}
