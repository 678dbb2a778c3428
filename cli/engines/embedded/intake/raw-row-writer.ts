/**
 * Frames of the log to rows of a DuckDB table, fast: the gate writes columns in DuckDB's own layout, 2,048
 * rows at a time, and they are copied into its vectors as they are. Text is never copied on the way: its
 * values point into one copy of the frame that DuckDB itself holds until the rows are in the table.
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
import {
  type Column,
  type ColumnBuffers,
  validityBytes,
} from '../../../domain/gate/decoder/duckdb-columns.ts'
import { Gate, type GateOptions } from '../../../domain/gate/gate.ts'
import type { Reject } from '../../../domain/gate/reject.ts'
import { CcsError } from '../../../domain/kernel/errors.ts'
import type { LogFrame } from '../../../domain/log/event-log.ts'
import { createTableSql, type RawColumn, toRawColumns } from './raw-table.ts'
import { type Address, TextArena } from './text-arena.ts'

export type RawRowsOptions = GateOptions

/** What only the order of arrival can say; its answers are read after each `accept`. */
export interface RecordTracker {
  /** Words of the event's id and its corrected time, of records let in, in the order of the partition. */
  track(id0: number, id1: number, id2: number, id3: number, eventMs: number): void
  readonly lateMs: number
  readonly isFirstArrival: boolean
}

