/**
 * The views that queries see in a process of their own: per model one over its files in the lake
 * and over files of the rows that are not in the lake yet, which the engine writes for them.
 */
import type { DuckConnection } from '../../../adapters/duckdb/duckdb.ts'
import { quoteName, quoteText } from '../../../domain/kernel/sql-text.ts'
import { readParquetSql, visibleRowsSql } from './catalog.ts'

/** A column, with DuckDB's name of its type. */
export interface TypedColumn {
  readonly name: string
  readonly type: string
}

/** A model as queries see it. */
export interface ReadableModel {
  readonly name: string
  /** The SELECT of a model of kind view; it reads the others by name. */
  readonly viewSql?: string
  /** The columns of any other model; [] for one of kind view. */
  readonly columns: readonly TypedColumn[]
}

/** Where all rows of one model are at one moment. */
export interface VisibleModel {
  readonly name: string
  readonly lakeFiles: readonly string[]
  /** Files of the rows that are not in the lake. */
  readonly openFiles: readonly string[]
}

/** SELECT of rows as they are written to a file: Parquet has not all types of DuckDB. */
export function storableRowsSql(columns: readonly TypedColumn[], rows: string): string {
  const list = columns.map(({ name, type }) => {
    const stored = toStorableType(type)
    const column = quoteName(name)
    return stored === type ? column : `CAST(${column} AS ${stored}) AS ${column}`
  })
  return `SELECT ${list.join(', ')} FROM (${rows})`
}

/** Whole numbers of 128 bits would become floating point; others would lose their precision. */
function toStorableType(type: string): string {
  if (/\b(UHUGEINT|INTERVAL|BIT|BIGNUM|TIME WITH TIME ZONE|TIMESTAMP_\w+)\b/.test(type))
    return type.endsWith(']') || /[(<]/.test(type) ? type : 'VARCHAR'
  return type.replace(/\bHUGEINT\b/g, 'DECIMAL(38, 0)')
}

/** The views of one process, in its catalog `memory`. */
export class ReaderViews {
  readonly #connection: DuckConnection
  readonly #models: ReadonlyMap<string, ReadableModel>
  /** The files of each view, as one text. */
  readonly #shown = new Map<string, string>()

  constructor(connection: DuckConnection, models: readonly ReadableModel[]) {
    this.#connection = connection
    this.#models = new Map(models.map((model) => [model.name, model]))
  }

  /** Creates all views, so that a query can list them and their columns; none has rows yet. */
  async open(): Promise<void> {
    for (const { name, viewSql, columns } of this.#models.values())
      await this.#create(name, viewSql ?? `${openRowsSql(columns, [])} OR ${failSql(name)}`)
  }

  /** From now on the views of these models have these rows. */
  async show(models: readonly VisibleModel[]): Promise<void> {
    for (const { name, lakeFiles, openFiles } of models) {
      const files = JSON.stringify([lakeFiles, openFiles])
      const model = this.#models.get(name)
      if (!model || this.#shown.get(name) === files) continue
      await this.#create(name, visibleRowsSql(lakeFiles, openRowsSql(model.columns, openFiles)))
      this.#shown.set(name, files)
    }
  }

  async #create(name: string, sql: string): Promise<void> {
    await this.#connection.run(`CREATE OR REPLACE VIEW memory.${name} AS ${sql}`)
  }
}

/** A condition that fails when it is computed, not before: no query may take no rows for all. */
function failSql(name: string): string {
  return `error(${quoteText(`${name} was not handed over: `)} || random()::VARCHAR) IS NULL`
}

/** SELECT of the rows in these files, with the types that the engine gives the columns. */
function openRowsSql(columns: readonly TypedColumn[], files: readonly string[]): string {
  if (files.length === 0) {
    const list = columns.map(({ name, type }) => `CAST(NULL AS ${type}) AS ${quoteName(name)}`)
    return `SELECT ${list.join(', ')} WHERE false`
  }
  const list = columns.map(({ name, type }) => {
    const column = quoteName(name)
    return toStorableType(type) === type ? column : `CAST(${column} AS ${type}) AS ${column}`
  })
  return `SELECT ${list.join(', ')} FROM (${readParquetSql(files)})`
}
