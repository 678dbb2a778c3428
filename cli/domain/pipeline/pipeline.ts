/**
 * The loop of the embedded engine over its ports: read the log, ingest, write the rejects, and
 * commit now and then in the background. A commit is, in this order: lake files and state are
 * written and durable, the manifest is renamed (from now on it counts), files move to their final
 * places, old files are deleted.
 */
import { thenClose } from '../kernel/closers.ts'
import type { Manifest, PartitionPosition } from '../lake/manifest.ts'
import type { LogFrame } from '../log/event-log.ts'
import { describeCommitted, replaceManifest, writeCommit } from './commit.ts'
import { isCommitDue, isFull } from './commit-due.ts'
import { DrainLimit } from './drain-limit.ts'
import { ImportRuns } from './import-runs.ts'
import { LoopVitals } from './loop-vitals.ts'
import { findNewestAppend } from './newest-append.ts'
import { OutageHandler } from './outage-handler.ts'
import { PartitionReaders } from './partition-readers.ts'
import type { PipelineOptions, PipelineParts, PipelineState } from './pipeline-ports.ts'
import { PollScheduler } from './poll-scheduler.ts'
import { setFailingAside } from './set-aside.ts'
import { Turns } from './turns.ts'

/** Size of a batch; nothing else runs meanwhile. Smaller at first, to show the first rows soon. */
const READ_BYTES = 1024 * 1024
const FIRST_READ_BYTES = 128 * 1024

/** One run of the loop; `run` may be called once. */
export class Pipeline {
  readonly #parts: PipelineParts
  readonly #options: PipelineOptions
  #manifest: Manifest | undefined
  #dlqEnd: number
  #newestAppendMs: number | null = null
  #readBytes = FIRST_READ_BYTES
  /** Whether records were read and not ingested because the run ends: the next run reads them. */
  #hasDropped = false
  readonly vitals: LoopVitals
  readonly #turns = new Turns()
  #isCommitting = false // a commit that is due has asked for its turn
  /** A batch that is ingested, or whose rejects are not all written yet. */
  #ingesting: Promise<void> | undefined
  #failure: unknown
  /** The callback for the last commit. */
  #notifying: Promise<void> | undefined
  readonly #outage: OutageHandler
  readonly #drain: DrainLimit
  readonly #scheduler: PollScheduler
  readonly #readers: PartitionReaders
  readonly #importRuns: ImportRuns
  /** Ends of the partitions at the start of the run. */
  #startEnds: ReadonlyMap<number, number> | undefined
  #hasCaughtUp = false
  /** Whether the last batch ended at the end of the log. */
  isIdle = false

  constructor(parts: PipelineParts, options: PipelineOptions) {
    this.#parts = parts
    this.#options = options
    this.#manifest = options.manifest
    const { clock, log, outage } = parts
    const { topic, manifest, onNotice } = options
    this.#outage = outage ?? new OutageHandler(clock, onNotice)
    this.#drain = new DrainLimit(clock, this.#outage)
    this.#scheduler = new PollScheduler(clock)
    const { sources = [], gaps = [] } = manifest ?? {}
    this.#readers = new PartitionReaders(log, { topic, clock, onNotice, sources, gaps })
    this.#importRuns = new ImportRuns(log, topic)
    this.#dlqEnd = options.dlqEnd
    this.vitals = new LoopVitals(clock)
  }

  state(): PipelineState {
    const { engine } = this.#parts
    const { sources = [], gaps = [] } = this.#readers.sourcesAndGaps
    return {
      sources,
      gaps,
      positions: engine.positions,
      counts: engine.counts,
      watermarkMs: engine.watermarkMs,
      uncommittedRows: engine.uncommittedRows,
      committedMs: this.#manifest?.committedMs ?? null,
      serial: this.#manifest?.serial ?? 0,
      newestAppendMs: this.#newestAppendMs,
      stalled: this.#outage.stalled,
    }
  }

  /** Whether everything has been ingested that the log held at the start of the run. */
  get hasCaughtUp(): boolean {
    return this.#hasCaughtUp
  }

  get manifest(): Manifest | undefined {
    return this.#manifest
  }

