/**
 * What was replayed, kept in the log: topic ccs.replays. Each append to events.raw is announced there first, with
 * the hash of each record, and its outcome is written after it. An announcement without an outcome is settled by
 * looking for its records in events.raw from where that partition ended when it was announced; what is not there
 * may be sent again. docs/adr/0009 has the reasons, and why it holds on Kafka too.
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

/** A reject by its place in events.dlq and, where others may have rejected the same record, by that. */
interface RejectPlace {
  readonly partition: number
  readonly offset: number
  readonly sourceKey?: SourceKey | undefined
}

class SentRejects {
  readonly #places = new Set<string>()
  readonly #marks = new SourceKeySet()

  add({ partition, offset, sourceKey }: RejectPlace): void {
    this.#places.add(`${partition}:${offset}`)
    if (sourceKey) this.#marks.add(sourceKey)
  }

  has({ partition, offset, sourceKey }: RejectPlace): boolean {
    return (
      this.#places.has(`${partition}:${offset}`) ||
      (sourceKey !== undefined && this.#marks.has(sourceKey))
    )
  }
}

/** A record of events.raw that was rejected, and where it stands there. */
interface RejectedRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly bytes: Uint8Array
}

export interface LedgerOptions {
  readonly log: EventLog
  readonly clock: Clock
  /**
   * On a log whose partitions others may write too, as Kafka's: how long an append that was announced may still
   * arrive. Until then it is waited for. 0 where the writer's lock says that nobody is at work any more.
   */
  readonly graceMs: number
}

export class ReplayLedger {
  readonly #options: LedgerOptions
  #writer: LogWriter | undefined
  #next = -1
  #dlq: string | null | undefined
  /** Announced, and no outcome yet, by offset in the ledger. */
  readonly #open = new Map<number, OpenAnnouncement>()
  readonly #done = new SentRejects()
  /** What the open ones hold: done, while nobody knows better. Two may announce the same, and one give it up. */
  readonly #pending = new Map<number, SentRejects>()
  /** What stands behind a record of events.raw, by hash. */
  readonly #origins = new Map<
    string,
    { readonly step: OpenAnnouncement; readonly record: ReplayedReject }[]
  >()
  readonly #newest = new Map<number, number>()

  private constructor(options: LedgerOptions) {
    this.#options = options
  }

  /** For reading alone; `follow` brings it up to date. */
  static openReadOnly(options: LedgerOptions): ReplayLedger {
    return new ReplayLedger(options)
  }

