/**
 * Tracks which rows of one Gold model have been published, and finds those that changed since.
 * Changes are found by the keys of new partial rows, so the cost follows the change, not the table.
 * A row that moves to the lake is published once more and then forgotten: it changes only if the
 * model is rebuilt, and then everything is compared.
 */

import type { DuckConnection } from '../../../adapters/duckdb/duckdb.ts'
import { quoteText } from '../../../domain/kernel/sql-text.ts'
import { readParquetSql } from '../query/catalog.ts'
import type { GoldSql } from './gold-sql.ts'
import { keySql } from './key-sql.ts'

/**
 * Where changed rows come from. `lake` is published before `open`, so that a key that moved to the
 * lake is not mistaken for one that was deleted.
 */
export type ChangeSource = 'lake' | 'open'

/** Rows to be published: how many, and the keys that no longer exist. */
export interface PendingChange {
  readonly source: ChangeSource
  readonly rows: number
  readonly deletedKeys: readonly string[]
  /** Not 0: the topic must be read and compared; each comparison has its own number. */
  readonly comparison: number
}

/** Closed rows are published in groups of about this many. */
const GROUP_ROWS = 50_000
/** Removed rows leave holes; after this many the table is rebuilt. */
const HOLES_MIN = 20_000

/** A lake file with rows of the model. */
export interface ClosedRowsFile {
  /** Absolute. */
  readonly path: string
  readonly rows: number
}

/** What is known when tracking begins. */
export interface PublishedStart {
  /** SELECT of the model's open rows. */
  readonly rows: string
  /** A table of the model's partial rows. */
  readonly partial: string
  /** Keys of the open rows that have been published; undefined: unknown, so compare. */
  readonly keys: readonly string[] | undefined
  /** Lake files with rows that may not have been published since they closed. */
  readonly files: readonly ClosedRowsFile[]
}

interface TakenRows {
  readonly rows: number
  /** Keys of open rows disappeared: deleted, or moved to the lake. */
  readonly hasGone: boolean
}

interface UnconfirmedChange {
  readonly source: ChangeSource
  readonly files: readonly ClosedRowsFile[]
  readonly hasGone: boolean
}

/**
 * One round at a time: `take`, any number of `read`s, `confirm`. Unconfirmed changes are taken
 * again.
 */
export class PublishedRows {
  readonly #connection: DuckConnection
  readonly #sql: GoldSql
  /** Table of published open rows; also the prefix of the other tables. */
  readonly #name: string
  #columns = ''
  #key = ''
  /** Lake files whose rows were not published since they closed. */
  #files: readonly ClosedRowsFile[] = []
  /** Any row may have changed. */
  #isAll = true
  #isTouched = false
  /**
   * Open rows that were taken but not confirmed: all, or those of the keys in the table `_taken`.
   */
  #pending: 'all' | 'some' | undefined
  #taken: UnconfirmedChange | undefined
  #comparison = 0
  #comparisons = 0
  #removed = 0

  constructor(connection: DuckConnection, sql: GoldSql, name: string) {
    this.#connection = connection
    this.#sql = sql
    this.#name = `${name}_published`
  }

  /** Table to which others add the keys of new partial rows. */
  get touchedKeysTable(): string {
    return `${this.#name}_touched`
  }

