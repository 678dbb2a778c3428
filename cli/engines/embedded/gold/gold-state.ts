/**
 * Partial Gold of one window or session model. New rows are aggregated into partial rows and appended;
 * reading merges them; a checkpoint merges them for good and takes out what has closed. Nothing is updated
 * in place, so a checkpoint can read frozen tables while new partial rows go to the next one. Where new rows
 * belong to one that has closed, all is made anew from what the model reads, and nothing of it is in the lake.
 */

import type { DuckConnection } from '../../../adapters/duckdb/duckdb.ts'
import type { StateFile } from '../../../domain/lake/manifest.ts'
import { readParquetSql, setRowRange, text } from '../query/catalog.ts'
import {
  type CompactedGold,
  type CompactOptions,
  type FrozenGold,
  GoldCompactor,
  type GoldPart,
} from './gold-compactor.ts'
import {
  finalSql,
  type GoldSql,
  partialSql,
  reopenCandidatesSql,
  reopenedRowsSql,
  runsSql,
} from './gold-sql.ts'
import { OpenRows } from './open-rows.ts'
import { type ClosedRowsFile, PublishedRows } from './published-rows.ts'

export class GoldState {
  readonly #connection: DuckConnection
  readonly #sql: GoldSql
  readonly #table: string
  #serial = 0
  #columns = ''
  /** Committed parts, the first by far the largest; none before the first commit. */
  #parts: readonly GoldPart[] = []
  /** Tables of partial rows that no commit has; the last one takes new rows. */
  #fresh: string[] = []
  readonly #compaction: GoldCompactor
  /** Greatest watermark at which rows have left for the lake; null: none are there. */
  #closedMs: number | null = null
  #isRebuilt = false
  #frozen: FrozenGold | undefined
  readonly #open: OpenRows
  #told: PublishedRows | undefined
  /** Row number of the first hot row that is not in a partial row yet. */
  mergedSeq = 0

  constructor(connection: DuckConnection, sql: GoldSql) {
    this.#connection = connection
    this.#sql = sql
    this.#table = `delta.state.${sql.incremental.model.name.replace('.', '_')}`
    this.#open = new OpenRows(connection, sql, this.#table)
    this.#compaction = new GoldCompactor(sql, `${this.#table}_all`, (on) => this.#create(on))
  }

