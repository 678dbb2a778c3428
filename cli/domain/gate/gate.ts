/**
 * The gate: every record's bytes are judged here, once, before any SQL. The compiled decoder lets good
 * records through and into columns; what it turns down goes to the slow judge, which reads strictly, builds
 * the object with avsc and says in one sentence what is wrong.
 */
import { Buffer } from 'node:buffer'
import { compileEncoder, type Encoder } from '../avro/encoder.ts'
import { compileInspector, type Inspector } from '../avro/inspector.ts'
import { compileObjectReader, type ObjectReader } from '../avro/object-reader.ts'
import { parseRecordSchema, type RecordNode } from '../avro/schema.ts'
import type { RegisteredSchema } from '../avro/schema-registry.ts'
import { CcsError } from '../kernel/errors.ts'
import { RecordBatch } from '../log/record-batch.ts'
import { readSchemaId, WIRE_HEADER_BYTES } from '../log/wire-header.ts'
import {
  correctedEventMs,
  type Decoded,
  findFutureViolation,
  findViolation,
  type Rejection,
  requireTimeFields,
} from './contract-rules.ts'
import { compileDecoder, DecodedEvent, type Decoder } from './decoder/decoder.ts'
import { ColumnBuffers } from './decoder/duckdb-columns.ts'
import { SourceBytes } from './decoder/source-bytes.ts'

export interface GateOptions {
  /**
   * All versions of the topic's schema, oldest first; the last one makes the columns and the rules. Versions
   * that are put before it later on are found when a record names them.
   */
  readonly schemas: readonly RegisteredSchema[]
  /** Longer records are too_large. */
  readonly recordBytesMax: number
  /** How far after its append an event may claim to have happened. */
  readonly futureToleranceMs: number
}

export type ValidationResult =
  | {
      readonly ok: true
      readonly schemaId: number
      readonly eventMs: number
      readonly event: Decoded
    }
  | ({ readonly ok: false; readonly schemaId: number | null } & Rejection)

export type InvalidRecord = Extract<ValidationResult, { readonly ok: false }>

/** DuckDB's vectors hold this many rows. */
const ROWS_MAX = 2048

/** How records of one schema version are read. */
interface SchemaVersion {
  readonly id: number
  readonly inspect: Inspector
  /** Undefined when the newest schema cannot read this one at all; `fault` says why. */
  readonly read: ObjectReader | undefined
  readonly fault: string
  /** Undefined when only avsc can read it: such records are rewritten by the newest schema first. */
  readonly decode: Decoder | undefined
}

export class Gate {
  readonly record: RecordNode
  readonly columns: ColumnBuffers
  readonly source = new SourceBytes()
  readonly decoded = new DecodedEvent()
  readonly recordBytesMax: number
  readonly futureToleranceMs: number
  readonly #schemas: readonly RegisteredSchema[]
  readonly #newest: RegisteredSchema
  readonly #versions = new Map<number, SchemaVersion>()
  readonly #encode: Encoder<Decoded>
  readonly #scratch = new RecordBatch(4096)
  #last: SchemaVersion | undefined

