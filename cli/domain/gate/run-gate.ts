/**
 * Validates records in front of a cluster's engines: valid ones pass unchanged, the rest go to
 * events.dlq with the reason. While one batch is being committed, the next is validated.
 */
import { compileEncoder } from '../avro/encoder.ts'
import {
  type RegisteredSchema,
  requireVersions,
  type SchemaRegistry,
} from '../avro/schema-registry.ts'
import type { ErasedIds } from '../erase/erased-ids.ts'
import { REASONS, type Reason, type RejectedEvent } from '../events/contracts.ts'
import type { Clock } from '../kernel/clock.ts'
import { CcsError, EXIT } from '../kernel/errors.ts'
import { retryWhileUnreachable } from '../kernel/retry.ts'
import { RecordBatch } from '../log/record-batch.ts'
import { DLQ_TOPIC, RAW_TOPIC, subjectFor } from '../log/topics.ts'
import type { Pseudonymiser } from '../privacy/pseudonymiser.ts'
import { Gate, type GateOptions } from './gate.ts'
import type { GateBatch, GatePartition, GateStream, ReplacedRecord } from './gate-stream.ts'
import { RecordPseudonymiser } from './pseudonymise-records.ts'
import { type RefusedRecord, refuseRecords } from './refuse-records.ts'
import { type OriginFinder, toRejectedEvent } from './reject-writer.ts'

/** The registered schemas; `raw` has all versions that records may carry, oldest first. */
export interface GateSchemas {
  readonly raw: readonly RegisteredSchema[]
  readonly dlq: RegisteredSchema
}

/** Reads those that the registry has now. */
export async function readGateSchemas(registry: SchemaRegistry): Promise<GateSchemas> {
  const [raw, { newest: dlq }] = await Promise.all([
    registry.versions(subjectFor(RAW_TOPIC)),
    requireVersions(registry, DLQ_TOPIC),
  ])
  return { raw, dlq }
}

/** Limits of the gate, and when to stop. */
export interface GateRunOptions extends Omit<GateOptions, 'schemas'> {
  /** Stop once the group has read all that was there at the start. */
  readonly once: boolean
}

/** What the gate reads from and reports to. */
export interface GatePorts {
  readonly stream: GateStream
  /** Reads them from the registry. */
  readonly schemas: () => Promise<GateSchemas>
  /** Finds which rejected records are replays, and of what. */
  readonly findOrigins: OriginFinder
  /** What replaces values of the fields that `newest` classifies; undefined: it classifies none. */
  readonly pseudonyms: (newest: RegisteredSchema) => Promise<Pseudonymiser | undefined>
  /** Whose events are refused; undefined: nobody was erased. */
  readonly erased: () => Promise<ErasedIds | undefined>
  readonly clock: Clock
  /** Called once for each thing that people should know. */
  readonly onNotice: (text: string) => void
}

/** What this process has done so far. */
export interface GateCounts {
  readonly records: number
  readonly valid: number
  readonly rejected: number
  readonly reasons: Readonly<Partial<Record<Reason, number>>>
  /** Records that expired before the gate read them. */
  readonly missing: number
  /** Lag of the partitions that this process owns. */
  readonly lag: number
  readonly partitions: readonly number[]
}

/** How often `once` checks whether all records are through. */
const LAG_POLL_MS = 300
const REGISTRY_RETRY = { firstMs: 500, mostMs: 10_000 }

/** One process of the gate. */
export class GateRun {
  readonly #options: GateRunOptions
  readonly #ports: GatePorts
  readonly #reasons = new Map<Reason, number>()
  readonly #lags = new Map<number, number>()
  readonly #scratch = new RecordBatch()
  #valid = 0
  #rejected = 0
  #missing = 0
  #gate: Gate | undefined
  #records: RecordPseudonymiser | undefined
  #encode: ((batch: RecordBatch, record: RejectedEvent) => void) | undefined
  #lastLookup: Promise<unknown> = Promise.resolve()
  #loading: { readonly sinceMs: number; readonly done: Promise<void> } | undefined

  constructor(options: GateRunOptions, ports: GatePorts) {
    this.#options = options
    this.#ports = ports
  }