/** Creates the table (`catalog.schema.name`, as SQL takes it) and opens it for rows. */
export async function openRawRowWriter(
  connection: DuckConnection,
  table: string,
  options: RawRowsOptions,
): Promise<RawRowWriter> {
  const gate = new Gate(options)
  await connection.run(createTableSql(table, gate.columns.columns))
  return new RawRowWriter(connection, table, gate)
}

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
  /** Where DuckDB's copy of the frame being read lies. */
  #address: Address = { low: 0, high: 0 }
  /** Rows in the buffers. */
  #rows = 0
  #isOpen = true

  constructor(connection: DuckConnection, table: string, gate: Gate) {
    const { bindings, connection: handle } = connection.handles
    this.#duck = bindings
    this.#handle = handle
    this.#appender = this.#append(table)
    const types = gate.columns.columns.map((_, i) =>
      bindings.appender_column_type(this.#appender, i),
    )
    this.#chunk = bindings.create_data_chunk(types)
    this.#arena = new TextArena(bindings)
    this.#gate = gate
    this.#buffers = gate.columns
    this.#buffers.clear()
    this.#source = new SourceColumns(gate.columns)
    this.columns = toRawColumns(gate.columns.columns)
  }

  /**
   * Judges a frame's records and adds those let in, numbered from `seq` on; returns how many. Rejects come
   * in order, with bytes of their own. Rows are in the table after `flush`.
   */
  appendFrame(
    frame: LogFrame,
    judge: RecordTracker,
    seq: number,
    onReject: (reject: Reject) => void,
  ): number {
    const gate = this.#gate
    const buffers = this.#buffers
    const { id, eventMs } = gate.decoded
    const body = frame.body
    const latestMs = frame.appendMs + gate.futureToleranceMs
    let next = seq
    this.#begin(frame)
    for (let i = 0, at = 0; i < frame.count; i++) {
      const from = at + 4
      at = from + recordLength(frame, at)
      if (!buffers.hasRoom(this.#rows)) this.#write(frame)
      let verdict = gate.decode(from, at, this.#rows, latestMs)
      if (verdict === 2) verdict = this.#admitRewritten(frame, from, at, latestMs)
      if (verdict !== 1) {
        buffers.discardRow(this.#rows)
        onReject(this.#reject(frame, i, body.subarray(from, at)))
        continue
      }
      // Typed arrays of fixed lengths 4 and 1.
      judge.track(
        id[0] as number,
        id[1] as number,
        id[2] as number,
        id[3] as number,
        eventMs[0] as number,
      )
      buffers.acceptRow()
      this.#source.set(this.#rows, frame.baseOffset + i, judge.lateMs, next, judge.isFirstArrival)
      this.#rows++
      next++
    }
    return next - seq
  }

  /** Brings all rows given so far into the table. */
  flush(): void {
    this.#write(undefined)
    this.#duck.appender_flush_sync(this.#appender)
  }

  /** Creates a further table for the same rows. */
  async createTable(connection: DuckConnection, table: string): Promise<void> {
    await connection.run(createTableSql(table, this.#buffers.columns))
  }

  /** Flushes; rows go to this table from now on, which `createTable` made. */
  moveTo(table: string): void {
    this.#write(undefined)
    this.#duck.appender_close_sync(this.#appender)
    this.#appender = this.#append(table)
  }

  /** Flushes; the table stays. */
  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#write(undefined)
    this.#duck.appender_close_sync(this.#appender)
  }

  #append(table: string): DuckAppender {
    const [name = '', schema = null, catalog = null] = table.split('.').reverse()
    return this.#duck.appender_create_ext(this.#handle, catalog, schema, name)
  }

  /** Makes the frame the source of what is read next. */
  #begin(frame: LogFrame): void {
    if (this.#arena.isFull) this.#write(undefined)
    this.#gate.source.load(frame.body)
    this.#place(frame)
  }

  #place(frame: LogFrame): void {
    this.#address = this.#arena.copy(frame.body)
    this.#gate.source.setAddress(this.#address.low, this.#address.high)
    this.#source.begin(frame, this.#arena)
  }

  /** A record that only avsc can read goes through the same decoder, written anew, behind the frame. */
  #admitRewritten(frame: LogFrame, from: number, to: number, latestMs: number): 0 | 1 | 2 {
    const { source } = this.#gate
    const bytes = this.#gate.reencode(frame.body.subarray(from, to), frame.appendMs)
    if (bytes === undefined) return 0
    if (this.#arena.isFull) this.#write(frame)
    const at = source.add(bytes)
    const address = this.#arena.copy(bytes)
    source.setAddress(address.low, address.high, at)
    const verdict = this.#gate.decode(at, at + bytes.length, this.#rows, latestMs)
    source.setAddress(this.#address.low, this.#address.high)
    return verdict
  }

  #reject(frame: LogFrame, index: number, bytes: Buffer): Reject {
    const { reason, message, schemaId } = this.#gate.explain(bytes, frame.appendMs)
    const { topic, partition, appendMs } = frame
    const offset = frame.baseOffset + index
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

  /** Hands the rows to DuckDB and empties the buffers; `frame` is still being read. */
  #write(frame: LogFrame | undefined): void {
    if (this.#rows > 0) {
      const duck = this.#duck
      duck.data_chunk_reset(this.#chunk)
      for (const [i, column] of this.#buffers.columns.entries())
        this.#fill(duck.data_chunk_get_vector(this.#chunk, i), column, this.#rows)
      duck.data_chunk_set_size(this.#chunk, this.#rows)
      duck.append_data_chunk(this.#appender, this.#chunk)
      this.#buffers.clear()
      this.#rows = 0
    }
    this.#arena.clear()
    if (frame !== undefined) this.#place(frame)
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

/** Length of the record whose length word is at `at`; CCS_LOG_CORRUPT when it does not fit into the frame. */
function recordLength({ body, topic, partition, baseOffset }: LogFrame, at: number): number {
  const left = body.length - at - 4
  const length = left >= 0 ? body.readUInt32LE(at) : 0
  if (left >= 0 && length <= left) return length
  throw new CcsError(
    'CCS_LOG_CORRUPT',
    `The frame of ${topic}-${partition} at offset ${baseOffset} says more records than it holds.`,
    { hint: 'Its checksum is right, so its writer was wrong: see ccs doctor.' },
  )
}

/** Writers of the columns that are not the event's own. */
class SourceColumns {
  readonly #i32: Int32Array
  readonly #u8: Uint8Array
  readonly #topic: number
  readonly #partition: number
  readonly #offset: number
  readonly #ingest: number
  readonly #late: number
  readonly #seq: number
  readonly #fresh: number
  readonly #topicWords = new Int32Array(4)
  #partitionValue = 0
  #ingestLow = 0
  #ingestHigh = 0

  constructor(buffers: ColumnBuffers) {
    this.#i32 = buffers.i32
    this.#u8 = buffers.u8
    const wordAt = (name: string) => buffers.column(name).at / 4
    this.#topic = wordAt('topic')
    this.#partition = wordAt('partition')
    this.#offset = wordAt('offset')
    this.#ingest = wordAt('ingest_time')
    this.#late = wordAt('late_ms')
    this.#seq = wordAt('seq')
    this.#fresh = buffers.column('fresh').at
  }

  begin(frame: LogFrame, arena: TextArena): void {
    arena.writeString(frame.topic, this.#topicWords)
    this.#partitionValue = frame.partition
    const micros = BigInt(Math.floor(frame.appendMs)) * 1000n
    this.#ingestLow = Number(BigInt.asIntN(32, micros))
    this.#ingestHigh = Number(micros >> 32n)
  }

  set(row: number, offset: number, lateMs: number, seq: number, isFresh: boolean): void {
    const i32 = this.#i32
    const topic = this.#topic + row * 4
    // Four words, as allocated.
    for (let i = 0; i < 4; i++) i32[topic + i] = this.#topicWords[i] as number
    i32[this.#partition + row] = this.#partitionValue
    setInt64(i32, this.#offset + row * 2, offset)
    i32[this.#ingest + row * 2] = this.#ingestLow
    i32[this.#ingest + row * 2 + 1] = this.#ingestHigh
    setInt64(i32, this.#late + row * 2, lateMs)
    setInt64(i32, this.#seq + row * 2, seq)
    this.#u8[this.#fresh + row] = isFresh ? 1 : 0
  }
}

function setInt64(words: Int32Array, at: number, value: number): void {
  words[at] = value
  words[at + 1] = Math.floor(value / 0x100000000)
}
