/**
 * Counts rejects by reason, incrementally: each record of events.dlq is read once, a limited part
 * per call, so that a long topic delays nobody.
 */
import type { RejectedEvent } from '../events/contracts.ts'
import { CcsError, EXIT } from '../kernel/errors.ts'
import type { LogSource } from '../lake/manifest.ts'
import type { EventLog } from '../log/event-log.ts'
import { frameRecords } from '../log/frame-records.ts'
import { DLQ_TOPIC } from '../log/topics.ts'
import { findSourceKey, mayHaveDuplicates } from './duplicate-rejects.ts'
import { SourceKeySet } from './source-key.ts'

/** What the tally reads; `sources` are those of the engine's manifest. */
export interface DlqTallyPorts {
  readonly log: EventLog
  /** Returns undefined for bytes that are not a reject. */
  readonly decode: (bytes: Uint8Array) => RejectedEvent | undefined
  /** Reads the sources of the engine's current manifest. */
  readonly sources: () => Promise<readonly LogSource[]>
}

/** The counts so far. */
export interface DlqCounts {
  /** Records in the topic minus the known duplicates. */
  readonly total: number
  /** Counts of the records read so far, most frequent reason first. */
  readonly byReason: Readonly<Record<string, number>>
  /** Whether all records have been read. */
  readonly isComplete: boolean
}

const STEP_BYTES = 1024 * 1024

/** Number of duplicates in a part of a partition that was read at once. */
interface Copies {
  readonly partition: number
  /** Offset after the last record of the part. */
  readonly end: number
  readonly count: number
}

/** Keeps its position in each partition between calls. */
export class DlqTally {
  readonly #ports: DlqTallyPorts
  readonly #counts = new Map<string, number>()
  readonly #nextOffset = new Map<number, number>()
  readonly #totals = new Map<number, number>()
  /** Records that have a reject, once one record may have two. */
  #seen: SourceKeySet | undefined
  #copies: Copies[] = []
  #sources: readonly LogSource[] = []
  #reading: Promise<DlqCounts> | undefined

  constructor(ports: DlqTallyPorts) {
    this.#ports = ports
  }

  /**
   * Reads about 1 MiB more of each partition; returns the last counts if the log is unreachable.
   * Whoever asks meanwhile gets the same counts.
   */
  read(): Promise<DlqCounts> {
    this.#reading ??= this.#readCounts().finally(() => {
      this.#reading = undefined
    })
    return this.#reading
  }

  async #readCounts(): Promise<DlqCounts> {
    let isComplete = false
    try {
      isComplete = await this.#read()
    } catch (error) {
      if (!(error instanceof CcsError) || error.exit !== EXIT.unreachable) throw error
    }
    let total = 0
    for (const one of this.#totals.values()) total += one
    for (const { count } of this.#copies) total -= count
    const sorted = [...this.#counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
    return { total, byReason: Object.fromEntries(sorted), isComplete }
  }

  /** Whether nothing is left to read. */
  async #read(): Promise<boolean> {
    const { log } = this.#ports
    let isComplete = true
    if (!this.#seen && (await mayHaveDuplicates(log))) this.#recountByRecord()
    for (const partition of await log.partitions(DLQ_TOPIC)) {
      const { start, end } = await log.range(DLQ_TOPIC, partition)
      this.#totals.set(partition, end - start)
      // Duplicates among expired records are no longer in the topic either.
      this.#copies = this.#copies.filter((one) => one.partition !== partition || one.end > start)
      const from = Math.max(start, this.#nextOffset.get(partition) ?? start)
      if (from >= end) continue
      if (this.#seen) this.#sources = await this.#ports.sources()
      const next = await this.#readOn(partition, from)
      this.#nextOffset.set(partition, next)
      isComplete &&= next >= end
    }
    return isComplete
  }

  /** Starts over, now without counting duplicates. */
  #recountByRecord(): void {
    this.#seen = new SourceKeySet()
    this.#counts.clear()
    this.#nextOffset.clear()
  }

  /** Returns the offset to continue from. */
  async #readOn(partition: number, from: number): Promise<number> {
    let count = 0
    const reader = await this.#ports.log.reader(DLQ_TOPIC, partition, from)
    try {
      for (const frame of await reader.read(STEP_BYTES))
        for (const { offset, bytes } of frameRecords(frame)) {
          if (offset < from) continue
          const reject = this.#ports.decode(bytes)
          const reason = reject?.reason ?? 'unreadable'
          if (this.#isFirst(partition, reject))
            this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + 1)
          else count++
        }
      const end = reader.position()
      if (count > 0) this.#copies.push({ partition, end, count })
      return end
    } finally {
      await reader.close()
    }
  }

  #isFirst(partition: number, reject: RejectedEvent | undefined): boolean {
    const sourceKey = this.#seen && reject && findSourceKey(this.#sources, partition, reject)
    return sourceKey === undefined || (this.#seen?.add(sourceKey) ?? true)
  }
}
