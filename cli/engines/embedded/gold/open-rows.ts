/**
 * The rows of a window or session model that have not closed, as a table. A question reads it instead of
 * merging all partial rows again; when new partial rows come, only the keys that they touch are worked out
 * anew. It is a copy: it may be dropped at any time and made again from the partial rows.
 */
import type { DuckConnection, DuckStatement } from '../../../adapters/duckdb/duckdb.ts'
import { finalSql, type GoldSql, runsSql } from './gold-sql.ts'

/** Replaced rows leave holes; the table is made again when there are this many more of them than rows. */
const HOLES_MIN = 20_000

export class OpenRows {
  readonly #connection: DuckConnection
  readonly #sql: GoldSql
  readonly #name: string
  #serial = 0
  #table: string | undefined
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
  /** Where the keys of new partial rows are kept for others; undefined: nowhere. */
  #touchedTable: string | undefined
  /** Questions since the last freeze. */
  #asked = 0

  /** `name`: what its tables' names begin with. */
  constructor(connection: DuckConnection, sql: GoldSql, name: string) {
    this.#connection = connection
    this.#sql = sql
    this.#name = name
  }

  /** undefined while there is none. */
  get table(): string | undefined {
    return this.#table
  }

  /** SELECT of the model's rows out of the table. */
  selectSql(): string | undefined {
    if (this.#table === undefined) return undefined
    const keys = this.#sql.incremental.keys.map((key) => `_${key}`).join(', ')
    return `SELECT * EXCLUDE (${keys}) FROM ${this.#table}`
  }

  /**
   * A question is about to read the model; `tables` are all partial rows. One that is asked again gets its open
   * rows as a table, so that answers cost what came since, not all that is open. Returns what to drop once the
   * model's view was made anew; undefined: the view may stay.
   */
  async prepareQuery(tables: readonly string[]): Promise<readonly string[] | undefined> {
    this.#asked++
    const isWorn = this.#rowsWritten > 2 * this.#rowsBuilt + HOLES_MIN
    if (this.#table !== undefined ? !isWorn : this.#asked < 2) return undefined
    const old = this.detach()
    await this.#build(tables)
    return old
  }

  /** From now on there is a table whenever `hold` was called, and the keys that change are added to `touchedTable`. */
  recordTouchedKeys(touchedTable: string): void {
    this.#touchedTable = touchedTable
    this.discardStatements()
  }

  /** Like `ask`, and there is a table after it. */
  async materialize(tables: readonly string[]): Promise<readonly string[] | undefined> {
    if (this.#table === undefined) this.#asked = Math.max(this.#asked, 1)
    return this.prepareQuery(tables)
  }

  /** What nobody asked for since the last time is forgotten; gives what to drop after the next view. */
  dropIfIdle(): readonly string[] {
    const isIdle = this.#asked === 0
    this.#asked = 0
    return isIdle ? this.detach() : []
  }

  /** An empty table for new partial rows; made anew now and then, as emptied rows leave holes. */
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
   * Works out the keys of `fresh`, a table of partial rows that are among those of `tables` already, anew, in
   * the caller's transaction. Planning takes far longer than running, so it is done once, until `tables`
   * change: see `replan`.
   */
  async update(fresh: string, tables: readonly string[]): Promise<void> {
    this.#statements ??= await this.#prepare(fresh, tables)
    const { remove, insert, touch } = this.#statements
    await touch?.run()
    await remove.run()
    this.#rowsWritten += await insert.run()
  }

  /** The tables of partial rows are others from now on. */
  discardStatements(): void {
    this.#statements?.remove.close()
    this.#statements?.insert.close()
    this.#statements?.touch?.close()
    this.#statements = undefined
    this.#hasSlice = false
  }

  async #prepare(fresh: string, tables: readonly string[]) {
    const { model, keys } = this.#sql.incremental
    // An event may join two visits of its visitor, so all of that visitor's are made anew.
    const touched = model.session ? keys.slice(0, 1) : keys
    const keysSql = `SELECT DISTINCT ${touched.join(', ')} FROM ${fresh}`
    const match = (prefix: string) =>
      touched.map((key) => `${prefix}${key} IS NOT DISTINCT FROM touched.${key}`).join(' AND ')
    const all = tables.map((table) => `SELECT * FROM ${table}`).join(' UNION ALL ')
    const some = `(SELECT part.* FROM (${all}) part SEMI JOIN touched ON ${match('part.')})`
    return {
      touch:
        this.#touchedTable === undefined
          ? undefined
          : await this.#connection.prepare(`INSERT INTO ${this.#touchedTable} ${keysSql}`),
      remove: await this.#connection.prepare(
        `DELETE FROM ${this.#table} AS open USING (${keysSql}) AS touched WHERE ${match('open._')}`,
      ),
      insert: await this.#connection.prepare(
        `INSERT INTO ${this.#table}
          WITH touched AS MATERIALIZED (${keysSql}) SELECT * FROM (${this.#rowsSql([some])})`,
      ),
    }
  }

  /** Forgets the table; gives its name, to be dropped when no view names it any more. */
  detach(): readonly string[] {
    const table = this.#table
    this.#table = undefined
    this.discardStatements()
    return table === undefined ? [] : [table]
  }

  #rowsSql(tables: readonly string[]): string {
    return finalSql({ ...this.#sql, final: this.#sql.keyed }, runsSql(this.#sql, tables))
  }
}
