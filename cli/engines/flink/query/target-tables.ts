/**
 * The models of a target as tables and views of one DuckDB in memory: those that the engine fills
 * are read from their topics when a query needs them, the others are the models' own SQL over them.
 */
import { type Duck, type DuckConnection, openDuck } from '../../../adapters/duckdb/duckdb.ts'
import { STREAMING_SETTING } from '../../../adapters/duckdb/limited-query.ts'
import { createCatalog, LAYERS } from '../../../adapters/duckdb/model-catalog.ts'
import type { SchemaRegistry } from '../../../domain/avro/schema-registry.ts'
import { flattenName } from '../../../domain/dialects/dialect.ts'
import { CcsError } from '../../../domain/kernel/errors.ts'
import { quoteName } from '../../../domain/kernel/sql-text.ts'
import type { TopicReader } from '../../../domain/log/topic-reader.ts'
import type { DuckColumn } from '../../../domain/models/bind-models.ts'
import { printTooLateSql } from '../../../domain/models/finality.ts'
import { OpenSessionRows } from './open-sessions.ts'
import type { PlannedTable } from './plan-tables.ts'
import type { ReadingPace } from './topic-cursor.ts'
import { TopicTable } from './topic-table.ts'
import type { ClosedSpan, TopicWindow } from './topic-window.ts'

/** What the tables are made of. */
export interface TargetTablesOptions {
  readonly tables: readonly PlannedTable[]
  readonly columns: ReadonlyMap<string, readonly DuckColumn[]>
  /** Macros, and seeds as tables, as statements. */
  readonly macrosSql: string
  readonly timezone: string
  readonly reader: TopicReader
  readonly registry: Pick<SchemaRegistry, 'byId'>
  readonly memoryLimitBytes: number
  /** Columns of topics, where not all are read. */
  readonly loaded?: ReadonlyMap<string, readonly DuckColumn[]>
  /** Parts of topics that are kept, where not all is. */
  readonly windows?: ReadonlyMap<string, TopicWindow>
  /** Further settings of DuckDB. */
  readonly settings?: Readonly<Record<string, string>>
}

/** How new the rows are that a query reads. */
export interface Freshness {
  /** Time of the newest record of the topics that were read; null: they have none. */
  readonly newestMs: number | null
}

/** One DuckDB; one use at a time. */
export class TargetTables {
  readonly connection: DuckConnection
  readonly #duck: Duck
  readonly #options: TargetTablesOptions
  readonly #topics = new Map<string, TopicTable>()
  readonly #open = new Map<string, OpenSessionRows>()
  #reading: { readonly signal: AbortSignal; readonly pace: ReadingPace | undefined } = IDLE

  private constructor(duck: Duck, connection: DuckConnection, options: TargetTablesOptions) {
    this.#duck = duck
    this.connection = connection
    this.#options = options
  }

  /** Asks no server yet. */
  static async open(options: TargetTablesOptions): Promise<TargetTables> {
    const { memoryLimitBytes, settings } = options
    const config = { preserve_insertion_order: 'false', ...settings }
    const duck = await openDuck({ threads: 1, memoryLimitBytes, config })
    const connection = await duck.connect()
    const tables = new TargetTables(duck, connection, options)
    try {
      await tables.#create()
      return tables
    } catch (error) {
      tables.close()
      throw error
    }
  }

