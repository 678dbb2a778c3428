/**
 * Decodes records of a topic by the schemas of the registry, and inserts the columns that are
 * wanted into a table of DuckDB, as JSON that DuckDB casts to the columns' types.
 */
import { Buffer } from 'node:buffer'
import type { DuckConnection, DuckStatement } from '../../../adapters/duckdb/duckdb.ts'
import { compileFieldReader, type FieldReader } from '../../../domain/avro/field-reader.ts'
import { parseRecordSchema } from '../../../domain/avro/schema.ts'
import type { SchemaRegistry } from '../../../domain/avro/schema-registry.ts'
import { CcsError } from '../../../domain/kernel/errors.ts'
import type { TopicRecord } from '../../../domain/log/topic-reader.ts'
import { readSchemaId, WIRE_HEADER_BYTES } from '../../../domain/log/wire-header.ts'
import type { DuckColumn } from '../../../domain/models/bind-models.ts'

/** Where records come from and go to. */
export interface LoaderOptions {
  readonly connection: DuckConnection
  readonly registry: Pick<SchemaRegistry, 'byId'>
  readonly topic: string
  /** A name in SQL. */
  readonly table: string
  /** Columns of the table, named as the records' fields. */
  readonly columns: readonly DuckColumn[]
  /** Whether the table has KEY_COLUMNS too, before the others. */
  readonly isKeyed: boolean
}

/** The record's key, as hexadecimal text. */
export const KEY_COLUMN: DuckColumn = { name: '_key', type: 'VARCHAR' }

/** The record's key, its place among all records, and whether it deletes the row of its key. */
export const KEY_COLUMNS: readonly DuckColumn[] = [
  KEY_COLUMN,
  { name: '_seq', type: 'BIGINT' },
  { name: '_is_gone', type: 'BOOLEAN' },
]

const ROWS_MAX = 4_096

/** One topic's loader; rows are in the table after `flush`. */
export class RecordLoader {
  readonly #options: LoaderOptions
  readonly #names: readonly string[]
  readonly #readers = new Map<number, Promise<FieldReader>>()
  /** Fields of all schemas so far. */
  readonly #fields = new Set<string>()
  readonly #values: unknown[][]
  #insert: DuckStatement | undefined
  #rows = 0
  #seq = 0

  constructor(options: LoaderOptions) {
    this.#options = options
    this.#names = options.columns.map(({ name }) => name)
    this.#values = this.#listColumns().map(() => [])
  }

  /** CCS_SCHEMA_INVALID for a record that is not of its schema. */
  async add(partition: number, records: readonly TopicRecord[]): Promise<void> {
    const { isKeyed } = this.#options
    for (const record of records) {
      const { key, value } = record
      if (value === null && !isKeyed) continue
      const row = value === null ? this.#names.map(() => null) : await this.#read(partition, record)
      this.#push(isKeyed ? [readKey(key), this.#seq++, value === null, ...row] : row)
      if (this.#rows >= ROWS_MAX) await this.flush()
    }
  }

  /**
   * CCS_PLAN_CHANGES for a column that no record has, so that it is not mistaken for one without
   * values.
   */
  requireColumns(model: string): void {
    if (this.#fields.size === 0) return
    const lacking = this.#names.find((name) => !this.#fields.has(name))
    if (lacking === undefined) return
    const { topic } = this.#options
    throw new CcsError(
      'CCS_PLAN_CHANGES',
      `${model} has a column ${lacking}, which no record of ${topic} has yet.`,
      { hint: 'Deploy the models as they are in sql/, or undo the change. See: ccs plan' },
    )
  }

  /** Rows that are added and not in the table yet. */
  async flush(): Promise<void> {
    if (this.#rows === 0) return
    this.#insert ??= await this.#prepare()
    const columns = this.#values.map((values) => JSON.stringify(values))
    this.drop()
    await this.#insert.run(columns)
  }

  /** Forgets the rows that are not in the table yet. */
  drop(): void {
    for (const values of this.#values) values.length = 0
    this.#rows = 0
  }

  close(): void {
    this.#insert?.close()
  }

  #listColumns(): readonly DuckColumn[] {
    const { columns, isKeyed } = this.#options
    return isKeyed ? [...KEY_COLUMNS, ...columns] : columns
  }

  #prepare(): Promise<DuckStatement> {
    const { connection, table } = this.#options
    const columns = this.#listColumns().map(
      ({ type }, index) => `unnest(CAST(CAST($${index + 1} AS JSON) AS ${type}[]))`,
    )
    return connection.prepare(`INSERT INTO ${table} SELECT ${columns.join(', ')}`)
  }

  #push(row: readonly unknown[]): void {
    for (const [index, values] of this.#values.entries()) values.push(row[index])
    this.#rows++
  }

  async #read(partition: number, { value, offset }: TopicRecord): Promise<readonly unknown[]> {
    const { topic } = this.#options
    const where = `Record ${offset} of partition ${partition} of ${topic}`
    const bytes = Buffer.from(value ?? [])
    const id = readSchemaId(bytes)
    if (id === null) throw strangeRecordError(`${where} has no Avro of the registry`)
    const known = this.#readers.get(id) ?? this.#compile(id, where)
    this.#readers.set(id, known)
    const read = await known.catch((error: unknown) => {
      this.#readers.delete(id)
      throw error
    })
    try {
      return read(bytes, WIRE_HEADER_BYTES)
    } catch (cause) {
      const what = cause instanceof Error ? cause.message : String(cause)
      throw strangeRecordError(`${where} is not of its schema ${id}: ${what}`, cause)
    }
  }

  async #compile(id: number, where: string): Promise<FieldReader> {
    const found = await this.#options.registry.byId(id)
    if (!found) throw strangeRecordError(`${where} has schema ${id}, which the registry lacks`)
    const record = parseRecordSchema(found.schema, `Schema ${id}`)
    for (const { name } of record.fields) this.#fields.add(name)
    return compileFieldReader(record, this.#names)
  }
}

/** Keys of equal rows differ in nothing but the schema's id. */
function readKey(key: Uint8Array | null): string {
  return key === null ? '' : Buffer.from(key.subarray(WIRE_HEADER_BYTES)).toString('hex')
}

function strangeRecordError(what: string, cause?: unknown): CcsError {
  return new CcsError('CCS_SCHEMA_INVALID', `${what}.`, {
    hint: 'Only the engine may write to this topic: give the target a prefix of its own.',
    cause,
  })
}
