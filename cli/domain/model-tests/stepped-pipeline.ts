/**
 * The real pipeline under the control of a test: it ingests on demand and can be stopped or crashed
 * between any two records. The test controls it through its clock, by which the loop sleeps.
 */
import type { RejectedEvent } from '../events/contracts.ts'
import type { RejectCodec } from '../gate/reject-writer.ts'
import type { Clock } from '../kernel/clock.ts'
import type { EventLog, LogWriter } from '../log/event-log.ts'
import { readRecords } from '../log/frame-records.ts'
import { RecordBatch } from '../log/record-batch.ts'
import { DLQ_TOPIC, ENGINE_PARTITION } from '../log/topics.ts'
import type { BatchEngine } from '../pipeline/batch-engine.ts'
import type { Pipeline } from '../pipeline/pipeline.ts'
import type { QueryResult } from '../sql/query-result.ts'

/** A pipeline opened on a data directory. */
export interface OpenedPipeline {
  readonly pipeline: Pipeline
  readonly engine: BatchEngine
  /** Closes everything but the log, without a commit. */
  close(): Promise<void>
}

/** What a stepped pipeline is made of. */
export interface SteppedParts {
  readonly log: EventLog
  readonly codec: RejectCodec
  readonly topic: string
  /** Opens the pipeline; it must sleep by this clock. */
  readonly open: (clock: Clock) => Promise<OpenedPipeline>
}

/** Runs one pipeline after another on the same data directory. */
export class SteppedPipeline {
  readonly #parts: SteppedParts
  readonly #writer: LogWriter
  #records = 0
  #run: PipelineRun

  private constructor(parts: SteppedParts, writer: LogWriter, run: PipelineRun) {
    this.#parts = parts
    this.#writer = writer
    this.#run = run
  }

  static async open(parts: SteppedParts): Promise<SteppedPipeline> {
    const writer = await parts.log.writer(parts.topic, 0, 'ccs test')
    return new SteppedPipeline(parts, writer, await PipelineRun.open(parts))
  }

  async append(record: Uint8Array, appendMs: number): Promise<void> {
    await this.#writer.append(RecordBatch.of([record]), appendMs)
    this.#records++
  }

  /** Resolves when everything appended is ingested. */
  async ingestAll(): Promise<void> {
    while (this.#run.engine.counts.records < this.#records) await this.#run.clock.step()
  }

  query(sql: string, nowMs: number): Promise<QueryResult> {
    return this.#run.engine.query(sql, nowMs)
  }

  async commit(): Promise<void> {
    await this.ingestAll()
    await this.#run.pipeline.commit()
  }

  /** Commits, closes the engine and reopens it from disk. */
  async restart(): Promise<void> {
    await this.ingestAll()
    await this.#run.stop()
    this.#run = await PipelineRun.open(this.#parts)
  }

  /** Closes the engine without a commit and reopens it. */
  async crash(): Promise<void> {
    await this.ingestAll()
    await this.#run.crash()
    this.#run = await PipelineRun.open(this.#parts)
  }

  /** Returns all records of events.dlq. */
  async readRejects(): Promise<readonly RejectedEvent[]> {
    const { log, codec } = this.#parts
    const found: RejectedEvent[] = []
    const { start, end } = await log.range(DLQ_TOPIC, ENGINE_PARTITION)
    if (end === start) return found
    const place = { topic: DLQ_TOPIC, partition: ENGINE_PARTITION, from: start }
    for await (const { records } of readRecords(log, place))
      for (const { bytes } of records) {
        const record = codec.decode(bytes)
        if (record) found.push(record)
      }
    return found
  }

  /** Closes everything without a commit. */
  async close(): Promise<void> {
    await this.#run.crash()
    await this.#parts.log.close()
  }
}

/** The pipeline between two restarts. */
class PipelineRun {
  readonly clock: SteppedClock
  readonly engine: BatchEngine
  readonly pipeline: Pipeline
  readonly #opened: OpenedPipeline
  readonly #stop = new AbortController()
  readonly #ended: Promise<void>

  private constructor(clock: SteppedClock, opened: OpenedPipeline) {
    this.clock = clock
    this.engine = opened.engine
    this.pipeline = opened.pipeline
    this.#opened = opened
    this.#ended = opened.pipeline.run(this.#stop.signal, false)
    this.#ended.then(
      () => clock.end(undefined),
      (error) => clock.end(error),
    )
  }

  static async open(parts: SteppedParts): Promise<PipelineRun> {
    const clock = new SteppedClock()
    return new PipelineRun(clock, await parts.open(clock))
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    this.clock.wake()
    await this.#ended
    await this.#opened.close()
  }

  async crash(): Promise<void> {
    const crash = new Error('crashed by the test')
    await this.clock.step().catch(() => undefined) // not in the middle of a step
    this.clock.wake(crash)
    try {
      await this.#ended.catch((error) => {
        if (error !== crash) throw error
      })
    } finally {
      await this.#opened.close()
    }
  }
}

/** A clock that stands still: sleepers sleep until the next step. */
class SteppedClock implements Clock {
  #sleeper: { resolve(): void; reject(error: unknown): void } | undefined
  #watcher: { resolve(): void; reject(error: unknown): void } | undefined
  #isEnded = false
  #failure: unknown

  nowMs(): number {
    return 0
  }

  elapsedMs(): number {
    return 0
  }

  cpuMs(): number {
    return 0
  }

  sleep(_ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve()
    if (this.#sleeper) return Promise.reject(new Error('only one loop can sleep by this clock'))
    return new Promise((resolve, reject) => {
      this.#sleeper = { resolve, reject }
      this.#watcher?.resolve()
      this.#watcher = undefined
    })
  }

  /** Wakes the sleeper, if there is one; with an error, its sleep fails. */
  wake(error?: unknown): void {
    const sleeper = this.#sleeper
    this.#sleeper = undefined
    if (error === undefined) sleeper?.resolve()
    else sleeper?.reject(error)
  }

  /** Lets the pipeline run until it sleeps again; fails if it has ended. */
  async step(): Promise<void> {
    if (this.#isEnded) throw this.#failure ?? new Error('the pipeline has ended')
    const asleep = new Promise<void>((resolve, reject) => {
      this.#watcher = { resolve, reject }
    })
    this.wake()
    await asleep
  }

  end(error: unknown): void {
    this.#isEnded = true
    this.#failure = error
    this.#watcher?.reject(error ?? new Error('the pipeline has ended'))
  }
}
