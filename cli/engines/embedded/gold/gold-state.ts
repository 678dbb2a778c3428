/**
 * The partial Gold of one window or session model. New rows are aggregated into partial rows and
 * appended; reading merges them; a checkpoint merges them permanently and moves closed rows to the
 * lake. Nothing is updated in place, so a checkpoint can read frozen tables while new partial rows
 * go to the next one. If new rows belong to a closed row, the model is rebuilt from what it reads,
 * and none of its rows count in the lake any more.
 */

import type { DuckConnection } from '../../../adapters/duckdb/duckdb.ts'
import { quoteText } from '../../../domain/kernel/sql-text.ts'
import type { StateFile } from '../../../domain/lake/manifest.ts'
import { readParquetSql, setRowRange } from '../query/catalog.ts'
import type { FrozenGold, GoldPart } from '../snapshot.ts'
import { GoldCompactor } from './gold-compactor.ts'
import {
  finalSql,
  type GoldSql,
  partialSql,
  reopenCandidatesSql,
  reopenedRowsSql,
  runsSql,
  touchedRowsSql,
} from './gold-sql.ts'
import { GoldTrial } from './gold-trial.ts'
import { OpenRows } from './open-rows.ts'
import { type ClosedRowsFile, PublishedRows } from './published-rows.ts'

type ClosedRowsPaths = () => Promise<readonly string[]>

/**
 * Runs on the engine's own connection, one call at a time. Methods that return table names: the
 * caller drops these tables once the model's view no longer reads them.
 */
export class GoldState {
  readonly compactor: GoldCompactor
  readonly #connection: DuckConnection
  readonly #sql: GoldSql
  readonly #table: string
  #serial = 0
  #columns = ''
  /** Committed parts, the first by far the largest; none before the first commit. */
  #parts: readonly GoldPart[] = []
  /** Tables of partial rows that no commit has; the last one takes new rows. */
  #newTables: string[] = []
  /** Greatest watermark at which rows moved to the lake; null: none are there. */
  #closedMs: number | null = null
  #isRebuilt = false
  /** The snapshot being written, unless a rebuild has made it obsolete. */
  #frozen: FrozenGold | undefined
  readonly #open: OpenRows
  #published: PublishedRows | undefined
  /** Number of the first row that is not in a partial row yet. */
  mergedSeq = 0
  /** Another number after each change of the model's open rows. */
  revision = 0

  constructor(connection: DuckConnection, sql: GoldSql) {
    this.#connection = connection
    this.#sql = sql
    this.#table = `delta.state.${sql.incremental.model.name.replace('.', '_')}`
    this.#open = new OpenRows(connection, sql, this.#table)
    this.compactor = new GoldCompactor(sql, this.#table, (on) => this.#create(on))
  }

  /** Whether all rows are in the state, so that the model's lake files don't count. */
  get isRebuilt(): boolean {
    return this.#isRebuilt
  }

  /**
   * Creates the state from committed Parquet files, if any. `closedMs` stands in for manifests that
   * don't say at which watermark rows closed: the greatest that it can have been.
   */
  async open(
    files: readonly StateFile[],
    pathOf: (file: StateFile) => string,
    closedMs: number | null,
  ): Promise<void> {
    const { rows } = await this.#connection.all(`DESCRIBE ${partialSql(this.#sql)}`)
    // Parquet has no HUGEINT and would store it as floating point.
    const type = (name: unknown) => (name === 'HUGEINT' ? 'DECIMAL(38, 0)' : String(name))
    this.#columns = rows.map((row) => `${row.column_name} ${type(row.column_type)}`).join(', ')
    const parts: GoldPart[] = []
    for (const file of files) {
      const table = await this.#create(this.#connection)
      await this.#connection.run(
        `INSERT INTO ${table} BY NAME SELECT * FROM read_parquet(${quoteText(pathOf(file))})`,
      )
      parts.push({ table, rows: file.rows, file, closedMs: file.closedMs ?? null })
    }
    this.#parts = parts
    this.#closedMs = greatestClosedMs(parts) ?? closedMs
    this.#newTables = [await this.#create(this.#connection)]
  }

