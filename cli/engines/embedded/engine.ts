/**
 * The embedded engine: log frames in, query results out, now and then a snapshot, written while the
 * next rows come in. What no commit has is in a DuckDB in memory; a crash leaves it in the log.
 */

import type { Duck, DuckConnection } from '../../adapters/duckdb/duckdb.ts'
import {
  type CatalogOptions,
  prepareConnection,
  restrictFiles,
} from '../../adapters/duckdb/model-catalog.ts'
import type { FailingRecord } from '../../domain/gate/failing-record.ts'
import type { Reject } from '../../domain/gate/reject.ts'
import type { Counts, Manifest, PartitionPosition } from '../../domain/lake/manifest.ts'
import type { LogFrame } from '../../domain/log/event-log.ts'
import type { EngineUsage } from '../../domain/monitoring/engine-usage.ts'
import type { BatchEngine, WriteOptions } from '../../domain/pipeline/batch-engine.ts'
import type { QueryControl, QueryResult, WrittenAnswer } from '../../domain/sql/query-result.ts'
import { writeCheckpoint } from './checkpoint/checkpoint.ts'
import { readIds, removeUnreferencedState } from './checkpoint/state-files.ts'
import { compileModels, type EmbeddedModel, splitAround } from './compile.ts'
import { type OpenParts, readUsage } from './engine-parts.ts'
import { findFailingRecords } from './failing-records.ts'
import { EmbeddedFeed } from './gold/embedded-feed.ts'
import { GoldSet } from './gold/gold-set.ts'
import { ArrivalTracker } from './intake/arrival-tracker.ts'
import { listIndexes, restoreIndexes, shareOfDuckDb } from './intake/dedupe-indexes.ts'
import { describeDeduplicating, findArrivalModel } from './intake/deduplicating-model.ts'
import { UncommittedRows } from './intake/uncommitted-rows.ts'
import type { EmbeddedOptions, FeedOptions } from './options.ts'
import { createCatalogs, createDeltaViews, openEngineDuck } from './query/catalog.ts'
import { EngineQueries } from './query/engine-queries.ts'
import { VisibleViews } from './query/visible-views.ts'
import type { EmbeddedFrozen, EmbeddedWritten, SnapshotBarrier } from './snapshot.ts'

/** One engine per data directory; close it to free DuckDB's memory. */
export class EmbeddedEngine {
  readonly #duck: Duck
  readonly #connection: DuckConnection
  readonly #intake: DuckConnection
  readonly #options: EmbeddedOptions
  readonly #catalog: CatalogOptions
  readonly #models: readonly EmbeddedModel[]
  readonly #arrivals: ArrivalTracker
  readonly #rows: UncommittedRows
  readonly #gold: GoldSet
  readonly #queries: EngineQueries
  readonly #views: VisibleViews
  #committedSeq = 0
  #queue: Promise<unknown> = Promise.resolve()
  #write: Promise<unknown> = Promise.resolve()
  /** A snapshot whose barrier is not set yet: ingestion waits for it. */
  #barrier: Promise<unknown> = Promise.resolve()

  private constructor(options: EmbeddedOptions, parts: OpenParts) {
    const { connection, intake, models, indexes } = parts
    this.#duck = parts.duck
    this.#connection = connection
    this.#intake = intake
    this.#options = options
    this.#catalog = { macros: options.macrosSql, timezone: options.timezone }
    this.#models = models
    const model = models.find((one) => one.model.dedupe)?.model
    const arrivals = findArrivalModel(models)?.name
    const files = options.manifest?.files.filter(({ table }) => table === arrivals)
    this.#arrivals = new ArrivalTracker(indexes, model?.watermarkMs ?? 0, options.manifest, files)
    this.#rows = new UncommittedRows(connection, intake, options.raw, (count) =>
      this.#arrivals.addLateDuplicates(count),
    )
    this.#gold = new GoldSet(connection, () => this.#connect('memory'), options)
    this.#views = new VisibleViews(connection, models, this.#gold)
    this.#queries = new EngineQueries(options, {
      ...{ models, gold: this.#gold, catalog: this.#catalog, connect: this.#connect.bind(this) },
      exclusively: this.#exclusively.bind(this),
      merge: (names) => this.#merge(names, false),
      uncommitted: () => ({ fromSeq: this.#committedSeq, toSeq: this.#rows.flushedSeq }),
    })
  }

