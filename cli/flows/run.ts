/**
 * The loop of the embedded engine over its ports: read the log, take it in, keep the rejects, and commit now
 * and then in the background. A commit is, in this order: lake files and state written and made durable, the
 * manifest renamed (from here on it counts), files moved to their places, old things cleared away.
 */
import { MANIFEST_FORMAT, type Manifest } from '../core/manifest.ts'
import type {
  BatchEngine,
  Clock,
  EventLog,
  Frozen,
  Lake,
  LogFrame,
  LogReader,
  ManifestStore,
  Reject,
  Written,
} from '../core/ports.ts'
import { DiskWait } from './disk-wait.ts'

export interface PipelineParts {
  readonly clock: Clock
  readonly log: EventLog
  readonly engine: BatchEngine
  readonly lake: Lake
  readonly manifests: ManifestStore
  /** Appends rejects to events.dlq, durable when it resolves; returns the topic's end. Repeating is harmless. */
  readonly keepRejects: (rejects: readonly Reject[]) => Promise<number>
}

export interface PipelineOptions {
  readonly topic: string
  readonly checkpointMs: number
  readonly checkpointRows: number
  /** What the manifest says of the logic in force. */
  readonly logic: Pick<Manifest, 'models' | 'schemas'>
  /** Manifest that the engine was opened with. */
  readonly manifest?: Manifest
  readonly dlqEnd: number
  /** A sentence for the person who watches: the disk is full, it has space again … */
  readonly onNotice: (text: string) => void
}

/** What the loop is doing, for status. */
export interface PipelineState {
  readonly positions: BatchEngine['positions']
  readonly counts: BatchEngine['counts']
  readonly watermarkMs: number | null
  readonly uncommittedRows: number
  readonly committedMs: number | null
  readonly serial: number
  /** appendMs of the newest frame taken in. */
  readonly newestAppendMs: number | null
  /** Why the intake stands still; null: it does not. */
  readonly stalled: string | null
}

const READ_BYTES = 4 * 1024 * 1024
/** Rest where there is nothing to read; it grows while that stays so. */
const IDLE_MS = 20
const IDLE_MS_MAX = 80
/** New partitions are looked for this often. */
const PARTITIONS_MS = 1_000
/** After a batch the loop rests this many times as long as the batch took, so that little work stays little. */
const REST_FACTOR = 50
const REST_MS_MAX = 500
/** A question makes the loop look at once, unless it did so this short a time ago. */
const LOOK_MS = 40
export class Pipeline {
  readonly #parts: PipelineParts
  readonly #options: PipelineOptions
  #manifest: Manifest | undefined
  #dlqEnd: number
  #newestAppendMs: number | null = null
  #nextLookMs = 0
  #isRunning = false
  #lookedMs = 0
  #waiting: (() => void)[] = []
  #wake = new AbortController()
  #lastCommitMs: number
  #commit: Promise<void> | undefined
  /** A batch whose rows the engine has, or is getting, and whose rejects are not all kept yet. */
  #taking: Promise<void> | undefined
  #failure: unknown
  readonly #disk: DiskWait
  #readers: { partition: number; reader: LogReader }[] = []

  constructor(parts: PipelineParts, options: PipelineOptions) {
    this.#parts = parts
    this.#options = options
    this.#manifest = options.manifest
    this.#disk = new DiskWait(parts.clock, options.onNotice)
    this.#dlqEnd = options.dlqEnd
    this.#lastCommitMs = parts.clock.nowMs()
  }

  state(): PipelineState {
    const { engine } = this.#parts
    return {
      positions: engine.positions,
      counts: engine.counts,
      watermarkMs: engine.watermarkMs,
      uncommittedRows: engine.uncommittedRows,
      committedMs: this.#manifest?.committedMs ?? null,
      serial: this.#manifest?.serial ?? 0,
      newestAppendMs: this.#newestAppendMs,
      stalled: this.#disk.stalled,
    }
  }

  get manifest(): Manifest | undefined {
    return this.#manifest
  }

