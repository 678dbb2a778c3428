/**
 * The embedded engine: frames of the log in, answers out, and now and then a frozen part to be written to
 * disk while the next rows come in. It keeps everything that is not committed yet in an in-memory DuckDB,
 * so a crash loses nothing that the log would not bring back.
 */

import { type Duck, type DuckConnection, openDuck } from '../../adapters/duckdb/duckdb.ts'
import type { Reject } from '../../domain/gate/reject.ts'
import type { Counts, Manifest, PartitionPosition } from '../../domain/lake/manifest.ts'
import type { LogFrame } from '../../domain/log/event-log.ts'
import type { Model } from '../../domain/models/model.ts'
import type { BatchEngine, WriteOptions } from '../../domain/pipeline/batch-engine.ts'
import type { QueryResult } from '../../domain/sql/query-result.ts'
import { clearState, type EmbeddedWritten, writeFrozen } from './checkpoint/checkpoint.ts'
import { around, type CompiledModel, compileModels } from './compile.ts'
import { EmbeddedFeed, type FeedOptions } from './gold/feed.ts'
import type { GoldState } from './gold/gold.ts'
import { GoldSet } from './gold/gold-set.ts'
import { Judge } from './intake/arrival-tracker.ts'
import { Seen } from './intake/dedupe-index.ts'
import { HotRows } from './intake/uncommitted-rows.ts'
import type { EmbeddedCut, EmbeddedFrozen, EmbeddedOptions } from './options.ts'
import {
  type CatalogOptions,
  createCatalogs,
  createDeltaViews,
  prepareConnection,
  servedSql,
  text,
} from './query/catalog.ts'
import { Questions } from './query/queries.ts'

export class EmbeddedEngine implements BatchEngine<EmbeddedFrozen, EmbeddedWritten> {
  readonly #duck: Duck
  readonly #connection: DuckConnection
  readonly #intake: DuckConnection
  readonly #options: EmbeddedOptions
  readonly #compiled: readonly CompiledModel[]
  readonly #gold: GoldSet
  readonly #judge: Judge
  readonly #catalog: CatalogOptions
  readonly #questions: Questions
  readonly #hot: HotRows
  #committedSeq = 0
  #isServed = false
  #queue: Promise<unknown> = Promise.resolve()
  /** A checkpoint that has not made its cut yet: nothing is taken in before. */
  #cutting: Promise<unknown> = Promise.resolve()

