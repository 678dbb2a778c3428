/**
 * What a copy of one Gold model elsewhere was told of its rows, and what it was not: found by the keys of the
 * partial rows that came since, so that it costs what has changed. A row that left for the lake is told once
 * more and then forgotten: it does not change unless the model is made anew, and then all is compared.
 */
import type { DuckConnection } from '../../../adapters/duckdb/duckdb.ts'
import { readParquetSql, text } from '../query/catalog.ts'
import type { GoldSql } from './gold-sql.ts'

/** Where a change comes from: `lake` before `open`, so that a key that left is not taken for one that vanished. */
export type ChangeSource = 'lake' | 'open'

/** Rows to be told: so many, and the keys that are gone. */
export interface PendingChange {
  readonly source: ChangeSource
  readonly rows: number
  readonly deletedKeys: readonly string[]
  /** The copy is to be read and compared: another number, another comparison. 0: it is not. */
  readonly comparison: number
}

/** Lake files are told in groups of about so many rows. */
const GROUP_ROWS = 50_000
/** Removed rows leave holes; the table is made again when there are this many more of them than rows. */
const HOLES_MIN = 20_000

interface ChangeCount {
  readonly rows: number
  /** Keys went: rows that are no more, or that are in the lake now. */
  readonly hasGone: boolean
}

export interface ClosedRowsFile {
  readonly path: string
  readonly rows: number
}

export class PublishedRows {
  readonly #connection: DuckConnection
  readonly #sql: GoldSql
  /** Beginning of its tables' names. */
  readonly #name: string
  #columns = ''
  #key = ''
  /** Lake files whose rows were not told since they left. */
  #left: readonly ClosedRowsFile[] = []
  #isAll = true
  #isTouched = false
  /** Open rows that were taken and not confirmed: of all keys, or of those in the table of taken keys. */
  #pending: 'all' | 'some' | undefined
  /** Of the change that waits for its confirmation. */
  #taken:
    | {
        readonly stage: ChangeSource
        readonly files: readonly ClosedRowsFile[]
        readonly hasGone: boolean
      }
    | undefined
  #comparison = 0
  #comparisons = 0
  #removed = 0

  constructor(connection: DuckConnection, sql: GoldSql, name: string) {
    this.#connection = connection
    this.#sql = sql
    this.#name = `${name}_told`
  }

  /** Table that the keys of new partial rows are to be added to. */
  get touchedKeysTable(): string {
    return `${this.#name}_touched`
  }

