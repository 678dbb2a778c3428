/**
 * Computes the expected content of Gold while the simulation runs, from the definitions of the
 * metrics and each partition's watermark at the arrival of an event. Memory grows with the run.
 */
import { TRUTH_FORMAT, TRUTH_TABLES, type Truth, type TruthRow } from '../domain/audit/truth.ts'
import { appendAll } from '../domain/kernel/lists.ts'
import { rejectReason } from './broken-records.ts'
import { ShopDays } from './shop-days.ts'
import type { Arrival } from './simulation.ts'
import { buildDailyTables } from './truth-daily.ts'
import { MoneyBook, sumLines } from './truth-money.ts'
import { buildSessions, type Session, type SessionEvent } from './truth-sessions.ts'
import { formatMoney, formatTime } from './truth-values.ts'
import type { EventDraft } from './visitor.ts'

const SECOND_MS = 1000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS
const WATERMARK_DELAY_MS = 5 * SECOND_MS

interface MinuteSums {
  events: number
  readonly visitors: Set<string>
  page_view: number
  view_item: number
  add_to_cart: number
  begin_checkout: number
  purchase: number
  revenueMinor: number
}

/** How long after the end of its window an event still counts; as declared in sql/gold. */
const LATENESS_MS = {
  activity: 10 * MINUTE_MS,
  pages: HOUR_MS,
  revenue: 6 * HOUR_MS,
  categories: 6 * HOUR_MS,
  sessions: HOUR_MS,
} as const
type StreamedTable = keyof typeof LATENESS_MS
const PAUSE_MS = 30 * MINUTE_MS

/** The run that is recorded; its seed and start go into the header of the result. */
export interface RecorderOptions {
  readonly seed: number
  readonly startMs: number
  /** The shop's time zone, an IANA name. */
  readonly timezone: string
  readonly partitions: number
}

/** Counts every record of a run; `finish` gives what Gold must hold after all were ingested. */
export class TruthRecorder {
  readonly #options: RecorderOptions
  readonly #days: ShopDays
  /** Greatest event time accepted so far, per partition. */
  readonly #maxMs: number[]
  readonly #minutes = new Map<number, MinuteSums>()
  readonly #pages = new Map<number, Map<string, number>>()
  readonly #money = new MoneyBook()
  readonly #visits = new Map<string, SessionEvent[]>()
  readonly #dayEnds = new Map<number, number>()
  readonly #dlq: Record<string, number> = {}
  readonly #tooLate: Record<string, number> = {}
  #records = 0
  #duplicates = 0
  #late = 0

  constructor(options: RecorderOptions) {
    this.#options = options
    this.#days = new ShopDays(options.timezone)
    this.#maxMs = new Array<number>(options.partitions).fill(Number.NEGATIVE_INFINITY)
    for (const name of STREAMED_TABLES) this.#tooLate[TRUTH_TABLES[name].name] = 0
  }

  /** Counts one record; call it in the order in which records are appended to their partitions. */
  add(arrival: Arrival, partition: number): void {
    this.#records++
    if (arrival.broken !== null) {
      const reason = rejectReason(arrival.broken)
      this.#dlq[reason] = (this.#dlq[reason] ?? 0) + 1
      return
    }
    const { timeMs, event } = arrival
    const maxMs = this.#maxMs[partition] ?? Number.NEGATIVE_INFINITY
    const watermarkMs = maxMs - WATERMARK_DELAY_MS
    if (timeMs > maxMs) this.#maxMs[partition] = timeMs
    if (arrival.isDuplicate) {
      this.#duplicates++
      return
    }
    if (timeMs < watermarkMs) this.#late++
    if (arrival.isBot) return
    this.#addActivity(event, timeMs, watermarkMs)
    this.#addPage(event, timeMs, watermarkMs)
    this.#addMoney(event, timeMs, watermarkMs)
    this.#addVisit(event, timeMs, watermarkMs)
  }