  /**
   * Runs until `stop` aborts, then takes in what the log holds, commits and returns. With `isOnce` it stops
   * by itself at the end of the log. Throws what cannot be waited out.
   */
  async run(stop: AbortSignal, isOnce: boolean): Promise<void> {
    const leave = () => this.#disk.leave()
    stop.addEventListener('abort', leave)
    if (stop.aborted) leave()
    let idleMs = IDLE_MS
    this.#isRunning = true
    let ends: ReadonlyMap<number, number> | undefined
    try {
      for (;;) {
        // What is appended after this point is left to the next run: others may go on writing.
        if (stop.aborted || isOnce) ends ??= await this.#ends()
        const startMs = performance.now()
        const waiting = this.#waiting.splice(0)
        const taken = await this.#step()
        this.#lookedMs = performance.now()
        for (const resolve of waiting) resolve()
        if (this.#failure) throw this.#failure
        if (ends && (taken === 0 || this.#hasReached(ends))) break
        this.#commitIfDue()
        if (ends) continue
        const workedMs = performance.now() - startMs
        const restMs = Math.min(REST_MS_MAX, workedMs * REST_FACTOR)
        idleMs = taken > 0 ? IDLE_MS : Math.min(IDLE_MS_MAX, idleMs * 1.25)
        if (taken === 0) await this.#rest(idleMs, stop)
        else if (taken < READ_BYTES / 4) await this.#rest(restMs, stop)
      }
      await this.commit()
    } catch (error) {
      this.#failure ??= error
      throw error
    } finally {
      this.#isRunning = false
      for (const resolve of this.#waiting.splice(0)) resolve()
      stop.removeEventListener('abort', leave)
      leave()
      await this.#commit
      for (const { reader } of this.#readers) await reader.close()
      this.#readers = []
    }
  }

  /** Resolves when what is in the log now has been taken in, or as much of it as one batch holds. */
  async catchUp(): Promise<void> {
    if (!this.#isRunning || performance.now() - this.#lookedMs < LOOK_MS) return
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve)
      this.#wake.abort()
    })
  }

  async #rest(ms: number, stop: AbortSignal): Promise<void> {
    this.#wake = new AbortController()
    if (this.#waiting.length > 0) return
    await this.#parts.clock.sleep(ms, AbortSignal.any([stop, this.#wake.signal]))
  }

  /** Where each partition of the log ends now. */
  async #ends(): Promise<ReadonlyMap<number, number>> {
    const { log } = this.#parts
    const ends = new Map<number, number>()
    for (const partition of await log.partitions(this.#options.topic))
      ends.set(partition, (await log.range(this.#options.topic, partition)).end)
    return ends
  }

  #hasReached(ends: ReadonlyMap<number, number>): boolean {
    const at = (partition: number) =>
      this.#readers.find((one) => one.partition === partition)?.reader.position() ?? 0
    return [...ends].every(([partition, end]) => at(partition) >= end)
  }

  /** Commits what was taken in so far; resolves when it counts. */
  async commit(): Promise<void> {
    while (this.#commit) await this.#commit
    if (this.#failure) throw this.#failure
    this.#commit = this.#guarded(() => this.#commitNow())
    await this.#commit
    if (this.#failure) throw this.#failure
  }

  /** Replaces the manifest with one that `change` derives from it; between two commits. */
  async amend(change: (manifest: Manifest) => Promise<Manifest | undefined>): Promise<void> {
    while (this.#commit) await this.#commit
    this.#commit = this.#guarded(async () => {
      if (!this.#manifest) return
      const next = await change(this.#manifest)
      if (!next) return
      await this.#replace(next)
      await this.#settle(next)
      await this.#parts.engine.refresh(next)
    })
    await this.#commit
    if (this.#failure) throw this.#failure
  }

  /** Reads and takes in one batch; returns the bytes of it. */
  async #step(): Promise<number> {
    await this.#openReaders()
    // Behind a commit that cannot keep up, or cannot succeed, memory must not grow without limit.
    if (this.#parts.engine.uncommittedRows >= 1.5 * this.#options.checkpointRows && this.#commit)
      await this.#commit
    const frames: LogFrame[] = []
    const share = READ_BYTES / Math.max(1, this.#readers.length)
    for (const { reader } of this.#readers) frames.push(...(await reader.read(share)))
    if (frames.length === 0) return 0
    this.#taking = this.#take(frames)
    await this.#taking
    this.#taking = undefined
    this.#newestAppendMs = frames.reduce(
      (newest, frame) => Math.max(newest, frame.appendMs),
      this.#newestAppendMs ?? 0,
    )
    return frames.reduce((sum, frame) => sum + frame.body.length, 0)
  }

  async #take(frames: readonly LogFrame[]): Promise<void> {
    const rejects = await this.#parts.engine.ingest(frames)
    if (rejects.length === 0) return
    const { keepRejects } = this.#parts
    this.#dlqEnd = await this.#disk.through('rejects', () => keepRejects(rejects))
  }

  async #openReaders(): Promise<void> {
    const { log, engine, clock } = this.#parts
    if (clock.nowMs() < this.#nextLookMs && this.#readers.length > 0) return
    this.#nextLookMs = clock.nowMs() + PARTITIONS_MS
    const { topic } = this.#options
    for (const partition of await log.partitions(topic)) {
      if (this.#readers.some((one) => one.partition === partition)) continue
      const at = engine.positions.find((one) => one.topic === topic && one.partition === partition)
      const from = at?.nextOffset ?? (await log.range(topic, partition)).start
      this.#readers.push({ partition, reader: await log.reader(topic, partition, from) })
    }
  }

  #commitIfDue(): void {
    if (this.#commit) return
    const { engine, clock } = this.#parts
    const waitedMs = clock.nowMs() - this.#lastCommitMs
    const isFirst = this.#manifest === undefined && waitedMs >= FIRST_COMMIT_MS
    const isDue = waitedMs >= this.#options.checkpointMs || isFirst
    if (isDue || engine.uncommittedRows >= this.#options.checkpointRows)
      this.#commit = this.#guarded(() => this.#commitNow())
  }

  /** Runs in the background; a failure ends the run at its next step. */
  async #guarded(run: () => Promise<void>): Promise<void> {
    try {
      await run()
    } catch (error) {
      this.#failure = error
    } finally {
      this.#commit = undefined
    }
  }

  async #commitNow(): Promise<void> {
    const { engine, clock } = this.#parts
    this.#lastCommitMs = clock.nowMs()
    // Never a position in the manifest without the rejects before it in events.dlq.
    while (this.#taking) await this.#taking
    const dlqEnd = this.#dlqEnd
    const frozen = await engine.freeze()
    if (!frozen) return
    const write = () => this.#write(frozen, dlqEnd)
    const { written, manifest } = await this.#disk.through('commit', write)
    await this.#settle(manifest)
    await engine.release(frozen, written, manifest)
  }

  /** Up to the rename that makes it count; repeatable until then. */
  async #write(
    frozen: Frozen,
    dlqEnd: number,
  ): Promise<{ readonly written: Written; readonly manifest: Manifest }> {
    const { engine, lake, clock } = this.#parts
    const serial = (this.#manifest?.serial ?? 0) + 1
    const commit = `c${String(serial).padStart(8, '0')}`
    const stage = await lake.stage(commit)
    const previous = this.#manifest?.state ?? []
    const written = await engine.write(frozen, { serial, stage, previous })
    const files = await lake.seal(written.staged, commit)
    const manifest: Manifest = {
      format: MANIFEST_FORMAT,
      serial,
      generation: this.#manifest?.generation ?? 1,
      committedMs: clock.nowMs(),
      positions: frozen.positions,
      dlqEnd,
      counts: frozen.counts,
      files: [...(this.#manifest?.files ?? []), ...files],
      state: written.state,
      ...this.#options.logic,
    }
    await this.#replace(manifest)
    return { written, manifest }
  }

  async #replace(manifest: Manifest): Promise<void> {
    const { manifests } = this.#parts
    try {
      await manifests.commit(manifest)
    } catch (error) {
      // The rename may have happened before the disk said no.
      if ((await manifests.load())?.serial !== manifest.serial) throw error
    }
    this.#manifest = manifest
  }

  /** The commit counts already: what cannot be moved now is moved when there is space, or at the next start. */
  async #settle(manifest: Manifest): Promise<void> {
    await this.#disk.through('commit', () => this.#parts.lake.settle(manifest))
  }
}

/** The first rows of a new lake are committed soon, so that there is something to look at. */
const FIRST_COMMIT_MS = 3_000
