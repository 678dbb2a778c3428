/**
 * Turns frames of the log into rows of a DuckDB table, fast: the gate decodes records into columns
 * in DuckDB's own layout, 2,048 rows at a time, and whole columns are copied into DuckDB's vectors.
 * Text is not copied per value: values point into one copy of the frame, which DuckDB holds until
 * the rows are in the table.
 */
import { Buffer } from 'node:buffer'
import type {
  DuckAppender,
  DuckBindings,
  DuckChunk,
  DuckConnection,
  DuckHandles,
  DuckVector,
} from '../../../adapters/duckdb/duckdb.ts'
import type { ErasedIds } from '../../../domain/erase/erased-ids.ts'
import {
  type Column,
  type ColumnBuffers,
  validityBytes,
} from '../../../domain/gate/decoder/duckdb-columns.ts'
import { ERASED_REJECT } from '../../../domain/gate/erased-reject.ts'
import {
  type FailingRecord,
  type FailingRecords,
  indexFailingRecords,
} from '../../../domain/gate/failing-record.ts'
import { Gate, type GateOptions } from '../../../domain/gate/gate.ts'
import type { Reject } from '../../../domain/gate/reject.ts'
import type { LogFrame } from '../../../domain/log/event-log.ts'
import type { PseudonymSource } from '../../../domain/privacy/pseudonymiser.ts'
import { PersonCheck } from './person-check.ts'
import { PseudonymColumns } from './pseudonym-columns.ts'
import { createTableSql, type RawColumn, toRawColumns } from './raw-table.ts'
import { readRecordLength } from './record-length.ts'
import { createFailedReject } from './row-rejects.ts'
import { RowTexts } from './row-texts.ts'
import { SourceColumns } from './source-columns.ts'
import { type Address, TextArena } from './text-arena.ts'

/** Decides what depends on the order of arrival; its results are read after each `track`. */
export interface RecordTracker {
  /**
   * Called for each valid record in the partition's order, with the four 32-bit words of the
   * event's id, its corrected time, and the four words of the order id of a purchase.
   */
  track(
    id0: number,
    id1: number,
    id2: number,
    id3: number,
    eventMs: number,
    order: Int32Array | undefined,
  ): void
  readonly lateMs: number
  readonly isFirstArrival: boolean
}

/** What decides whether a record becomes a row. */
export interface IntakeOptions extends GateOptions {
  /** Records that a model fails on; they are rejected. */
  readonly failing?: readonly FailingRecord[]
  /** Persons who were erased: their events are rejected, without their bytes. */
  readonly erased?: ErasedIds
  /** Fields whose values are replaced in rows. */
  readonly pseudonyms?: PseudonymSource
}

/** Creates the table (`catalog.schema.name`) and opens a writer for it. */
export async function openRawRowWriter(
  connection: DuckConnection,
  table: string,
  options: IntakeOptions,
): Promise<RawRowWriter> {
  const gate = new Gate(options)
  await connection.run(createTableSql(table, gate.columns.columns))
  return new RawRowWriter(connection, table, gate, options)
}

/** Appends valid records to one table at a time; one per connection. */
export class RawRowWriter {
  readonly columns: readonly RawColumn[]
  readonly #duck: DuckBindings
  readonly #handle: DuckHandles['connection']
  #appender: DuckAppender
  readonly #chunk: DuckChunk
  readonly #gate: Gate
  readonly #buffers: ColumnBuffers
  readonly #arena: TextArena
  readonly #source: SourceColumns
  readonly #failing: FailingRecords
  readonly #persons: PersonCheck | undefined
  readonly #pseudonyms: PseudonymColumns | undefined
  /** Whether the row that was decoded last belongs to a person who was erased. */
  #isErased = false
  /** Address of DuckDB's copy of the frame being read. */
  #address: Address = { low: 0, high: 0 }
  /** Rows in the buffers that are not in the table yet. */
  #rows = 0
  #isOpen = true