  /** Key columns that identify changes; a session may merge with others of its visitor. */
  get #touchColumns(): readonly string[] {
    const { model, keys } = this.#sql.incremental
    return model.session ? keys.slice(0, 1) : keys
  }

  /** Creates the tables; before any other call. */
  async open({ rows, partial, keys, files }: PublishedStart): Promise<void> {
    const run = (sql: string) => this.#connection.run(sql)
    const { rows: types } = await this.#connection.all(`DESCRIBE ${rows}`)
    const typeOf = new Map(types.map((one) => [String(one.column_name), String(one.column_type)]))
    this.#columns = [...typeOf.keys()].map((name) => `"${name}"`).join(', ')
    this.#key = keySql(this.#sql.incremental.model.key, typeOf)
    const list = this.#sql.incremental.keys.map((key) => `${key} AS _${key}`).join(', ')
    await run(`CREATE TABLE ${this.#name} AS
      SELECT ${list}, '' AS _key, 0::UBIGINT AS _hash FROM ${partial} LIMIT 0`)
    const touched = this.#touchColumns.join(', ')
    for (const table of [this.touchedKeysTable, `${this.#name}_taken`])
      await run(`CREATE TABLE ${table} AS SELECT ${touched} FROM ${partial} LIMIT 0`)
    this.#files = files
    if (keys === undefined) this.startComparison()
    // In groups: DuckDB can't parse a statement of a million literals.
    for (let at = 0; at < (keys?.length ?? 0); at += 1_000) {
      const some = keys?.slice(at, at + 1_000).map((key) => `(${quoteText(key)})`)
      await run(
        `INSERT INTO ${this.#name} (_key, _hash) SELECT key, 0 FROM (VALUES ${some}) t(key)`,
      )
    }
  }

  /** Call after keys were added to `touchedKeysTable`; `isAll`: any row may have changed. */
  markTouched(isAll = false): void {
    this.#isTouched = true
    if (isAll) this.#isAll = true
  }

  /** A commit wrote these files with closed rows. */
  addClosedFiles(files: readonly ClosedRowsFile[]): void {
    this.#files = [...this.#files, ...files]
  }

  /** Compaction moved the same rows to other files, of which `added` are new. */
  replaceFiles(isThere: (path: string) => boolean, added: readonly ClosedRowsFile[]): void {
    const there = this.#files.filter(({ path }) => isThere(path))
    this.#files = there.length === this.#files.length ? there : [...there, ...added]
  }

  /** What the topic contains is unknown from now on; `files` are the lake files with rows now. */
  startComparison(files: readonly ClosedRowsFile[] = this.#files): void {
    this.#comparison = ++this.#comparisons
    this.#files = files
    this.#isAll = true
    this.#pending = undefined
    this.#taken = undefined
  }

  get isComparing(): boolean {
    return this.#comparison > 0
  }

  /** Whether there may be something to take. */
  get hasPending(): boolean {
    return this.#files.length > 0 || this.#isAll || this.#isTouched || this.#pending !== undefined
  }

  /**
   * Computes the next change; `open` is the table of open rows. Includes what was not confirmed.
   */
  async take(open: string): Promise<PendingChange> {
    const files = this.#nextFiles()
    const source: ChangeSource = files.length > 0 ? 'lake' : 'open'
    if (this.isComparing && this.#isAll) await this.#connection.run(`DELETE FROM ${this.#name}`)
    const taken = source === 'lake' ? await this.#takeClosed(files) : await this.#takeOpen(open)
    this.#taken = { source, files, hasGone: taken.hasGone }
    const deleted =
      source === 'open' && taken.hasGone
        ? (await this.#connection.all(`FROM ${this.#name}_gone`)).rows
        : []
    return {
      source,
      rows: taken.rows,
      deletedKeys: deleted.map((row) => String(row._key)),
      comparison: this.#comparison,
    }
  }

  #nextFiles(): readonly ClosedRowsFile[] {
    const files: ClosedRowsFile[] = []
    let rows = 0
    for (const file of this.#files) {
      if (files.length > 0 && rows + file.rows > GROUP_ROWS) break
      files.push(file)
      rows += file.rows
    }
    return files
  }

  async #takeClosed(files: readonly ClosedRowsFile[]): Promise<TakenRows> {
    const lake = readParquetSql(files.map(({ path }) => path))
    await this.#connection.run(
      `CREATE OR REPLACE TABLE ${this.#name}_gone AS SELECT ${this.#key} AS _key FROM (${lake})`,
    )
    const rows = await this.#createChanged(`
      SELECT now.*, FALSE AS _isNew FROM (${this.#hashed(lake)}) AS now
      LEFT JOIN ${this.#name} AS old ON old._key = now._key
      WHERE old._hash IS DISTINCT FROM now._hash`)
    return { rows, hasGone: true }
  }

  async #takeOpen(open: string): Promise<TakenRows> {
    const run = (sql: string) => this.#connection.run(sql)
    const keys = `${this.#name}_taken`
    if (this.#isTouched) {
      await run(`INSERT INTO ${keys} SELECT DISTINCT * FROM ${this.touchedKeysTable}`)
      await run(`DELETE FROM ${this.touchedKeysTable}`)
      this.#isTouched = false
    }
    const isAll = this.#isAll || this.#pending === 'all'
    this.#pending = isAll ? 'all' : 'some'
    this.#isAll = false
    const match = this.#touchColumns.map((key) => `_${key} IS NOT DISTINCT FROM taken.${key}`)
    const some = isAll
      ? ''
      : `SEMI JOIN (SELECT DISTINCT * FROM ${keys}) AS taken ON ${match.join(' AND ')}`
    const old = `(FROM ${this.#name} ${some})`
    await run(`CREATE OR REPLACE TEMP TABLE _now AS ${this.#hashed(`FROM ${open} ${some}`)}`)
    // Events never delete the row of a window.
    const hasGone = isAll || this.#sql.incremental.model.session !== undefined
    if (hasGone)
      await run(`CREATE OR REPLACE TABLE ${this.#name}_gone AS
        SELECT DISTINCT old._key FROM ${old} AS old ANTI JOIN _now AS now ON old._key = now._key`)
    const rows = await this.#createChanged(`
      SELECT now.*, old._key IS NULL AS _isNew FROM _now AS now
      LEFT JOIN ${old} AS old ON old._key = now._key WHERE old._hash IS DISTINCT FROM now._hash`)
    return { rows, hasGone }
  }

  /** Creates the table of rows to be published; returns their count. */
  async #createChanged(sql: string): Promise<number> {
    const { rows } = await this.#connection.all(
      `CREATE OR REPLACE TABLE ${this.#name}_new AS ${sql}`,
    )
    return Number(rows[0]?.Count)
  }

  /** The rows with their key as text and a hash of all their columns. */
  #hashed(rows: string): string {
    return `SELECT *, ${this.#key} AS _key, hash(${this.#columns}) AS _hash FROM (${rows})`
  }

  /** Rows of the taken change: the model's columns, `_key`, and `_isNew` if never published. */
  async read(from: number, count: number): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const { rows } = await this.#connection.all(
      `SELECT ${this.#columns}, _key, _isNew FROM ${this.#name}_new
       WHERE rowid >= ${from} AND rowid < ${from + count}`,
    )
    return rows
  }

  /** The taken change has been published. */
  async confirm(): Promise<void> {
    const taken = this.#taken
    if (!taken) return // rebuilt meanwhile: everything is compared
    const remove = (keys: string) =>
      this.#connection.run(
        `DELETE FROM ${this.#name} AS old USING ${keys} AS keys WHERE old._key = keys._key`,
      )
    await this.#connection.run('BEGIN')
    if (taken.hasGone) this.#removed += await remove(`${this.#name}_gone`)
    if (taken.source === 'open') {
      this.#removed += await remove(`${this.#name}_new`)
      const keys = this.#sql.incremental.keys.map((key) => `_${key}`).join(', ')
      await this.#connection.run(
        `INSERT INTO ${this.#name} SELECT ${keys}, _key, _hash FROM ${this.#name}_new`,
      )
      await this.#connection.run(`DELETE FROM ${this.#name}_taken`)
    }
    await this.#connection.run('COMMIT')
    this.#taken = undefined
    if (taken.source === 'lake')
      this.#files = this.#files.filter((one) => !taken.files.includes(one))
    else {
      this.#pending = undefined
      this.#comparison = 0
    }
    if (this.#removed < HOLES_MIN) return
    await this.#connection.run(`CREATE OR REPLACE TABLE ${this.#name} AS FROM ${this.#name}`)
    this.#removed = 0
  }

  /** Keys that have been published and whose rows are open. */
  async keys(): Promise<readonly string[]> {
    const { rows } = await this.#connection.all(`SELECT _key FROM ${this.#name}`)
    return rows.map((row) => String(row._key))
  }
}
