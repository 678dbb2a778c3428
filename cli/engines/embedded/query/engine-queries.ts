/**
 * The queries of one engine. Those that the program itself asks, such as the page's metrics, run in
 * its process, where they cost least; those of people run in others (outside-queries.ts).
 */

import type { DuckConnection } from '../../../adapters/duckdb/duckdb.ts'
import type { ModelReads, QueriedModels } from '../../../adapters/duckdb/find-models.ts'
import type { CatalogOptions } from '../../../adapters/duckdb/model-catalog.ts'
import {
  clearScratch,
  makeScratch,
  type ScratchPlace,
} from '../../../adapters/files/scratch-dir.ts'
import { CcsError } from '../../../domain/kernel/errors.ts'
import type { QueryUsage } from '../../../domain/monitoring/engine-usage.ts'
import type { QueryControl, QueryResult, WrittenAnswer } from '../../../domain/sql/query-result.ts'
import type { EmbeddedModel } from '../compile.ts'
import type { GoldSet } from '../gold/gold-set.ts'
import type { EmbeddedOptions } from '../options.ts'
import { HandOver, type Moment } from './hand-over.ts'
import { ModelFailure } from './model-failure.ts'
import { OutsideQueries } from './outside-queries.ts'
import { QueryProcess } from './query-process.ts'
import { QueryRunner, type WithinBounds } from './query-runner.ts'
import type { ReadableModel, TypedColumn } from './reader-views.ts'
import { RunningQueries } from './running-queries.ts'

/** What the queries need of their engine. */
export interface QuerySource {
  readonly models: readonly EmbeddedModel[]
  readonly gold: GoldSet
  readonly catalog: CatalogOptions
  connect(catalog: 'memory' | 'delta'): Promise<DuckConnection>
  /** Runs one at a time on the engine's own connection. */
  exclusively<T>(run: () => Promise<T>): Promise<T>
  /** Adds all ingested rows to the models; only within `exclusively`. */
  merge(models: ReadonlySet<string>): Promise<void>
  /** Row numbers of what no commit has, after a merge. */
  uncommitted(): Pick<Moment, 'fromSeq' | 'toSeq'>
}

/** Close it before the engine's DuckDB. */
export class EngineQueries {
  readonly #source: QuerySource
  readonly #options: EmbeddedOptions
  readonly #reads: ModelReads
  readonly #running: RunningQueries
  readonly #inside: QueryRunner
  readonly #failure = new ModelFailure()
  /** Opened by the first query of a person. */
  #outside: Promise<OpenOutside> | undefined