  async #create(): Promise<void> {
    const { connection } = this
    const { tables, macrosSql: macros, timezone } = this.#options
    await createCatalog(connection, 'memory', { macros, timezone })
    await connection.run(`ATTACH ':memory:' AS topics (BLOCK_SIZE 16384)`)
    for (const layer of LAYERS) await connection.run(`CREATE SCHEMA topics.${layer}`)
    for (const one of tables) await this.#createModel(one)
    await connection.run('USE memory')
    await connection.run(`SET enable_external_access = false; ${STREAMING_SETTING};
      SET lock_configuration = true`)
  }

  async #createModel({ model, reads, source }: PlannedTable): Promise<void> {
    const { connection } = this
    const create = (sql: string) =>
      connection.run(`USE memory; CREATE VIEW ${model.name} AS ${sql}`)
    const { columns: all, loaded } = this.#options
    const columns = loaded?.get(model.name) ?? all.get(model.name) ?? []
    const names = columns.map(({ name }) => quoteName(name)).join(', ')
    switch (source.from) {
      case 'topic':
        await this.#createTopic(model.name, { ...source, columns })
        await create(`SELECT ${names} FROM topics.${model.name}`)
        break
      case 'sessions': {
        await this.#createTopic(model.name, { topic: source.topic, isKeyed: true, columns })
        const open = new OpenSessionRows({
          ...this.#options,
          ...source.open,
          connection,
          catalog: { macros: this.#options.macrosSql, timezone: this.#options.timezone },
          model,
          closed: `topics.${model.name}`,
          columnsOf: (name) => all.get(name) ?? [],
          requireClosed: (of) => this.#requireClosed(model.name, of),
        })
        await open.open()
        this.#open.set(model.name, open)
        await create(
          `SELECT ${names} FROM topics.${model.name} UNION ALL SELECT ${names} FROM ${open.view}`,
        )
        break
      }
      case 'sql':
        await create(await this.#printSql(model, reads))
        break
      case 'nowhere':
        break
    }
  }

  async #createTopic(
    name: string,
    about: Pick<ConstructorParameters<typeof TopicTable>[0], 'topic' | 'isKeyed' | 'columns'>,
  ): Promise<void> {
    const { reader, registry } = this.#options
    const { connection } = this
    const table = new TopicTable({
      model: name,
      ...about,
      connection,
      reader,
      registry,
      table: `topics.${name}`,
      window: this.#options.windows?.get(name),
    })
    await table.open()
    this.#topics.set(name, table)
  }

  /** A model that leaves out what came too late reads a view without it, in another catalog. */
  async #printSql(model: PlannedTable['model'], [source]: readonly string[]): Promise<string> {
    const late = printTooLateSql(model)
    if (late === 'FALSE' || source === undefined) return model.sql
    const { connection } = this
    const { macrosSql: macros, timezone } = this.#options
    const catalog = `for_${flattenName(model.name)}`
    await connection.run(`ATTACH ':memory:' AS ${catalog} (BLOCK_SIZE 16384)`)
    await createCatalog(connection, catalog, { macros, timezone })
    await connection.run(
      `CREATE VIEW ${source} AS SELECT * FROM memory.${source} WHERE NOT (${late});
       CREATE VIEW ${model.name} AS ${model.sql}`,
    )
    return `SELECT * FROM ${catalog}.${model.name}`
  }

  /**
   * Reads what is new in the topics of these models. CCS_QUERY_INVALID for a model whose rows are
   * nowhere, CCS_KAFKA_TOPIC for one whose topic is missing.
   */
  async refresh(
    names: ReadonlySet<string>,
    signal: AbortSignal,
    pace?: ReadingPace,
  ): Promise<Freshness> {
    let newestMs = Number.NEGATIVE_INFINITY
    this.#reading = { signal, pace }
    for (const { model, source } of this.#options.tables) {
      if (!names.has(model.name)) continue
      if (source.from === 'nowhere') throw nowhereError(model.name, source.why)
      for (const one of this.#listParts(model.name)) {
        await one.refresh(signal, pace)
        newestMs = Math.max(newestMs, one.newestMs)
      }
    }
    return { newestMs: Number.isFinite(newestMs) ? newestMs : null }
  }

  /**
   * Of the sessions of a topic, those that ended at `fromMs` or later are there from now on, of
   * which the last ended at `endMs`; undefined: at least one is, if the topic has any.
   */
  async #requireClosed(name: string, of: ClosedSpan | undefined): Promise<void> {
    const { windows } = this.#options
    const [window, table] = [windows?.get(name), this.#topics.get(name)]
    if (window === undefined || table === undefined) return
    const { signal, pace } = this.#reading
    for (let backMs = BACK_MS; ; backMs *= 2) {
      if (of ? window.holds(of) : window.isWhole || (await table.hasRows())) return
      window.holdFrom(of?.fromMs ?? window.startMs - backMs)
      table.forget()
      await table.refresh(signal, pace)
    }
  }

  /** Removes the rows of a model that its window does not keep any more. */
  async prune(name: string): Promise<void> {
    await this.#topics.get(name)?.prune()
  }

  /** The next refresh reads the topic of this model anew. */
  forget(name: string): void {
    this.#topics.get(name)?.forget()
  }

  /** Gives the memory back, of one model or of all; the next refresh reads the topics anew. */
  async clear(name?: string): Promise<void> {
    const names = name === undefined ? [...this.#topics.keys()] : [name]
    for (const one of names.flatMap((model) => this.#listParts(model))) await one.clear()
  }

  /** In the order in which they are read. */
  #listParts(name: string): readonly (TopicTable | OpenSessionRows)[] {
    return [this.#topics.get(name), this.#open.get(name)].filter((one) => one !== undefined)
  }

  close(): void {
    for (const one of [...this.#topics.values(), ...this.#open.values()]) one.close()
    this.connection.close()
    this.#duck.close()
  }
}

/** So much further back is looked for the last sessions of a job that stood still. */
const BACK_MS = 2 * 86_400_000
const IDLE = { signal: new AbortController().signal, pace: undefined }

function nowhereError(name: string, why: string): CcsError {
  return new CcsError('CCS_QUERY_INVALID', `${name} can't be queried on this target: ${why}`, {
    hint: 'Which models its engine runs: ccs portability',
  })
}
