/**
 * Appends patched events to events.raw, each append between an announcement and an outcome in the
 * ledger. On a log that creates partitions on demand, replays have their own partitions and are
 * written in order of event time; elsewhere an event returns to its original partition.
 */

import type { Clock } from '../kernel/clock.ts'
import type { EventLog, LogWriter } from '../log/event-log.ts'
import { RecordBatch } from '../log/record-batch.ts'
import type { ReplayedReject } from './replay-announcement.ts'
import type { ReplayLedger } from './replay-ledger.ts'
import { REPLAY_PARTITIONS } from './replay-partitions.ts'

/** A reject that now passes, ready to be appended. */
export interface PatchedEvent extends ReplayedReject {
  readonly bytes: Buffer
  /** Corrected event time, ms. */
  readonly eventMs: number
  /** Partition of events.raw where the rejected record is. */
  readonly source: number
}

/** Where and how fast to write. */
export interface ReplayWriterOptions {
  readonly log: EventLog
  readonly clock: Clock
  readonly ledger: ReplayLedger
  readonly topic: string
  /** `own`: replays have partitions of their own; `source`: events return to theirs. */
  readonly placement: 'own' | 'source'
  readonly owner: string
  /** Events per second; unlimited by default. */
  readonly rate?: number
  /** Most events per append. */
  readonly chunkEvents?: number
  readonly signal: AbortSignal
  readonly onAppended: (events: number) => void
}

const CHUNK_EVENTS = 5_000
/** Fits into one Kafka batch, which is written whole or not at all. */
const CHUNK_BYTES = 512 * 1024

/** Takes locks as it first writes to a partition; `close` releases them. */
export class ReplayWriter {
  readonly #options: ReplayWriterOptions
  readonly #writers = new Map<number, LogWriter>()
  #startMs: number | undefined
  #appended = 0

  constructor(options: ReplayWriterOptions) {
    this.#options = options
  }

  /** Returns how many events were appended: all, unless the signal aborted. */
  async write(patched: readonly PatchedEvent[]): Promise<number> {
    const before = this.#appended
    const sorted = [...patched].sort((a, b) => a.eventMs - b.eventMs)
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

  /**
   * Returns a partition without newer events, so that these are on time there; else the one
   * whose newest event is oldest.
   */
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

  /** Waits until the rate allows more events. */
  async #waitForRate(): Promise<void> {
    const { rate, clock, signal } = this.#options
    if (rate === undefined) return
    this.#startMs ??= clock.nowMs()
    const dueMs = this.#startMs + (this.#appended / rate) * 1000
    if (dueMs > clock.nowMs()) await clock.sleep(dueMs - clock.nowMs(), signal)
  }

  async #append(partition: number, chunk: readonly PatchedEvent[]): Promise<void> {
    const { log, clock, ledger, topic, owner, onAppended } = this.#options
    // The lock comes first: nothing is announced that can't be appended.
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