  constructor(options: EmbeddedOptions, source: QuerySource) {
    this.#source = source
    this.#options = options
    const { models, gold } = source
    const views = models.filter(({ model }) => model.kind === 'view')
    this.#reads = {
      reads: new Map(models.map(({ model, reads }) => [model.name, reads])),
      views: new Set(views.map(({ model }) => model.name)),
      macros: options.macros,
    }
    this.#running = new RunningQueries(options.queryLimits)
    this.#inside = new QueryRunner({
      ...this.#reads,
      concurrency: options.queryLimits.concurrency,
      connect: () => source.connect('memory'),
      bringUpToDate: (names) =>
        this.#failure.watch(() => source.exclusively(() => source.merge(names))),
      requireIntact: gold.requireIntact.bind(gold),
    })
  }

  /** Removes the files that a killed engine handed over to queries. */
  clearLeftovers(): Promise<void> {
    return clearScratch(this.#options.files, locateScratch(this.#options), { nowMs: Date.now() })
  }

  /** Whether a query met a record that a model fails on. */
  get hasFailed(): boolean {
    return this.#failure.error !== undefined
  }

  /** The next query tries again. */
  forgetFailure(): void {
    this.#failure.error = undefined
  }

  /** See QueryRunner.run; CCS_QUERY_LIMIT if it takes too long, waiting included. */
  run(sql: string, nowMs: number, control: QueryControl = {}): Promise<QueryResult> {
    return this.#running.run(control, (bounds) => this.#inside.run(sql, nowMs, bounds))
  }

  /**
   * See OutsideQueries.run. A full disk lets no rows be handed over to another process, and is when
   * somebody wants to know what is going on: then the query runs inside, within the same limits.
   */
  ask(sql: string, nowMs: number, control: QueryControl = {}): Promise<WrittenAnswer> {
    return this.#running.run(control, async (bounds) => {
      try {
        return await this.#askOutside(sql, nowMs, bounds)
      } catch (error) {
        if (!(error instanceof CcsError && error.code === 'CCS_DISK_FULL')) throw error
        const { columns, rows } = await this.#inside.run(sql, nowMs, bounds)
        return { json: [Buffer.from(JSON.stringify({ columns, rows }))], rows: rows.length }
      }
    })
  }

  async #askOutside(sql: string, nowMs: number, bounds: WithinBounds): Promise<WrittenAnswer> {
    bounds.signal.throwIfAborted()
    this.#outside ??= this.#open()
    const opened = this.#outside
    opened.catch(() => {
      if (this.#outside === opened) this.#outside = undefined // the next query tries again
    })
    return (await opened).queries.run(sql, nowMs, bounds)
  }

  /** All queries so far, and those of now. */
  async usage(): Promise<QueryUsage> {
    const outside = await this.#outside?.catch(() => undefined)
    return this.#running.usage(this.#inside.waiting + (outside?.queries.waiting ?? 0))
  }

  /** Ends the queries that run or wait. */
  async close(): Promise<void> {
    await this.#running.close()
    this.#inside.close()
    const outside = await this.#outside?.catch(() => undefined)
    await outside?.close()
  }

  async #open(): Promise<OpenOutside> {
    const { files, dataDirectory } = this.#options
    const directory = await makeScratch(files, locateScratch(this.#options))
    const models = await this.#describeModels()
    const columns = new Map(models.map((model) => [model.name, model.columns]))
    const { gold } = this.#source
    const handOver = new HandOver(
      {
        connect: () => this.#source.connect('delta'),
        hold: (queried, begin) => this.#failure.watch(() => this.#hold(queried, begin)),
      },
      columns,
      { files, directory },
    )
    let serial = 0
    const queries = new OutsideQueries({
      concurrency: this.#options.queryLimits.concurrency,
      start: async () => {
        const spillDirectory = `${directory}/spill-${serial++}`
        const process = new QueryProcess({
          ...{ what: 'open', ...this.#reads, catalog: this.#source.catalog, models },
          ...{ directory: dataDirectory, spillDirectory },
          memoryMaxBytes: this.#options.queryMemoryBytes,
        })
        void process.ended.then(() => files.remove(spillDirectory)).catch(() => undefined)
        return process
      },
      handOver: (queried) => handOver.write(queried),
      requireIntact: gold.requireIntact.bind(gold),
      serial: () => gold.serial,
    })
    const close = async () => {
      await queries.close()
      await handOver.close()
      await files.remove(directory)
    }
    return { queries, close }
  }

  #hold({ all, stored }: QueriedModels, begin: () => Promise<void>): Promise<Moment> {
    const { gold, models } = this.#source
    const read = models.filter(({ model }) => stored.has(model.name) && model.kind !== 'view')
    return this.#source.exclusively(async () => {
      await this.#source.merge(all)
      await begin()
      return {
        ...this.#source.uncommitted(),
        serial: gold.serial,
        models: read.map(({ model: { name } }) => {
          const open = gold.openRows(name)
          const lakeFiles = gold.visibleFiles(name)
          return open
            ? { name, lakeFiles, openSql: open.sql, revision: open.revision }
            : { name, lakeFiles, openSql: `SELECT * FROM delta.${name}` }
        }),
      }
    })
  }

  async #describeModels(): Promise<readonly ReadableModel[]> {
    const connection = await this.#source.connect('delta')
    try {
      return await this.#source.exclusively(async () => {
        const described: ReadableModel[] = []
        for (const { model } of this.#source.models) {
          const { name, kind, sql } = model
          if (kind === 'view') described.push({ name, viewSql: sql, columns: [] })
          else described.push({ name, columns: await this.#describe(connection, name) })
        }
        return described
      })
    } finally {
      connection.close()
    }
  }

  async #describe(connection: DuckConnection, name: string): Promise<readonly TypedColumn[]> {
    const open = this.#source.gold.openRows(name)?.sql ?? `SELECT * FROM delta.${name}`
    const { rows } = await connection.all(`DESCRIBE ${open}`)
    return rows.map((row) => ({ name: String(row.column_name), type: String(row.column_type) }))
  }
}

/** Where rows are handed over to queries, and where these spill. */
function locateScratch({ dataDirectory }: Pick<EmbeddedOptions, 'dataDirectory'>): ScratchPlace {
  return { parent: `${dataDirectory}/tmp`, name: 'queries' }
}

interface OpenOutside {
  readonly queries: OutsideQueries
  close(): Promise<void>
}