  private constructor(
    duck: Duck,
    connection: DuckConnection,
    intake: DuckConnection,
    { seen: words, ...options }: EmbeddedOptions,
    compiled: readonly CompiledModel[],
  ) {
    this.#duck = duck
    this.#connection = connection
    this.#intake = intake
    this.#options = options
    this.#compiled = compiled
    this.#hot = new HotRows(connection, intake, options.raw)
    this.#catalog = { macros: options.macrosSql, timezone: options.timezone }
    this.#gold = new GoldSet(connection, () => this.#connect('memory'), options)
    this.#questions = new Questions({
      reads: new Map(compiled.map(({ model, reads }) => [model.name, reads])),
      connect: () => this.#connect('memory'),
      bringUpToDate: (models) => this.#merge(models),
    })
    const events = options.graph.map(({ model }) => model).find((model) => model.dedupe)
    const seen = new Seen(events?.dedupe?.horizonMs ?? 0)
    for (const one of words ?? []) seen.restore(one)
    this.#judge = new Judge(seen, events?.watermarkMs ?? 0, options.manifest)
  }

  static async open(options: EmbeddedOptions): Promise<EmbeddedEngine> {
    const duck = await openDuck({
      // Taking in and checkpointing are two threads already; more only wait for one another.
      threads: 1,
      memoryLimitBytes: options.memoryLimitBytes,
      // Big queries spill; the directory is made when the first one does.
      tempDirectory: `${options.dataDirectory}/tmp`,
      config: { preserve_insertion_order: 'false' },
    })
    const connection = await duck.connect()
    const intake = await duck.connect()
    let engine: EmbeddedEngine | undefined
    try {
      const catalog = { macros: options.macrosSql, timezone: options.timezone }
      await createCatalogs(connection, catalog)
      await prepareConnection(connection, 'delta', catalog)
      // A lake file never changes under its name: what its footer says is read once.
      await connection.run('SET GLOBAL parquet_metadata_cache = true')
      // From here on no query reads a file outside the data directory.
      await connection.run(`SET allowed_directories = [${text(`${options.dataDirectory}/`)}]`)
      await connection.run('SET enable_external_access = false')
      const compiled = await compileModels(connection, options.graph, options.macros)
      engine = new EmbeddedEngine(duck, connection, intake, options, compiled)
      await engine.#start()
      return engine
    } catch (error) {
      if (engine) engine.#hot.close()
      for (const one of [intake, connection, duck]) one.close()
      throw error
    }
  }

  async #start(): Promise<void> {
    await this.#hot.open()
    const stored = this.#compiled.filter(({ model }) => model.layer !== 'gold')
    const clean = stored.find(({ model }) => model.dedupe)
    const { before, after } = around(stored, clean)
    await createDeltaViews(this.#connection, before)
    if (clean) await this.#hot.openClean({ name: clean.model.name, sql: clean.sql })
    await createDeltaViews(this.#connection, after)
    await this.#gold.open(this.#compiled, this.#judge.newestWatermarkMs)
    await this.#serve()
  }

  get duck(): Duck {
    return this.#duck
  }

  /** The partial Gold of a window or session model. */
  gold(name: string): GoldState {
    return this.#gold.get(name)
  }

  get compiled(): readonly CompiledModel[] {
    return this.#compiled
  }

  get catalog(): CatalogOptions {
    return this.#catalog
  }

  get uncommittedRows(): number {
    return this.#hot.seq - this.#committedSeq
  }

  get positions(): readonly PartitionPosition[] {
    return this.#judge.positions()
  }

  get counts(): Counts {
    return this.#judge.counts()
  }

  get watermarkMs(): number | null {
    return this.#judge.watermarkMs
  }

  get seenIds(): number {
    return this.#judge.seen.size
  }

  async ingest(frames: readonly LogFrame[]): Promise<readonly Reject[]> {
    await this.#cutting
    return this.#hot.ingest(frames, this.#judge)
  }

  /** Brings partial Gold of the named models up to date with all rows taken in. */
  #merge(models: ReadonlySet<string>): Promise<void> {
    return this.#exclusively(() => this.#mergeNow(models, false))
  }

  async #mergeNow(models: ReadonlySet<string>, isHeld: boolean): Promise<void> {
    const seq = await this.#hot.flush()
    // Before: rows that come are then found by their keys.
    const held = isHeld ? await this.#gold.hold(models) : []
    const remade = await this.#gold.merge(seq, models)
    const asked = isHeld ? await this.#gold.hold(remade) : await this.#gold.ask(models)
    const changed = new Set([...held, ...remade, ...asked])
    if (changed.size === 0) return
    await this.#serve((model) => changed.has(model.name))
    await this.#gold.dropUnused()
  }

  query(sql: string, nowMs: number, signal?: AbortSignal): Promise<QueryResult> {
    return this.#questions.ask(sql, nowMs, signal)
  }

  /** What was taken in before the call. From the cut on more may come in, while SQL still works on this. */
  freeze(): Promise<EmbeddedFrozen | undefined> {
    const cut = this.#exclusively(() => this.#cut())
    this.#cutting = this.#queue
    return this.#exclusively(async () => {
      const made = await cut
      return made && this.#settle(made)
    })
  }

  async #cut(): Promise<EmbeddedCut | undefined> {
    if (!this.#judge.isDirty()) return undefined
    const table = await this.#hot.prepare()
    return { hot: this.#hot.cut(table), judged: this.#judge.freeze() }
  }

  async #settle({ hot, judged }: EmbeddedCut): Promise<EmbeddedFrozen> {
    await this.#hot.settle(hot)
    await this.#gold.merge(hot.seq)
    const gold = await this.#gold.freeze()
    // The lake's files are those of the last time.
    await this.#serve((model) => model.kind !== 'stream')
    await this.#gold.dropUnused()
    return {
      rows: hot.seq - this.#committedSeq,
      fromSeq: this.#committedSeq,
      toSeq: hot.seq,
      hotTables: hot.tables,
      gold,
      ...judged,
    }
  }

  /** Makes the partial Gold of the named models anew from all Silver rows. */
  buildGold(models: ReadonlySet<string>): Promise<void> {
    return this.#exclusively(async () => {
      await this.#gold.remake(models, await this.#hot.flush())
      this.#judge.touch()
    })
  }

  write(frozen: EmbeddedFrozen, commit: WriteOptions): Promise<EmbeddedWritten> {
    const { files, stateRoot, goldLimits, onStep } = this.#options
    const step = onStep ? { onStep } : {}
    return writeFrozen(this, frozen, { ...commit, files, stateRoot, goldLimits, ...step })
  }

  /** Gold as it changes, for a copy elsewhere; once, before anything is taken in. */
  feed(options: FeedOptions): Promise<EmbeddedFeed> {
    return this.#exclusively(async () => {
      await this.#gold.follow(options.copies, options)
      return new EmbeddedFeed(this.#gold, [...options.copies.keys()], {
        exclusively: (run) => this.#exclusively(run),
        mergeNow: (models) => this.#mergeNow(models, true),
      })
    })
  }

  release(frozen: EmbeddedFrozen, written: EmbeddedWritten, manifest: Manifest): Promise<void> {
    return this.#exclusively(async () => {
      await this.#gold.release(frozen, written, manifest)
      this.#committedSeq = frozen.toSeq
      await this.#serve()
      await this.#hot.drop(frozen.hotTables)
      await this.#gold.dropUnused()
      await this.#duck.giveBack(this.#connection)
      await clearState(this.#options.files, this.#options.stateRoot, manifest.state)
    })
  }

  refresh(manifest: Manifest): Promise<void> {
    return this.#exclusively(() => {
      this.#gold.refresh(manifest)
      return this.#serve()
    })
  }

  /** A connection of one's own, ready to run models over hot rows or over everything. */
  async #connect(catalog: 'memory' | 'delta'): Promise<DuckConnection> {
    const connection = await this.#duck.connect()
    await prepareConnection(connection, catalog, this.#catalog)
    return connection
  }

  connectDelta(): Promise<DuckConnection> {
    return this.#connect('delta')
  }

  async close(): Promise<void> {
    await this.#queue
    this.#questions.close()
    this.#hot.close()
    this.#intake.close()
    this.#connection.close()
    this.#duck.close()
  }

  /**
   * Makes the tables that queries see out of the lake's files and what is not in the lake yet, of the models
   * that `isNew` names. Views over them stay as they are.
   */
  async #serve(isNew: (model: Model) => boolean = () => true): Promise<void> {
    await this.#connection.run('BEGIN')
    for (const { model } of this.#compiled) {
      if (this.#isServed && (model.kind === 'view' || !isNew(model))) continue
      const paths = this.#gold.servedFiles(model.name)
      const delta = this.#gold.openRowsSql(model.name) ?? `SELECT * FROM delta.${model.name}`
      const sql = model.kind === 'view' ? model.sql : servedSql(paths, delta)
      await this.#connection.run(`CREATE OR REPLACE VIEW memory.${model.name} AS ${sql}`)
    }
    await this.#connection.run('COMMIT')
    this.#isServed = true
  }

  /** One at a time on the engine's own connection, in the order of calls. */
  #exclusively<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(run)
    this.#queue = result.catch(() => undefined)
    return result
  }
}
