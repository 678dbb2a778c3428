/**
 * Rejects by reason, kept up to date: each record of events.dlq is read once, a bounded part at a time, so
 * that a long topic delays nobody.
 */
import type { RejectedEvent } from '../events/contracts.ts'
import { CcsError, EXIT } from '../kernel/errors.ts'
import type { LogSource } from '../lake/manifest.ts'
import type { EventLog } from '../log/event-log.ts'
import { frameRecords } from '../log/frame-records.ts'
import { DLQ_TOPIC } from '../log/topics.ts'
import { findSourceKey, mayHaveDuplicates } from './duplicate-rejects.ts'
import { SourceKeySet } from './source-key.ts'

export interface DlqTallyPorts {
  readonly log: EventLog
  /** undefined for bytes that are no reject. */
  readonly decode: (bytes: Uint8Array) => RejectedEvent | undefined
  /** Of the engine's manifest as it is now. */
  readonly sources: () => Promise<readonly LogSource[]>
}

export interface DlqCounts {
  /** Records in the topic, less those that turned out to be of a record that another is of already. */
  readonly total: number
  /** Of those read so far, most frequent first. */
  readonly byReason: Readonly<Record<string, number>>
}

const STEP_BYTES = 1024 * 1024

/** Copies found in a part of a partition that was read at once. */
interface Copies {
  readonly partition: number
  /** After the last record of the part. */
  readonly end: number
  readonly count: number
}

export class DlqTally {
  readonly #ports: DlqTallyPorts
  readonly #counts = new Map<string, number>()
  readonly #nextOffset = new Map<number, number>()
  readonly #totals = new Map<number, number>()
  /** Rejected records, once there may be two rejects of one. */
  #seen: SourceKeySet | undefined
  #copies: Copies[] = []
  #sources: readonly LogSource[] = []

  constructor(ports: DlqTallyPorts) {
    this.#ports = ports
  }

  /** Reads on by about a mebibyte of each partition; of a log that is away it gives what it knows. */
  async read(): Promise<DlqCounts> {
    try {
      await this.#read()
    } catch (error) {
      if (!(error instanceof CcsError) || error.exit !== EXIT.unreachable) throw error
    }
    let total = 0
    for (const one of this.#totals.values()) total += one
    for (const { count } of this.#copies) total -= count
    const sorted = [...this.#counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
    return { total, byReason: Object.fromEntries(sorted) }
  }

  async #read(): Promise<void> {
    const { log } = this.#ports
    if (!this.#seen && (await mayHaveDuplicates(log))) this.#recountByRecord()
    for (const partition of await log.partitions(DLQ_TOPIC)) {
      const { start, end } = await log.range(DLQ_TOPIC, partition)
      this.#totals.set(partition, end - start)
      // With the records go the copies among them.
      this.#copies = this.#copies.filter((one) => one.partition !== partition || one.end > start)
      const from = Math.max(start, this.#nextOffset.get(partition) ?? start)
      if (from >= end) continue
      if (this.#seen) this.#sources = await this.#ports.sources()
      this.#nextOffset.set(partition, await this.#readOn(partition, from))
    }
  }

  /** What was counted is read again, now by records. */
  #recountByRecord(): void {
    this.#seen = new SourceKeySet()
    this.#counts.clear()
    this.#nextOffset.clear()
  }

  /** Gives the offset to go on from. */
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
    const mark = this.#seen && reject && findSourceKey(this.#sources, partition, reject)
    return mark === undefined || (this.#seen?.add(mark) ?? true)
  }
}
