/**
 * Holds the latest answers of the live page's metrics and decides which to query again. One board
 * serves all pages. It measures what each query costs; if all together would exceed a small share
 * of a core, expensive metrics are queried less often: the page may slow down, never the pipeline.
 * Budget that was not used in a quiet time is spent when new events arrive.
 */

import { formatLocation } from '../console/text.ts'
import type { Clock } from '../kernel/clock.ts'
import { least } from '../kernel/lists.ts'
import type { LiveHealth, LiveSnapshot, MetricInfo, MetricRows } from './live-document.ts'
import type { BrokenMetric, Metric } from './metric.ts'
import type { AbsentRows, MetricSource } from './metric-source.ts'
import { planWaitTimes, QueryBudget } from './query-budget.ts'

/** What a board needs. */
export interface BoardOptions {
  readonly shop: { readonly name: string; readonly timezone: string }
  readonly metrics: readonly Metric[]
  readonly broken: readonly BrokenMetric[]
  readonly source: MetricSource
  readonly clock: Clock
  /** Share of a core that all queries together may cost; 0.06 by default. */
  readonly share?: number
}

interface Answer {
  readonly rows: MetricRows
  /** The rows as JSON, to compare answers. */
  readonly text: string
  readonly queriedMs: number
  /** The source's revision when it was queried. */
  readonly revision: number
  /** Whether it is asked for again at each round: there are no rows yet. */
  readonly isAwaited?: boolean
}

/** The results of one round of queries. */
export interface Round {
  readonly figures: Readonly<Record<string, MetricRows>>
  readonly unchanged: readonly string[]
}

const SHARE = 0.06
const COSTS_MAX = 5
/** A metric counts as due a little early rather than one whole tick late. */
const SLACK_MS = 260
/** The same with new events and ample budget: a per-second metric shows them within a second. */
const EARLY_SLACK_MS = 800
/** Time between two checks for new events; shorter while there is ample budget. */
const CHECK_MS = 750
const CHECK_MS_AMPLE = 250
/** Without new events, windows that move with the clock are queried again after this time. */
const QUIET_MS = 5_000

/** Call `refresh` regularly while somebody is looking; `snapshot` never queries. */
export class MetricBoard {
  readonly #options: BoardOptions
  readonly #answers = new Map<string, Answer>()
  /** CPU ms of each metric's last queries, without the first, which pays for warming up. */
  readonly #costsMs = new Map<string, readonly number[]>()
  /** The shop's main currency, as the metric `today` last reported it. */
  #currency: string | null = null
  readonly #budget: QueryBudget
  #lastRound: Promise<unknown> = Promise.resolve()
  /** Number of queries so far, for tests and benchmarks. */
  queryCount = 0

  constructor(options: BoardOptions) {
    this.#options = options
    this.#budget = new QueryBudget(options.share ?? SHARE)
    for (const { id, error } of options.broken) this.#recordFault(id, describeFault(error))
  }

  listMetrics(): readonly MetricInfo[] {
    const { metrics, broken } = this.#options
    return [
      ...metrics.map(({ id, title, sql, everyMs, note }) => {
        const error = this.#answers.get(id)?.rows.error
        return { id, title, sql, everyMs, note, ...(error === undefined ? {} : { error }) }
      }),
      ...broken.map(({ id, error }) => {
        const nothing = { title: id, sql: '', everyMs: 0, note: '' }
        return { id, ...nothing, error: describeFault(error) }
      }),
    ].sort((a, b) => (a.id < b.id ? -1 : 1))
  }