  get counts(): GateCounts {
    const lags = [...this.#lags].sort(([a], [b]) => a - b)
    return {
      records: this.#valid + this.#rejected,
      valid: this.#valid,
      rejected: this.#rejected,
      reasons: Object.fromEntries(
        REASONS.flatMap((reason) => {
          const count = this.#reasons.get(reason)
          return count === undefined ? [] : [[reason, count]]
        }),
      ),
      missing: this.#missing,
      lag: lags.reduce((sum, [, lag]) => sum + lag, 0),
      partitions: lags.map(([partition]) => partition),
    }
  }

  /** Runs until `stop`, or with `once` until all is through; finishes what it has begun. */
  async run(stop: AbortSignal): Promise<void> {
    const { stream } = this.#ports
    // An unreachable registry or a missing schema is reported before anything runs.
    await this.#loadSchemas()
    const ending = new AbortController()
    const end = () => ending.abort()
    stop.addEventListener('abort', end)
    if (stop.aborted) end()
    try {
      const watching = this.#options.once ? this.#watchUntilThrough(ending) : undefined
      watching?.catch(end)
      await stream.run((partition, until) => this.#runPartition(partition, until), ending.signal)
      await watching
    } finally {
      end()
      stop.removeEventListener('abort', end)
    }
  }

  async #watchUntilThrough(ending: AbortController): Promise<void> {
    const { stream, clock } = this.#ports
    const { partitions } = await stream.lag()
    const ends = new Map(partitions.map(({ partition, end }) => [partition, end]))
    while (!ending.signal.aborted) {
      const now = await stream.lag().catch((error: unknown) => {
        if (error instanceof CcsError && error.exit === EXIT.unreachable) return undefined
        throw error
      })
      const isBehind = now?.partitions.some(
        ({ partition, end, lag }) => end - lag < (ends.get(partition) ?? 0),
      )
      if (isBehind === false) ending.abort()
      else await clock.sleep(LAG_POLL_MS, ending.signal)
    }
  }

  /** Processes one partition, batch by batch. */
  async #runPartition(partition: GatePartition, stop: AbortSignal): Promise<void> {
    let committing = Promise.resolve()
    this.#missing += partition.missing
    this.#lags.set(partition.partition, 0)
    try {
      for (let at = -1; !stop.aborted; ) {
        const batch = await partition.read()
        this.#lags.set(partition.partition, batch.endOffset - batch.nextOffset)
        if (batch.records.length === 0 && (at === -1 || batch.nextOffset === at)) continue
        at = batch.nextOffset
        const validated = await this.#validate(batch, partition.partition, stop)
        await committing
        if (validated === undefined) break
        committing = partition
          .commit(batch, validated.rejected, validated.rejects, validated.replaced)
          .then(() => this.#count(batch, validated))
        // It is awaited before the next commit; until then its error must not count as unhandled.
        committing.catch(() => undefined)
      }
    } finally {
      this.#lags.delete(partition.partition)
      await committing
    }
  }

  #count(batch: GateBatch, { reasons }: ValidatedBatch): void {
    this.#valid += batch.records.length - reasons.length
    this.#rejected += reasons.length
    for (const reason of reasons) this.#reasons.set(reason, (this.#reasons.get(reason) ?? 0) + 1)
  }

  /** undefined if it was stopped while the registry was unreachable. */
  async #validate(
    batch: GateBatch,
    partition: number,
    stop: AbortSignal,
  ): Promise<ValidatedBatch | undefined> {
    const { clock, pseudonyms } = this.#ports
    const readMs = clock.nowMs()
    const erased = await this.#ports.erased()
    let refused = refuseRecords(this.#requireGate(), batch.records, erased)
    // A producer registers its schema before it writes, so the registry knows it by now.
    if (refused.some(({ reason }) => reason === 'unknown_schema_id')) {
      if (!(await this.#reloadSchemas(readMs, stop))) return undefined
      refused = refuseRecords(this.#requireGate(), batch.records, erased)
    }
    const rejected = refused.map(({ index }) => index)
    const replaced = await this.#records?.replace(batch.records, new Set(rejected), pseudonyms)
    return {
      replaced,
      rejected,
      reasons: refused.map(({ reason }) => reason),
      rejects: await this.#rejects(partition, refused),
    }
  }

  #requireGate(): Gate {
    if (this.#gate === undefined) throw new Error('run() has made the gate')
    return this.#gate
  }

  /** Encodes rejects as records of events.dlq. */
  async #rejects(partition: number, refused: readonly RefusedRecord[]): Promise<Uint8Array[]> {
    const encode = this.#encode
    const rejects = refused.map((one) => ({ topic: RAW_TOPIC, partition, ...one }))
    if (rejects.length === 0 || encode === undefined) return []
    // One lookup at a time: each continues reading the replay ledger where the last one stopped.
    const lookup = this.#lastLookup.then(() => this.#ports.findOrigins(rejects))
    this.#lastLookup = lookup.catch(() => undefined)
    const origins = await lookup
    return rejects.map((reject, i) => {
      const event = toRejectedEvent(reject, origins[i] ?? null)
      return Buffer.from(this.#scratch.encodeOne((batch) => encode(batch, event)))
    })
  }

  async #loadSchemas(): Promise<void> {
    const { raw, dlq } = await this.#ports.schemas()
    const { recordBytesMax, futureToleranceMs } = this.#options
    this.#gate = new Gate({ schemas: raw, recordBytesMax, futureToleranceMs })
    const newest = raw.at(-1)
    this.#records = newest && new RecordPseudonymiser(this.#gate, newest)
    this.#encode = compileEncoder<RejectedEvent>(dlq.schema, dlq.id)
  }

  /**
   * Loads the schemas as of `sinceMs` or later, waiting for an unreachable registry. False if it
   * was stopped meanwhile.
   */
  async #reloadSchemas(sinceMs: number, stop: AbortSignal): Promise<boolean> {
    const { clock, onNotice } = this.#ports
    if (stop.aborted) return false
    try {
      await retryWhileUnreachable(() => this.#loadSchemasSince(sinceMs), {
        ...{ ...REGISTRY_RETRY, clock, signal: stop },
        onWait: (error) =>
          onNotice(`${error.message} Waiting for it: nothing is rejected meanwhile.`),
      })
      return true
    } catch (error) {
      const isAway = error instanceof CcsError && error.exit === EXIT.unreachable
      if (!isAway || !stop.aborted) throw error
      return false
    }
  }

  /** Partitions share an answer of the registry; a failed one is not kept. */
  async #loadSchemasSince(sinceMs: number): Promise<void> {
    if (this.#loading === undefined || this.#loading.sinceMs < sinceMs)
      this.#loading = { sinceMs: this.#ports.clock.nowMs(), done: this.#loadSchemas() }
    const { done } = this.#loading
    try {
      await done
    } catch (error) {
      if (this.#loading?.done === done) this.#loading = undefined
      throw error
    }
  }
}

interface ValidatedBatch {
  readonly replaced: ReadonlyMap<number, ReplacedRecord> | undefined
  readonly rejected: readonly number[]
  readonly reasons: readonly Reason[]
  readonly rejects: readonly Uint8Array[]
}
