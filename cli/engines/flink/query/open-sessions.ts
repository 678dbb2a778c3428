/**
 * The sessions that are under way: the engine's topic has a session when no event can change it any
 * more, an hour and more after its end. The events of the others, those that no session of the
 * topic covers, are kept in a table, over which the model's own SQL finds them.
 */
import type { DuckConnection } from '../../../adapters/duckdb/duckdb.ts'
import { type CatalogOptions, createCatalog } from '../../../adapters/duckdb/model-catalog.ts'
import type { SchemaRegistry } from '../../../domain/avro/schema-registry.ts'
import { flattenName } from '../../../domain/dialects/dialect.ts'
import { quoteName } from '../../../domain/kernel/sql-text.ts'
import type { TopicPart, TopicReader } from '../../../domain/log/topic-reader.ts'
import type { DuckColumn } from '../../../domain/models/bind-models.ts'
import { printTooLateSql } from '../../../domain/models/finality.ts'
import type { Model } from '../../../domain/models/model.ts'
import type { OpenSessions } from './plan-tables.ts'
import { RecordLoader } from './record-loader.ts'
import { type ReadingPace, TopicCursor } from './topic-cursor.ts'
import { createTableSql } from './topic-table.ts'
import { CLOCKS_MS, type ClosedSpan } from './topic-window.ts'

/** What is needed to find the open sessions of one model. */
export interface OpenSessionsOptions extends OpenSessions {
  readonly connection: DuckConnection
  readonly reader: TopicReader
  readonly registry: Pick<SchemaRegistry, 'byId'>
  readonly catalog: CatalogOptions
  /** The model of kind session. */
  readonly model: Model
  /** Table with the sessions of its topic, with its catalog. */
  readonly closed: string
  /** Columns of the model of the events. */
  readonly columnsOf: (model: string) => readonly DuckColumn[]
  /**
   * Makes sure that `closed` has all sessions of the span, or, for undefined, that it has one, if
   * the topic has one.
   */
  readonly requireClosed: (span: ClosedSpan | undefined) => Promise<void>
}

/** A session under way is rarely longer; for one that is, earlier events are read too. */
const BEFORE_MS = 2 * 3_600_000
/** Then so many times as far back. */
const FURTHER = 4

/** Open it before views read `view`. */
export class OpenSessionRows {
  readonly #options: OpenSessionsOptions
  readonly #cursor: TopicCursor
  readonly #loader: RecordLoader
  /** Columns of the events that are needed. */
  readonly #columns: readonly DuckColumn[]
  readonly #stage: string
  /** Table of the events that no session of the topic covers. */
  readonly #rows: string
  /** Events before that, ms since 1970, are not in the table. */
  #fromMs = Number.NEGATIVE_INFINITY
  /** End of the last session of the topic when `#fromMs` was chosen. */
  #endMs = Number.NEGATIVE_INFINITY
  /** Whether `#fromMs` was chosen for the next reading already. */
  #isWider = false
  readonly #names: { readonly stage: string; readonly live: string }

