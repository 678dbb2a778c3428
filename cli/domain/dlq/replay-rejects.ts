/**
 * `ccs dlq replay`: reads rejects again, patches them and validates them with the pipeline's own
 * gate; those that now pass are appended to events.raw exactly once. events.dlq never changes.
 */
import type { RecordNode } from '../avro/schema.ts'
import type { RejectedEvent } from '../events/contracts.ts'
import { correctedEventMs } from '../gate/contract-rules.ts'
import type { ImportContract } from '../ingest/import-contract.ts'
import type { Clock } from '../kernel/clock.ts'
import { RecordBatch } from '../log/record-batch.ts'
import { createDuplicateFilter } from './duplicate-rejects.ts'
import { isFingerprint } from './fingerprint.ts'
import type { LenientReader, UnvalidatedEvent } from './lenient-reader.ts'
import { type RejectEntry, type RejectPorts, readRejects } from './read-rejects.ts'
import { type RejectTable, type RowResult, toSqlValue } from './reject-table.ts'
import { hashRecord } from './replay-announcement.ts'
import type { ReplayLedger } from './replay-ledger.ts'
import type { PatchedEvent, ReplayWriter } from './replay-writer.ts'
import { parseRejectRef } from './show-reject.ts'
import { toWireValue } from './wire-value.ts'

/** What a replay works with. */
export interface ReplayParts extends RejectPorts {
  readonly clock: Clock
  readonly read: LenientReader
  readonly table: RejectTable
  readonly ledger: ReplayLedger
  /** undefined: dry run. */
  readonly writer: ReplayWriter | undefined
  readonly record: RecordNode
  readonly contract: Pick<ImportContract, 'encodeEvent' | 'validate'>
  /**
   * Whether events are re-encoded with the newest schema; else the record's
   * bytes are sent unchanged.
   */
  readonly isRewritten: boolean
}

/** Which rejects to replay. */
export interface ReplayOptions {
  /** Fingerprints and positions in events.dlq; []: all rejects. */
  readonly refs: readonly string[]
  readonly reason?: string
  readonly limit?: number
  readonly signal: AbortSignal
  readonly onProgress: (done: number, total: number) => void
}

/** What `ccs dlq replay --json` prints. */
export interface ReplayResult {
  readonly isDryRun: boolean
  /** Interrupted by a signal; running the same command again continues. */
  readonly isStopped: boolean
  /** selected = passed + rejected + replayedBefore + refused */
  readonly selected: number
  /** Rejects that the gate accepts now. */
  readonly passed: number
  /** Appended to events.raw: all that passed, unless interrupted; 0 in a dry run. */
  readonly replayed: number
  /** Still rejected. */
  readonly rejected: number
  readonly replayedBefore: number
  /** Replayed REPLAYS_MAX times already and rejected each time. */
  readonly refused: number
  /** Counts of `rejected` by reason: codes of the gate, or patch_failed. */
  readonly reasons: Readonly<Record<string, number>>
  /** The first that passed, with the fields that the patch changed. */
  readonly samples: readonly ReplaySample[]
  /** The first that did not pass. */
  readonly failures: readonly ReplayFailure[]
}

/** An example of a patched event. */
export interface ReplaySample {
  /** `<partition>:<offset>` in events.dlq. */
  readonly reject: string
  readonly eventId: string
  readonly before: Readonly<Record<string, unknown>>
  readonly after: Readonly<Record<string, unknown>>
}

/** An example of a reject that still does not pass. */
export interface ReplayFailure {
  readonly reject: string
  readonly reason: string
  readonly message: string
}

/** A reject is replayed at most this many times. */
export const REPLAYS_MAX = 3
const EXAMPLES_MAX = 5
const ASKED_ROWS = 2_000
/** Events that are sorted by time and written together. */
const ROUND_EVENTS = 20_000
const ROUND_BYTES = 32 * 1024 * 1024

/** Throws CCS_USAGE_INVALID for a reference that is neither a fingerprint nor a position. */
export async function replayRejects(
  parts: ReplayParts,
  options: ReplayOptions,
): Promise<ReplayResult> {
  const isMeant = createSelection(options)
  // Applied to the selected rejects only: the user may name the second of two duplicates.
  const isFirst = await createDuplicateFilter(parts.log)
  const run = new ReplayRun(parts, options.limit ?? Number.POSITIVE_INFINITY)
  for await (const entries of readRejects(parts, options.onProgress)) {
    const meant = entries.filter((one) => isMeant(one) && isFirst(one.sourceKey))
    for (let at = 0; at < meant.length && !run.isFull; at += ASKED_ROWS) {
      await run.replayBatch(meant.slice(at, at + ASKED_ROWS))
      if (options.signal.aborted) break
    }
    if (run.isFull || options.signal.aborted) break
  }
  await run.flush()
  return run.result(parts.writer === undefined, options.signal.aborted)
}

/** Returns whether the options select a reject. */
export function createSelection({
  refs,
  reason,
}: Pick<ReplayOptions, 'refs' | 'reason'>): (entry: RejectEntry) => boolean {
  const prints = new Set(refs.filter(isFingerprint))
  const places = new Set(
    refs.filter((ref) => !isFingerprint(ref)).map((ref) => rejectRef(parseRejectRef(ref))),
  )
  return (entry) =>
    (refs.length === 0 || prints.has(entry.group.fingerprint) || places.has(rejectRef(entry))) &&
    (reason === undefined || entry.group.reason === reason)
}

function rejectRef({ partition, offset }: { readonly partition: number; readonly offset: number }) {
  return `${partition}:${offset}`
}