  async #create(connection: DuckConnection): Promise<string> {
    const name = `${this.#table}_${this.#serial++}`
    await connection.run(`CREATE OR REPLACE TABLE ${name} (${this.#columns})`)
    return name
  }

  /**
   * Aggregates rows up to `seq` into partial rows. Returns false, with nothing added, if they would
   * reopen a closed row; `lake` gives the paths of the files with closed rows, once checked.
   */
  async merge(seq: number, lake: ClosedRowsPaths): Promise<boolean> {
    if (seq <= this.mergedSeq) return true
    await setRowRange(this.#connection, this.mergedSeq, seq)
    // A concurrent query must not see the new rows before they are known to reopen nothing.
    await this.#connection.run('BEGIN')
    let isMerged = false
    try {
      const slice = await this.#appendPartialRows()
      const closedMs = this.#isRebuilt ? null : this.#closedMs
      isMerged = !(await this.#reopens(this.#newTables, closedMs, lake))
      if (isMerged && slice !== undefined) await this.#open.update(slice, this.#tables())
    } finally {
      if (!isMerged) this.#open.discardStatements()
      await this.#connection.run(isMerged ? 'COMMIT' : 'ROLLBACK')
    }
    if (!isMerged) return false
    this.mergedSeq = seq
    this.#published?.markTouched(this.#open.table === undefined)
    return true
  }

  /** Returns a table of only the new partial rows, if open rows are a table that needs updating. */
  async #appendPartialRows(): Promise<string | undefined> {
    const newest = this.#newTables.at(-1)
    const isTable = this.#open.table !== undefined
    const slice = isTable ? await this.#open.emptySlice(this.#columns) : undefined
    const rows = await this.#connection.run(
      `INSERT INTO ${slice ?? newest} ${partialSql(this.#sql)}`,
    )
    if (rows > 0) this.revision++
    if (slice === undefined || rows === 0) return undefined
    await this.#connection.run(`INSERT INTO ${newest} SELECT * FROM ${slice}`)
    return slice
  }

  /** See OpenRows. */
  prepareQuery(): Promise<readonly string[] | undefined> {
    return this.#open.prepareQuery(this.#tables())
  }

  /** From now on changes are kept in `published`; for the arguments see PublishedRows.open. */
  async trackPublished(
    keys: readonly string[] | undefined,
    files: readonly ClosedRowsFile[],
  ): Promise<void> {
    const published = new PublishedRows(this.#connection, this.#sql, this.#table)
    await published.open({
      rows: this.openRowsSql(),
      partial: this.#newTables.at(-1) ?? '',
      keys,
      files,
    })
    this.#open.recordTouchedKeys(published.touchedKeysTable)
    this.#published = published
  }

  get published(): PublishedRows | undefined {
    return this.#published
  }

  /** See OpenRows. */
  materializeOpenRows(): Promise<readonly string[] | undefined> {
    return this.#open.materialize(this.#tables())
  }

  get openRowsTable(): string | undefined {
    return this.#open.table
  }

  /** See OpenRows. */
  dropIfIdle(): readonly string[] {
    return this.#open.dropIfIdle()
  }

  /** Whether rows ingested since the freeze belong to rows that this commit closes. */
  reopensClosedRows(
    frozen: FrozenGold,
    parts: readonly GoldPart[],
    lake: ClosedRowsPaths,
  ): Promise<boolean> {
    const newTables = this.#newTables.filter((table) => !frozen.newTables.includes(table))
    const isCurrent = frozen === this.#frozen
    const closedMs = isCurrent ? (greatestClosedMs(parts) ?? frozen.closedMs) : null
    return this.#reopens(newTables, closedMs, lake)
  }

  async #reopens(
    tables: readonly string[],
    closedMs: number | null,
    lake: ClosedRowsPaths,
  ): Promise<boolean> {
    if (closedMs === null) return false
    const candidates = reopenCandidatesSql(this.#sql, tables, closedMs)
    if ((await this.#connection.all(`${candidates} LIMIT 1`)).rows.length === 0) return false
    const paths = await lake()
    if (paths.length === 0) return false
    const reopened = reopenedRowsSql(this.#sql, candidates, readParquetSql(paths))
    return (await this.#connection.all(`${reopened} LIMIT 1`)).rows.length > 0
  }

  /**
   * Recomputes all partial rows from the rows of the model's source that `connection` sees: all
   * before `seq`. The frozen tables stay until their commit.
   */
  async rebuild(connection: DuckConnection, seq: number): Promise<readonly string[]> {
    const table = await this.#create(this.#connection)
    await connection.run(`INSERT INTO ${table} ${partialSql(this.#sql)}`).catch(async (error) => {
      await this.#connection.run(`DROP TABLE ${table}`)
      throw error
    })
    const frozen = new Set(this.#frozen && listTables(this.#frozen))
    const old = this.#tables()
    const open = this.#open.detach()
    this.#parts = []
    this.#newTables = [table]
    this.#closedMs = null
    this.#isRebuilt = true
    this.#frozen = undefined
    this.mergedSeq = seq
    this.revision++
    this.#published?.startComparison([])
    return [...old.filter((one) => !frozen.has(one)), ...open]
  }

  /** Computes the rows that uncommitted partial rows belong to, where that can fail on a value. */
  async check(): Promise<void> {
    if (!this.#sql.mayFail) return
    const fresh = this.#newTables.map((table) => `SELECT * FROM ${table}`).join(' UNION ALL ')
    const rows = touchedRowsSql(this.#sql, `(${fresh})`, this.#tables())
    await this.#connection.run(`CREATE OR REPLACE TEMP TABLE checked AS ${rows}`)
    await this.#connection.run('DROP TABLE temp.main.checked')
  }

  /** Tries rows on top of the committed ones. */
  openTrial(connection: DuckConnection): Promise<GoldTrial> {
    const tables = this.#parts.map((part) => part.table)
    return GoldTrial.open(connection, this.#sql, { tables, columns: this.#columns })
  }

  /** From now on partial rows go to a new table. */
  async freeze(): Promise<FrozenGold> {
    const next = await this.#create(this.#connection)
    const frozen = {
      ...{ parts: this.#parts, newTables: this.#newTables },
      ...{ closedMs: this.#closedMs, isRebuilt: this.#isRebuilt },
    }
    this.#frozen = frozen
    this.#newTables = [...this.#newTables, next]
    this.#open.discardStatements()
    return frozen
  }

  /**
   * Replaces the frozen tables by the committed `parts`, unless the model was rebuilt meanwhile.
   */
  replace(frozen: FrozenGold, parts: readonly GoldPart[]): readonly string[] {
    this.compactor.reset()
    this.revision++
    let open: readonly string[] = []
    if (frozen === this.#frozen) {
      // Rows close only if all parts were merged into one: then the open rows are fewer.
      if (parts[0]?.table !== frozen.parts[0]?.table) open = this.#open.detach()
      this.#open.discardStatements()
      this.#frozen = undefined
      this.#parts = parts
      this.#newTables = this.#newTables.filter((table) => !frozen.newTables.includes(table))
      this.#closedMs = greatestClosedMs(parts) ?? frozen.closedMs
      this.#isRebuilt = false
    }
    const used = new Set(this.#tables())
    const all = new Set(listTables(frozen).concat(parts.map((part) => part.table)))
    return [...[...all].filter((one) => !used.has(one)), ...open]
  }

  /** SELECT of the model's rows that have not closed. */
  openRowsSql(): string {
    return this.#open.selectSql() ?? finalSql(this.#sql, runsSql(this.#sql, this.#tables()))
  }

  /** Tables that together hold all partial rows. */
  #tables(): readonly string[] {
    return listTables({ parts: this.#parts, newTables: this.#newTables })
  }
}

function listTables({ parts, newTables }: Pick<FrozenGold, 'parts' | 'newTables'>): string[] {
  return [...parts.map((part) => part.table), ...newTables]
}

function greatestClosedMs(parts: readonly GoldPart[]): number | null {
  return parts.reduce<number | null>(
    (found, { closedMs }) => (found === null || (closedMs ?? found) > found ? closedMs : found),
    null,
  )
}
