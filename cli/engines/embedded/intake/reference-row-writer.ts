/**
 * The same rows as raw-rows.ts by way of objects and DuckDB's public API: the strict walk, avsc, one value
 * after the other. Some thirty times slower, and unable to touch memory it should not: what the fast way is
 * tested against, and what to fall back on should a release of DuckDB change its layout.
 */
import { Buffer } from 'node:buffer'
import type {
  DuckApi,
  DuckApiType,
  DuckApiValue,
  DuckConnection,
} from '../../../adapters/duckdb/duckdb.ts'
import type { Column } from '../../../domain/gate/decoder/duckdb-columns.ts'
import { Gate, type GateOptions } from '../../../domain/gate/gate.ts'
import type { Reject } from '../../../domain/gate/reject.ts'
import type { LogFrame } from '../../../domain/log/event-log.ts'
import type { RecordTracker } from './raw-row-writer.ts'
import { createTableSql } from './raw-table.ts'

const ROWS_MAX = 2048

export class ReferenceRowWriter {
  readonly #connection: DuckConnection
  readonly #table: string
  readonly #gate: Gate
  readonly #types: readonly DuckApiType[]
  #rows: DuckApiValue[][] = []

  private constructor(connection: DuckConnection, table: string, gate: Gate) {
    this.#connection = connection
    this.#table = table
    this.#gate = gate
    this.#types = gate.columns.columns.map((column) => duckType(connection.api, column))
  }

  /** Creates the table; see openRawRows. */
  static async open(
    connection: DuckConnection,
    table: string,
    options: GateOptions,
  ): Promise<ReferenceRowWriter> {
    const gate = new Gate(options)
    await connection.run(createTableSql(table, gate.columns.columns))
    return new ReferenceRowWriter(connection, table, gate)
  }

  /** As RawRows.appendFrame does. */
  appendFrame(
    frame: LogFrame,
    judge: RecordTracker,
    seq: number,
    onReject: (reject: Reject) => void,
  ): number {
    const { topic, partition, appendMs, body } = frame
    let next = seq
    for (let i = 0, at = 0; i < frame.count; i++) {
      const bytes = body.subarray(at + 4, at + 4 + body.readUInt32LE(at))
      at += 4 + bytes.length
      const offset = frame.baseOffset + i
      const judgement = this.#gate.validate(bytes, appendMs)
      if (!judgement.ok) {
        const { reason, message, schemaId } = judgement
        const copy = Buffer.from(bytes)
        onReject({ reason, message, schemaId, bytes: copy, topic, partition, offset, appendMs })
        continue
      }
      const { event, eventMs } = judgement
      const id = String(event.event_id).replaceAll('-', '')
      const word = (index: number) => Number.parseInt(id.slice(index * 8, index * 8 + 8), 16) | 0
      judge.track(word(0), word(1), word(2), word(3), eventMs)
      const source = {
        topic,
        partition,
        offset,
        ingest_time: appendMs,
        late_ms: judge.lateMs,
        seq: next++,
        fresh: judge.isFirstArrival,
      }
      this.#add({ ...event, ...source })
    }
    return next - seq
  }

  async flush(): Promise<void> {
    for (let from = 0; from < this.#rows.length; from += ROWS_MAX) {
      const rows = this.#rows.slice(from, from + ROWS_MAX)
      const columns = this.#types.map((_, i) => rows.map((row) => row[i] ?? null))
      await this.#connection.appendColumns(this.#table, this.#types, columns)
    }
    this.#rows = []
  }

  #add(row: Readonly<Record<string, unknown>>): void {
    const { columns } = this.#gate.columns
    const api = this.#connection.api
    this.#rows.push(
      columns.map((column) =>
        toDuckValue(api, column, row[column.name], this.#isMicros(column.name)),
      ),
    )
  }

  #isMicros(name: string): boolean {
    const type = JSON.stringify(this.#gate.record.fields.find((field) => field.name === name)?.type)
    return type?.includes('timestamp-micros') ?? false
  }
}

function duckType(api: DuckApi, column: Column): DuckApiType {
  switch (column.type) {
    case 'ENUM':
      return api.ENUM([...column.symbols])
    case 'LIST':
      return api.LIST(
        api.STRUCT(
          Object.fromEntries(column.children.map((one) => [one.name, duckType(api, one)])),
        ),
      )
    default:
      return api[column.type]
  }
}

function toDuckValue(
  api: DuckApi,
  column: Column,
  value: unknown,
  isMicros: boolean,
): DuckApiValue {
  if (value === null || value === undefined) return null
  switch (column.type) {
    case 'BIGINT':
      return BigInt(Number.isInteger(value) ? Number(value) : String(value))
    case 'TIMESTAMP':
      return new api.DuckDBTimestampValue(BigInt(String(value)) * (isMicros ? 1n : 1000n))
    case 'DATE':
      return new api.DuckDBDateValue(Number(value))
    case 'BLOB':
      // Avro bytes are Buffers.
      return new api.DuckDBBlobValue(value as Buffer)
    case 'LIST': {
      // Avro arrays of records.
      const items = value as readonly Readonly<Record<string, unknown>>[]
      return api.listValue(
        items.map((item) =>
          api.structValue(
            Object.fromEntries(
              column.children.map((one) => [
                one.name,
                toDuckValue(api, one, item[one.name], false),
              ]),
            ),
          ),
        ),
      )
    }
    default:
      // Text, numbers, booleans and symbols are DuckDB's own values.
      return value as DuckApiValue
  }
}
