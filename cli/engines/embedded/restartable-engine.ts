/**
 * The embedded engine of a pipeline. If a model fails on records, it forgets all that no commit has
 * and starts anew from the last commit; those records are rejected when they are read again. To
 * everybody else it stays the same engine: queries wait meanwhile.
 */
import { readDataError } from '../../adapters/duckdb/data-error.ts'
import type { DuckConnection } from '../../adapters/duckdb/duckdb.ts'
import type { FailingRecord } from '../../domain/gate/failing-record.ts'
import type { Reject } from '../../domain/gate/reject.ts'
import { CcsError } from '../../domain/kernel/errors.ts'
import type {
  Counts,
  Manifest,
  PartitionEnd,
  PartitionPosition,
} from '../../domain/lake/manifest.ts'
import type { LogFrame } from '../../domain/log/event-log.ts'
import type { EngineUsage } from '../../domain/monitoring/engine-usage.ts'
import type { BatchEngine, WriteOptions } from '../../domain/pipeline/batch-engine.ts'
import type { QueryControl, QueryResult, WrittenAnswer } from '../../domain/sql/query-result.ts'
import type { EmbeddedEngine } from './engine.ts'
import type { EmbeddedFeed } from './gold/embedded-feed.ts'
import type { FeedOptions } from './options.ts'
import type { EmbeddedFrozen, EmbeddedWritten } from './snapshot.ts'

/** Opens an engine on a commit; it rejects the `failing` records. */
export type OpenEngine = (
  manifest: Manifest | undefined,
  failing: readonly FailingRecord[],
) => Promise<EmbeddedEngine>

/** Close it as the engine that it stands for. */
export class RestartableEngine implements BatchEngine<EmbeddedFrozen, EmbeddedWritten> {
  readonly #open: OpenEngine
  #engine: EmbeddedEngine
  #isOpen = true
  /** All records that were set aside since the first start, and by the one before. */
  #failing: readonly FailingRecord[]
  readonly #queries = new Set<Promise<unknown>>()
  #restarting: Promise<void> = Promise.resolve()

  private constructor(open: OpenEngine, engine: EmbeddedEngine, failing: readonly FailingRecord[]) {
    this.#open = open
    this.#engine = engine
    this.#failing = failing
  }

  /** `failing` were set aside after that commit. */
  static async open(
    open: OpenEngine,
    manifest: Manifest | undefined,
    failing: readonly FailingRecord[],
  ): Promise<RestartableEngine> {
    return new RestartableEngine(open, await open(manifest, failing), failing)
  }

  get positions(): readonly PartitionPosition[] {
    return this.#engine.positions
  }

  get counts(): Counts {
    return this.#engine.counts
  }

  get watermarkMs(): number | null {
    return this.#engine.watermarkMs
  }

  get uncommittedRows(): number {
    return this.#engine.uncommittedRows
  }

  get hasFailed(): boolean {
    return this.#engine.hasFailed
  }

  ingest(frames: readonly LogFrame[]): Promise<readonly Reject[]> {
    return this.#engine.ingest(frames)
  }

  skipTo(ends: readonly PartitionEnd[]): void {
    this.#engine.skipTo(ends)
  }

  async query(sql: string, nowMs: number, control?: QueryControl): Promise<QueryResult> {
    await this.#restarting
    const answer = this.#engine.query(sql, nowMs, control)
    this.#queries.add(answer)
    try {
      return await answer
    } finally {
      this.#queries.delete(answer)
    }
  }

  /** As `query`, in a process of its own; asked again if it ended because of a restart. */
  async ask(sql: string, nowMs: number, control?: QueryControl): Promise<WrittenAnswer> {
    for (;;) {
      const restarting = this.#restarting
      await restarting
      try {
        return await this.#engine.ask(sql, nowMs, control)
      } catch (error) {
        const isEnded = error instanceof CcsError && error.code === 'CCS_ENGINE_UNREACHABLE'
        if (!isEnded || restarting === this.#restarting || control?.signal?.aborted) throw error
      }
    }
  }

  /** What it uses now; waits while it restarts. */
  async usage(): Promise<EngineUsage> {
    await this.#restarting
    return this.#engine.usage()
  }

  freeze(): Promise<EmbeddedFrozen | undefined> {
    return this.#engine.freeze()
  }

  write(frozen: EmbeddedFrozen, commit: WriteOptions): Promise<EmbeddedWritten> {
    return this.#engine.write(frozen, commit)
  }

  release(frozen: EmbeddedFrozen, written: EmbeddedWritten, manifest: Manifest): Promise<void> {
    return this.#engine.release(frozen, written, manifest)
  }

  refresh(manifest: Manifest): Promise<void> {
    return this.#engine.refresh(manifest)
  }

  findFailing(error: unknown, isOverdue: () => boolean): Promise<readonly FailingRecord[]> {
    if (readDataError(error) === undefined) return Promise.resolve([])
    return this.#engine.findFailing(isOverdue)
  }

  async restart(manifest: Manifest | undefined, failing: readonly FailingRecord[]): Promise<void> {
    this.#failing = [...this.#failing, ...failing]
    this.#restarting = this.#reopen(manifest)
    await this.#restarting
  }

  async #reopen(manifest: Manifest | undefined): Promise<void> {
    await Promise.allSettled(this.#queries)
    this.#isOpen = false
    await this.#engine.close()
    this.#engine = await this.#open(manifest, this.#failing)
    this.#isOpen = true
  }

  /** Opens the stream of Gold's changes; at most once per start, before anything is ingested. */
  openFeed(options: FeedOptions): Promise<EmbeddedFeed> {
    return this.#engine.openFeed(options)
  }

  /** See EmbeddedEngine; not after a restart. */
  connectDelta(): Promise<DuckConnection> {
    return this.#engine.connectDelta()
  }

  async close(): Promise<void> {
    if (this.#isOpen) await this.#engine.close()
    this.#isOpen = false
  }
}
