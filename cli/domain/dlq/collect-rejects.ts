/**
 * `ccs dlq collect`: collects rejects where an engine reads topics without a gate in front. Its
 * processing log has the bytes of records that it could not read; the pipeline's own gate then says
 * what is wrong with them. Every query logs a bad record again, and the log does not say which
 * record it was, so equal bytes of one topic become one reject, with a position where one is found.
 */
import { createHash } from 'node:crypto'
import { compileEncoder } from '../avro/encoder.ts'
import { PROCESSING_LOG_ENGINE } from '../config/engines.ts'
import { addPrefix } from '../config/target.ts'
import type { Reason, RejectedEvent } from '../events/contracts.ts'
import { Gate, type GateOptions } from '../gate/gate.ts'
import type { GateSchemas } from '../gate/run-gate.ts'
import { validateRecord } from '../gate/validate-record.ts'
import type { Clock } from '../kernel/clock.ts'
import type { EventLog } from '../log/event-log.ts'
import { RecordBatch } from '../log/record-batch.ts'
import { RAW_TOPIC, VALID_TOPIC } from '../log/topics.ts'
import { readSchemaId } from '../log/wire-header.ts'
import type {
  CollectBatch,
  CollectStream,
  LocateRecords,
  RecordPosition,
} from './collect-stream.ts'
import { type LoggedRecord, parseLoggedRecord } from './processing-log.ts'
import { readRejects } from './read-rejects.ts'
import { type SourceKey, SourceKeySet } from './source-key.ts'

/** What a collector reads from and writes to. */
export interface CollectPorts {
  readonly stream: CollectStream
  readonly log: EventLog
  readonly decode: (bytes: Uint8Array) => RejectedEvent | undefined
  /** Reads the current schemas from the registry. */
  readonly schemas: () => Promise<GateSchemas>
  readonly locateRecords: LocateRecords
  readonly clock: Clock
}

/** Which topics to collect for, and the limits of the gate. */
export interface CollectOptions extends Omit<GateOptions, 'schemas'> {
  /** Topics that hold events: the server's name for them → their name in events.dlq. */
  readonly topics: ReadonlyMap<string, string>
  /** Whether to continue until the signal aborts. */
  readonly isFollowing: boolean
  readonly signal: AbortSignal
  readonly onProgress: (counts: CollectCounts) => void
}

/** rows = collected + repeated + withoutBytes + other */
export interface CollectCounts {
  readonly rows: number
  /** New rejects. */
  readonly collected: number
  /** Rows about records that already had a reject. */
  readonly repeated: number
  /** Rows without the record's bytes: the server omits them, or the record had none. */
  readonly withoutBytes: number
  /** Rows about other topics, about keys, or about other errors. */
  readonly other: number
  /** Rows that expired before they were read. */
  readonly missing: number
  readonly reasons: Readonly<Record<string, number>>
}

/** Topics that an engine may read events from, with a gate in front or none, as `topics` above. */
export function nameEventTopics(target: { readonly prefix: string }): ReadonlyMap<string, string> {
  return new Map([RAW_TOPIC, VALID_TOPIC].map((name) => [addPrefix(target, name), name]))
}

/** Adds the counts of two attempts that ran one after the other. */
export function addCounts(before: CollectCounts | undefined, more: CollectCounts): CollectCounts {
  if (!before) return more
  const reasons = { ...before.reasons }
  for (const [reason, count] of Object.entries(more.reasons))
    reasons[reason] = (reasons[reason] ?? 0) + count
  return {
    rows: before.rows + more.rows,
    collected: before.collected + more.collected,
    repeated: before.repeated + more.repeated,
    withoutBytes: before.withoutBytes + more.withoutBytes,
    other: before.other + more.other,
    missing: before.missing + more.missing,
    reasons,
  }
}

/** A record that has no reject yet. */
interface NewReject extends LoggedRecord {
  readonly bytes: Buffer
  readonly key: SourceKey
  /** The topic's name in events.dlq. */
  readonly source: string
}

/** The position is not known, as for rows of imports. */
const NOWHERE = -1
/**
 * Collects rejects until the end of the stream, or until the signal if it follows. A failure leaves
 * no batch half written, so it can be called again.
 */
export async function collectRejects(
  ports: CollectPorts,
  options: CollectOptions,
): Promise<CollectCounts> {
  const run = new Collector(ports, options)
  await run.loadKnown()
  while (!options.signal.aborted) {
    const batch = await ports.stream.read()
    await run.take(batch)
    options.onProgress(run.counts)
    if (batch.isEnd && !options.isFollowing) break
  }
  return run.counts
}