  /** The key columns by which changes are found: a visit may join others of its visitor. */
  get #touch(): readonly string[] {
    const { model, keys } = this.#sql.incremental
    return model.session ? keys.slice(0, 1) : keys
  }

  /**
   * `rows`: a SELECT of the model's rows; `partial`: a table of its partial rows. `keys`: those that were told
   * and had not left, undefined: the copy is to be compared.
   */
  async open(
    rows: string,
    partial: string,
    since: {
      readonly keys: readonly string[] | undefined
      readonly left: readonly ClosedRowsFile[]
    },
  ): Promise<void> {
    const run = (sql: string) => this.#connection.run(sql)
    const { rows: types } = await this.#connection.all(`DESCRIBE ${rows}`)
    const typeOf = new Map(types.map((one) => [String(one.column_name), String(one.column_type)]))
    this.#columns = [...typeOf.keys()].map((name) => `"${name}"`).join(', ')
    this.#key = keySql(this.#sql.incremental.model.key, typeOf)
    const all = this.#sql.incremental.keys
    const list = all.map((key) => `${key} AS _${key}`).join(', ')
    await run(
      `CREATE TABLE ${this.#name} AS SELECT ${list}, '' AS _key, 0::UBIGINT AS _hash FROM ${partial} LIMIT 0`,
    )
    for (const table of [this.touchedKeysTable, `${this.#name}_taken`])
      await run(`CREATE TABLE ${table} AS SELECT ${this.#touch.join(', ')} FROM ${partial} LIMIT 0`)
    this.#left = since.left
    if (since.keys === undefined) this.startComparison()
    // In groups: a statement of a million literals is no statement.
    for (let at = 0; at < (since.keys?.length ?? 0); at += 1_000) {
      const some = since.keys?.slice(at, at + 1_000).map((key) => `(${text(key)})`)
      await run(
        `INSERT INTO ${this.#name} (_key, _hash) SELECT key, 0 FROM (VALUES ${some}) t(key)`,
      )
    }
  }

  /** Keys were added to `touchedTable`, or, with `isAll`, any may have changed. */
  markTouched(isAll = false): void {
    this.#isTouched = true
    if (isAll) this.#isAll = true
  }

  /** These files came with a commit: rows in them have left. */
  addClosedFiles(files: readonly ClosedRowsFile[]): void {
    this.#left = [...this.#left, ...files]
  }

  /** The lake's files are others now, with the same rows; `added` are new among them. */
  replaceFiles(isThere: (path: string) => boolean, added: readonly ClosedRowsFile[]): void {
    const there = this.#left.filter(({ path }) => isThere(path))
    this.#left = there.length === this.#left.length ? there : [...there, ...added]
  }

  /** What the copy has is not known any more; `left`: the files of the lake that hold rows now. */
  startComparison(left: readonly ClosedRowsFile[] = this.#left): void {
    this.#comparison = ++this.#comparisons
    this.#left = left
    this.#isAll = true
    this.#pending = undefined
    this.#taken = undefined
  }

  get isComparing(): boolean {
    return this.#comparison > 0
  }

  /** Whether `take` would find anything. */
  get isBehind(): boolean {
    return this.#left.length > 0 || this.#isAll || this.#isTouched || this.#pending !== undefined
  }

  /** Works out what was not told; `open` is the table of open rows. What was taken before and not confirmed is in it. */
  async take(open: string): Promise<PendingChange> {
    const files = this.#group()
    const stage: ChangeSource = files.length > 0 ? 'lake' : 'open'
    if (this.isComparing && this.#isAll) await this.#connection.run(`DELETE FROM ${this.#name}`)
    const changed = stage === 'lake' ? await this.#takeLeft(files) : await this.#takeOpen(open)
    this.#taken = { stage, files, hasGone: changed.hasGone }
    const gone =
      stage === 'open' && changed.hasGone
        ? (await this.#connection.all(`FROM ${this.#name}_gone`)).rows
        : []
    return {
      source: stage,
      rows: changed.rows,
      deletedKeys: gone.map((row) => String(row._key)),
      comparison: this.#comparison,
    }
  }

  #group(): readonly ClosedRowsFile[] {
    const files: ClosedRowsFile[] = []
    let rows = 0
    for (const file of this.#left) {
      if (files.length > 0 && rows + file.rows > GROUP_ROWS) break
      files.push(file)
      rows += file.rows
    }
    return files
  }

  async #takeLeft(files: readonly ClosedRowsFile[]): Promise<ChangeCount> {
    const lake = readParquetSql(files.map(({ path }) => path))
    await this.#connection.run(
      `CREATE OR REPLACE TABLE ${this.#name}_gone AS SELECT ${this.#key} AS _key FROM (${lake})`,
    )
    const rows = await this.#make(`SELECT now.*, FALSE AS _isNew FROM (${this.#hashed(lake)}) AS now
      LEFT JOIN ${this.#name} AS told ON told._key = now._key
      WHERE told._hash IS DISTINCT FROM now._hash`)
    return { rows, hasGone: true }
  }

  async #takeOpen(open: string): Promise<ChangeCount> {
    const run = (sql: string) => this.#connection.run(sql)
    const taken = `${this.#name}_taken`
    if (this.#isTouched) {
      await run(`INSERT INTO ${taken} SELECT DISTINCT * FROM ${this.touchedKeysTable}`)
      await run(`DELETE FROM ${this.touchedKeysTable}`)
      this.#isTouched = false
    }
    const isAll = this.#isAll || this.#pending === 'all'
    this.#pending = isAll ? 'all' : 'some'
    this.#isAll = false
    const match = this.#touch.map((key) => `_${key} IS NOT DISTINCT FROM taken.${key}`)
    const some = isAll
      ? ''
      : `SEMI JOIN (SELECT DISTINCT * FROM ${taken}) AS taken ON ${match.join(' AND ')}`
    const now = `CREATE OR REPLACE TEMP TABLE _told_now AS ${this.#hashed(`FROM ${open} ${some}`)}`
    const was = `(FROM ${this.#name} ${some})`
    await run(now)
    // Events never make a window's row go.
    const hasGone = isAll || this.#sql.incremental.model.session !== undefined
    if (hasGone)
      await run(`CREATE OR REPLACE TABLE ${this.#name}_gone AS
        SELECT DISTINCT was._key FROM ${was} AS was ANTI JOIN _told_now AS now ON was._key = now._key`)
    const rows = await this.#make(`SELECT now.*, told._key IS NULL AS _isNew FROM _told_now AS now
        LEFT JOIN ${was} AS told ON told._key = now._key WHERE told._hash IS DISTINCT FROM now._hash`)
    return { rows, hasGone }
  }

  /** The table of rows to be told; gives how many. */
  async #make(sql: string): Promise<number> {
    const { rows } = await this.#connection.all(
      `CREATE OR REPLACE TABLE ${this.#name}_new AS ${sql}`,
    )
    return Number(rows[0]?.Count)
  }

  /** The rows with the text of their key and a hash of all their columns. */
  #hashed(rows: string): string {
    return `SELECT *, ${this.#key} AS _key, hash(${this.#columns}) AS _hash FROM (${rows})`
  }

  /** Rows of the change from the `from`-th on: the model's columns, `_key`, and `_isNew` for a key never told. */
  async read(from: number, count: number): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const { rows } = await this.#connection.all(
      `SELECT ${this.#columns}, _key, _isNew FROM ${this.#name}_new
       WHERE rowid >= ${from} AND rowid < ${from + count}`,
    )
    return rows
  }

  /** The change was told. */
  async confirm(): Promise<void> {
    const taken = this.#taken
    if (!taken) return // made anew meanwhile: all is compared
    const remove = (keys: string) =>
      this.#connection.run(
        `DELETE FROM ${this.#name} AS told USING ${keys} AS keys WHERE told._key = keys._key`,
      )
    await this.#connection.run('BEGIN')
    if (taken.hasGone) this.#removed += await remove(`${this.#name}_gone`)
    if (taken.stage === 'open') {
      this.#removed += await remove(`${this.#name}_new`)
      const keys = this.#sql.incremental.keys.map((key) => `_${key}`).join(', ')
      await this.#connection.run(
        `INSERT INTO ${this.#name} SELECT ${keys}, _key, _hash FROM ${this.#name}_new`,
      )
      await this.#connection.run(`DELETE FROM ${this.#name}_taken`)
    }
    await this.#connection.run('COMMIT')
    this.#taken = undefined
    if (taken.stage === 'lake') this.#left = this.#left.filter((one) => !taken.files.includes(one))
    else {
      this.#pending = undefined
      this.#comparison = 0
    }
    await this.#tidy()
  }

  async #tidy(): Promise<void> {
    if (this.#removed < HOLES_MIN) return
    await this.#connection.run(`CREATE OR REPLACE TABLE ${this.#name} AS FROM ${this.#name}`)
    this.#removed = 0
  }

  /** Keys that were told and have not left. */
  async keys(): Promise<readonly string[]> {
    const { rows } = await this.#connection.all(`SELECT _key FROM ${this.#name}`)
    return rows.map((row) => String(row._key))
  }
}

/**
 * The key as text: the value itself of a key of one column, else a JSON array; times as in docs/json-output.md.
 */
function keySql(key: readonly string[], typeOf: ReadonlyMap<string, string>): string {
  const [only] = key
  if (only !== undefined && key.length === 1)
    return `coalesce(${keyPartSql(only, typeOf)}::VARCHAR, 'null')`
  return `CAST(json_array(${key.map((one) => keyPartSql(one, typeOf)).join(', ')}) AS VARCHAR)`
}

function keyPartSql(column: string, typeOf: ReadonlyMap<string, string>): string {
  const type = typeOf.get(column) ?? ''
  const name = `"${column}"`
  if (/^TIMESTAMP/.test(type))
    return `CASE WHEN epoch_us(${name}) % 1000 = 0 THEN strftime(${name}, '%Y-%m-%dT%H:%M:%S.%gZ')
      ELSE strftime(${name}, '%Y-%m-%dT%H:%M:%S.%fZ') END`
  return /INT$|^BOOLEAN$|^VARCHAR$/.test(type) ? name : `CAST(${name} AS VARCHAR)`
}
