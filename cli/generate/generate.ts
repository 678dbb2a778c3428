/**
 * `ccs gen`: the simulated shop into a sink. History runs as fast as it can; live runs keep their rate by an
 * absolute schedule, a group of records every few milliseconds.
 */

import type { Clock } from '../domain/kernel/clock.ts'
import { CcsError, EXIT } from '../domain/kernel/errors.ts'
import type { ArrivalSink } from './log-sink.ts'
import { type PaceReport, RatePacer } from './rate-pacer.ts'
import { createHistorySchedule, createLiveSchedule } from './schedule.ts'
import { ShopDays } from './shop-days.ts'
import { type FaultProfile, Simulation } from './simulation.ts'
import type { TruthRecorder } from './truth-recorder.ts'

export type { PaceReport }

export interface GenerateOptions {
  readonly seed: number
  /** Events a second: the pace of live runs, the mean of history without `count`. */
  readonly eps: number
  readonly faultProfile: FaultProfile
  /** The shop's timezone, an IANA name. */
  readonly timezone: string
  /** Live runs: first event time; now when absent. With `toMs`: where history begins. */
  readonly fromMs?: number
  /** History from `fromMs` to before this; live events follow it unless `count` is given. */
  readonly toMs?: number
  /** Events of history where there is one, else of the live run. */
  readonly count?: number
  /** Length of the live run; without end when neither this nor `count` is given. */
  readonly forMs?: number
}

export interface GenerateParts {
  readonly clock: Clock
  readonly sink: ArrivalSink
  readonly signal?: AbortSignal
  /** Called a few times a second. */
  readonly onProgress?: (made: number, ofCount: number) => void
  /** Keeps the truth; made for the start that it is given. */
  readonly createRecorder?: (startMs: number) => TruthRecorder
}

export interface GenerateResult {
  readonly records: number
  /** Of them history. */
  readonly history: number
  /** The live run; undefined when there was none. */
  readonly live: PaceReport | undefined
  readonly truth: TruthRecorder | undefined
}

const TICK_MS = 20
/** Records of one append at the most. */
const GROUP_RECORDS = 4000

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
  // Filling the shop takes a moment; a live run begins when that is done.
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

/** For `--strict`: the error of a run that did not keep its rate. */
export function rateMissedError(asked: number, report: PaceReport): CcsError {
  return new CcsError(
    'CCS_RATE_MISSED',
    `The rate was missed: ${Math.round(report.eps)} events a second instead of ${asked}, ${report.deficit} events behind after ${report.seconds.toFixed(1)} s.`,
    {
      exit: EXIT.changes,
      hint: 'Ask for fewer events a second with --eps, or give the machine a free core and a faster disk.',
    },
  )
}