class Collector {
  readonly #ports: CollectPorts
  readonly #options: CollectOptions
  readonly #known = new SourceKeySet()
  readonly #scratch = new RecordBatch()
  readonly #reasons: Record<string, number> = {}
  readonly #counts = { rows: 0, collected: 0, repeated: 0, withoutBytes: 0, other: 0 }
  #gate: Gate | undefined
  #encode: ((batch: RecordBatch, record: RejectedEvent) => void) | undefined
  #schemasLoadedMs = Number.NEGATIVE_INFINITY

  constructor(ports: CollectPorts, options: CollectOptions) {
    this.#ports = ports
    this.#options = options
  }

  get counts(): CollectCounts {
    return { ...this.#counts, missing: this.#ports.stream.missing, reasons: this.#reasons }
  }

  /** Reads which records already have a reject, so that none gets a second one. */
  async loadKnown(): Promise<void> {
    const topics = new Set(this.#options.topics.values())
    for await (const entries of readRejects(this.#ports))
      for (const { reject } of entries)
        if (reject && topics.has(reject.topic)) this.#known.add(createBytesKey(reject))
  }

  async take(batch: CollectBatch): Promise<void> {
    const { topics } = this.#options
    const counts = { ...this.#counts }
    const fresh: NewReject[] = []
    const inBatch = new SourceKeySet()
    for (const row of batch.rows) {
      counts.rows++
      const one = parseLoggedRecord(row)
      const topic = one && topics.get(one.topic)
      if (!one || topic === undefined) counts.other++
      else if (!one.bytes) counts.withoutBytes++
      else {
        const key = createBytesKey({ topic, bytes: one.bytes })
        if (this.#known.has(key) || !inBatch.add(key)) counts.repeated++
        else fresh.push({ ...one, source: topic, key, bytes: one.bytes })
      }
    }
    const rejects: RejectedEvent[] = []
    for (const whole of topics.keys()) {
      const own = fresh.filter(({ topic }) => topic === whole)
      const places = await this.#ports.locateRecords(whole, own)
      for (const one of own) rejects.push(await this.#createReject(one, places.get(one)))
    }
    if (batch.rows.length > 0)
      await this.#ports.stream.commit(
        batch,
        rejects.map((one) => this.#encodeReject(one)),
      )
    for (const { key } of fresh) this.#known.add(key)
    for (const { reason } of rejects) this.#reasons[reason] = (this.#reasons[reason] ?? 0) + 1
    Object.assign(this.#counts, counts, { collected: counts.collected + rejects.length })
  }

  async #createReject(
    { source: topic, message, timeMs, bytes }: NewReject,
    found: RecordPosition | undefined,
  ): Promise<RejectedEvent> {
    const { partition = NOWHERE, offset = NOWHERE, appendMs = timeMs } = found ?? {}
    if (!this.#gate) await this.#loadSchemas()
    let invalid = this.#validate(bytes, appendMs)
    // A producer registers its schema before it writes, so schemas loaded after
    // the record was read have it.
    if (invalid?.reason === 'unknown_schema_id' && this.#schemasLoadedMs <= timeMs) {
      await this.#loadSchemas()
      invalid = this.#validate(bytes, appendMs)
    }
    const nothing = { origin: null, model: null }
    const place = { topic, partition, offset, first_seen: appendMs, ...nothing, bytes }
    if (invalid) {
      const { reason, schemaId } = invalid
      return { reason, message: invalid.message, schema_id: schemaId, ...place }
    }
    const reason: Reason = 'undecodable'
    return {
      reason,
      message: `${PROCESSING_LOG_ENGINE}: ${message}.`,
      schema_id: readSchemaId(bytes),
      ...place,
    }
  }

  #validate(bytes: Buffer, timeMs: number) {
    if (!this.#gate) throw new Error('schemas are loaded before records are validated')
    return validateRecord(this.#gate, bytes, timeMs)
  }

  #encodeReject(reject: RejectedEvent): Buffer {
    return Buffer.from(this.#scratch.encodeOne((batch) => this.#encode?.(batch, reject)))
  }

  async #loadSchemas(): Promise<void> {
    const sinceMs = this.#ports.clock.nowMs()
    const { raw, dlq } = await this.#ports.schemas()
    const { recordBytesMax, futureToleranceMs } = this.#options
    this.#gate = new Gate({ schemas: raw, recordBytesMax, futureToleranceMs })
    this.#encode = compileEncoder<RejectedEvent>(dlq.schema, dlq.id)
    this.#schemasLoadedMs = sinceMs
  }
}

/** Identifies a record by its topic and 80 bits of the hash of its bytes. */
function createBytesKey({ topic, bytes }: Pick<RejectedEvent, 'topic' | 'bytes'>): SourceKey {
  const hash = createHash('sha256').update(bytes).digest()
  return { partition: topic, offset: hash.readUIntBE(0, 6), bytesHash: hash.readUInt32BE(6) }
}
