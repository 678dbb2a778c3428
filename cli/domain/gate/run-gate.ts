/**
 * Bytes are judged once, in front of the engines: what keeps the contract of events.raw goes on unchanged,
 * the rest is kept in events.dlq with its reason. While one batch is being committed the next is judged.
 */
import { compileEncoder } from '../avro/encoder.ts'
import type { RegisteredSchema } from '../avro/schema-registry.ts'
import { REASONS, type Reason, type RejectedEvent } from '../events/contracts.ts'
import type { Clock } from '../kernel/clock.ts'
import { CcsError, EXIT } from '../kernel/errors.ts'
import { RecordBatch } from '../log/record-batch.ts'
import { RAW_TOPIC } from '../log/topics.ts'
import { Gate, type GateOptions, type InvalidRecord } from './gate.ts'
import type { GateBatch, GatePartition, GateStream } from './gate-stream.ts'
import { type OriginFinder, toRejectedEvent } from './reject-writer.ts'
import { validateRecord } from './validate-record.ts'

/** As they are registered now; both with all that their records may carry, oldest first. */
export interface GateSchemas {
  readonly raw: readonly RegisteredSchema[]
  readonly dlq: RegisteredSchema
}

export interface GateRunOptions extends Omit<GateOptions, 'schemas'> {
  /** Ends when the group has all that was there at the start. */
  readonly once: boolean
}

export interface GatePorts {
  readonly stream: GateStream
  /** Asks the registry. */
  readonly schemas: () => Promise<GateSchemas>
  /** What stands behind rejected records that were replays. */
  readonly findOrigins: OriginFinder
  readonly clock: Clock
  /** Something that a person should know, once each. */
  readonly onNotice: (text: string) => void
}

/** What this process did so far. */
export interface GateCounts {
  readonly records: number
  readonly valid: number
  readonly rejected: number
  readonly reasons: Readonly<Partial<Record<Reason, number>>>
  /** Records that expired before the gate had them. */
  readonly missing: number
  /** Of the partitions that this process has. */
  readonly lag: number
  readonly partitions: readonly number[]
}

