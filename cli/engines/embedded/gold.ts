/**
 * Partial Gold of one window or session model. New rows are aggregated into partial rows and appended;
 * reading merges them; a checkpoint merges them for good and takes out what has closed. Nothing is updated
 * in place, so a checkpoint can read frozen tables while new partial rows go to the next one.
 */
import {
  closedSql,
  finalColumnSql,
  type IncrementalModel,
  mergeSql,
  sessionBucketMs,
  tooLateSql,
} from '../../core/incremental.ts'
import type { DuckConnection } from '../../io/duckdb.ts'
import { setSlice, text } from './catalog.ts'

/** SQL texts of an incremental model, made once with DuckDB's own deserialiser. */
export interface GoldSql {
  readonly incremental: IncrementalModel
  readonly partial: string
  readonly final: string
}

export class GoldState {
  readonly #connection: DuckConnection
  readonly #sql: GoldSql
  readonly #table: string
  #generation = 0
  /** Tables that hold the rows of the last commit and those since. */
  #tables: string[] = []
  /** Row number of the first hot row that is not in a partial row yet. */
  mergedSeq = 0

  constructor(connection: DuckConnection, sql: GoldSql) {
    this.#connection = connection
    this.#sql = sql
    this.#table = `delta.state.${sql.incremental.model.name.replace('.', '_')}`
  }

  get name(): string {
    return this.#sql.incremental.model.name
  }

