/**
 * `ccs gen`: writes the events of a simulated shop to a sink. History runs at full speed; live runs
 * keep their rate by an absolute schedule, with a group of records every few milliseconds.
 */

import type { Clock } from '../domain/kernel/clock.ts'
import { CcsError } from '../domain/kernel/errors.ts'
import type { ArrivalSink } from './log-sink.ts'
import { type PaceReport, RatePacer } from './rate-pacer.ts'
import { createHistorySchedule, createLiveSchedule } from './schedule.ts'
import { ShopDays } from './shop-days.ts'
import { type FaultProfile, Simulation } from './simulation.ts'
import type { TruthRecorder } from './truth-recorder.ts'

export type { PaceReport }

/** What to generate; durations and times in ms. */
export interface GenerateOptions {
  readonly seed: number
  /** Events per second: the rate of live runs, and the mean rate of history without `count`. */
  readonly eps: number
  readonly faultProfile: FaultProfile
  /** The shop's time zone, an IANA name. */
  readonly timezone: string
  /** Live runs: time of the first event, by default now. With `toMs`: start of the history. */
  readonly fromMs?: number
  /** End of the history (exclusive); live events follow it unless `count` is given. */
  readonly toMs?: number
  /** Number of events in the history if there is one, else in the live run. */
  readonly count?: number
  /** Length of the live run; unlimited if neither this nor `count` is given. */
  readonly forMs?: number
}

/** What a run needs; aborting the signal ends it after the current group of records. */
export interface GenerateParts {
  readonly clock: Clock
  readonly sink: ArrivalSink
  readonly signal?: AbortSignal
  /** Called after each group of records; `ofCount` is Infinity for an unlimited run. */
  readonly onProgress?: (made: number, ofCount: number) => void
  /** Creates the recorder of the expected results, given the time of the first event. */
  readonly createRecorder?: (startMs: number) => TruthRecorder
}

/** What was generated. */
export interface GenerateResult {
  readonly records: number
  /** How many of the records belong to the history. */
  readonly history: number
  /** How well the live run kept its rate; undefined without a live run. */
  readonly live: PaceReport | undefined
  readonly truth: TruthRecorder | undefined
}

const TICK_MS = 20
/** Most records in one append. */
const GROUP_RECORDS = 4000

/**
 * Generates the history if a range is given, then the live run; all is durable when it resolves.
 */
export async function generate(
  options: GenerateOptions,
  parts: GenerateParts,
): Promise<GenerateResult> {
  const { seed, eps, faultProfile, timezone, fromMs, toMs, count, forMs } = options
  const { clock, signal } = parts
  const hasHistory = fromMs !== undefined && toMs !== undefined
  const startMs = fromMs ?? clock.nowMs()
  const inRange = hasHistory ? Math.floor(((toMs - fromMs) * eps) / 1000) : 0
  const ofHistory = hasHistory ? (count ?? inRange) : 0
  const history = createHistorySchedule(
    { fromMs: startMs, toMs: toMs ?? startMs },
    ofHistory,
    new ShopDays(timezone),
  )
  const liveCount = countLiveEvents(options, hasHistory)
  const first = hasHistory ? history : createLiveSchedule(startMs, eps, liveCount)
  const simulation = new Simulation({ seed, schedule: first, faultProfile: faultProfile })
  // Filling the shop with visitors takes a moment; a live run starts after that.
  const firstMs = fromMs ?? clock.nowMs()
  if (!hasHistory) simulation.continueWith(createLiveSchedule(firstMs, eps, liveCount))
  const truth = parts.createRecorder?.(firstMs)
  const run = new GeneratorRun(simulation, parts, truth)
  if (hasHistory) await run.runHistory(ofHistory)
  const made = run.made
  const goesOn = hasHistory ? count === undefined && forMs !== 0 : true
  let live: PaceReport | undefined
  if (goesOn && signal?.aborted !== true) {
    if (hasHistory) {
      const liveStartMs = Math.max(clock.nowMs(), toMs)
      simulation.continueWith(createLiveSchedule(liveStartMs, eps, liveCount))
    }
    live = await run.runLive(eps, liveCount)
  }
  await parts.sink.drain()
  return { records: run.made, history: made, live, truth }
}

function countLiveEvents({ eps, count, forMs }: GenerateOptions, hasHistory: boolean): number {
  const inTime = forMs === undefined ? Number.POSITIVE_INFINITY : Math.round((forMs * eps) / 1000)
  return hasHistory ? inTime : Math.min(inTime, count ?? Number.POSITIVE_INFINITY)
}

class GeneratorRun {
  made = 0
  readonly #simulation: Simulation
  readonly #parts: GenerateParts
  readonly #truth: TruthRecorder | undefined

  constructor(simulation: Simulation, parts: GenerateParts, truth: TruthRecorder | undefined) {
    this.#simulation = simulation
    this.#parts = parts
    this.#truth = truth
  }

  async runHistory(count: number): Promise<void> {
    const { sink, signal, onProgress } = this.#parts
    while (this.made < count && signal?.aborted !== true) {
      this.#make(GROUP_RECORDS)
      await sink.flush()
      onProgress?.(this.made, count)
    }
  }

  async runLive(eps: number, count: number): Promise<PaceReport> {
    const { sink, signal, clock, onProgress } = this.#parts
    const pace = new RatePacer({ eps, count, nowMs: clock.elapsedMs() })
    let lastMs = clock.elapsedMs()
    while (!pace.isDone && signal?.aborted !== true && !pace.isOverdue(clock.elapsedMs())) {
      const group = Math.min(pace.countDue(clock.elapsedMs()), GROUP_RECORDS)
      if (group > 0) {
        pace.noteMade(this.#make(group))
        await sink.flush()
        onProgress?.(this.made, count)
      }
      lastMs = clock.elapsedMs()
      if (pace.countDue(lastMs) < GROUP_RECORDS) {
        await clock.sleep(Math.min(TICK_MS, Math.ceil(pace.remainingMs(lastMs))), signal)
      }
    }
    return pace.report(lastMs)
  }

  #make(most: number): number {
    const { sink } = this.#parts
    let made = 0
    for (; made < most; made++) {
      const arrival = this.#simulation.next()
      if (arrival === null) break
      const partition = sink.add(arrival)
      this.#truth?.add(arrival, partition)
    }
    this.made += made
    return made
  }
}

/** The error of `--strict`, for a live run that missed its rate. */
export function rateMissedError(asked: number, report: PaceReport): CcsError {
  const { eps, deficit, seconds } = report
  const got = `${Math.round(eps)} events per second instead of ${asked}`
  return new CcsError(
    'CCS_RATE_MISSED',
    `The rate was missed: ${got}, ${deficit} events behind after ${seconds.toFixed(1)} s.`,
    { hint: 'Lower --eps, or run on a machine with a free core and a faster disk.' },
  )
}