  /** One replay at a time: CCS_LOG_LOCKED names the other. What a dead one left open is settled. */
  static async open(options: LedgerOptions, owner: string): Promise<ReplayLedger> {
    const ledger = new ReplayLedger(options)
    ledger.#writer = await options.log.writer(REPLAYS_TOPIC, 0, owner)
    try {
      await ledger.refresh()
      for (const step of [...ledger.#open.values()]) await ledger.#resolveOpen(step)
      return ledger
    } catch (error) {
      await ledger.close()
      throw error
    }
  }

  /** Takes in what the ledger holds by now. An announcement counts as done while nobody knows better. */
  async refresh(): Promise<void> {
    const { log } = this.#options
    if (this.#next < 0 && !(await log.partitions(REPLAYS_TOPIC)).includes(0)) return
    if (this.#dlq === undefined) this.#dlq = await log.identity(DLQ_TOPIC)
    const { start, end } = await log.range(REPLAYS_TOPIC, 0)
    const from = Math.max(this.#next, start)
    if (end <= from) return
    const place = { topic: REPLAYS_TOPIC, partition: 0, from }
    for await (const { records, nextOffset } of readRecords(log, place)) {
      // Only `#write` below appends here, and the log checks its bytes.
      for (const { offset, bytes } of records)
        this.#applyRecord(JSON.parse(bytes.toString('utf8')) as Announcement | Outcome, offset)
      this.#next = nextOffset
    }
  }

  /** Whether this reject, or another of the same record, was sent. */
  isReplayed(reject: RejectPlace): boolean {
    return this.#done.has(reject) || [...this.#pending.values()].some((one) => one.has(reject))
  }

  /** How often what is in this record was replayed before it was rejected; and of which reject, at last. */
  findOrigin(reject: RejectedRecord): ReplayedReject | undefined {
    if (this.#origins.size === 0) return undefined
    const { topic, partition, offset } = reject
    return this.#origins
      .get(hashRecord(reject.bytes))
      ?.findLast(
        ({ step }) => step.topic === topic && step.partition === partition && step.from <= offset,
      )?.record
  }

  /** Greatest event time that was replayed into a partition, ms; undefined: none. */
  newestMs(partition: number): number | undefined {
    return this.#newest.get(partition)
  }

  /**
   * Says what will be appended, durable when it resolves. CCS_LOG_LOCKED when another replay wrote meanwhile;
   * then nothing may be appended.
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
    // Another may have announced the same, sent it and said so since it was last looked.
    const isSent = records.some((one) => this.#done.has(one))
    if (!isBeside && !isSent) return at
    await this.recordOutcome(at, 'nothing')
    throw new CcsError('CCS_LOG_LOCKED', 'Another replay is at work on this log.', {
      hint: 'Wait until it is done, then run the same command again.',
    })
  }

  /** Whether an announced append may still be made: others may have given it up. */
  mayStillAppend(at: number): boolean {
    const { graceMs, clock } = this.#options
    const step = this.#open.get(at)
    return graceMs === 0 || (step !== undefined && clock.nowMs() - step.atMs < graceMs / 2)
  }

  /** What became of an announced append. */
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

  async #resolveOpen(step: OpenAnnouncement): Promise<void> {
    const { clock, graceMs } = this.#options
    for (;;) {
      const found = await findInLog(this.#options.log, step)
      if (found.length === step.records.length) return this.recordOutcome(step.ledgerOffset, 'all')
      const leftMs = step.atMs + graceMs - clock.nowMs()
      if (leftMs <= 0) return this.recordOutcome(step.ledgerOffset, found)
      await clock.sleep(Math.min(1_000, leftMs))
      const before = this.#open.size
      await this.refresh()
      if (!this.#open.has(step.ledgerOffset)) return
      if (this.#open.size > before)
        throw new CcsError('CCS_LOG_LOCKED', 'Another replay is at work on this log.', {
          hint: 'Wait until it is done, then run the same command again.',
        })
    }
  }

  async #write(record: Announcement | Outcome): Promise<number> {
    if (!this.#writer) throw new CcsError('CCS_UNEXPECTED', 'The ledger is open for reading only.')
    const batch = RecordBatch.of([Buffer.from(JSON.stringify(record))])
    return this.#writer.append(batch, record.atMs)
  }

  #applyRecord(one: Announcement | Outcome, at: number): void {
    if (one.kind === 'replay') {
      const step = { ...one, ledgerOffset: at }
      this.#open.set(at, step)
      const pending = new SentRejects()
      this.#pending.set(at, pending)
      const { partition: into, newestMs } = one
      this.#newest.set(into, Math.max(newestMs, this.#newest.get(into) ?? newestMs))
      for (const record of one.records.map(fromAnnouncedRecord)) {
        if (one.dlq === this.#dlq) pending.add(record)
        const { hash } = record
        this.#origins.set(hash, [...(this.#origins.get(hash) ?? []), { step, record }])
      }
      return
    }
    const step = this.#open.get(one.of)
    this.#open.delete(one.of)
    this.#pending.delete(one.of)
    if (!step) return
    const missing = new Set(one.missing)
    for (const [index, record] of step.records.map(fromAnnouncedRecord).entries()) {
      if (!missing.has(index)) {
        if (step.dlq === this.#dlq) this.#done.add(record)
        continue
      }
      const { hash } = record
      const left = (this.#origins.get(hash) ?? []).filter(
        (other) => other.step.ledgerOffset !== step.ledgerOffset,
      )
      if (left.length > 0) this.#origins.set(hash, left)
      else this.#origins.delete(hash)
    }
  }
}

/** The lineage of a reject that is a replay itself, as `origin` keeps it: `replay 2 of events.dlq-0:42`. */
function describeOrigin({ replayCount, partition, offset }: ReplayedReject): string {
  return `replay ${replayCount} of ${DLQ_TOPIC}-${partition}:${offset}`
}

/** Names the lineage of those rejects that were replays; the ledger is looked into where there are rejects only. */
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
