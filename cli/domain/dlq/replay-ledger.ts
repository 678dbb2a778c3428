/**
 * What was replayed, recorded in the log itself: topic ccs.replays. Each append to events.raw is
 * announced first, with the hash of each record, and its outcome follows. An announcement
 * without an outcome is resolved by searching events.raw for its records, from where the
 * partition ended at the announcement; what is not there may be sent again. Reasons, and why it
 * holds on Kafka too: docs/adr/0009.
 */

import type { OriginFinder } from '../gate/reject-writer.ts'
import type { Clock } from '../kernel/clock.ts'
import { CcsError } from '../kernel/errors.ts'
import type { EventLog, LogWriter } from '../log/event-log.ts'
import { readRecords } from '../log/frame-records.ts'
import { RecordBatch } from '../log/record-batch.ts'
import { DLQ_TOPIC, REPLAYS_TOPIC } from '../log/topics.ts'
import {
  type Announcement,
  findInLog,
  fromAnnouncedRecord,
  hashRecord,
  type OpenAnnouncement,
  type Outcome,
  type ReplayedReject,
  toAnnouncedRecord,
} from './replay-announcement.ts'
import { type SourceKey, SourceKeySet } from './source-key.ts'

/**
 * A reject by its position in events.dlq and, if its record may have
 * several rejects, by that record.
 */
interface RejectPlace {
  readonly partition: number
  readonly offset: number
  readonly sourceKey?: SourceKey | undefined
}

class SentRejects {
  readonly #places = new Set<string>()
  readonly #keys = new SourceKeySet()

  add({ partition, offset, sourceKey }: RejectPlace): void {
    this.#places.add(`${partition}:${offset}`)
    if (sourceKey) this.#keys.add(sourceKey)
  }

  has({ partition, offset, sourceKey }: RejectPlace): boolean {
    return (
      this.#places.has(`${partition}:${offset}`) ||
      (sourceKey !== undefined && this.#keys.has(sourceKey))
    )
  }
}

/** A rejected record of events.raw and its position there. */
interface RejectedRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly bytes: Uint8Array
}

/** Where the ledger is, and how long to wait for others. */
export interface LedgerOptions {
  readonly log: EventLog
  readonly clock: Clock
  /**
   * How long an announced append by another process may still arrive, on a log with many writers
   * such as Kafka. 0 if the writer's lock proves that no other replay runs.
   */
  readonly graceMs: number
}

/** One process writes at a time; any number may read. */
export class ReplayLedger {
  readonly #options: LedgerOptions
  #writer: LogWriter | undefined
  #next = -1
  #dlq: string | null | undefined
  /** Announcements without an outcome, by offset in the ledger. */
  readonly #open = new Map<number, OpenAnnouncement>()
  readonly #done = new SentRejects()
  /**
   * Their rejects, which count as sent until the outcome says otherwise. Two announcements may
   * contain the same reject, and one of them may be withdrawn.
   */
  readonly #pending = new Map<number, SentRejects>()
  /** Which replays a record of events.raw may come from, by its hash. */
  readonly #origins = new Map<
    string,
    { readonly announcement: OpenAnnouncement; readonly record: ReplayedReject }[]
  >()
  readonly #newest = new Map<number, number>()

  private constructor(options: LedgerOptions) {
    this.#options = options
  }

  /** Opens it for reading; `refresh` brings it up to date. */
  static openReadOnly(options: LedgerOptions): ReplayLedger {
    return new ReplayLedger(options)
  }

