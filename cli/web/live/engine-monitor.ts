/**
 * Metrics and health of a running engine, behind GET /metrics and GET /healthz. A scrape costs
 * little and waits for nothing long: what is expensive is read in the background, at most once a
 * minute.
 */
import { readFigures } from '../../adapters/files/collect-figures.ts'
import type { Files } from '../../adapters/files/files.ts'
import { sumTreeBytes } from '../../adapters/files/tree-bytes.ts'
import { readCcsVersion } from '../../adapters/process/ccs-version.ts'
import { openMachine } from '../../adapters/process/machine.ts'
import { sleep } from '../../adapters/process/system-clock.ts'
import type { DlqCounts } from '../../domain/dlq/dlq-tally.ts'
import { dataLayout } from '../../domain/lake/layout.ts'
import type { Manifest } from '../../domain/lake/manifest.ts'
import { type EngineReading, readEngineMetrics } from '../../domain/monitoring/engine-metrics.ts'
import type { EngineUsage } from '../../domain/monitoring/engine-usage.ts'
import { findProblems, type Problem } from '../../domain/monitoring/health.ts'
import { chooseFormat, METRICS_TYPES, renderMetrics } from '../../domain/monitoring/open-metrics.ts'
import type { LoopVitals } from '../../domain/pipeline/loop-vitals.ts'
import type { PipelineState } from '../../domain/pipeline/pipeline-ports.ts'
import type { StatusResult } from '../../domain/pipeline/read-status.ts'
import type { LeftOut } from '../../domain/provenance/left-out.ts'
import type { TextAnswer } from './server.ts'

/** What is watched. */
export interface WatchedEngine {
  readonly pipeline: {
    readonly vitals: LoopVitals
    readonly manifest: Manifest | undefined
    state(): PipelineState
  }
  readonly engine: { usage(): Promise<EngineUsage> }
  readonly files: Files
  /** The data directory. */
  readonly root: string
  /** `engine.checkpoint_every` of ccs.yml. */
  readonly checkpointMs: number
  status(): Promise<StatusResult>
  /** Counts the rejects by reason. */
  dlq(): Promise<DlqCounts>
  /** Counts what today's numbers leave out; null: that can't be counted. */
  leftOut(): Promise<LeftOut | null>
}

/** One per server. */
export class EngineMonitor {
  readonly #watched: WatchedEngine
  readonly #machine = openMachine()
  readonly #ccs = readCcsVersion()
  readonly #leftOut: BackgroundValue<LeftOut | null>
  readonly #logBytes: BackgroundValue<number>

  constructor(watched: WatchedEngine) {
    this.#watched = watched
    const { files, root } = watched
    this.#leftOut = new BackgroundValue(() => watched.leftOut())
    this.#logBytes = new BackgroundValue(() => sumTreeBytes(files, dataLayout(root).log))
  }

  /** `accept`: the request's header. */
  async metrics(accept: string): Promise<TextAnswer> {
    const format = chooseFormat(accept)
    const text = renderMetrics(readEngineMetrics(await this.#read()), format)
    return { status: 200, type: METRICS_TYPES[format], text }
  }

  /** `ok`, or 503 with a line for each problem. */
  async health(): Promise<TextAnswer> {
    const lines = this.#findProblems().map(({ kind, message }) => `${kind}: ${message}`)
    const type = 'text/plain; charset=utf-8'
    if (lines.length === 0) return { status: 200, type, text: 'ok\n' }
    return { status: 503, type, text: `${lines.join('\n')}\n` }
  }

  #findProblems(): readonly Problem[] {
    const { pipeline, checkpointMs } = this.#watched
    const { stalled, uncommittedRows } = pipeline.state()
    return findProblems({ stalled, uncommittedRows, checkpointMs, vitals: pipeline.vitals.read() })
  }

  async #read(): Promise<EngineReading> {
    const { pipeline, engine, root } = this.#watched
    const [status, dlq, usage, freeBytes, collected] = await Promise.all([
      this.#watched.status(),
      this.#watched.dlq(),
      // An engine that starts over does not answer before it has.
      Promise.race([engine.usage(), sleep(USAGE_MS)]).catch(() => undefined),
      this.#machine.freeBytes(root).catch(() => undefined),
      readFigures(root),
    ])
    const { user, system } = process.cpuUsage()
    return {
      ...{ status, dlq, usage: usage ?? undefined },
      versions: { ccs: this.#ccs, node: process.versions.node },
      vitals: pipeline.vitals.read(),
      problems: this.#findProblems(),
      leftOut: this.#leftOut.read() ?? undefined,
      collected,
      disk: { bytes: this.#sumDisk(pipeline.manifest), freeBytes },
      resources: {
        residentBytes: process.memoryUsage.rss(),
        cpuSeconds: (user + system) / 1e6,
        startedSeconds: performance.timeOrigin / 1000,
      },
    }
  }

  #sumDisk(manifest: Manifest | undefined): Readonly<Record<string, number>> {
    const bytes: Record<string, number> = { bronze: 0, silver: 0, gold: 0, state: 0 }
    for (const file of manifest?.files ?? []) {
      const [layer = ''] = file.table.split('.')
      bytes[layer] = (bytes[layer] ?? 0) + file.bytes
    }
    for (const file of manifest?.state ?? []) bytes.state = (bytes.state ?? 0) + file.bytes
    const log = this.#logBytes.read()
    return log === undefined ? bytes : { log, ...bytes }
  }
}

/** How long a scrape waits for the engine. */
const USAGE_MS = 2_000
/** How long a value of the background counts. */
const KEPT_MS = 60_000

/** A value that is read when somebody asks and the last one is old; the asker does not wait. */
class BackgroundValue<T> {
  readonly #load: () => Promise<T>
  #value: T | undefined
  #loadedMs = Number.NEGATIVE_INFINITY

  constructor(load: () => Promise<T>) {
    this.#load = load
  }

  /** The last value; undefined: there is none yet, or it could not be read. */
  read(): T | undefined {
    if (performance.now() - this.#loadedMs >= KEPT_MS) {
      this.#loadedMs = performance.now()
      const keep = (value: T | undefined) => {
        this.#value = value
      }
      this.#load().then(keep, () => keep(undefined))
    }
    return this.#value
  }
}