  /** Creates the state, with the partial rows of a committed Parquet file where there is one. */
  async open(path?: string): Promise<void> {
    const types = await this.#connection.all(`DESCRIBE ${this.#partialSql()}`)
    const columns = types.rows.map((row) => {
      const type = String(row.column_type)
      // Parquet has no HUGEINT and would keep it as a floating-point number.
      return `${row.column_name} ${type === 'HUGEINT' ? 'DECIMAL(38, 0)' : type}`
    })
    this.#columns = columns.join(', ')
    await this.#nextTable()
    if (path === undefined) return
    await this.#connection.run(
      `INSERT INTO ${this.#tables[0]} BY NAME SELECT * FROM read_parquet(${text(path)})`,
    )
  }

  #columns = ''

  async #nextTable(): Promise<void> {
    const name = `${this.#table}_${this.#generation++}`
    await this.#connection.run(`CREATE TABLE ${name} (${this.#columns})`)
    this.#tables.push(name)
  }

  /** Takes hot rows up to `seq` into partial rows. Runs on the engine's own connection. */
  async merge(seq: number): Promise<void> {
    if (seq <= this.mergedSeq) return
    await setSlice(this.#connection, this.mergedSeq, seq)
    await this.#connection.run(`INSERT INTO ${this.#tables.at(-1)} ${this.#partialSql()}`)
    this.mergedSeq = seq
  }

  /** Takes in all rows that `connection` sees of the model's source; the state was empty before. */
  async build(connection: DuckConnection): Promise<void> {
    await connection.run(`INSERT INTO ${this.#tables.at(-1)} ${this.#partialSql()}`)
  }

  /** Ends the current tables: partial rows from now on go to a new one. Returns those that are frozen. */
  async freeze(): Promise<readonly string[]> {
    const frozen = [...this.#tables]
    await this.#nextTable()
    return frozen
  }

  /** Frozen tables give way to `merged`, which holds their rows. */
  async replace(frozen: readonly string[], merged: string): Promise<void> {
    this.#tables = [merged, ...this.#tables.filter((table) => !frozen.includes(table))]
  }

  /** SELECT of the model's rows that have not closed. */
  openRowsSql(): string {
    return this.#finalSql(`SELECT * FROM (${this.#mergedSql(this.#tables)})`)
  }

  /**
   * Merges frozen tables into a new one without what has closed by `watermarkMs`, when at least `closedMin`
   * rows have. Returns the new table and the SELECT of the closed rows, if any. Runs on another connection.
   */
  async compact(
    connection: DuckConnection,
    frozen: readonly string[],
    options: { readonly watermarkMs: number | null; readonly closedMin: number },
  ): Promise<{ table: string; closed?: string; scratch: string }> {
    const { model } = this.#sql.incremental
    const serial = this.#generation++
    const scratch = `${this.#table}_all_${serial}`
    const table = `${this.#table}_${serial}`
    await connection.run(`CREATE OR REPLACE TABLE ${scratch} AS ${this.#mergedSql(frozen)}`)
    await connection.run(`CREATE OR REPLACE TABLE ${table} (${this.#columns})`)
    const closed = options.watermarkMs === null ? 'FALSE' : closedSql(model, options.watermarkMs)
    const count = await connection.all(`SELECT count(*) AS n FROM ${scratch} WHERE ${closed}`)
    const isDue = Number(count.rows[0]?.n ?? 0) >= Math.max(1, options.closedMin)
    const kept = isDue ? `WHERE NOT (${closed})` : ''
    const helper = model.session ? ' EXCLUDE (_run, _run_last, _is_long)' : ''
    await connection.run(`INSERT INTO ${table} BY NAME SELECT *${helper} FROM ${scratch} ${kept}`)
    if (!isDue) return { table, scratch }
    return { table, scratch, closed: this.#finalSql(`SELECT * FROM ${scratch} WHERE ${closed}`) }
  }

  #partialSql(): string {
    const { incremental, partial } = this.#sql
    const { model, source } = incremental
    const bucket = model.session
      ? `, time_bucket(to_milliseconds(${sessionBucketMs(model.session.pauseMs)}), event_time) AS _bucket`
      : ''
    return `WITH _source AS (SELECT *${bucket} FROM ${source} WHERE NOT (${tooLateSql(model)})) ${partial}`
  }

  /** One row a key; for sessions one a visitor and bucket, with the run that it belongs to. */
  #mergedSql(tables: readonly string[]): string {
    const { model, keys, columns } = this.#sql.incremental
    const rows = tables.map((table) => `SELECT * FROM ${table}`).join(' UNION ALL ')
    const merged = columns.map(mergeSql)
    const extremes = model.session ? ['min(_first) AS _first', 'max(_last) AS _last'] : []
    const list = [...keys, ...extremes, ...merged].join(', ')
    const plain = `SELECT ${list} FROM (${rows}) GROUP BY ${keys.join(', ')}`
    if (!model.session) return plain
    const { pauseMs, capMs } = model.session
    return `WITH one AS (${plain}), marked AS (
        SELECT *, CASE WHEN epoch_ms(_first) - epoch_ms(lag(_last) OVER visitor) > ${pauseMs}
          THEN 1 ELSE 0 END AS _starts
        FROM one WINDOW visitor AS (PARTITION BY k0 ORDER BY k1)
      ), numbered AS (
        SELECT * EXCLUDE (_starts), sum(_starts) OVER (PARTITION BY k0 ORDER BY k1) AS _run FROM marked
      )
      SELECT *, max(_last) OVER run AS _run_last,
        epoch_ms(max(_last) OVER run) - epoch_ms(min(_first) OVER run) > ${capMs} AS _is_long
      FROM numbered WINDOW run AS (PARTITION BY k0, _run)`
  }

  /** The model's columns over merged rows. */
  #finalSql(merged: string): string {
    const { model, keys, columns } = this.#sql.incremental
    const seen = [...keys, ...columns.map(finalColumnSql)].join(', ')
    if (!model.session)
      return `WITH _merged AS (SELECT ${seen} FROM (${merged})) ${this.#sql.final}`
    return `WITH _bucketed AS (${merged}), _dated AS (
        SELECT *, min(_first) OVER (
          PARTITION BY k0, _run, CASE WHEN _is_long THEN CAST(k1 AS DATE) END) AS _start
        FROM _bucketed
      ), _whole AS (
        SELECT k0, _start AS k1, ${columns.map(mergeSql).join(', ')} FROM _dated GROUP BY k0, _start
      ), _merged AS (SELECT ${seen} FROM _whole) ${this.#sql.final}`
  }
}