  /**
   * Opens it for writing and resolves announcements that others left open. Throws CCS_LOG_LOCKED,
   * naming the owner, if another replay runs.
   */
  static async open(options: LedgerOptions, owner: string): Promise<ReplayLedger> {
    const ledger = new ReplayLedger(options)
    ledger.#writer = await options.log.writer(REPLAYS_TOPIC, 0, owner)
    try {
      await ledger.refresh()
      for (const announcement of [...ledger.#open.values()]) await ledger.#resolveOpen(announcement)
      return ledger
    } catch (error) {
      await ledger.close()
      throw error
    }
  }

  /** Reads what was added to the ledger. Rejects count as sent until an outcome says otherwise. */
  async refresh(): Promise<void> {
    const { log } = this.#options
    if (this.#next < 0 && !(await log.partitions(REPLAYS_TOPIC)).includes(0)) return
    if (this.#dlq === undefined) this.#dlq = await log.identity(DLQ_TOPIC)
    const { start, end } = await log.range(REPLAYS_TOPIC, 0)
    const from = Math.max(this.#next, start)
    if (end <= from) return
    const place = { topic: REPLAYS_TOPIC, partition: 0, from }
    for await (const { records, nextOffset } of readRecords(log, place)) {
      // Only `#write` below appends to this topic, and the log verifies its checksums.
      for (const { offset, bytes } of records)
        this.#applyRecord(JSON.parse(bytes.toString('utf8')) as Announcement | Outcome, offset)
      this.#next = nextOffset
    }
  }

  /** Whether this reject, or another one of the same record, was sent. */
  isReplayed(reject: RejectPlace): boolean {
    return this.#done.has(reject) || [...this.#pending.values()].some((one) => one.has(reject))
  }

  /** Returns the last replay that a rejected record came from; undefined if it wasn't replayed. */
  findOrigin(reject: RejectedRecord): ReplayedReject | undefined {
    if (this.#origins.size === 0) return undefined
    const { topic, partition, offset } = reject
    return this.#origins
      .get(hashRecord(reject.bytes))
      ?.findLast(
        ({ announcement }) =>
          announcement.topic === topic &&
          announcement.partition === partition &&
          announcement.from <= offset,
      )?.record
  }

  /**
   * Returns the greatest event time that was replayed into a partition, ms; undefined: none was.
   */
  newestMs(partition: number): number | undefined {
    return this.#newest.get(partition)
  }

  /**
   * Announces an append; durable when it resolves to the ledger's offset. Throws CCS_LOG_LOCKED if
   * another replay wrote meanwhile; nothing may be appended then.
   */
  async announce(
    topic: string,
    partition: number,
    records: readonly ReplayedReject[],
    newestMs: number,
  ): Promise<number> {
    const { log, clock } = this.#options
    const expected = this.#next
    const { end: from } = await log.range(topic, partition)
    const at = await this.#write({
      ...{ kind: 'replay', atMs: clock.nowMs(), dlq: this.#dlq ?? null },
      ...{ topic, partition, from, newestMs },
      records: records.map(toAnnouncedRecord),
    })
    await this.refresh()
    const isBeside = [...this.#open.keys()].some((one) => one !== at && one >= expected)
    // Another replay may have announced, sent and recorded the same since the last refresh.
    const isSent = records.some((one) => this.#done.has(one))
    if (!isBeside && !isSent) return at
    await this.recordOutcome(at, 'nothing')
    throw new CcsError('CCS_LOG_LOCKED', 'Another replay is running on this log.', {
      hint: 'Wait until it is done, then run the same command again.',
    })
  }

  /** Whether an announced append may still be made; after a while, others may have withdrawn it. */
  mayStillAppend(at: number): boolean {
    const { graceMs, clock } = this.#options
    const announcement = this.#open.get(at)
    return (
      graceMs === 0 ||
      (announcement !== undefined && clock.nowMs() - announcement.atMs < graceMs / 2)
    )
  }

  /**
   * Records what became of an announced append: all, nothing, or the indexes that were appended.
   */
  async recordOutcome(at: number, done: 'all' | 'nothing' | readonly number[]): Promise<void> {
    const records = this.#open.get(at)?.records ?? []
    const missing =
      done === 'all'
        ? []
        : [...records.keys()].filter((index) => done === 'nothing' || !done.includes(index))
    await this.#write({ kind: 'outcome', of: at, atMs: this.#options.clock.nowMs(), missing })
    await this.refresh()
  }

  async close(): Promise<void> {
    await this.#writer?.close()
  }

  async #resolveOpen(announcement: OpenAnnouncement): Promise<void> {
    const { clock, graceMs } = this.#options
    for (;;) {
      const found = await findInLog(this.#options.log, announcement)
      if (found.length === announcement.records.length)
        return this.recordOutcome(announcement.ledgerOffset, 'all')
      const leftMs = announcement.atMs + graceMs - clock.nowMs()
      if (leftMs <= 0) return this.recordOutcome(announcement.ledgerOffset, found)
      await clock.sleep(Math.min(1_000, leftMs))
      const before = this.#open.size
      await this.refresh()
      if (!this.#open.has(announcement.ledgerOffset)) return
      if (this.#open.size > before)
        throw new CcsError('CCS_LOG_LOCKED', 'Another replay is running on this log.', {
          hint: 'Wait until it is done, then run the same command again.',
        })
    }
  }

  async #write(record: Announcement | Outcome): Promise<number> {
    if (!this.#writer) throw new CcsError('CCS_UNEXPECTED', 'The ledger is open read-only.')
    const batch = RecordBatch.of([Buffer.from(JSON.stringify(record))])
    return this.#writer.append(batch, record.atMs)
  }

  #applyRecord(one: Announcement | Outcome, at: number): void {
    if (one.kind === 'replay') {
      const announcement = { ...one, ledgerOffset: at }
      this.#open.set(at, announcement)
      const pending = new SentRejects()
      this.#pending.set(at, pending)
      const { partition: into, newestMs } = one
      this.#newest.set(into, Math.max(newestMs, this.#newest.get(into) ?? newestMs))
      for (const record of one.records.map(fromAnnouncedRecord)) {
        if (one.dlq === this.#dlq) pending.add(record)
        const { hash } = record
        this.#origins.set(hash, [...(this.#origins.get(hash) ?? []), { announcement, record }])
      }
      return
    }
    const announcement = this.#open.get(one.of)
    this.#open.delete(one.of)
    this.#pending.delete(one.of)
    if (!announcement) return
    const missing = new Set(one.missing)
    for (const [index, record] of announcement.records.map(fromAnnouncedRecord).entries()) {
      if (!missing.has(index)) {
        if (announcement.dlq === this.#dlq) this.#done.add(record)
        continue
      }
      const { hash } = record
      const left = (this.#origins.get(hash) ?? []).filter(
        (other) => other.announcement.ledgerOffset !== announcement.ledgerOffset,
      )
      if (left.length > 0) this.#origins.set(hash, left)
      else this.#origins.delete(hash)
    }
  }
}

/** The `origin` of a reject that was a replay: `replay 2 of events.dlq-0:42`. */
function describeOrigin({ replayCount, partition, offset }: ReplayedReject): string {
  return `replay ${replayCount} of ${DLQ_TOPIC}-${partition}:${offset}`
}

/**
 * Returns a function that finds the origin of rejects that were replays. Reads the ledger
 * only when there are rejects.
 */
export function createOriginFinder(log: EventLog, clock: Clock): OriginFinder {
  const ledger = ReplayLedger.openReadOnly({ log, clock, graceMs: 0 })
  return async (rejects) => {
    await ledger.refresh()
    return rejects.map((reject) => {
      const replayed = ledger.findOrigin(reject)
      return replayed ? describeOrigin(replayed) : null
    })
  }
}