  #isTooLate(table: StreamedTable, endMs: number, watermarkMs: number): boolean {
    if (endMs + LATENESS_MS[table] > watermarkMs) return false
    const { name } = TRUTH_TABLES[table]
    this.#tooLate[name] = (this.#tooLate[name] ?? 0) + 1
    return true
  }

  #addActivity(event: EventDraft, timeMs: number, watermarkMs: number): void {
    const minute = Math.floor(timeMs / MINUTE_MS)
    if (this.#isTooLate('activity', (minute + 1) * MINUTE_MS, watermarkMs)) return
    let sums = this.#minutes.get(minute)
    if (sums === undefined) {
      sums = {
        events: 0,
        visitors: new Set(),
        page_view: 0,
        view_item: 0,
        add_to_cart: 0,
        begin_checkout: 0,
        purchase: 0,
        revenueMinor: 0,
      }
      this.#minutes.set(minute, sums)
    }
    sums.events++
    sums.visitors.add(event.anonymous_id)
    const type = event.event_type
    if (
      type === 'page_view' ||
      type === 'view_item' ||
      type === 'add_to_cart' ||
      type === 'begin_checkout' ||
      type === 'purchase'
    ) {
      sums[type]++
    }
    sums.revenueMinor += orderValue(event)
  }

  #addPage(event: EventDraft, timeMs: number, watermarkMs: number): void {
    if (event.event_type !== 'page_view' || event.page === null) return
    const hour = Math.floor(timeMs / HOUR_MS)
    if (this.#isTooLate('pages', (hour + 1) * HOUR_MS, watermarkMs)) return
    const views = this.#pages.get(hour) ?? new Map<string, number>()
    views.set(event.page, (views.get(event.page) ?? 0) + 1)
    this.#pages.set(hour, views)
  }

  #addMoney(event: EventDraft, timeMs: number, watermarkMs: number): void {
    const isOrder = event.event_type === 'purchase'
    if (!isOrder && event.event_type !== 'refund') return
    const day = this.#days.dayAt(timeMs)
    const endMs = this.#dayEnds.get(day) ?? this.#days.endMs(day)
    this.#dayEnds.set(day, endMs)
    if (!this.#isTooLate('revenue', endMs, watermarkMs)) {
      if (isOrder) this.#money.addOrder(day, event)
      else this.#money.addRefund(day, event)
    }
    if (!isOrder) return
    for (const item of event.items) {
      // Each line is a row of its own, and each is counted separately when it comes too late.
      if (!this.#isTooLate('categories', endMs, watermarkMs)) this.#money.addLine(day, event, item)
    }
  }

  #addVisit(event: EventDraft, timeMs: number, watermarkMs: number): void {
    if (this.#isTooLate('sessions', timeMs + PAUSE_MS, watermarkMs)) return
    const visit: SessionEvent = {
      timeMs,
      type: event.event_type,
      revenueMinor: orderValue(event),
      customerId: event.customer_id,
      clientSession: event.session_id,
      utmSource: event.utm_source,
      utmMedium: event.utm_medium,
      utmCampaign: event.utm_campaign,
      device: event.device,
      country: event.geo_country,
      city: event.geo_city,
    }
    const visits = this.#visits.get(event.anonymous_id)
    if (visits === undefined) this.#visits.set(event.anonymous_id, [visit])
    else visits.push(visit)
  }

  /** Returns the expected results of all records added so far. */
  finish(): Truth {
    const { seed, startMs, timezone, partitions } = this.#options
    const sessions: Session[] = []
    for (const [id, visits] of this.#visits)
      appendAll(sessions, buildSessions(id, visits, this.#days))
    const counts = {
      records: this.#records,
      duplicates: this.#duplicates,
      dlq: this.#dlq,
      late: this.#late,
      tooLate: this.#tooLate,
    }
    const start = formatTime(startMs)
    return {
      header: { format: TRUTH_FORMAT, seed, timezone, partitions, start, counts },
      tables: [
        { table: TRUTH_TABLES.activity, rows: this.#activityRows() },
        { table: TRUTH_TABLES.sessions, rows: sessions.map(({ row }) => row) },
        { table: TRUTH_TABLES.revenue, rows: this.#money.dayRows() },
        { table: TRUTH_TABLES.categories, rows: this.#money.categoryRows() },
        { table: TRUTH_TABLES.pages, rows: this.#pageRows() },
        ...buildDailyTables(sessions),
      ],
    }
  }

  #activityRows(): TruthRow[] {
    return [...this.#minutes].map(([minute, sums]) => [
      formatTime(minute * MINUTE_MS),
      sums.events,
      sums.visitors.size,
      sums.page_view,
      sums.view_item,
      sums.add_to_cart,
      sums.begin_checkout,
      sums.purchase,
      formatMoney(sums.revenueMinor),
    ])
  }

  #pageRows(): TruthRow[] {
    return [...this.#pages].flatMap(([hour, views]) =>
      [...views].map(([page, count]) => [formatTime(hour * HOUR_MS), page, count]),
    )
  }
}

const STREAMED_TABLES: readonly StreamedTable[] = [
  'activity',
  'pages',
  'revenue',
  'categories',
  'sessions',
]

function orderValue(event: EventDraft): number {
  return event.event_type === 'purchase' ? sumLines(event.items) : 0
}