  /** CCS_SCHEMA_INVALID when the newest schema asks for what events cannot have. */
  constructor(options: GateOptions) {
    const newest = options.schemas.at(-1)
    if (newest === undefined)
      throw new CcsError('CCS_SCHEMA_INVALID', 'There is no schema to judge records by.')
    this.#schemas = options.schemas
    this.#newest = newest
    this.record = parseRecordSchema(newest.schema, newest.subject)
    requireTimeFields(this.record)
    this.columns = new ColumnBuffers(this.record, ROWS_MAX)
    this.recordBytesMax = options.recordBytesMax
    this.futureToleranceMs = options.futureToleranceMs
    this.#encode = compileEncoder(newest.schema, newest.id)
    for (const one of options.schemas) this.#find(one.id)
    if (this.#find(newest.id)?.decode === undefined)
      throw new CcsError(
        'CCS_SCHEMA_INVALID',
        `${newest.subject} needs an event_id of logical type uuid.`,
      )
  }

  /** Judges one record by itself. */
  validate(bytes: Uint8Array, appendMs: number): ValidationResult {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    if (buffer.length > this.recordBytesMax)
      return invalidRecord(
        null,
        'too_large',
        `It has ${buffer.length} bytes; at most ${this.recordBytesMax} are allowed.`,
      )
    const id = readSchemaId(buffer)
    if (id === null) return invalidRecord(null, 'bad_magic', describeHeaderFault(buffer))
    const version = this.#find(id)
    if (version === undefined)
      return invalidRecord(
        id,
        'unknown_schema_id',
        `No version of the topic's schema has the id ${id}.`,
      )
    if (version.read === undefined) return invalidRecord(id, 'undecodable', version.fault)
    const fault = version.inspect(buffer, WIRE_HEADER_BYTES)
    if (fault !== undefined) return invalidRecord(id, 'undecodable', `${fault}.`)
    const event = version.read(buffer.subarray(WIRE_HEADER_BYTES))
    const eventMs = correctedEventMs(event)
    const breach =
      findViolation(this.record, event) ??
      findFutureViolation(eventMs, appendMs, this.futureToleranceMs)
    if (breach !== undefined) return { ok: false, schemaId: id, ...breach }
    return { ok: true, schemaId: id, eventMs, event }
  }

  /**
   * Reads record [at, end) of the source into row `row` of the columns. 1: let in, its id and time are in
   * `verdict`; 0: not; 2: ask `rewritten` for bytes to try instead. Nothing is kept of a row not let in
   * after `columns.reject(row)`.
   */
  decode(at: number, end: number, row: number, latestMs: number): 0 | 1 | 2 {
    if (end - at > this.recordBytesMax || end - at < WIRE_HEADER_BYTES) return 0
    const view = this.source.view
    if (view.getUint8(at) !== 0) return 0
    const id = view.getInt32(at + 1)
    let version = this.#last
    if (version === undefined || version.id !== id) {
      version = this.#find(id)
      if (version === undefined) return 0
      this.#last = version
    }
    if (version.decode === undefined) return version.read === undefined ? 0 : 2
    if (!version.decode(at + WIRE_HEADER_BYTES, end, row)) return 0
    // A single-element array always has its element.
    return (this.decoded.eventMs[0] as number) > latestMs ? 0 : 1
  }

  /** A record of an older schema, written again by the newest; undefined when `judge` turns it down. */
  reencode(bytes: Uint8Array, appendMs: number): Buffer | undefined {
    const judgement = this.validate(bytes, appendMs)
    if (!judgement.ok) return undefined
    return this.#scratch.encodeOne((batch) => this.#encode(batch, judgement.event))
  }

  /** Why `admit` did not let the record in. */
  explain(bytes: Uint8Array, appendMs: number): InvalidRecord {
    const judgement = this.validate(bytes, appendMs)
    if (!judgement.ok) return judgement
    // The two judges are tested against each other; should they ever differ, the bytes are kept all the same.
    return invalidRecord(
      judgement.schemaId,
      'undecodable',
      'The fast judge turned it down and the slow one did not.',
    )
  }

  #find(id: number): SchemaVersion | undefined {
    const known = this.#versions.get(id)
    if (known !== undefined) return known
    const schema = this.#schemas.find((one) => one.id === id)
    if (schema === undefined) return undefined
    const version = this.#version(schema, this.#newest)
    this.#versions.set(id, version)
    return version
  }

  #version(writer: RegisteredSchema, reader: RegisteredSchema): SchemaVersion {
    const node = parseRecordSchema(writer.schema, writer.subject)
    const inspect = compileInspector(node)
    let read: ObjectReader
    try {
      read = compileObjectReader(writer.schema, reader.schema)
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      const fault = `Schema ${writer.id} cannot be read by schema ${reader.id}: ${why}.`
      return { id: writer.id, inspect, read: undefined, fault, decode: undefined }
    }
    const { columns, source, decoded } = this
    const decode = compileDecoder({
      writer: node,
      reader: this.record,
      columns,
      source,
      decoded: decoded,
    })
    return { id: writer.id, inspect, read, fault: '', decode }
  }
}

function invalidRecord(
  schemaId: number | null,
  reason: Rejection['reason'],
  message: string,
): InvalidRecord {
  return { ok: false, schemaId, reason, message }
}

function describeHeaderFault(bytes: Buffer): string {
  if (bytes.length < WIRE_HEADER_BYTES)
    return `It has ${bytes.length} bytes, fewer than a header of 5.`
  const first = (bytes[0] ?? 0).toString(16).padStart(2, '0')
  return `It begins with byte 0x${first}, not with the 0x00 of a record with a schema id.`
}
