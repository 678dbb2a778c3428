/**
 * Partial Gold of one window or session model. New rows are aggregated into partial rows and appended;
 * reading merges them; a checkpoint merges them for good and takes out what has closed. Nothing is updated
 * in place, so a checkpoint can read frozen tables while new partial rows go to the next one.
 */
import { closedSql } from '../../core/incremental.ts'
import type { StateFile } from '../../core/manifest.ts'
import type { DuckConnection } from '../../io/duckdb.ts'
import { setSlice, text } from './catalog.ts'
import { finalSql, type GoldSql, mergedSql, partialSql, runsSql } from './gold-sql.ts'

/** Merged partial rows that a commit has, or is about to have, in a file of its own. */
export interface Part {
  readonly table: string
  readonly rows: number
  readonly file?: StateFile
}

/** What a checkpoint works on: it does not change any more. */
export interface FrozenGold {
  readonly parts: readonly Part[]
  readonly fresh: readonly string[]
}

/** Further parts are merged into one at this many, and into the first one once they have as many rows. */
const PARTS_MAX = 8
const FULL_ROWS_MIN = 50_000

export class GoldState {
  readonly #connection: DuckConnection
  readonly #sql: GoldSql
  readonly #table: string
  #serial = 0
  #columns = ''
  /** Committed parts, the first by far the largest; none before the first commit. */
  #parts: readonly Part[] = []
  /** Tables of partial rows that no commit has; the last one takes new rows. */
  #fresh: string[] = []
  /** Tables of a compaction that is not in force yet; left over when it failed. */
  #attempt: string[] = []
  /** Row number of the first hot row that is not in a partial row yet. */
  mergedSeq = 0

  constructor(connection: DuckConnection, sql: GoldSql) {
    this.#connection = connection
    this.#sql = sql
    this.#table = `delta.state.${sql.incremental.model.name.replace('.', '_')}`
  }