  /** Loads the manifest's state; CCS_LAKE_DAMAGED if a file of it is missing or damaged. */
  static async open(options: EmbeddedOptions): Promise<EmbeddedEngine> {
    const { files, stateRoot, manifest } = options
    const dedupe = options.graph.find(({ model }) => model.dedupe)?.model.dedupe
    const stored = readIds(files, stateRoot, manifest?.state ?? [])
    const indexes = await restoreIndexes(dedupe, stored, stateRoot)
    const duck = await openEngineDuck(options, shareOfDuckDb(options.memoryLimitBytes, indexes))
    const [connection, intake] = await Promise.all([duck.connect(), duck.connect()])
    let engine: EmbeddedEngine | undefined
    try {
      const catalog = { macros: options.macrosSql, timezone: options.timezone }
      await createCatalogs(connection, catalog)
      await prepareConnection(connection, 'delta', catalog)
      await restrictFiles(connection, options.dataDirectory)
      const models = await compileModels(connection, options.graph, options.macros)
      engine = new EmbeddedEngine(options, { duck, connection, intake, models, indexes })
      await engine.#start()
      return engine
    } catch (error) {
      if (engine) engine.#rows.close()
      for (const one of [...listIndexes(indexes), intake, connection, duck]) one.close()
      throw error
    }
  }

  async #start(): Promise<void> {
    await this.#queries.clearLeftovers()
    await this.#rows.open()
    const stored = this.#models.filter(({ model }) => model.layer !== 'gold')
    const deduplicating = stored.find(({ model }) => model.dedupe)
    const { before, after } = splitAround(stored, deduplicating)
    await createDeltaViews(this.#connection, before)
    if (deduplicating) {
      const find = this.#gold.findFiles.bind(this.#gold)
      const arrivals = findArrivalModel(this.#models)
      await this.#rows.openDeduplicated(describeDeduplicating(deduplicating, arrivals, find))
    }
    await createDeltaViews(this.#connection, after)
    await this.#gold.open(this.#models, this.#arrivals.greatestWatermarkMs)
    await this.#views.create()
  }

  get uncommittedRows(): number {
    return this.#rows.nextSeq - this.#committedSeq
  }

  get positions(): readonly PartitionPosition[] {
    return this.#arrivals.positions()
  }

  get counts(): Counts {
    return this.#arrivals.counts()
  }

  get hasFailed(): boolean {
    return this.#queries.hasFailed
  }

  get watermarkMs(): number | null {
    return this.#arrivals.leastWatermarkMs
  }

  async ingest(frames: readonly LogFrame[]): Promise<readonly Reject[]> {
    await this.#barrier
    return this.#rows.ingest(frames, this.#arrivals)
  }

  readonly skipTo: BatchEngine['skipTo'] = (ends) => this.#arrivals.skipTo(ends)

  /** Adds all ingested rows to the models. `asTables`: their open rows are tables afterwards. */
  async #merge(models: ReadonlySet<string>, asTables: boolean): Promise<void> {
    const seq = await this.#rows.flush()
    // Tables first: the merge then updates them by the keys of the new rows.
    const materialized = asTables ? await this.#gold.materializeOpenRows(models) : []
    const rebuilt = await this.#gold.merge(seq, models)
    const prepared = asTables
      ? await this.#gold.materializeOpenRows(rebuilt)
      : await this.#gold.prepareQuery(models)
    const changed = new Set([...materialized, ...rebuilt, ...prepared])
    if (changed.size === 0) return
    await this.#views.create((model) => changed.has(model.name))
    await this.#gold.dropUnused()
  }

  findFailing(isOverdue: () => boolean): Promise<readonly FailingRecord[]> {
    return this.#exclusively(async () =>
      findFailingRecords(await this.connectDelta(), {
        ...{ models: this.#models, isOverdue, fromSeq: this.#committedSeq },
        tables: this.#rows.openSearch(),
        gold: this.#gold,
      }),
    )
  }

  query(sql: string, nowMs: number, control?: QueryControl): Promise<QueryResult> {
    return this.#queries.run(sql, nowMs, control)
  }

  /** As `query`, in a process of its own. */
  ask(...query: Parameters<EngineQueries['ask']>): Promise<WrittenAnswer> {
    return this.#queries.ask(...query)
  }

  /** What it uses now. */
  async usage(): Promise<EngineUsage> {
    return readUsage(this.#duck, this.#arrivals, await this.#queries.usage())
  }

  freeze(): Promise<EmbeddedFrozen | undefined> {
    const barrier = this.#exclusively(() => this.#setBarrier())
    this.#barrier = this.#queue
    return this.#exclusively(async () => {
      const reached = await barrier
      return reached && this.#freezeAt(reached)
    })
  }

