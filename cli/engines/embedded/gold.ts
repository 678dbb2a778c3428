/**
 * Partial Gold of one window or session model. New rows are aggregated into partial rows and appended;
 * reading merges them; a checkpoint merges them for good and takes out what has closed. Nothing is updated
 * in place, so a checkpoint can read frozen tables while new partial rows go to the next one. Where new rows
 * belong to one that has closed, all is made anew from what the model reads, and nothing of it is in the lake.
 */
import { closedSql } from '../../core/closing.ts'
import type { StateFile } from '../../core/manifest.ts'
import type { DuckConnection } from '../../io/duckdb.ts'
import { filesSql, setSlice, text } from './catalog.ts'
import {
  earlySql,
  finalSql,
  type GoldSql,
  mergedSql,
  partialSql,
  reopeningSql,
  runsSql,
} from './gold-sql.ts'
import type { GoldLimits } from './options.ts'

/** Merged partial rows that a commit has, or is about to have, in a file of its own. */
export interface Part {
  readonly table: string
  readonly rows: number
  readonly file?: StateFile
  /** Greatest watermark at which rows of the model have left for the lake, ms; null: none have. */
  readonly closedMs: number | null
}

/** What a checkpoint works on: it does not change any more. */
export interface FrozenGold {
  readonly parts: readonly Part[]
  readonly fresh: readonly string[]
  readonly closedMs: number | null
  /** All rows are here: what the lake has of the model is not to be served or named any more. */
  readonly isRemade: boolean
}

export interface Compacted {
  readonly parts: readonly Part[]
  /** SELECT of finished rows that leave the state with this commit. */
  readonly closed?: string
  /** Tables that nobody needs once that has been read. */
  readonly scratch: readonly string[]
}

type CompactOptions = GoldLimits & { readonly watermarkMs: number | null }

