/**
 * The gate validates the bytes of every record once, before any SQL. The compiled decoder writes
 * valid records straight into columns; what it rejects goes to the slower `validate`, which builds
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

/** The contract of a topic and its limits. */
export interface GateOptions {
  /**
   * All versions of the topic's schema, oldest first; the last one defines columns and rules.
   * Versions inserted before it later are picked up when a record names them.
   */
  readonly schemas: readonly RegisteredSchema[]
  /** Longer records are rejected as too_large. */
  readonly recordBytesMax: number
  /** How far after its append time an event may claim to have happened. */
  readonly futureToleranceMs: number
}

/** The decoded event and its corrected time, or why the record is invalid. */
export type ValidationResult =
  | {
      readonly ok: true
      readonly schemaId: number
      readonly eventMs: number
      readonly event: Decoded
    }
  | ({ readonly ok: false; readonly schemaId: number | null } & Rejection)

/** An invalid record; `schemaId` is null if its header could not be read. */
export type InvalidRecord = Extract<ValidationResult, { readonly ok: false }>

/** A DuckDB vector holds this many rows. */
const ROWS_MAX = 2048

/** How records of one schema version are read. */
interface SchemaVersion {
  readonly id: number
  readonly inspect: Inspector
  /** Undefined if the newest schema can't read this one at all; `fault` says why. */
  readonly read: ObjectReader | undefined
  readonly fault: string
  /** Undefined if only avsc can read it: such records are first re-encoded by the newest schema. */
  readonly decode: Decoder | undefined
}

/** Validates records of one topic and decodes them into `columns`. */
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

  /** Throws CCS_SCHEMA_INVALID if the newest schema has something that events can't have. */
  constructor(options: GateOptions) {
    const newest = options.schemas.at(-1)
    if (newest === undefined)
      throw new CcsError('CCS_SCHEMA_INVALID', 'There is no schema to validate records with.')
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

  /** Validates one record by itself. */
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
    const violation =
      findViolation(this.record, event) ??
      findFutureViolation(eventMs, appendMs, this.futureToleranceMs)
    if (violation !== undefined) return { ok: false, schemaId: id, ...violation }
    return { ok: true, schemaId: id, eventMs, event }
  }

  /**
   * Decodes record [at, end) of the source into row `row` of the columns. 1: valid, its id and time
   * are in `decoded`; 0: invalid; 2: call `reencode` and decode the bytes that it returns.
   * `columns.discardRow(row)` removes all traces of a row that is not kept.
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

  /** A record of an older schema, encoded by the newest; undefined if it is invalid. */
  reencode(bytes: Uint8Array, appendMs: number): Buffer | undefined {
    const result = this.validate(bytes, appendMs)
    if (!result.ok) return undefined
    return this.#scratch.encodeOne((batch) => this.#encode(batch, result.event))
  }

  /** Why `decode` rejected the record. */
  explain(bytes: Uint8Array, appendMs: number): InvalidRecord {
    const result = this.validate(bytes, appendMs)
    if (!result.ok) return result
    // Tests compare decoder and validator; should they ever differ, the bytes go to the DLQ.
    return invalidRecord(
      result.schemaId,
      'undecodable',
      'The compiled decoder rejected it, but the validator did not.',
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
      decoded,
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