  /**
   * Time between two queries of each metric, ms: as its header says, or longer if all together
   * would exceed their share. Only expensive metrics wait longer.
   */
  waitTimes(): ReadonlyMap<string, number> {
    const { metrics, share = SHARE } = this.#options
    return planWaitTimes(
      metrics.map(({ id, everyMs }) => ({ id, everyMs, costMs: this.#readCost(id) })),
      share,
    )
  }

  /** Time until the next check for new events, ms: shorter while there is ample budget. */
  checkEveryMs(): number {
    const { clock } = this.#options
    return this.#budget.isAmple(clock.nowMs()) ? CHECK_MS_AMPLE : CHECK_MS
  }

  /** CPU ms of one query of each metric; 0: not known yet. */
  costs(): ReadonlyMap<string, number> {
    return new Map(this.#options.metrics.map(({ id }) => [id, this.#readCost(id)]))
  }

  /** The last answer of a metric; undefined: it has not been queried yet. */
  lastAnswer(id: string): MetricRows | undefined {
    return this.#answers.get(id)?.rows
  }

  /** Ids of metrics whose rows are only for who has the token. */
  listPrivate(): readonly string[] {
    return this.#options.metrics.flatMap(({ id, access }) => (access === 'token' ? id : []))
  }

  /** The pipeline's current state. */
  health(): Promise<LiveHealth> {
    return this.#options.source.health()
  }

  /**
   * The latest answers, without querying. Answers that nobody looked at for long are dropped, so
   * that they count as changed when they are queried again.
   */
  snapshot(health: LiveHealth): LiveSnapshot {
    const { shop, clock, metrics } = this.#options
    const nowMs = clock.nowMs()
    const waits = this.waitTimes()
    for (const { id, everyMs } of metrics) {
      const queriedMs = this.#answers.get(id)?.queriedMs ?? nowMs
      if (nowMs - queriedMs > OLD_MS + 2 * (waits.get(id) ?? everyMs)) this.#answers.delete(id)
    }
    const shown = Object.fromEntries([...this.#answers].map(([id, answer]) => [id, answer.rows]))
    return {
      at: new Date(nowMs).toISOString(),
      shop: { ...shop, currency: this.#currency },
      figures: shown,
      hidden: [],
      health,
    }
  }

  /**
   * Queries the metrics that are due, frequent ones first. `onPart` receives results in parts, so
   * that a slow metric delays no other. Rounds run one after the other.
   */
  refresh(onPart: (part: Round) => void = () => {}): Promise<void> {
    const round = this.#lastRound.then(() => this.#runRound(onPart))
    this.#lastRound = round.catch(() => undefined)
    return round
  }

  #selectDue(): readonly Metric[] {
    const { clock, metrics, source } = this.#options
    const nowMs = clock.nowMs()
    const waits = this.waitTimes()
    const revision = source.revision()
    const isAmple = this.#budget.isAmple(nowMs)
    let leftMs = this.#budget.leftMs(nowMs)
    return metrics
      .toSorted((a, b) => a.everyMs - b.everyMs || this.#readCost(a.id) - this.#readCost(b.id))
      .filter(({ id, everyMs }) => {
        const answer = this.#answers.get(id)
        if (!answer || answer.isAwaited) return true
        // Without new events, answers change only with the clock.
        const isQuiet = answer.revision === revision
        const isOver = (waitMs: number, slackMs: number) =>
          nowMs - answer.queriedMs >= (isQuiet ? Math.max(waitMs, QUIET_MS) : waitMs) - slackMs
        const costMs = this.#readCost(id)
        const isDue =
          isOver(waits.get(id) ?? everyMs, SLACK_MS) ||
          (leftMs >= costMs && isOver(everyMs, isAmple && !isQuiet ? EARLY_SLACK_MS : SLACK_MS))
        if (isDue) leftMs -= costMs
        return isDue
      })
  }

  #readCost(id: string): number {
    const costs = this.#costsMs.get(id) ?? []
    return costs.length === 0 ? 0 : least(costs)
  }

  async #runRound(onPart: (part: Round) => void): Promise<void> {
    const { source, clock } = this.#options
    await source.catchUp()
    const due = this.#selectDue()
    if (due.length === 0) return
    // All queries of a round use one instant, so that their numbers agree.
    const nowMs = clock.nowMs()
    let part = { figures: {} as Record<string, MetricRows>, unchanged: [] as string[] }
    let partMs = clock.elapsedMs()
    const revision = source.revision()
    for (const [index, metric] of due.entries()) {
      const outcome = await this.#queryMetric(metric, nowMs, revision)
      const answer = this.#answers.get(metric.id)
      if (outcome === 'same') part.unchanged.push(metric.id)
      else if (outcome === 'changed' && answer) part.figures[metric.id] = answer.rows
      if (index + 1 < due.length && clock.elapsedMs() - partMs < PART_MS) continue
      onPart(part)
      part = { figures: {}, unchanged: [] }
      partMs = clock.elapsedMs()
    }
  }

  /** Queries one metric; `kept`: the last rows stay, and are as old as they are. */
  async #queryMetric(
    metric: Metric,
    nowMs: number,
    revision: number,
  ): Promise<'changed' | 'same' | 'kept'> {
    const { clock } = this.#options
    const start = { elapsedMs: clock.elapsedMs(), cpuMs: clock.cpuMs() }
    this.queryCount++
    this.#budget.spend(this.#readCost(metric.id), nowMs)
    try {
      const result = await this.#options.source.query(metric.sql, nowMs)
      if ('absent' in result) return this.#recordAbsence(metric.id, result, { nowMs, revision })
      const { rows } = result
      const text = JSON.stringify(rows)
      // Not earlier: a snapshot may drop the answer meanwhile, and then its reader lacks the rows.
      const before = this.#answers.get(metric.id)
      const isSame = before?.text === text && hasRows(before)
      const [{ currency } = {}] = rows
      if (metric.id === 'today' && typeof currency === 'string') this.#currency = currency
      const shown = { asOf: new Date(nowMs).toISOString(), rows }
      this.#answers.set(metric.id, { rows: shown, text, queriedMs: nowMs, revision })
      this.#recordCost(metric.id, start)
      return isSame ? 'same' : 'changed'
    } catch (error) {
      const text = describeQueryFault(metric, error)
      const before = this.#answers.get(metric.id)
      this.#recordFault(metric.id, text, { queriedMs: nowMs, revision })
      return before?.rows.error === text ? 'same' : 'changed'
    }
  }

  #recordAbsence(
    id: string,
    { absent, isPassing }: AbsentRows,
    { nowMs, revision }: { readonly nowMs: number; readonly revision: number },
  ): 'changed' | 'same' | 'kept' {
    const before = this.#answers.get(id)
    const when = { queriedMs: nowMs, revision }
    if (isPassing && before && hasRows(before)) {
      this.#answers.set(id, { ...before, ...when })
      return 'kept'
    }
    const rows = { asOf: new Date(nowMs).toISOString(), rows: [], absent }
    this.#answers.set(id, { rows, text: '[]', ...when, isAwaited: isPassing })
    return before?.rows.absent === absent ? 'same' : 'changed'
  }

  /**
   * Keeps the last few costs; the lowest counts. A busy machine makes a query take longer than it
   * costs, and this process does other work meanwhile, so the smaller of time and CPU is used.
   */
  #recordCost(id: string, start: { readonly elapsedMs: number; readonly cpuMs: number }): void {
    const { clock } = this.#options
    const costMs = Math.min(clock.elapsedMs() - start.elapsedMs, clock.cpuMs() - start.cpuMs)
    const costs = this.#costsMs.get(id)
    this.#costsMs.set(id, costs ? [...costs, costMs].slice(-COSTS_MAX) : [])
  }

  #recordFault(id: string, error: string, when = { queriedMs: 0, revision: -1 }): void {
    const asOf = new Date(this.#options.clock.nowMs()).toISOString()
    this.#answers.set(id, { rows: { asOf, rows: [], error }, text: '[]', ...when })
  }
}

/** Within a round, results are passed on after this time. */
const PART_MS = 100
/** Answers older than this are not shown as current. */
const OLD_MS = 6_000

function hasRows({ rows }: Answer): boolean {
  return rows.error === undefined && rows.absent === undefined
}

function describeFault(error: BrokenMetric['error']): string {
  const place = error.location ? `${formatLocation(error.location)}: ` : ''
  return `${place}${error.message}`
}

/** DuckDB's error with the line in the metric's file that it refers to. */
export function describeQueryFault(metric: Metric, error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  const [first = ''] = text.split('\n')
  const line = /^LINE (\d+):/m.exec(text)?.[1]
  const place =
    line === undefined ? metric.file : `${metric.file}:${metric.sqlLine + Number(line) - 1}`
  return `${place}: ${first}`
}
