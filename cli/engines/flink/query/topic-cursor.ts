/**
 * Remembers how far a topic has been read, and how new its records are, and reads what is new, up
 * to the end of now.
 */

import { CcsError } from '../../../domain/kernel/errors.ts'
import { formatCount } from '../../../domain/kernel/units.ts'
import type { TopicPart, TopicRange, TopicReader } from '../../../domain/log/topic-reader.ts'
import { missingTopicError } from './missing-topic.ts'

/** What happens with what is read. */
export interface CursorTarget {
  /** The topic is another one now, or has lost what was not read: all is read again. */
  reset(): Promise<void>
  /** Some records of a partition, by offset. If it fails, some may be there: all is read again. */
  add(partition: number, part: TopicPart): Promise<void>
}

/** How a topic is read by somebody who must not be kept waiting, or must not read too much. */
export interface ReadingPace {
  /** CCS_QUERY_LIMIT for more records at once; absent: no limit. */
  readonly recordsMax?: number
  /** Called between two parts, with the records that were read and those that there are to read. */
  readonly pause: (done: number, total: number) => Promise<void>
}

/** One topic's positions. */
export class TopicCursor {
  readonly #reader: TopicReader
  readonly #topic: string
  readonly #positions = new Map<number, number>()
  #id: string | undefined
  #newestMs = Number.NEGATIVE_INFINITY

  constructor(reader: TopicReader, topic: string) {
    this.#reader = reader
    this.#topic = topic
  }

  /** Time of the newest record, ms since 1970; -Infinity: there is none. */
  get newestMs(): number {
    return this.#newestMs
  }

  /**
   * Reads what is new; CCS_KAFKA_TOPIC if there is no such topic. What was added stays added if it
   * is stopped. `findStart` chooses where to begin, the first time and after a reset.
   */
  async read(
    target: CursorTarget,
    signal: AbortSignal,
    findStart: () => Promise<ReadonlyMap<number, number> | undefined>,
    pace?: ReadingPace,
  ): Promise<void> {
    const extent = await this.#reader.inspect(this.#topic)
    if (!extent) throw missingTopicError(this.#topic, this.#reader.place)
    if (extent.id !== this.#id || extent.ranges.some((range) => this.#hasLost(range))) {
      await target.reset()
      this.#positions.clear()
      this.#newestMs = Number.NEGATIVE_INFINITY
      const starts = await findStart()
      for (const { partition, start, end } of extent.ranges)
        this.#positions.set(partition, clamp(starts?.get(partition) ?? start, start, end))
      this.#id = extent.id
    }
    const ranges = extent.ranges.map((range) => {
      return { ...range, start: this.#positions.get(range.partition) ?? range.start }
    })
    const total = ranges.reduce((sum, { start, end }) => sum + end - start, 0)
    if (total > (pace?.recordsMax ?? total)) throw this.#tooManyError(total, pace?.recordsMax)
    let done = 0
    for (const range of ranges)
      for await (const part of this.#reader.read(this.#topic, range)) {
        signal.throwIfAborted()
        const { partition } = range
        const start = this.#positions.get(partition) ?? range.start
        await this.#add(target, partition, part)
        done += part.nextOffset - start
        if (done < total) await pace?.pause(done, total)
      }
    signal.throwIfAborted()
  }

  /** The next reading begins with the choice of where to begin. */
  #tooManyError(total: number, recordsMax = 0): CcsError {
    this.forget()
    return new CcsError(
      'CCS_QUERY_LIMIT',
      `${this.#topic} has ${formatCount(total)} records to read; the page reads at most ` +
        `${formatCount(recordsMax)} of a topic.`,
      { hint: 'Ask for what it has by ccs query.' },
    )
  }

  async #add(target: CursorTarget, partition: number, part: TopicPart): Promise<void> {
    try {
      await target.add(partition, part)
    } catch (error) {
      this.forget()
      throw error
    }
    this.#positions.set(partition, part.nextOffset)
    for (const { timestampMs } of part.records)
      this.#newestMs = Math.max(this.#newestMs, timestampMs)
  }

  /** The next `read` begins anew. */
  forget(): void {
    this.#id = undefined
  }

  #hasLost({ partition, start, end }: TopicRange): boolean {
    const position = this.#positions.get(partition)
    return position !== undefined && (position < start || position > end)
  }
}

function clamp(offset: number, start: number, end: number): number {
  return Math.min(Math.max(offset, start), end)
}