/** Further parts are merged into one at this many, and into the first one once they have as many rows. */
const PARTS_MAX = 8

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
  /** Greatest watermark at which rows have left for the lake; null: none are there. */
  #closedMs: number | null = null
  #isRemade = false
  #frozen: FrozenGold | undefined
  /** Row number of the first hot row that is not in a partial row yet. */
  mergedSeq = 0

  constructor(connection: DuckConnection, sql: GoldSql) {
    this.#connection = connection
    this.#sql = sql
    this.#table = `delta.state.${sql.incremental.model.name.replace('.', '_')}`
  }

  /** Whether all rows are here, and what the lake has of the model is not to be served. */
  get isRemade(): boolean {
    return this.#isRemade
  }

  /**
   * Creates the state, with the partial rows of committed Parquet files where there are any. `closedMs`: of
   * a manifest that does not say up to where rows have closed, the greatest watermark that can have been.
   */
  async open(
    files: readonly StateFile[],
    pathOf: (file: StateFile) => string,
    closedMs: number | null,
  ): Promise<void> {
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
      parts.push({ table, rows: file.rows, file, closedMs: file.closedMs ?? null })
    }
    this.#parts = parts
    this.#closedMs = greatest(parts) ?? closedMs
    this.#fresh = [await this.#create(this.#connection)]
  }

  async #create(connection: DuckConnection): Promise<string> {
    const name = `${this.#table}_${this.#serial++}`
    await connection.run(`CREATE OR REPLACE TABLE ${name} (${this.#columns})`)
    return name
  }

  /**
   * Takes hot rows up to `seq` into partial rows; `lake` are the files of the model's finished rows. False, with
   * nothing taken in, when one of those would have to be opened again. Runs on the engine's own connection.
   */
  async merge(seq: number, lake: readonly string[]): Promise<boolean> {
    if (seq <= this.mergedSeq) return true
    await setSlice(this.#connection, this.mergedSeq, seq)
    // Whoever asks meanwhile sees the new rows only once they are known not to be doubled.
    await this.#connection.run('BEGIN')
    let isTaken = false
    try {
      await this.#connection.run(`INSERT INTO ${this.#fresh.at(-1)} ${partialSql(this.#sql)}`)
      isTaken = !(await this.#reopens(this.#fresh, this.#isRemade ? null : this.#closedMs, lake))
    } finally {
      await this.#connection.run(isTaken ? 'COMMIT' : 'ROLLBACK')
    }
    if (isTaken) this.mergedSeq = seq
    return isTaken
  }

  /** Whether rows that were taken in since the freeze belong to those that close with this commit. */
  reopensAfter(
    frozen: FrozenGold,
    parts: readonly Part[],
    lake: readonly string[],
  ): Promise<boolean> {
    const isStale = frozen !== this.#frozen
    const fresh = this.#fresh.filter((table) => !frozen.fresh.includes(table))
    return this.#reopens(fresh, isStale ? null : (greatest(parts) ?? frozen.closedMs), lake)
  }

  async #reopens(
    tables: readonly string[],
    closedMs: number | null,
    lake: readonly string[],
  ): Promise<boolean> {
    if (closedMs === null || lake.length === 0) return false
    const early = earlySql(this.#sql, tables, closedMs)
    if ((await this.#connection.all(`${early} LIMIT 1`)).rows.length === 0) return false
    const reopening = reopeningSql(this.#sql, early, filesSql(lake))
    return (await this.#connection.all(`${reopening} LIMIT 1`)).rows.length > 0
  }

  /**
   * Makes all partial rows anew from those that `connection` sees of the model's source: all before `seq`.
   * Returns the tables that nobody needs once the new one is served; what is frozen stays for its commit.
   */
  async remake(connection: DuckConnection, seq: number): Promise<readonly string[]> {
    const table = await this.#create(this.#connection)
    try {
      await connection.run(`INSERT INTO ${table} ${partialSql(this.#sql)}`)
    } catch (error) {
      await this.#connection.run(`DROP TABLE ${table}`)
      throw error
    }
    const held = new Set(this.#frozen && tablesOf(this.#frozen))
    const old = tablesOf({ parts: this.#parts, fresh: this.#fresh })
    this.#parts = []
    this.#fresh = [table]
    this.#closedMs = null
    this.#isRemade = true
    this.#frozen = undefined
    this.mergedSeq = seq
    return old.filter((one) => !held.has(one))
  }

  /** Ends the fresh tables: partial rows from now on go to a new one. */
  async freeze(): Promise<FrozenGold> {
    const next = await this.#create(this.#connection)
    const frozen = {
      parts: this.#parts,
      fresh: this.#fresh,
      closedMs: this.#closedMs,
      isRemade: this.#isRemade,
    }
    this.#frozen = frozen
    this.#fresh = [...this.#fresh, next]
    return frozen
  }

  /**
   * `parts` hold all rows of what was frozen, and count unless all was made anew meanwhile. Returns the
   * tables that nobody needs any more.
   */
  replace(frozen: FrozenGold, parts: readonly Part[]): readonly string[] {
    this.#attempt = []
    if (frozen === this.#frozen) {
      this.#frozen = undefined
      this.#parts = parts
      this.#fresh = this.#fresh.filter((table) => !frozen.fresh.includes(table))
      this.#closedMs = greatest(parts) ?? frozen.closedMs
      this.#isRemade = false
    }
    const used = new Set(tablesOf({ parts: this.#parts, fresh: this.#fresh }))
    const all = new Set([...tablesOf(frozen), ...parts.map((part) => part.table)])
    return [...all].filter((one) => !used.has(one))
  }

  /** SELECT of the model's rows that have not closed. */
  openRowsSql(): string {
    return finalSql(
      this.#sql,
      runsSql(this.#sql, tablesOf({ parts: this.#parts, fresh: this.#fresh })),
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
    options: CompactOptions,
  ): Promise<Compacted> {
    for (const table of this.#attempt) await connection.run(`DROP TABLE IF EXISTS ${table}`)
    this.#attempt = []
    const fresh = await this.#mergeTables(connection, frozen.fresh)
    const [first, ...others] = frozen.parts
    const newer = others.reduce((sum, part) => sum + part.rows, 0) + fresh.rows
    if (newer >= Math.max(options.wholeMin, first?.rows ?? 0))
      return this.#compactAll(connection, [...frozen.parts, fresh], options, frozen.closedMs)
    if (others.length < PARTS_MAX) return { parts: [...frozen.parts, fresh], scratch: [] }
    const tables = [...others, fresh].map((part) => part.table)
    const merged = await this.#mergeTables(connection, tables)
    return { parts: first ? [first, merged] : [merged], scratch: [fresh.table] }
  }

  async #compactAll(
    connection: DuckConnection,
    parts: readonly Part[],
    options: CompactOptions,
    closedMs: number | null,
  ): Promise<Compacted> {
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
    if (!isDue) return { parts: [{ table, rows, closedMs }], scratch }
    const closedSelect = finalSql(this.#sql, `SELECT * FROM ${all} WHERE ${closed}`)
    const newest = Math.max(closedMs ?? Number.NEGATIVE_INFINITY, options.watermarkMs ?? 0)
    return { parts: [{ table, rows, closedMs: newest }], scratch, closed: closedSelect }
  }

  async #mergeTables(connection: DuckConnection, tables: readonly string[]): Promise<Part> {
    const table = await this.#create(connection)
    this.#attempt.push(table)
    const rows = await connection.run(
      `INSERT INTO ${table} BY NAME ${mergedSql(this.#sql, tables)}`,
    )
    return { table, rows, closedMs: null }
  }
}

function tablesOf({ parts, fresh }: Pick<FrozenGold, 'parts' | 'fresh'>): readonly string[] {
  return [...parts.map((part) => part.table), ...fresh]
}

function greatest(parts: readonly Part[]): number | null {
  return parts.reduce<number | null>(
    (found, { closedMs }) => (found === null || (closedMs ?? found) > found ? closedMs : found),
    null,
  )
}
