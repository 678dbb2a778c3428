/**
 * Appends mended events to events.raw, each append announced in the ledger before it and settled after it. On a
 * log that makes partitions as they are asked for, replays have some of their own, and come there in the order
 * of event time; on one whose partitions are given, an event goes back where it came from.
 */

import type { Clock } from '../kernel/clock.ts'
import type { EventLog, LogWriter } from '../log/event-log.ts'
import { RecordBatch } from '../log/record-batch.ts'
import type { ReplayedReject } from './replay-announcement.ts'
import type { ReplayLedger } from './replay-ledger.ts'
import { REPLAY_PARTITIONS } from './replay-partitions.ts'

export interface PatchedEvent extends ReplayedReject {
  readonly bytes: Buffer
  /** Corrected event time. */
  readonly eventMs: number
  /** Partition of events.raw that the rejected record stands in. */
  readonly source: number
}

export interface ReplayWriterOptions {
  readonly log: EventLog
  readonly clock: Clock
  readonly ledger: ReplayLedger
  readonly topic: string
  /** Whether replays have partitions of their own. */
  readonly placement: 'own' | 'source'
  readonly owner: string
  /** Events a second; as fast as it goes when absent. */
  readonly rate?: number
  /** Most events of an append. */
  readonly chunkEvents?: number
  readonly signal: AbortSignal
  readonly onAppended: (events: number) => void
}

const CHUNK_EVENTS = 5_000
/** Fits into one batch of Kafka, which is there whole or not at all. */
const CHUNK_BYTES = 512 * 1024

export class ReplayWriter {
  readonly #options: ReplayWriterOptions
  readonly #writers = new Map<number, LogWriter>()
  #startMs: number | undefined
  #appended = 0

  constructor(options: ReplayWriterOptions) {
    this.#options = options
  }

  /** Gives how many were appended: all, unless a signal came. */
  async write(mended: readonly PatchedEvent[]): Promise<number> {
    const before = this.#appended
    const sorted = [...mended].sort((a, b) => a.eventMs - b.eventMs)
    for (const [partition, events] of await this.#groupByPartition(sorted))
      for (const chunk of this.#chunks(events)) {
        await this.#waitForRate()
        if (this.#options.signal.aborted) return this.#appended - before
        await this.#append(partition, chunk)
      }
    return this.#appended - before
  }

  async close(): Promise<void> {
    for (const one of this.#writers.values()) await one.close()
  }

  async #groupByPartition(
    sorted: readonly PatchedEvent[],
  ): Promise<ReadonlyMap<number, readonly PatchedEvent[]>> {
    const { log, topic, placement } = this.#options
    const [oldest] = sorted
    if (!oldest) return new Map()
    if (placement === 'own') return new Map([[this.#ownPartition(oldest.eventMs), sorted]])
    const there = await log.partitions(topic)
    const groups = new Map<number, PatchedEvent[]>()
    for (const one of sorted) {
      const partition = there.includes(one.source) ? one.source : (there[0] ?? 0)
      groups.set(partition, [...(groups.get(partition) ?? []), one])
    }
    return groups
  }

  /** One in which nothing newer stands, so that these events are on time there; else the oldest. */
  #ownPartition(oldestMs: number): number {
    const { ledger } = this.#options
    const newest = (one: number) => ledger.newestMs(one) ?? Number.NEGATIVE_INFINITY
    const fitting = REPLAY_PARTITIONS.find((one) => newest(one) <= oldestMs)
    if (fitting !== undefined) return fitting
    return REPLAY_PARTITIONS.reduce((least, one) => (newest(one) < newest(least) ? one : least))
  }

  *#chunks(events: readonly PatchedEvent[]): Generator<readonly PatchedEvent[]> {
    const { rate = Number.POSITIVE_INFINITY, chunkEvents = CHUNK_EVENTS } = this.#options
    const most = Math.max(1, Math.min(chunkEvents, Math.floor(rate / 4)))
    let chunk: PatchedEvent[] = []
    let bytes = 0
    for (const one of events) {
      if (chunk.length >= most || (chunk.length > 0 && bytes + one.bytes.length > CHUNK_BYTES)) {
        yield chunk
        chunk = []
        bytes = 0
      }
      chunk.push(one)
      bytes += one.bytes.length
    }
    if (chunk.length > 0) yield chunk
  }

  /** Waits until so many events may have gone out. */
  async #waitForRate(): Promise<void> {
    const { rate, clock, signal } = this.#options
    if (rate === undefined) return
    this.#startMs ??= clock.nowMs()
    const dueMs = this.#startMs + (this.#appended / rate) * 1000
    if (dueMs > clock.nowMs()) await clock.sleep(dueMs - clock.nowMs(), signal)
  }

  async #append(partition: number, chunk: readonly PatchedEvent[]): Promise<void> {
    const { log, clock, ledger, topic, owner, onAppended } = this.#options
    // The lock first: what cannot be appended is not announced.
    const writer = this.#writers.get(partition) ?? (await log.writer(topic, partition, owner))
    this.#writers.set(partition, writer)
    const newestMs = chunk.at(-1)?.eventMs ?? 0
    const at = await ledger.announce(topic, partition, chunk, newestMs)
    if (!ledger.mayStillAppend(at)) {
      await ledger.recordOutcome(at, 'nothing')
      return this.#append(partition, chunk)
    }
    await writer.append(RecordBatch.of(chunk.map(({ bytes }) => bytes)), clock.nowMs())
    await ledger.recordOutcome(at, 'all')
    this.#appended += chunk.length
    onAppended(this.#appended)
  }
}