  /**
   * Runs until `stop` aborts, then ingests the rest of the log, commits and returns. With `isOnce`
   * it stops at the end of the log. Throws errors that can't be waited out.
   */
  async run(stop: AbortSignal, isOnce: boolean): Promise<void> {
    const onStop = () => this.#drain.stop()
    stop.addEventListener('abort', onStop)
    if (stop.aborted) onStop()
    const end = async () => {
      this.#scheduler.end()
      stop.removeEventListener('abort', onStop)
      onStop()
      while (this.#turns.current) await this.#turns.current
      await this.#notifying
    }
    const closes = [end, () => this.#readers.close(), () => this.#importRuns.close()]
    await thenClose(() => this.#loop(stop, isOnce), ...closes)
  }

  async #loop(stop: AbortSignal, isOnce: boolean): Promise<void> {
    let ends: ReadonlyMap<number, number> | undefined
    try {
      for (;;) {
        // What others append after this point is left to the next run.
        if (stop.aborted || isOnce)
          ends ??= (await this.#drain.retryUntilStopped(() => this.#readers.ends())) ?? new Map()
        const startMs = this.vitals.turn()
        await this.#parts.requireLock?.()
        const taken = await this.#scheduler.poll(() => this.#step())
        if (this.#failure) {
          await this.#startOver()
          continue
        }
        const isAtEnd = ends && (taken === 0 || this.#readers.hasReached(ends))
        if (isAtEnd || (ends && this.#drain.isOverdue)) {
          await this.#commitAll()
          if (this.#failure === undefined) break
          continue
        }
        this.#commitIfDue()
        if (ends) continue
        const workedMs = this.#parts.clock.elapsedMs() - startMs
        const isFull = taken >= this.#readBytes / 4
        this.isIdle = !isFull && this.#outage.stalled === null
        await this.#scheduler.rest({ workedMs, isIdle: taken === 0, isFull }, stop)
      }
    } catch (error) {
      this.#failure ??= error
      throw error
    }
  }

  /** Resolves when the current content of the log is ingested, or one batch of it. */
  async catchUp(): Promise<void> {
    if (this.#outage.stalled === null) await this.#scheduler.catchUp()
  }

  /** Makes the run fail at its next step, because what it serves can't be trusted. */
  fail(error: unknown): void {
    this.#failure ??= error
  }

  /**
   * Commits everything ingested so far; resolves when the commit is visible. If it fails because of
   * what is in a record, the loop sets the record aside, and a later commit works.
   */
  async commit(): Promise<void> {
    await this.#commitAll()
    if (this.#failure) throw this.#failure
  }

  async #commitAll(): Promise<void> {
    await this.#runCommit(async () => {
      if (!this.#failure) await this.#commitNow()
    })
  }

  /** Goes back to the last commit, to go on without the records that a model fails on. */
  async #startOver(): Promise<void> {
    // Like a commit, so that none begins meanwhile.
    await this.#runCommit(async () => {
      const failure = this.#failure
      this.#failure = undefined
      this.#hasCaughtUp = false
      const { onNotice } = this.#options
      this.#dlqEnd = await setFailingAside(this.#parts, failure, this.#manifest, onNotice)
      await this.#readers.startOver()
      this.vitals.beginCommit()
    })
    if (this.#failure) throw this.#failure
  }

  /** Does, between two commits, what takes as much memory as one; its errors are the caller's. */
  runAlone<T>(work: () => Promise<T>): Promise<T> {
    return this.#turns.take(work)
  }

  /** Replaces the manifest between two commits by that of `change`; undefined: leaves it. */
  async amend(change: (manifest: Manifest) => Promise<Manifest | undefined>): Promise<void> {
    await this.#runCommit(async () => {
      if (!this.#manifest) return
      const next = await change(this.#manifest)
      if (!next) return
      await replaceManifest(this.#parts.manifests, next)
      this.#manifest = next
      await this.#finalize(next)
      await this.#parts.engine.refresh(next)
    })
    if (this.#failure) throw this.#failure
  }

  /** Reads and ingests one batch; returns its bytes. */
  async #step(): Promise<number> {
    if (isFull(this.#parts.engine, this.#options)) await this.#turns.current
    const { positions } = this.#parts.engine
    this.#startEnds ??= await this.#drain.retryUntilStopped(() => this.#readers.ends())
    const frames = await this.#drain.retryUntilStopped(() => this.#readFrames(positions))
    if (frames?.length === 0) {
      this.#hasCaughtUp = true
      this.#skipMarks()
    }
    if (frames === undefined || frames.length === 0) return 0
    const refresh = async () => (await this.#parts.refreshSchemas?.(frames)) ?? true
    const learned = await this.#drain.retryUntilStopped(refresh, 'schemas')
    this.#hasDropped ||= learned === undefined
    if (learned === undefined) return 0
    this.#readBytes = Math.min(READ_BYTES, 2 * this.#readBytes)
    this.#ingesting = this.#ingest(frames)
    await this.#ingesting
    this.#ingesting = undefined
    this.#hasCaughtUp ||= this.#startEnds !== undefined && this.#readers.hasReached(this.#startEnds)
    const nowMs = this.#parts.clock.nowMs()
    this.#newestAppendMs = findNewestAppend(frames, this.#newestAppendMs ?? 0, nowMs)
    return frames.reduce((sum, frame) => sum + frame.body.length, 0)
  }

  async #readFrames(positions: readonly PartitionPosition[]): Promise<readonly LogFrame[]> {
    const frames = await this.#readers.read(this.#readBytes, positions)
    // Imports only write to the log of the local target.
    const isShared = this.#readers.sourcesAndGaps.sources !== undefined
    return isShared ? frames : this.#importRuns.mark(frames)
  }

  /** Marks behind the last record count as read, unless a record was read and left behind. */
  #skipMarks(): void {
    if (!this.#hasDropped) this.#parts.engine.skipTo(this.#readers.positions())
  }

  async #ingest(frames: readonly LogFrame[]): Promise<void> {
    const rejects = await this.#parts.engine.ingest(frames)
    this.#skipMarks()
    if (rejects.length === 0) return
    const { writeRejects } = this.#parts
    this.#dlqEnd = await this.#outage.retryWhileUnavailable('rejects', () => writeRejects(rejects))
  }

  #commitIfDue(): void {
    const waitedMs = this.vitals.sinceCommitMs
    const about = { waitedMs, isFirst: this.#manifest === undefined, ...this.#options }
    if (this.#isCommitting || !isCommitDue(this.#parts.engine, about)) return
    this.#isCommitting = true
    void this.#runCommit(() => this.#commitNow()).finally(() => {
      this.#isCommitting = false
    })
  }

  /** Runs a commit when its turn comes; a failure ends the run at its next step. */
  #runCommit(run: () => Promise<void>): Promise<void> {
    return this.#turns.take(async () => {
      try {
        await run()
      } catch (error) {
        this.#failure = error
      }
    })
  }

  async #commitNow(): Promise<void> {
    const { engine } = this.#parts
    this.vitals.beginCommit()
    // A manifest must not have a position whose rejects are not in events.dlq yet.
    while (this.#ingesting) await this.#ingesting
    const dlqEnd = this.#dlqEnd
    const frozen = await engine.freeze()
    if (!frozen) return
    const { sourcesAndGaps } = this.#readers
    const rest = { dlqEnd, ...sourcesAndGaps, ...this.#options.logic }
    const input = { frozen, previous: this.#manifest, rest }
    const write = () => writeCommit(this.#parts, input)
    const { written, manifest } = await this.#outage.retryWhileUnavailable('commit', write)
    this.#manifest = manifest
    for (const text of describeCommitted(written)) this.#options.onNotice(text)
    await this.#finalize(manifest)
    await engine.release(frozen, written, manifest)
    this.vitals.endCommit()
    this.#notifying = this.#parts.onCommit?.(manifest).catch(() => undefined)
  }

  /** The commit counts already: if files can't be moved now, the next start moves them. */
  async #finalize(manifest: Manifest): Promise<void> {
    await this.#outage.retryWhileUnavailable('commit', () => this.#parts.lake.finalize(manifest))
  }
}