  /** Everything ingested before this belongs to the snapshot; undefined if there is nothing new. */
  async #setBarrier(): Promise<SnapshotBarrier | undefined> {
    if (!this.#arrivals.isDirty()) return undefined
    const table = await this.#rows.createNextTable()
    return { rows: this.#rows.switchTable(table), arrivals: this.#arrivals.freeze() }
  }

  async #freezeAt({ rows, arrivals }: SnapshotBarrier): Promise<EmbeddedFrozen> {
    const found = this.#arrivals.lateDuplicates
    await this.#rows.finalizeBarrier(rows)
    const duplicates = arrivals.counts.duplicates + this.#arrivals.lateDuplicates - found
    await this.#gold.merge(rows.seq)
    this.#queries.forgetFailure()
    const gold = await this.#gold.freeze()
    // The lake's files have not changed, so views of stream models stay.
    await this.#views.create((model) => model.kind !== 'stream')
    await this.#gold.dropUnused()
    return {
      rows: rows.seq - this.#committedSeq,
      ...{ fromSeq: this.#committedSeq, toSeq: rows.seq },
      uncommittedTables: rows.tables,
      gold,
      ...arrivals,
      counts: { ...arrivals.counts, duplicates },
    }
  }

  /** Recomputes the partial Gold of the named models from all Silver rows. */
  rebuildGold(models: ReadonlySet<string>): Promise<void> {
    return this.#exclusively(async () => {
      await this.#gold.rebuild(models, await this.#rows.flush())
      this.#arrivals.markDirty()
    })
  }

  write(frozen: EmbeddedFrozen, commit: WriteOptions): Promise<EmbeddedWritten> {
    const source = {
      ...{ models: this.#models, connect: () => this.connectDelta() },
      releaseMemory: (connection: DuckConnection) => this.#duck.giveBack(connection),
      compact: this.#gold.compact.bind(this.#gold),
    }
    const written = writeCheckpoint(source, frozen, { ...this.#options, ...commit })
    this.#write = written.catch(() => {})
    return written
  }

  /** Opens the stream of Gold's changes; at most once, before anything is ingested. */
  openFeed(options: FeedOptions): Promise<EmbeddedFeed> {
    return this.#exclusively(async () => {
      await this.#gold.trackPublished(options)
      return new EmbeddedFeed(this.#gold, [...options.copies.keys()], {
        exclusively: (run) => this.#exclusively(run),
        bringUpToDate: (models) => this.#merge(models, true),
      })
    })
  }

  release(frozen: EmbeddedFrozen, written: EmbeddedWritten, manifest: Manifest): Promise<void> {
    return this.#exclusively(async () => {
      await this.#gold.release(frozen.gold, written.parts, manifest)
      this.#committedSeq = frozen.toSeq
      await this.#views.create()
      await this.#rows.dropTables(frozen.uncommittedTables)
      await this.#gold.dropUnused()
      await this.#duck.giveBack(this.#connection, this.#arrivals.shareOfDuckDb(this.#options))
      await removeUnreferencedState(this.#options.files, this.#options.stateRoot, manifest.state)
    })
  }

  refresh(manifest: Manifest): Promise<void> {
    return this.#exclusively(() => {
      this.#gold.refresh(manifest)
      return this.#views.create()
    })
  }

  async #connect(catalog: 'memory' | 'delta'): Promise<DuckConnection> {
    const connection = await this.#duck.connect()
    await prepareConnection(connection, catalog, this.#catalog)
    return connection
  }

  /** A new connection whose queries see uncommitted rows; the caller closes it. */
  connectDelta(): Promise<DuckConnection> {
    return this.#connect('delta')
  }

  /** Waits for a checkpoint that is being written: nothing writes files afterwards. */
  async close(): Promise<void> {
    await this.#queries.close()
    await Promise.all([this.#queue, this.#write])
    const closed = [this.#arrivals, this.#rows, this.#intake, this.#connection, this.#duck]
    for (const one of closed) one.close()
  }

  /** Runs one at a time on the engine's own connection, in the order of the calls. */
  #exclusively<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(run)
    this.#queue = result.catch(() => undefined)
    return result
  }
}
