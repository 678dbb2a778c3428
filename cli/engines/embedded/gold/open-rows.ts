/**
 * The open (not closed) rows of a window or session model as a table. Queries read it instead of
 * merging all partial rows again; for new partial rows, only the keys that they touch are
 * recomputed. It is a cache: it can be dropped at any time and rebuilt from the partial rows.
 */
import type { DuckConnection, DuckStatement } from '../../../adapters/duckdb/duckdb.ts'
import {
  finalSql,
  type GoldSql,
  matchTouchedSql,
  runsSql,
  touchedKeysSql,
  touchedRowsSql,
} from './gold-sql.ts'

/** Replaced rows leave holes; with this many more holes than rows the table is rebuilt. */
const HOLES_MIN = 20_000

/**
 * Methods that return table names: the caller drops these tables once the model's view no longer
 * reads them.
 */
export class OpenRows {
  readonly #connection: DuckConnection
  readonly #sql: GoldSql
  readonly #name: string
  #serial = 0
  #table: string | undefined
  /** Rows when the table was built, and rows written to it since then or at that time. */
  #rowsBuilt = 0
  #rowsWritten = 0
  #statements:
    | {
        readonly remove: DuckStatement
        readonly insert: DuckStatement
        readonly touch: DuckStatement | undefined
      }
    | undefined
  #hasSlice = false
  /** Table that collects the keys of new partial rows for publishing; undefined: none. */
  #touchedKeysTable: string | undefined
  /** Queries since the last freeze. */
  #queryCount = 0

  /** `name` is the prefix of its tables' names. */
  constructor(connection: DuckConnection, sql: GoldSql, name: string) {
    this.#connection = connection
    this.#sql = sql
    this.#name = name
  }

  /** Name of the table; undefined while there is none. */
  get table(): string | undefined {
    return this.#table
  }

  /** SELECT of the model's columns from the table; undefined while there is none. */
  selectSql(): string | undefined {
    if (this.#table === undefined) return undefined
    const keys = this.#sql.incremental.keys.map((key) => `_${key}`).join(', ')
    return `SELECT * EXCLUDE (${keys}) FROM ${this.#table}`
  }

  /**
   * Called before a query reads the model; `tables` hold all partial rows. From the second query on
   * there is a table, so that a query costs what is new, not all that is open. Returns undefined if
   * the model's view may stay; otherwise it must be recreated.
   */
  async prepareQuery(tables: readonly string[]): Promise<readonly string[] | undefined> {
    this.#queryCount++
    const isWorn = this.#rowsWritten > 2 * this.#rowsBuilt + HOLES_MIN
    if (this.#table !== undefined ? !isWorn : this.#queryCount < 2) return undefined
    const old = this.detach()
    await this.#build(tables)
    return old
  }

  /** From now on `update` adds the keys of new partial rows to `table`. */
  recordTouchedKeys(table: string): void {
    this.#touchedKeysTable = table
    this.discardStatements()
  }

  /** Like `prepareQuery`, and afterwards there is a table. */
  async materialize(tables: readonly string[]): Promise<readonly string[] | undefined> {
    if (this.#table === undefined) this.#queryCount = Math.max(this.#queryCount, 1)
    return this.prepareQuery(tables)
  }

  /** Gives the table up if no query read it since the last call. */
  dropIfIdle(): readonly string[] {
    const isIdle = this.#queryCount === 0
    this.#queryCount = 0
    return isIdle ? this.detach() : []
  }

  /** An empty table for new partial rows; recreated now and then, as deleted rows leave holes. */
  async emptySlice(columns: string): Promise<string> {
    const slice = `${this.#name}_slice`
    if (this.#hasSlice) await this.#connection.run(`DELETE FROM ${slice}`)
    else await this.#connection.run(`CREATE OR REPLACE TABLE ${slice} (${columns})`)
    this.#hasSlice = true
    return slice
  }

  async #build(tables: readonly string[]): Promise<void> {
    const table = `${this.#name}_open_${this.#serial++}`
    await this.#connection.run(`CREATE OR REPLACE TABLE ${table} AS ${this.#rowsSql(tables)}`)
    const { rows } = await this.#connection.all(`SELECT count(*) AS n FROM ${table}`)
    this.#rowsBuilt = Number(rows[0]?.n ?? 0)
    this.#rowsWritten = this.#rowsBuilt
    this.#table = table
  }

  /**
   * Recomputes the rows of all keys in `slice`, whose partial rows are in `tables` already, within
   * the caller's transaction. Planning takes far longer than running, so statements are prepared
   * once and kept until `tables` change: see `discardStatements`.
   */
  async update(slice: string, tables: readonly string[]): Promise<void> {
    this.#statements ??= await this.#prepare(slice, tables)
    const { remove, insert, touch } = this.#statements
    await touch?.run()
    await remove.run()
    this.#rowsWritten += await insert.run()
  }

  /** Call when the tables of partial rows change. */
  discardStatements(): void {
    this.#statements?.remove.close()
    this.#statements?.insert.close()
    this.#statements?.touch?.close()
    this.#statements = undefined
    this.#hasSlice = false
  }

  async #prepare(slice: string, tables: readonly string[]) {
    const keysSql = touchedKeysSql(this.#sql, slice)
    return {
      touch:
        this.#touchedKeysTable === undefined
          ? undefined
          : await this.#connection.prepare(`INSERT INTO ${this.#touchedKeysTable} ${keysSql}`),
      remove: await this.#connection.prepare(
        `DELETE FROM ${this.#table} AS open USING (${keysSql}) AS touched
          WHERE ${matchTouchedSql(this.#sql, 'open._')}`,
      ),
      insert: await this.#connection.prepare(
        `INSERT INTO ${this.#table} ${touchedRowsSql(this.#keyed, slice, tables)}`,
      ),
    }
  }

  /** Gives the table up. */
  detach(): readonly string[] {
    const table = this.#table
    this.#table = undefined
    this.discardStatements()
    return table === undefined ? [] : [table]
  }

  /** The same SQL, with the keys as further columns. */
  get #keyed(): GoldSql {
    return { ...this.#sql, final: this.#sql.keyed }
  }

  #rowsSql(tables: readonly string[]): string {
    return finalSql(this.#keyed, runsSql(this.#sql, tables))
  }
}
