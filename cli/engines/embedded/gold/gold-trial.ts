/**
 * Tries whether a Gold model can carry more rows: computes their partial rows, and the model's rows
 * of the keys that they touch, on top of committed partial rows and of those that went through
 * before. Everything is in temporary tables of the connection; the state stays as it is.
 */
import type { DuckConnection } from '../../../adapters/duckdb/duckdb.ts'
import { type GoldSql, partialSql, touchedRowsSql } from './gold-sql.ts'

const SLICE = 'temp.main.trial_slice'
const PASSED = 'temp.main.trial_passed'
const RESULT = 'temp.main.trial_result'

/** One at a time per connection. */
export class GoldTrial {
  readonly #connection: DuckConnection
  readonly #sql: GoldSql
  readonly #tables: readonly string[]

  /** `tables` hold the committed partial rows. */
  private constructor(connection: DuckConnection, sql: GoldSql, tables: readonly string[]) {
    this.#connection = connection
    this.#sql = sql
    this.#tables = tables
  }

  /** `columns` are those of partial rows, as a table has them. */
  static async open(
    connection: DuckConnection,
    sql: GoldSql,
    of: { readonly tables: readonly string[]; readonly columns: string },
  ): Promise<GoldTrial> {
    for (const table of [SLICE, PASSED])
      await connection.run(`CREATE OR REPLACE TEMP TABLE ${tableName(table)} (${of.columns})`)
    return new GoldTrial(connection, sql, of.tables)
  }

  /** Tries the rows that the connection sees; they count in later attempts if they `stay`. */
  async attempt(stay: boolean): Promise<void> {
    await this.#connection.run(`DELETE FROM ${SLICE}`)
    await this.#connection.run(`INSERT INTO ${SLICE} ${partialSql(this.#sql)}`)
    const others = stay ? [...this.#tables, PASSED] : this.#tables
    const rows = touchedRowsSql(this.#sql, SLICE, [...others, SLICE])
    await this.#connection.run(`CREATE OR REPLACE TEMP TABLE ${tableName(RESULT)} AS ${rows}`)
    if (stay) await this.#connection.run(`INSERT INTO ${PASSED} SELECT * FROM ${SLICE}`)
  }
}

/** CREATE TEMP TABLE takes the name alone. */
function tableName(qualified: string): string {
  return qualified.slice(qualified.lastIndexOf('.') + 1)
}