  /** Whether all rows are here, and what the lake has of the model is not to be served. */
  get isRebuilt(): boolean {
    return this.#isRebuilt
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
    const parts: GoldPart[] = []
    for (const file of files) {
      const table = await this.#create(this.#connection)
      await this.#connection.run(
        `INSERT INTO ${table} BY NAME SELECT * FROM read_parquet(${text(pathOf(file))})`,
      )
      parts.push({ table, rows: file.rows, file, closedMs: file.closedMs ?? null })
    }
    this.#parts = parts
    this.#closedMs = greatestClosedMs(parts) ?? closedMs
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
    await setRowRange(this.#connection, this.mergedSeq, seq)
    // Whoever asks meanwhile sees the new rows only once they are known not to be doubled.
    await this.#connection.run('BEGIN')
    let isTaken = false
    try {
      const slice = await this.#take()
      isTaken = !(await this.#reopens(this.#fresh, this.#isRebuilt ? null : this.#closedMs, lake))
      if (isTaken && slice !== undefined) await this.#open.update(slice, this.#tables())
    } finally {
      if (!isTaken) this.#open.discardStatements()
      await this.#connection.run(isTaken ? 'COMMIT' : 'ROLLBACK')
    }
    if (isTaken) this.mergedSeq = seq
    if (isTaken) this.#told?.markTouched(this.#open.table === undefined)
    return isTaken
  }

  /** Rows of the slice become partial rows; gives a table of them alone where open rows follow them. */
  async #take(): Promise<string | undefined> {
    const fresh = this.#fresh.at(-1)
    const isFollowed = this.#open.table !== undefined
    const slice = isFollowed ? await this.#open.emptySlice(this.#columns) : undefined
    const rows = await this.#connection.run(
      `INSERT INTO ${slice ?? fresh} ${partialSql(this.#sql)}`,
    )
    if (slice === undefined || rows === 0) return undefined
    await this.#connection.run(`INSERT INTO ${fresh} SELECT * FROM ${slice}`)
    return slice
  }

  /** Before a question, and before a freeze: see OpenRows. */
  prepareQuery(): Promise<readonly string[] | undefined> {
    return this.#open.prepareQuery(this.#tables())
  }

  /** From now on what changes is kept for `told`, a copy elsewhere; see ToldRows. */
  async trackPublished(since: {
    readonly keys: readonly string[] | undefined
    readonly left: readonly ClosedRowsFile[]
  }): Promise<PublishedRows> {
    const published = new PublishedRows(this.#connection, this.#sql, this.#table)
    await published.open(this.openRowsSql(), this.#fresh.at(-1) ?? '', since)
    this.#open.recordTouchedKeys(published.touchedKeysTable)
    this.#told = published
    return published
  }

  get told(): PublishedRows | undefined {
    return this.#told
  }

  /** The table of open rows, which there is after this; gives what to drop as `ask` does. */
  materializeOpenRows(): Promise<readonly string[] | undefined> {
    return this.#open.materialize(this.#tables())
  }

  get openRowsTable(): string | undefined {
    return this.#open.table
  }

  dropIfIdle(): readonly string[] {
    return this.#open.dropIfIdle()
  }

  /** Whether rows that were taken in since the freeze belong to those that close with this commit. */
  reopensClosedRows(
    frozen: FrozenGold,
    parts: readonly GoldPart[],
    lake: readonly string[],
  ): Promise<boolean> {
    const isStale = frozen !== this.#frozen
    const fresh = this.#fresh.filter((table) => !frozen.fresh.includes(table))
    return this.#reopens(fresh, isStale ? null : (greatestClosedMs(parts) ?? frozen.closedMs), lake)
  }

  async #reopens(
    tables: readonly string[],
    closedMs: number | null,
    lake: readonly string[],
  ): Promise<boolean> {
    if (closedMs === null || lake.length === 0) return false
    const early = reopenCandidatesSql(this.#sql, tables, closedMs)
    if ((await this.#connection.all(`${early} LIMIT 1`)).rows.length === 0) return false
    const reopening = reopenedRowsSql(this.#sql, early, readParquetSql(lake))
    return (await this.#connection.all(`${reopening} LIMIT 1`)).rows.length > 0
  }

  /**
   * Makes all partial rows anew from those that `connection` sees of the model's source: all before `seq`.
   * Returns the tables that nobody needs once the new one is served; what is frozen stays for its commit.
   */
  async rebuild(connection: DuckConnection, seq: number): Promise<readonly string[]> {
    const table = await this.#create(this.#connection)
    try {
      await connection.run(`INSERT INTO ${table} ${partialSql(this.#sql)}`)
    } catch (error) {
      await this.#connection.run(`DROP TABLE ${table}`)
      throw error
    }
    const held = new Set(this.#frozen && listTables(this.#frozen))
    const old = this.#tables()
    const open = this.#open.detach()
    this.#parts = []
    this.#fresh = [table]
    this.#closedMs = null
    this.#isRebuilt = true
    this.#frozen = undefined
    this.mergedSeq = seq
    this.#told?.startComparison([])
    return [...old.filter((one) => !held.has(one)), ...open]
  }

  /** Ends the fresh tables: partial rows from now on go to a new one. */
  async freeze(): Promise<FrozenGold> {
    const next = await this.#create(this.#connection)
    const frozen = {
      parts: this.#parts,
      fresh: this.#fresh,
      closedMs: this.#closedMs,
      isRebuilt: this.#isRebuilt,
    }
    this.#frozen = frozen
    this.#fresh = [...this.#fresh, next]
    this.#open.discardStatements()
    return frozen
  }

  /**
   * `parts` hold all rows of what was frozen, and count unless all was made anew meanwhile. Returns the
   * tables that nobody needs any more.
   */
  replace(frozen: FrozenGold, parts: readonly GoldPart[]): readonly string[] {
    this.#compaction.reset()
    let open: readonly string[] = []
    if (frozen === this.#frozen) {
      // Closed rows leave only when the whole is merged: then they are in the lake, and no longer open.
      if (parts[0]?.table !== frozen.parts[0]?.table) open = this.#open.detach()
      this.#open.discardStatements()
      this.#frozen = undefined
      this.#parts = parts
      this.#fresh = this.#fresh.filter((table) => !frozen.fresh.includes(table))
      this.#closedMs = greatestClosedMs(parts) ?? frozen.closedMs
      this.#isRebuilt = false
    }
    const used = new Set(this.#tables())
    const all = new Set([...listTables(frozen), ...parts.map((part) => part.table)])
    return [...[...all].filter((one) => !used.has(one)), ...open]
  }

  /** SELECT of the model's rows that have not closed. */
  openRowsSql(): string {
    return this.#open.selectSql() ?? finalSql(this.#sql, runsSql(this.#sql, this.#tables()))
  }

  /** All partial rows. */
  #tables(): readonly string[] {
    return listTables({ parts: this.#parts, fresh: this.#fresh })
  }

  /** See GoldCompaction. */
  compact(
    connection: DuckConnection,
    frozen: FrozenGold,
    options: CompactOptions,
  ): Promise<CompactedGold> {
    return this.#compaction.compact(connection, frozen, options)
  }
}

function listTables({ parts, fresh }: Pick<FrozenGold, 'parts' | 'fresh'>): readonly string[] {
  return [...parts.map((part) => part.table), ...fresh]
}

function greatestClosedMs(parts: readonly GoldPart[]): number | null {
  return parts.reduce<number | null>(
    (found, { closedMs }) => (found === null || (closedMs ?? found) > found ? closedMs : found),
    null,
  )
}