  constructor(options: OpenSessionsOptions) {
    const { model, events, rows, columns, topic, columnsOf } = options
    const flat = flattenName(model.name)
    this.#options = options
    this.#names = { stage: `stage_${flat}`, live: `open_${flat}` }
    this.#stage = `${this.#names.stage}.${events.name}`
    this.#rows = `${this.#names.live}.${rows.name}`
    this.#columns = columnsOf(events.name).filter(({ name }) => columns.includes(name))
    this.#cursor = new TopicCursor(options.reader, topic)
    this.#loader = new RecordLoader({
      ...options,
      table: this.#stage,
      columns: this.#columns,
      isKeyed: false,
    })
  }

  /** A view of the model's columns, of the sessions under way. */
  get view(): string {
    return `${this.#names.live}.${this.#options.model.name}`
  }

  /** Time of the newest record, ms since 1970; -Infinity: there is none. */
  get newestMs(): number {
    return this.#cursor.newestMs
  }

  /** Creates the tables and views. */
  async open(): Promise<void> {
    const { connection, catalog, model, events, rows } = this.#options
    const { stage, live } = this.#names
    for (const name of [stage, live]) {
      await connection.run(`ATTACH ':memory:' AS ${name} (BLOCK_SIZE 16384)`)
      await createCatalog(connection, name, catalog)
    }
    await connection.run(`USE ${stage}`)
    await this.#emptyStage()
    if (rows.name !== events.name) await connection.run(`CREATE VIEW ${rows.name} AS ${rows.sql}`)
    await connection.run(`USE ${live}`)
    await this.#emptyRows()
    await connection.run(`CREATE VIEW ${model.name} AS ${model.sql}`)
  }

  /** Call it after the topic of the sessions has been read. */
  async refresh(signal: AbortSignal, pace?: ReadingPace): Promise<void> {
    const target = { reset: () => this.#reset(), add: this.#add.bind(this) }
    for (;;) {
      await this.#cursor.read(target, signal, () => this.#findStart(), pace)
      this.#loader.requireColumns(this.#options.events.name)
      await this.#options.connection.run(
        `DELETE FROM ${this.#rows} AS e WHERE ${this.#printCovered()}`,
      )
      if (!(await this.#mayBeCut())) return
      this.#endMs = await this.#readNewestEnd()
      this.#fromMs = this.#endMs - FURTHER * (this.#endMs - this.#fromMs)
      this.#isWider = true
      this.#cursor.forget()
    }
  }

  /** Forgets all events: the topic is read anew. */
  async clear(): Promise<void> {
    this.#cursor.forget()
    await this.#reset()
  }

  close(): void {
    this.#loader.close()
  }

  /** Events are written after they happen: what was written before can't be of the time wanted. */
  async #findStart(): Promise<ReadonlyMap<number, number> | undefined> {
    const { reader, topic, requireClosed } = this.#options
    if (!this.#isWider) {
      await requireClosed(undefined)
      this.#endMs = await this.#readNewestEnd()
      this.#fromMs = this.#endMs - BEFORE_MS
    }
    this.#isWider = false
    if (this.#fromMs === Number.NEGATIVE_INFINITY) return undefined
    await requireClosed({ fromMs: this.#fromMs, endMs: this.#endMs })
    return reader.findOffsets(topic, this.#fromMs - CLOCKS_MS)
  }

  /** Of the sessions of the topic; -Infinity: there is none. */
  async #readNewestEnd(): Promise<number> {
    const { connection, closed, span } = this.#options
    const { rows } = await connection.all(
      `SELECT epoch_ms(max(${quoteName(span.end)})) AS ms FROM ${closed}`,
    )
    return Number(rows[0]?.ms ?? Number.NEGATIVE_INFINITY)
  }

  async #add(partition: number, { records }: TopicPart): Promise<void> {
    const { connection, model, rows, time } = this.#options
    await this.#loader.add(partition, records)
    await this.#loader.flush()
    const isWanted = Number.isFinite(this.#fromMs)
      ? `epoch_ms(e.${quoteName(time)}) >= ${this.#fromMs}`
      : 'TRUE'
    await connection.run(
      `INSERT INTO ${this.#rows} SELECT * FROM ${this.#names.stage}.${rows.name} AS e
       WHERE ${isWanted} AND NOT (${printTooLateSql(model)}) AND NOT ${this.#printCovered()}`,
    )
    await this.#emptyStage()
  }

  /** Whether the first of the sessions may have begun before the first event that was read. */
  async #mayBeCut(): Promise<boolean> {
    const { connection, model, time } = this.#options
    if (!Number.isFinite(this.#fromMs)) return false
    const untilMs = this.#fromMs + (model.session?.pauseMs ?? 0)
    const { rows } = await connection.all(
      `SELECT count(*) > 0 AS found FROM ${this.#rows}
       WHERE epoch_ms(${quoteName(time)}) <= ${untilMs}`,
    )
    return rows[0]?.found === true
  }

  /** Predicate over an event `e`: a session of the topic has it. */
  #printCovered(): string {
    const { closed, span, time } = this.#options
    const same = span.keys.map(
      ([row, session]) => `c.${quoteName(session)} IS NOT DISTINCT FROM e.${quoteName(row)}`,
    )
    const at = `e.${quoteName(time)}`
    return `EXISTS (SELECT 1 FROM ${closed} AS c WHERE ${same.join(' AND ')}
      AND ${at} BETWEEN c.${quoteName(span.start)} AND c.${quoteName(span.end)})`
  }

  async #reset(): Promise<void> {
    this.#loader.drop()
    await this.#emptyStage()
    await this.#emptyRows()
  }

  async #emptyStage(): Promise<void> {
    await this.#options.connection.run(createTableSql(this.#stage, this.#columns))
  }

  async #emptyRows(): Promise<void> {
    const { connection, rows } = this.#options
    await connection.run(
      `CREATE OR REPLACE TABLE ${this.#rows} AS
       SELECT * FROM ${this.#names.stage}.${rows.name} LIMIT 0`,
    )
  }
}