  constructor(connection: DuckConnection, table: string, gate: Gate, options: IntakeOptions) {
    const { bindings, connection: handle } = connection.handles
    this.#duck = bindings
    this.#handle = handle
    this.#appender = this.#openAppender(table)
    const types = gate.columns.columns.map((_, i) =>
      bindings.appender_column_type(this.#appender, i),
    )
    this.#chunk = bindings.create_data_chunk(types)
    this.#arena = new TextArena(bindings)
    this.#gate = gate
    const { failing = [], erased, pseudonyms } = options
    const texts = new RowTexts(gate.columns, gate.source)
    this.#failing = indexFailingRecords(failing)
    this.#persons = erased && new PersonCheck(erased, gate.columns, texts)
    this.#pseudonyms = pseudonyms && new PseudonymColumns(pseudonyms, gate.columns, texts)
    this.#buffers = gate.columns
    this.#buffers.clear()
    this.#source = new SourceColumns(gate.columns)
    this.columns = toRawColumns(gate.columns.columns)
  }

  /**
   * Validates a frame's records and appends the valid ones, numbered from `seq` on; returns their
   * count. Rejects are reported in order, each with its own copy of the bytes. Rows are in the
   * table after `flush`.
   */
  appendFrame(
    frame: LogFrame,
    tracker: RecordTracker,
    seq: number,
    onReject: (reject: Reject) => void,
  ): number {
    const gate = this.#gate
    const buffers = this.#buffers
    const { decoded } = gate
    const { id, eventMs } = decoded
    const body = frame.body
    const latestMs = frame.appendMs + gate.futureToleranceMs
    const failing = this.#failing.get(`${frame.topic}-${frame.partition}`)
    let next = seq
    this.#begin(frame)
    for (let i = 0, at = 0; i < frame.count; i++) {
      const from = at + 4
      at = from + readRecordLength(frame, at)
      const failed = failing?.get(frame.baseOffset + i)
      if (failed !== undefined) {
        onReject(createFailedReject(frame, failed, body.subarray(from, at)))
        continue
      }
      if (!buffers.hasRoom(this.#rows)) this.#write(frame)
      let result = this.#decode(from, at, latestMs)
      if (result === 2) result = this.#decodeReencoded(frame, from, at, latestMs)
      if (result !== 1 || this.#isErased) {
        buffers.discardRow(this.#rows)
        onReject(this.#createReject(frame, i, body.subarray(from, at)))
        continue
      }
      // Typed arrays of fixed lengths 4 and 1.
      tracker.track(
        id[0] as number,
        id[1] as number,
        id[2] as number,
        id[3] as number,
        eventMs[0] as number,
        decoded.isOrder ? decoded.order : undefined,
      )
      buffers.acceptRow()
      this.#source.set(this.#rows, frame.baseOffset + i, next, tracker)
      this.#rows++
      next++
    }
    return next - seq
  }

  /** Puts all rows appended so far into the table. */
  flush(): void {
    this.#write(undefined)
    this.#duck.appender_flush_sync(this.#appender)
  }

  /** Creates another table with the same columns, to move to later. */
  async createTable(connection: DuckConnection, table: string): Promise<void> {
    await connection.run(createTableSql(table, this.#buffers.columns))
  }

  /** Flushes, and appends to this table from now on; `createTable` made it. */
  moveTo(table: string): void {
    this.#write(undefined)
    this.#duck.appender_close_sync(this.#appender)
    this.#appender = this.#openAppender(table)
  }

  /** Flushes and frees the appender; the table stays. */
  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#write(undefined)
    this.#duck.appender_close_sync(this.#appender)
  }

  #openAppender(table: string): DuckAppender {
    const [name = '', schema = null, catalog = null] = table.split('.').reverse()
    return this.#duck.appender_create_ext(this.#handle, catalog, schema, name)
  }

  /** Makes the frame the source of the records that are decoded next. */
  #begin(frame: LogFrame): void {
    if (this.#arena.isFull) this.#write(undefined)
    this.#gate.source.load(frame.body)
    this.#copyFrame(frame)
  }

  #copyFrame(frame: LogFrame): void {
    this.#address = this.#arena.copy(frame.body)
    this.#gate.source.setAddress(this.#address.low, this.#address.high)
    this.#source.begin(frame, this.#arena)
  }

  #decode(from: number, to: number, latestMs: number): 0 | 1 | 2 {
    const result = this.#gate.decode(from, to, this.#rows, latestMs)
    this.#isErased = result === 1 && this.#persons?.isErased(this.#rows) === true
    // A single-element array always has its element.
    if (result === 1 && !this.#isErased)
      this.#pseudonyms?.replace(this.#rows, this.#gate.decoded.eventMs[0] as number)
    return result
  }

  /** Encodes a record that only avsc can read by the newest schema, and decodes that instead. */
  #decodeReencoded(frame: LogFrame, from: number, to: number, latestMs: number): 0 | 1 | 2 {
    const { source } = this.#gate
    const bytes = this.#gate.reencode(frame.body.subarray(from, to), frame.appendMs)
    if (bytes === undefined) return 0
    if (this.#arena.isFull) this.#write(frame)
    const at = source.add(bytes)
    const address = this.#arena.copy(bytes)
    source.setAddress(address.low, address.high, at)
    const result = this.#decode(at, at + bytes.length, latestMs)
    source.setAddress(this.#address.low, this.#address.high)
    return result
  }

  #createReject(frame: LogFrame, index: number, bytes: Buffer): Reject {
    const { topic, partition, appendMs } = frame
    const offset = frame.baseOffset + index
    if (this.#isErased) return { topic, partition, offset, appendMs, ...ERASED_REJECT }
    const { reason, message, schemaId } = this.#gate.explain(bytes, frame.appendMs)
    return {
      reason,
      message,
      schemaId,
      bytes: Buffer.from(bytes),
      topic,
      partition,
      offset,
      appendMs,
    }
  }

  /** Passes the rows to DuckDB and empties the buffers; `frame` is the one still being read. */
  #write(frame: LogFrame | undefined): void {
    if (this.#rows > 0) {
      const duck = this.#duck
      duck.data_chunk_reset(this.#chunk)
      this.#pseudonyms?.place(this.#arena)
      for (const [i, column] of this.#buffers.columns.entries())
        this.#fill(duck.data_chunk_get_vector(this.#chunk, i), column, this.#rows)
      duck.data_chunk_set_size(this.#chunk, this.#rows)
      duck.append_data_chunk(this.#appender, this.#chunk)
      this.#buffers.clear()
      this.#rows = 0
    }
    this.#arena.clear()
    if (frame !== undefined) this.#copyFrame(frame)
  }

  #fill(vector: DuckVector, column: Column, rows: number): void {
    const duck = this.#duck
    const { buffer } = this.#buffers
    if (column.type === 'LIST') this.#fillList(vector, column)
    duck.copy_data_to_vector(vector, 0, buffer, column.at, rows * column.width)
    if (!this.#buffers.hasNulls(column, rows)) return
    duck.vector_ensure_validity_writable(vector)
    duck.copy_data_to_vector_validity(vector, 0, buffer, column.validAt, validityBytes(rows))
  }

  #fillList(vector: DuckVector, column: Column): void {
    const duck = this.#duck
    // Every list has its count.
    const count = this.#buffers.items[column.list] as number
    duck.list_vector_reserve(vector, count)
    const struct = duck.list_vector_get_child(vector)
    for (const [i, child] of column.children.entries())
      if (count > 0) this.#fill(duck.struct_vector_get_child(struct, i), child, count)
    duck.list_vector_set_size(vector, count)
  }
}
