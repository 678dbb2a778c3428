/**
 * A topic as a table of DuckDB, kept up to date: all rows of a topic of events, or the last row of
 * each key, without those that a tombstone deletes. Only new records are read.
 */
import type { DuckConnection } from '../../../adapters/duckdb/duckdb.ts'
import type { SchemaRegistry } from '../../../domain/avro/schema-registry.ts'
import { quoteName } from '../../../domain/kernel/sql-text.ts'
import type { TopicPart, TopicReader } from '../../../domain/log/topic-reader.ts'
import type { DuckColumn } from '../../../domain/models/bind-models.ts'
import { KEY_COLUMN, KEY_COLUMNS, RecordLoader } from './record-loader.ts'
import { type ReadingPace, TopicCursor } from './topic-cursor.ts'
import type { TopicWindow } from './topic-window.ts'

/** What a table is made of. */
export interface TopicTableOptions {
  readonly connection: DuckConnection
  readonly reader: TopicReader
  readonly registry: Pick<SchemaRegistry, 'byId'>
  /** Of messages: the model. */
  readonly model: string
  /** Full name of the topic. */
  readonly topic: string
  /** Name of the table, with its catalog. */
  readonly table: string
  readonly columns: readonly DuckColumn[]
  readonly isKeyed: boolean
  /** The rows that are kept; absent: all. */
  readonly window?: TopicWindow | undefined
}

/** Records that wait until they replace the rows of their keys, or until those to keep are. */
const STAGED_MAX = 100_000
const STAGED_MAX_OF_WINDOW = 4_000
/** DuckDB keeps deleted rows until the table is written anew. */
const DELETED_MAX = 50_000

/** Open it before views read it. */
export class TopicTable {
  readonly #options: TopicTableOptions
  readonly #cursor: TopicCursor
  readonly #loader: RecordLoader
  /** Where records with keys are first, and those of which only some are kept. */
  readonly #stage: string
  readonly #isStaged: boolean
  #staged = 0
  #deleted = 0

  constructor(options: TopicTableOptions) {
    this.#options = options
    this.#isStaged = options.isKeyed || options.window !== undefined
    this.#stage = this.#isStaged ? `${options.table}_stage` : options.table
    this.#cursor = new TopicCursor(options.reader, options.topic)
    this.#loader = new RecordLoader({ ...options, table: this.#stage })
  }

  /** Creates the empty table. */
  async open(): Promise<void> {
    const { connection, table, columns, isKeyed } = this.#options
    await connection.run(createTableSql(table, isKeyed ? [KEY_COLUMN, ...columns] : columns))
    await this.#emptyStage()
  }

  async #emptyStage(): Promise<void> {
    const { connection, columns, isKeyed } = this.#options
    if (!this.#isStaged) return
    await connection.run(
      createTableSql(this.#stage, isKeyed ? [...KEY_COLUMNS, ...columns] : columns),
    )
  }

  /** Time of the newest record, ms since 1970; -Infinity: there is none. */
  get newestMs(): number {
    return this.#cursor.newestMs
  }

  /** Reads what is new; what was read stays if it is stopped. */
  async refresh(signal: AbortSignal, pace?: ReadingPace): Promise<void> {
    const target = { reset: () => this.#reset(), add: this.#add.bind(this) }
    const findStart = async () => this.#options.window?.findStart()
    await this.#cursor.read(target, signal, findStart, pace)
    this.#loader.requireColumns(this.#options.model)
    await this.#replace()
  }

  async hasRows(): Promise<boolean> {
    const { connection, table } = this.#options
    return (await connection.all(`SELECT 1 FROM ${table} LIMIT 1`)).rows.length > 0
  }

  /** The next refresh reads the topic anew. */
  forget(): void {
    this.#cursor.forget()
  }

  /** Removes the rows that the window does not keep any more. */
  async prune(): Promise<void> {
    const { connection, table, window } = this.#options
    const keep = window?.keep
    if (keep === undefined) return
    this.#deleted += await connection.run(`DELETE FROM ${table} WHERE NOT (${keep})`)
    await this.#compact()
  }

  /** Forgets all rows: the topic is read anew. */
  async clear(): Promise<void> {
    this.#cursor.forget()
    await this.#reset()
  }

  close(): void {
    this.#loader.close()
  }

  async #add(partition: number, { records }: TopicPart): Promise<void> {
    await this.#loader.add(partition, records)
    await this.#loader.flush()
    this.#staged += records.length
    const most = this.#options.window ? STAGED_MAX_OF_WINDOW : STAGED_MAX
    if (this.#staged > most) await this.#replace()
  }

  /** Of each key the last row, in place of the one before. */
  async #replace(): Promise<void> {
    const { connection, table, columns, isKeyed, window } = this.#options
    if (!this.#isStaged || this.#staged === 0) return
    const stage = this.#stage
    const names = columns.map(({ name }) => quoteName(name))
    const keep = window?.keep ?? 'TRUE'
    await connection.run('BEGIN')
    try {
      if (isKeyed) {
        this.#deleted += await connection.run(
          `DELETE FROM ${table} WHERE _key IN (SELECT _key FROM ${stage})`,
        )
        await connection.run(`INSERT INTO ${table} SELECT ${['_key', ...names].join(', ')} FROM (
          FROM ${stage} QUALIFY row_number() OVER (PARTITION BY _key ORDER BY _seq DESC) = 1
        ) WHERE NOT _is_gone AND (${keep})`)
      } else
        await connection.run(
          `INSERT INTO ${table} SELECT ${names.join(', ')} FROM ${stage} WHERE ${keep}`,
        )
      await connection.run('COMMIT')
    } catch (error) {
      await connection.run('ROLLBACK').catch(() => undefined)
      throw error
    }
    await this.#emptyStage()
    this.#staged = 0
    await this.#compact()
  }

  async #compact(): Promise<void> {
    const { connection, table } = this.#options
    if (this.#deleted < DELETED_MAX) return
    await connection.run(`CREATE OR REPLACE TABLE ${table} AS FROM ${table}`)
    this.#deleted = 0
  }

  async #reset(): Promise<void> {
    this.#staged = 0
    this.#deleted = 0
    this.#loader.drop()
    await this.open()
  }
}

/** CREATE OR REPLACE TABLE with these columns; `table` is a name in SQL. */
export function createTableSql(table: string, columns: readonly DuckColumn[]): string {
  const list = columns.map(({ name, type }) => `${quoteName(name)} ${type}`)
  return `CREATE OR REPLACE TABLE ${table} (${list.join(', ')})`
}