/** How often it is looked whether all is through. */
const LAG_POLL_MS = 300
const REGISTRY_RETRY_MS = { first: 500, most: 10_000 }

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
  #encode: ((batch: RecordBatch, record: RejectedEvent) => void) | undefined
  #origins: Promise<unknown> = Promise.resolve()
  #asking: { readonly sinceMs: number; readonly done: Promise<void> } | undefined

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

  /** Until `stop`, or with `once` until all is through; drains what is under way. */
  async run(stop: AbortSignal): Promise<void> {
    const { stream } = this.#ports
    // A registry that is not there, or has not these schemas, is told at once.
    await this.#learn()
    const ending = new AbortController()
    const end = () => ending.abort()
    stop.addEventListener('abort', end)
    if (stop.aborted) end()
    try {
      const watching = this.#options.once ? this.#untilThrough(ending) : undefined
      watching?.catch(end)
      await stream.run((partition, until) => this.#pass(partition, until), ending.signal)
      await watching
    } finally {
      end()
      stop.removeEventListener('abort', end)
    }
  }

  async #untilThrough(ending: AbortController): Promise<void> {
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

  /** One partition, batch after batch. */
  async #pass(partition: GatePartition, stop: AbortSignal): Promise<void> {
    let committing = Promise.resolve()
    this.#missing += partition.missing
    this.#lags.set(partition.partition, 0)
    try {
      for (let at = -1; !stop.aborted; ) {
        const batch = await partition.read()
        this.#lags.set(partition.partition, batch.endOffset - batch.nextOffset)
        if (batch.records.length === 0 && (at === -1 || batch.nextOffset === at)) continue
        at = batch.nextOffset
        const judged = await this.#judge(batch, partition.partition, stop)
        await committing
        if (judged === undefined) break
        committing = partition
          .commit(batch, judged.rejected, judged.rejects)
          .then(() => this.#count(batch, judged))
        // It is awaited before the next one begins.
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

  /** undefined: told to stop while the registry was away. */
  async #judge(
    batch: GateBatch,
    partition: number,
    stop: AbortSignal,
  ): Promise<ValidatedBatch | undefined> {
    const readMs = this.#ports.clock.nowMs()
    let refusals = this.#sift(batch)
    // A producer registers its schema before it writes: who asks now gets to know it.
    if (refusals.some(({ refusal }) => refusal.reason === 'unknown_schema_id')) {
      if (!(await this.#learnAgain(readMs, stop))) return undefined
      refusals = this.#sift(batch)
    }
    return {
      rejected: refusals.map(({ index }) => index),
      reasons: refusals.map(({ refusal }) => refusal.reason),
      rejects: await this.#rejects(batch, partition, refusals),
    }
  }

  #sift({ records }: GateBatch): IndexedInvalid[] {
    const gate = this.#gate
    if (gate === undefined) throw new Error('run() has made the gate')
    const refusals: IndexedInvalid[] = []
    for (const [index, { bytes, appendMs }] of records.entries()) {
      const refusal = validateRecord(gate, bytes, appendMs)
      if (refusal !== undefined) refusals.push({ index, refusal })
    }
    return refusals
  }

  /** As records of events.dlq. */
  async #rejects(
    { records }: GateBatch,
    partition: number,
    refusals: readonly IndexedInvalid[],
  ): Promise<Uint8Array[]> {
    const encode = this.#encode
    const rejects = refusals.flatMap(({ index, refusal }) => {
      const record = records[index]
      const { reason, message, schemaId } = refusal
      return record ? [{ topic: RAW_TOPIC, partition, reason, message, schemaId, ...record }] : []
    })
    if (rejects.length === 0 || encode === undefined) return []
    // Partitions ask one after the other: the ledger of replays is read on from where it was left.
    const asking = this.#origins.then(() => this.#ports.findOrigins(rejects))
    this.#origins = asking.catch(() => undefined)
    const origins = await asking
    return rejects.map((reject, i) => {
      const event = toRejectedEvent(reject, origins[i] ?? null)
      return Buffer.from(this.#scratch.encodeOne((batch) => encode(batch, event)))
    })
  }

  async #learn(): Promise<void> {
    const { raw, dlq } = await this.#ports.schemas()
    const { recordBytesMax, futureToleranceMs } = this.#options
    this.#gate = new Gate({ schemas: raw, recordBytesMax, futureToleranceMs })
    this.#encode = compileEncoder<RejectedEvent>(dlq.schema, dlq.id)
  }

  /** Knows what the registry had at `sinceMs` or later; waits for a registry that is away. False: told to stop. */
  async #learnAgain(sinceMs: number, stop: AbortSignal): Promise<boolean> {
    const { clock, onNotice } = this.#ports
    const { first, most } = REGISTRY_RETRY_MS
    for (let waitMs = first; !stop.aborted; waitMs = Math.min(most, waitMs * 2)) {
      if (this.#asking === undefined || this.#asking.sinceMs < sinceMs)
        this.#asking = { sinceMs: clock.nowMs(), done: this.#learn() }
      const { done } = this.#asking
      try {
        await done
        return true
      } catch (error) {
        if (!(error instanceof CcsError) || error.exit !== EXIT.unreachable) throw error
        if (waitMs === first)
          onNotice(`${error.message} Waiting for it: nothing is rejected meanwhile.`)
        if (this.#asking?.done === done) this.#asking = undefined
        await clock.sleep(waitMs, stop)
      }
    }
    return false
  }
}

interface IndexedInvalid {
  readonly index: number
  readonly refusal: InvalidRecord
}

interface ValidatedBatch {
  readonly rejected: readonly number[]
  readonly reasons: readonly Reason[]
  readonly rejects: readonly Uint8Array[]
}