class ReplayRun {
  readonly #parts: ReplayParts
  readonly #limit: number
  readonly #scratch = new RecordBatch()
  readonly #counts = { selected: 0, passed: 0, replayed: 0, replayedBefore: 0, refused: 0 }
  readonly #reasons: Record<string, number> = {}
  readonly #samples: ReplaySample[] = []
  readonly #failures: ReplayFailure[] = []
  #patched: PatchedEvent[] = []
  #patchedBytes = 0

  constructor(parts: ReplayParts, limit: number) {
    this.#parts = parts
    this.#limit = limit
  }

  get isFull(): boolean {
    return this.#counts.passed >= this.#limit
  }

  async replayBatch(entries: readonly RejectEntry[]): Promise<void> {
    const { read, table } = this.#parts
    const rows = entries.map((entry) => {
      const reading = entry.reject
        ? read(entry.reject.bytes)
        : { fault: 'The record is not a reject.' }
      return 'event' in reading
        ? { entry, event: reading.event, fault: '' }
        : { entry, event: undefined, fault: reading.fault }
    })
    const answers = await table.evaluate(rows)
    for (const [index, { entry, event, fault }] of rows.entries()) {
      const answer = answers[index]
      if (!answer?.isChosen) continue
      if (this.isFull) return
      this.#counts.selected++
      if (this.#isDone(entry)) continue
      if (!entry.reject || !event) this.#recordFailure(entry, entry.group.reason, fault)
      else this.#validate(entry, entry.reject, event, answer)
    }
    if (this.#patched.length >= ROUND_EVENTS || this.#patchedBytes >= ROUND_BYTES)
      await this.flush()
  }

  async flush(): Promise<void> {
    const patched = this.#patched
    this.#patched = []
    this.#patchedBytes = 0
    this.#counts.replayed += (await this.#parts.writer?.write(patched)) ?? 0
  }

  result(isDryRun: boolean, isStopped: boolean): ReplayResult {
    const rejected = Object.values(this.#reasons).reduce((sum, count) => sum + count, 0)
    return {
      ...{ isDryRun, isStopped, ...this.#counts, rejected, reasons: this.#reasons },
      ...{ samples: this.#samples, failures: this.#failures },
    }
  }

  /** Whether it has been replayed, or too often to be replayed again; counts it. */
  #isDone(entry: RejectEntry): boolean {
    const { reject } = entry
    if (this.#parts.ledger.isReplayed(entry)) {
      this.#counts.replayedBefore++
      return true
    }
    if ((reject ? this.#timesBefore(reject) : 0) < REPLAYS_MAX) return false
    this.#counts.refused++
    return true
  }

  /** How often the rejected record had been replayed. */
  #timesBefore(reject: RejectedEvent): number {
    return this.#parts.ledger.findOrigin(reject)?.replayCount ?? 0
  }

  #validate(
    entry: RejectEntry,
    reject: RejectedEvent,
    event: UnvalidatedEvent,
    answer: RowResult,
  ): void {
    const found = this.#patch(reject, event, answer)
    if ('message' in found) {
      this.#recordFailure(entry, found.reason, found.message)
      return
    }
    const { bytes, patched } = found
    const { partition, offset, sourceKey } = entry
    this.#counts.passed++
    if (this.#samples.length < EXAMPLES_MAX)
      this.#samples.push(createSample(rejectRef(entry), this.#parts.record, event, patched))
    const replayCount = this.#timesBefore(reject) + 1
    const eventMs = correctedEventMs(patched)
    const source = reject.partition
    const replayed = {
      partition,
      offset,
      hash: hashRecord(bytes),
      replayCount,
      ...(sourceKey && { sourceKey }),
    }
    this.#patched.push({ ...replayed, bytes, eventMs, source })
    this.#patchedBytes += bytes.length
  }

  /** Returns the patched event and its bytes, or why it is still invalid. */
  #patch(
    reject: RejectedEvent,
    event: UnvalidatedEvent,
    answer: RowResult,
  ):
    | { readonly bytes: Buffer; readonly patched: UnvalidatedEvent }
    | Omit<ReplayFailure, 'reject'> {
    if ('problem' in answer) return { reason: 'patch_failed', message: answer.problem }
    const { record, contract, clock, isRewritten } = this.#parts
    const given = 'values' in answer ? answer.values : {}
    const patched: Record<string, unknown> = { ...event }
    for (const { name, type } of record.fields) {
      if (!(name in given)) continue
      const wire = toWireValue(type, given[name], name)
      if ('fault' in wire) return wire.fault
      patched[name] = wire.value
    }
    const bytes = isRewritten ? this.#encode(patched) : Buffer.from(reject.bytes)
    return contract.validate(bytes, clock.nowMs()) ?? { bytes, patched }
  }

  #encode(event: Readonly<Record<string, unknown>>): Buffer {
    const { contract } = this.#parts
    return Buffer.from(this.#scratch.encodeOne((batch) => contract.encodeEvent(batch, event)))
  }

  #recordFailure(entry: RejectEntry, reason: string, message: string): void {
    this.#reasons[reason] = (this.#reasons[reason] ?? 0) + 1
    if (this.#failures.length < EXAMPLES_MAX)
      this.#failures.push({ reject: rejectRef(entry), reason, message })
  }
}

function createSample(
  reject: string,
  record: RecordNode,
  event: UnvalidatedEvent,
  patched: UnvalidatedEvent,
): ReplaySample {
  const before: Record<string, unknown> = {}
  const after: Record<string, unknown> = {}
  const text = (value: unknown) =>
    JSON.stringify(value, (_, one) => (typeof one === 'bigint' ? String(one) : one))
  for (const { name, type } of record.fields) {
    if (text(event[name]) === text(patched[name])) continue
    before[name] = toSqlValue(type, event[name])
    after[name] = toSqlValue(type, patched[name])
  }
  return { reject, eventId: String(patched.event_id), before, after }
}
