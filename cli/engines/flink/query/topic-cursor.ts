/**
 * Remembers how far a topic has been read, and how new its records are, and reads what is new, up
 * to the end of now.
 */

import type { TopicPart, TopicRange, TopicReader } from '../../../domain/log/topic-reader.ts'
import { missingTopicError } from './missing-topic.ts'

/** What happens with what is read. */
export interface CursorTarget {
  /** The topic is another one now, or has lost what was not read: all is read again. */
  reset(): Promise<void>
  /** Some records of a partition, by offset. If it fails, some may be there: all is read again. */
  add(partition: number, part: TopicPart): Promise<void>
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
    for (const range of extent.ranges) {
      const { partition } = range
      const start = this.#positions.get(partition) ?? range.start
      for await (const part of this.#reader.read(this.#topic, { ...range, start })) {
        signal.throwIfAborted()
        await this.#add(target, partition, part)
      }
    }
    signal.throwIfAborted()
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
