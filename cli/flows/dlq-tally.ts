/**
 * Rejects by reason, kept up to date: each record of events.dlq is read once, a bounded part at a time, so
 * that a long topic delays nobody.
 */
import type { RejectedEvent } from '../core/contracts.ts'
import { CcsError, EXIT } from '../core/errors.ts'
import { frameRecords } from '../core/frame-records.ts'
import type { EventLog } from '../core/ports.ts'
import { DLQ_TOPIC } from './rejects.ts'

export interface DlqTallyPorts {
  readonly log: EventLog
  /** undefined for bytes that are no reject. */
  readonly decode: (bytes: Uint8Array) => RejectedEvent | undefined
}

export interface DlqCounts {
  /** Records in the topic. */
  readonly total: number
  /** Of those read so far, most frequent first. */
  readonly byReason: Readonly<Record<string, number>>
}

const STEP_BYTES = 1024 * 1024

export class DlqTally {
  readonly #ports: DlqTallyPorts
  readonly #counts = new Map<string, number>()
  readonly #nextOffset = new Map<number, number>()
  readonly #totals = new Map<number, number>()

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
    const sorted = [...this.#counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
    return { total, byReason: Object.fromEntries(sorted) }
  }

  async #read(): Promise<void> {
    const { log } = this.#ports
    for (const partition of await log.partitions(DLQ_TOPIC)) {
      const { start, end } = await log.range(DLQ_TOPIC, partition)
      this.#totals.set(partition, end - start)
      const from = Math.max(start, this.#nextOffset.get(partition) ?? start)
      if (from < end) this.#nextOffset.set(partition, await this.#readOn(partition, from))
    }
  }

  /** Gives the offset to go on from. */
  async #readOn(partition: number, from: number): Promise<number> {
    const reader = await this.#ports.log.reader(DLQ_TOPIC, partition, from)
    try {
      for (const frame of await reader.read(STEP_BYTES))
        for (const { offset, bytes } of frameRecords(frame)) {
          if (offset < from) continue
          const reason = this.#ports.decode(bytes)?.reason ?? 'unreadable'
          this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + 1)
        }
      return reader.position()
    } finally {
      await reader.close()
    }
  }
}