  /** Creates the state, with the partial rows of committed Parquet files where there are any. */
  async open(files: readonly StateFile[], pathOf: (file: StateFile) => string): Promise<void> {
    const types = await this.#connection.all(`DESCRIBE ${partialSql(this.#sql)}`)
    const columns = types.rows.map((row) => {
      const type = String(row.column_type)
      // Parquet has no HUGEINT and would keep it as a floating-point number.
      return `${row.column_name} ${type === 'HUGEINT' ? 'DECIMAL(38, 0)' : type}`
    })
    this.#columns = columns.join(', ')
    const parts: Part[] = []
    for (const file of files) {
      const table = await this.#create(this.#connection)
      await this.#connection.run(
        `INSERT INTO ${table} BY NAME SELECT * FROM read_parquet(${text(pathOf(file))})`,
      )
      parts.push({ table, rows: file.rows, file })
    }
    this.#parts = parts
    this.#fresh = [await this.#create(this.#connection)]
  }

  async #create(connection: DuckConnection): Promise<string> {
    const name = `${this.#table}_${this.#serial++}`
    await connection.run(`CREATE OR REPLACE TABLE ${name} (${this.#columns})`)
    return name
  }

  /** Takes hot rows up to `seq` into partial rows. Runs on the engine's own connection. */
  async merge(seq: number): Promise<void> {
    if (seq <= this.mergedSeq) return
    await setSlice(this.#connection, this.mergedSeq, seq)
    await this.#connection.run(`INSERT INTO ${this.#fresh.at(-1)} ${partialSql(this.#sql)}`)
    this.mergedSeq = seq
  }

  /** Takes in all rows that `connection` sees of the model's source; the state was empty before. */
  async build(connection: DuckConnection): Promise<void> {
    await connection.run(`INSERT INTO ${this.#fresh.at(-1)} ${partialSql(this.#sql)}`)
  }

  /** Ends the fresh tables: partial rows from now on go to a new one. */
  async freeze(): Promise<FrozenGold> {
    const frozen = { parts: this.#parts, fresh: this.#fresh }
    this.#fresh = [...this.#fresh, await this.#create(this.#connection)]
    return frozen
  }

  /** `parts` hold all rows of what was frozen. Returns the tables that nobody needs any more. */
  replace(frozen: FrozenGold, parts: readonly Part[]): readonly string[] {
    this.#parts = parts
    this.#attempt = []
    this.#fresh = this.#fresh.filter((table) => !frozen.fresh.includes(table))
    const used = new Set(parts.map((part) => part.table))
    return [...frozen.parts.map((part) => part.table), ...frozen.fresh].filter(
      (one) => !used.has(one),
    )
  }

  /** SELECT of the model's rows that have not closed. */
  openRowsSql(): string {
    return finalSql(
      this.#sql,
      runsSql(this.#sql, [...this.#parts.map((part) => part.table), ...this.#fresh]),
    )
  }

  /**
   * Merges what was frozen into few parts; the whole only when the newer parts have as many rows as the
   * first, so that a row is merged a bounded number of times. Then rows that have closed by `watermarkMs`
   * leave, when there are `closedMin` of them: `closed` selects them. Runs on another connection.
   */
  async compact(
    connection: DuckConnection,
    frozen: FrozenGold,
    options: { readonly watermarkMs: number | null; readonly closedMin: number },
  ): Promise<{ parts: readonly Part[]; closed?: string; scratch: readonly string[] }> {
    for (const table of this.#attempt) await connection.run(`DROP TABLE IF EXISTS ${table}`)
    this.#attempt = []
    const fresh = await this.#mergeTables(connection, frozen.fresh)
    const [first, ...others] = frozen.parts
    const newer = others.reduce((sum, part) => sum + part.rows, 0) + fresh.rows
    if (newer >= Math.max(FULL_ROWS_MIN, first?.rows ?? 0))
      return this.#compactAll(connection, [...frozen.parts, fresh], options)
    if (others.length < PARTS_MAX) return { parts: [...frozen.parts, fresh], scratch: [] }
    const tables = [...others, fresh].map((part) => part.table)
    const merged = await this.#mergeTables(connection, tables)
    return { parts: first ? [first, merged] : [merged], scratch: [fresh.table] }
  }

  async #compactAll(
    connection: DuckConnection,
    parts: readonly Part[],
    options: { readonly watermarkMs: number | null; readonly closedMin: number },
  ): Promise<{ parts: readonly Part[]; closed?: string; scratch: readonly string[] }> {
    const { model } = this.#sql.incremental
    const all = `${this.#table}_all`
    const tables = parts.map((part) => part.table)
    await connection.run(`CREATE OR REPLACE TABLE ${all} AS ${runsSql(this.#sql, tables)}`)
    const closed = options.watermarkMs === null ? 'FALSE' : closedSql(model, options.watermarkMs)
    const count = await connection.all(`SELECT count(*) AS n FROM ${all} WHERE ${closed}`)
    const isDue = Number(count.rows[0]?.n ?? 0) >= Math.max(1, options.closedMin)
    const kept = isDue ? `WHERE NOT (${closed})` : ''
    const helper = model.session ? ' EXCLUDE (_run, _run_last, _is_long)' : ''
    const table = await this.#create(connection)
    this.#attempt.push(table, all)
    const rows = await connection.run(
      `INSERT INTO ${table} BY NAME SELECT *${helper} FROM ${all} ${kept}`,
    )
    const scratch = [all, parts.at(-1)?.table ?? all]
    if (!isDue) return { parts: [{ table, rows }], scratch }
    const closedSelect = finalSql(this.#sql, `SELECT * FROM ${all} WHERE ${closed}`)
    return { parts: [{ table, rows }], scratch, closed: closedSelect }
  }

  async #mergeTables(connection: DuckConnection, tables: readonly string[]): Promise<Part> {
    const table = await this.#create(connection)
    this.#attempt.push(table)
    const rows = await connection.run(
      `INSERT INTO ${table} BY NAME ${mergedSql(this.#sql, tables)}`,
    )
    return { table, rows }
  }
}
