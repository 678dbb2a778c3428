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
import {
  type EmbeddedWritten,
  removeUnreferencedState,
  writeCheckpoint,
} from './checkpoint/checkpoint.ts'
import { compileModels, type EmbeddedModel, splitAround } from './compile.ts'
import { EmbeddedFeed, type FeedOptions } from './gold/embedded-feed.ts'
import { GoldSet } from './gold/gold-set.ts'
import type { GoldState } from './gold/gold-state.ts'
import { ArrivalTracker } from './intake/arrival-tracker.ts'
import { DedupeIndex } from './intake/dedupe-index.ts'
import { UncommittedRows } from './intake/uncommitted-rows.ts'
import type { EmbeddedFrozen, EmbeddedOptions, SnapshotBarrier } from './options.ts'
import {
  type CatalogOptions,
  createCatalogs,
  createDeltaViews,
  prepareConnection,
  text,
  visibleRowsSql,
} from './query/catalog.ts'
import { QueryRunner } from './query/query-runner.ts'

export class EmbeddedEngine implements BatchEngine<EmbeddedFrozen, EmbeddedWritten> {
  readonly #duck: Duck
  readonly #connection: DuckConnection
  readonly #intake: DuckConnection
  readonly #options: EmbeddedOptions
  readonly #compiled: readonly EmbeddedModel[]
  readonly #gold: GoldSet
  readonly #judge: ArrivalTracker
  readonly #catalog: CatalogOptions
  readonly #questions: QueryRunner
  readonly #hot: UncommittedRows
  #committedSeq = 0
  #isServed = false
  #queue: Promise<unknown> = Promise.resolve()
  /** A checkpoint that has not made its cut yet: nothing is taken in before. */
  #cutting: Promise<unknown> = Promise.resolve()

  private constructor(
    duck: Duck,
    connection: DuckConnection,
    intake: DuckConnection,
    { eventIds: words, ...options }: EmbeddedOptions,
    models: readonly EmbeddedModel[],
  ) {
    this.#duck = duck
    this.#connection = connection
    this.#intake = intake
    this.#options = options
    this.#compiled = models
    this.#hot = new UncommittedRows(connection, intake, options.raw)
    this.#catalog = { macros: options.macrosSql, timezone: options.timezone }
    this.#gold = new GoldSet(connection, () => this.#connect('memory'), options)
    this.#questions = new QueryRunner({
      reads: new Map(models.map(({ model, reads }) => [model.name, reads])),
      connect: () => this.#connect('memory'),
      bringUpToDate: (models) => this.#merge(models),
    })
    const events = options.graph.map(({ model }) => model).find((model) => model.dedupe)
    const seen = new DedupeIndex(events?.dedupe?.horizonMs ?? 0)
    for (const one of words ?? []) seen.restore(one)
    this.#judge = new ArrivalTracker(seen, events?.watermarkMs ?? 0, options.manifest)
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
    const { before, after } = splitAround(stored, clean)
    await createDeltaViews(this.#connection, before)
    if (clean) await this.#hot.openDeduplicated({ name: clean.model.name, sql: clean.sql })
    await createDeltaViews(this.#connection, after)
    await this.#gold.open(this.#compiled, this.#judge.greatestWatermarkMs)
    await this.#serve()
  }

  get duck(): Duck {
    return this.#duck
  }

  /** The partial Gold of a window or session model. */
  gold(name: string): GoldState {
    return this.#gold.get(name)
  }

  get compiled(): readonly EmbeddedModel[] {
    return this.#compiled
  }

  get catalog(): CatalogOptions {
    return this.#catalog
  }

  get uncommittedRows(): number {
    return this.#hot.nextSeq - this.#committedSeq
  }

  get positions(): readonly PartitionPosition[] {
    return this.#judge.positions()
  }

  get counts(): Counts {
    return this.#judge.counts()
  }

  get watermarkMs(): number | null {
    return this.#judge.leastWatermarkMs
  }

  get dedupeIndexSize(): number {
    return this.#judge.dedupeIndex.size
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
    const held = isHeld ? await this.#gold.materializeOpenRows(models) : []
    const remade = await this.#gold.merge(seq, models)
    const asked = isHeld
      ? await this.#gold.materializeOpenRows(remade)
      : await this.#gold.prepareQuery(models)
    const changed = new Set([...held, ...remade, ...asked])
    if (changed.size === 0) return
    await this.#serve((model) => changed.has(model.name))
    await this.#gold.dropUnused()
  }

  query(sql: string, nowMs: number, signal?: AbortSignal): Promise<QueryResult> {
    return this.#questions.run(sql, nowMs, signal)
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

  async #cut(): Promise<SnapshotBarrier | undefined> {
    if (!this.#judge.isDirty()) return undefined
    const table = await this.#hot.createNextTable()
    return { rows: this.#hot.switchTable(table), arrivals: this.#judge.freeze() }
  }

  async #settle({ rows, arrivals }: SnapshotBarrier): Promise<EmbeddedFrozen> {
    await this.#hot.finalizeBarrier(rows)
    await this.#gold.merge(rows.seq)
    const gold = await this.#gold.freeze()
    // The lake's files are those of the last time.
    await this.#serve((model) => model.kind !== 'stream')
    await this.#gold.dropUnused()
    return {
      rows: rows.seq - this.#committedSeq,
      fromSeq: this.#committedSeq,
      toSeq: rows.seq,
      uncommittedTables: rows.tables,
      gold,
      ...arrivals,
    }
  }

  /** Makes the partial Gold of the named models anew from all Silver rows. */
  rebuildGold(models: ReadonlySet<string>): Promise<void> {
    return this.#exclusively(async () => {
      await this.#gold.rebuild(models, await this.#hot.flush())
      this.#judge.markDirty()
    })
  }

  write(frozen: EmbeddedFrozen, commit: WriteOptions): Promise<EmbeddedWritten> {
    const { files, stateRoot, goldLimits, onStep } = this.#options
    const step = onStep ? { onStep } : {}
    return writeCheckpoint(this, frozen, { ...commit, files, stateRoot, goldLimits, ...step })
  }

  /** Gold as it changes, for a copy elsewhere; once, before anything is taken in. */
  openFeed(options: FeedOptions): Promise<EmbeddedFeed> {
    return this.#exclusively(async () => {
      await this.#gold.trackPublished(options.copies, options)
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
      await this.#hot.dropTables(frozen.uncommittedTables)
      await this.#gold.dropUnused()
      await this.#duck.giveBack(this.#connection)
      await removeUnreferencedState(this.#options.files, this.#options.stateRoot, manifest.state)
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
      const sql = model.kind === 'view' ? model.sql : visibleRowsSql(paths, delta)
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
