/**
 * The figures of the live page as last asked, and which of them are due. One board serves all pages. What
 * the answers cost is measured, and dear figures are asked less often when all together would cost more than
 * a small share of a core: a page may get slower, never the pipeline. What a quiet time leaves of the share is
 * spent when news come.
 */

import { formatLocation } from '../console/text.ts'
import type { Clock } from '../kernel/clock.ts'
import type { QueryResult } from '../sql/query-result.ts'
import type { FigureAbout, FigureRows, LiveHealth, LiveSnapshot } from './document.ts'
import type { BrokenFigure, Figure } from './metric.ts'
import { Credit, paceOf } from './query-budget.ts'

/** Where a board gets its answers: the engine in this process, another one, or the lake. */
export interface LiveSource {
  /** Takes in what the log holds, so that the answers that follow are up to date. */
  catchUp(): Promise<void>
  query(sql: string, nowMs: number): Promise<QueryResult>
  health(): Promise<LiveHealth>
  /** Grows with the records taken in; another number: there may be something new. */
  news(): number
}

export interface BoardOptions {
  readonly shop: { readonly name: string; readonly timezone: string }
  readonly figures: readonly Figure[]
  readonly broken: readonly BrokenFigure[]
  readonly source: LiveSource
  readonly clock: Clock
  /** Share of a core that the answers may cost; 0.06 when absent. */
  readonly share?: number
}

interface Kept {
  readonly shown: FigureRows
  /** The rows as JSON: equal texts are no change. */
  readonly text: string
  readonly askedMs: number
  /** The source's news when it was asked. */
  readonly news: number
}

/** What one round found. */
export interface Round {
  readonly figures: Readonly<Record<string, FigureRows>>
  readonly unchanged: readonly string[]
}

const SHARE = 0.06
const COSTS = 5
/** Due a little early rather than a whole tick late. */
const SLACK_MS = 260
/** With news and ample credit as early as that, so that a figure of each second shows them within the second. */
const NEWS_SLACK_MS = 800
/** How long after one look at the news the next is worth it. */
const NEWS_MS = 750
const NEWS_MS_AMPLE = 250
/** Nothing came in: windows that move with the clock are asked again after this time. */
const QUIET_MS = 5_000

export class LiveBoard {
  readonly #options: BoardOptions
  readonly #kept = new Map<string, Kept>()
  /** What each figure's last questions cost, ms; the very first, which pays for much else, is not among them. */
  readonly #costsMs = new Map<string, readonly number[]>()
  /** As the figure `today` last said. */
  #currency: string | null = null
  readonly #credit: Credit
  #asking: Promise<unknown> = Promise.resolve()
  /** Questions asked so far, for tests and benchmarks. */
  asked = 0

  constructor(options: BoardOptions) {
    this.#options = options
    this.#credit = new Credit(options.share ?? SHARE)
    for (const { id, error } of options.broken) this.#keepFault(id, faultText(error))
  }

  about(): readonly FigureAbout[] {
    const { figures, broken } = this.#options
    return [
      ...figures.map(({ id, title, sql, everyMs, note }) => {
        const error = this.#kept.get(id)?.shown.error
        return { id, title, sql, everyMs, note, ...(error === undefined ? {} : { error }) }
      }),
      ...broken.map(({ id, error }) => {
        const nothing = { title: id, sql: '', everyMs: 0, note: '' }
        return { id, ...nothing, error: faultText(error) }
      }),
    ].sort((a, b) => (a.id < b.id ? -1 : 1))
  }

  /**
   * How long each figure waits from one question to the next, ms: as it says, or longer where all together
   * would cost more than their share. The dear ones wait; the cheap ones keep their pace.
   */
  pace(): ReadonlyMap<string, number> {
    const { figures, share = SHARE } = this.#options
    return paceOf(
      figures.map(({ id, everyMs }) => ({ id, everyMs, costMs: this.#costOf(id) })),
      share,
    )
  }

  /** How long after one look at the news the next is worth it, ms: sooner while there is credit for questions. */
  newsMs(): number {
    const { clock } = this.#options
    return this.#credit.isAmple(clock.nowMs()) ? NEWS_MS_AMPLE : NEWS_MS
  }

  /** What one question of each figure costs, ms of CPU; 0: not known yet. */
  costs(): ReadonlyMap<string, number> {
    return new Map(this.#options.figures.map(({ id }) => [id, this.#costOf(id)]))
  }

  /** How the pipeline does, asked now. */
  health(): Promise<LiveHealth> {
    return this.#options.source.health()
  }

  /**
   * What is known, without asking. Figures that nobody looked at for long are left out and forgotten, so that
   * they count as changed when they are asked again.
   */
  snapshot(health: LiveHealth): LiveSnapshot {
    const { shop, clock, figures } = this.#options
    const nowMs = clock.nowMs()
    const pace = this.pace()
    for (const { id, everyMs } of figures) {
      const askedMs = this.#kept.get(id)?.askedMs ?? nowMs
      if (nowMs - askedMs > OLD_MS + 2 * (pace.get(id) ?? everyMs)) this.#kept.delete(id)
    }
    const shown = Object.fromEntries([...this.#kept].map(([id, kept]) => [id, kept.shown]))
    return {
      at: new Date(nowMs).toISOString(),
      shop: { ...shop, currency: this.#currency },
      figures: shown,
      health,
    }
  }

  /**
   * Asks what is due, often asked figures first; `onPart` gets what is found in parts, so that a slow figure
   * keeps none waiting. One round at a time: a second caller gets its own, after the first.
   */
  refresh(onPart: (part: Round) => void = () => {}): Promise<void> {
    const round = this.#asking.then(() => this.#round(onPart))
    this.#asking = round.catch(() => undefined)
    return round
  }

  #due(): readonly Figure[] {
    const { clock, figures, source } = this.#options
    const nowMs = clock.nowMs()
    const pace = this.pace()
    const news = source.news()
    const isAmple = this.#credit.isAmple(nowMs)
    let leftMs = this.#credit.leftMs(nowMs)
    return figures
      .toSorted((a, b) => a.everyMs - b.everyMs || this.#costOf(a.id) - this.#costOf(b.id))
      .filter(({ id, everyMs }) => {
        const kept = this.#kept.get(id)
        if (!kept) return true
        // With nothing new, answers change by the clock alone.
        const isQuiet = kept.news === news
        const isOver = (waitMs: number, slackMs: number) =>
          nowMs - kept.askedMs >= (isQuiet ? Math.max(waitMs, QUIET_MS) : waitMs) - slackMs
        const costMs = this.#costOf(id)
        const isDue =
          isOver(pace.get(id) ?? everyMs, SLACK_MS) ||
          (leftMs >= costMs && isOver(everyMs, isAmple && !isQuiet ? NEWS_SLACK_MS : SLACK_MS))
        if (isDue) leftMs -= costMs
        return isDue
      })
  }

  #costOf(id: string): number {
    const costs = this.#costsMs.get(id) ?? []
    return costs.length === 0 ? 0 : Math.min(...costs)
  }

  async #round(onPart: (part: Round) => void): Promise<void> {
    const { source, clock } = this.#options
    await source.catchUp()
    const due = this.#due()
    if (due.length === 0) return
    // All of a round are asked as of one instant, so that its figures fit together.
    const nowMs = clock.nowMs()
    let part = { figures: {} as Record<string, FigureRows>, unchanged: [] as string[] }
    let partMs = clock.elapsedMs()
    const news = source.news()
    for (const [index, figure] of due.entries()) {
      if (await this.#ask(figure, nowMs, news)) {
        const kept = this.#kept.get(figure.id)
        if (kept) part.figures[figure.id] = kept.shown
      } else part.unchanged.push(figure.id)
      if (index + 1 < due.length && clock.elapsedMs() - partMs < PART_MS) continue
      onPart(part)
      part = { figures: {}, unchanged: [] }
      partMs = clock.elapsedMs()
    }
  }

  /** Whether the figure's rows changed. */
  async #ask(figure: Figure, nowMs: number, news: number): Promise<boolean> {
    const { clock } = this.#options
    const start = { elapsedMs: clock.elapsedMs(), cpuMs: clock.cpuMs() }
    this.asked++
    this.#credit.spend(this.#costOf(figure.id), nowMs)
    const before = this.#kept.get(figure.id)
    try {
      const { rows } = await this.#options.source.query(figure.sql, nowMs)
      const text = JSON.stringify(rows)
      const isSame = before?.text === text && before.shown.error === undefined
      const [{ currency } = {}] = rows
      if (figure.id === 'today' && typeof currency === 'string') this.#currency = currency
      const shown = { asOf: new Date(nowMs).toISOString(), rows }
      this.#kept.set(figure.id, { shown, text, askedMs: nowMs, news })
      this.#learn(figure.id, start)
      return !isSame
    } catch (error) {
      const text = questionFault(figure, error)
      this.#keepFault(figure.id, text, { askedMs: nowMs, news })
      return before?.shown.error !== text
    }
  }

  /**
   * The least of the last few counts: on a busy machine an answer takes longer than it costs, and this
   * process does other things meanwhile.
   */
  #learn(id: string, start: { readonly elapsedMs: number; readonly cpuMs: number }): void {
    const { clock } = this.#options
    const costMs = Math.min(clock.elapsedMs() - start.elapsedMs, clock.cpuMs() - start.cpuMs)
    const costs = this.#costsMs.get(id)
    this.#costsMs.set(id, costs ? [...costs, costMs].slice(-COSTS) : [])
  }

  #keepFault(id: string, error: string, when = { askedMs: 0, news: -1 }): void {
    const asOf = new Date(this.#options.clock.nowMs()).toISOString()
    this.#kept.set(id, { shown: { asOf, rows: [], error }, text: '[]', ...when })
  }
}

/** Within a round, what is found is passed on when this much time has gone since the last part. */
const PART_MS = 100
/** Nobody looked: numbers older than this are not shown as now. */
const OLD_MS = 6_000

function faultText(error: BrokenFigure['error']): string {
  const place = error.location ? `${formatLocation(error.location)}: ` : ''
  return `${place}${error.message}`
}

/** DuckDB's refusal with the line of the figure's file that it means. */
export function questionFault(figure: Figure, error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  const [first = ''] = text.split('\n')
  const line = /^LINE (\d+):/m.exec(text)?.[1]
  const place =
    line === undefined ? figure.file : `${figure.file}:${figure.sqlLine + Number(line) - 1}`
  return `${place}: ${first}`
}
