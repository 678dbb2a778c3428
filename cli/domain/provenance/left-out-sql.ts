/**
 * SQL that counts, and finds, what the numbers of one shop day leave out. It reads that day's
 * partitions of Bronze and Silver and the days beside them, never the history.
 */
import { printEventTimeSql } from '../events/event-time.ts'
import { ORDER_KIND } from '../gate/decoder/order-id.ts'
import { quoteText } from '../kernel/sql-text.ts'
import type { GraphModel } from '../models/graph.ts'
import { type LateModel, listLateModels } from '../models/late-models.ts'
import { readSelect } from '../sql/read-tree.ts'
import { findEventTables } from './events.ts'

/** The models that decide what counts. */
export interface LeftOutModels {
  readonly bronze: string
  /** One row per event; the duplicates are left out. */
  readonly events: string
  /** The view over the events that Gold reads, or the events themselves. */
  readonly counted: string
  /** Column of the order's id if each order's purchases are deduplicated by it. */
  readonly orderKey: string | undefined
  /** Gold models that read `counted`, one row per event. */
  readonly late: readonly LateModel[]
  /** Money by shop day and currency; undefined if the project has no such model. */
  readonly revenue: string | undefined
  /** Columns of `events`; undefined if they can't be known without a database. */
  readonly columns: ReadonlySet<string> | undefined
}

const REVENUE = 'gold.revenue_daily'

/** Throws CCS_SQL_UNSUPPORTED if no model deduplicates by event_id. */
export function findLeftOutModels(graph: readonly GraphModel[]): LeftOutModels {
  const { bronze, events, orderKey } = findEventTables(graph)
  const view = graph.find(
    ({ model, reads }) =>
      model.kind === 'view' &&
      model.layer === 'silver' &&
      reads.length === 1 &&
      reads[0] === events,
  )
  const counted = view?.model.name ?? events
  const ast = graph.find(({ model }) => model.name === events)?.ast
  const items = ast ? readSelect(ast).items : []
  const hasStar = items.some(({ expr }) => expr.is === 'star' || expr.is === 'other')
  return {
    ...{ bronze, events, counted, orderKey },
    late: listLateModels(graph).filter((one) => one.source === counted),
    revenue: graph.find(({ model }) => model.name === REVENUE)?.model.name,
    columns: hasStar ? undefined : new Set(items.map(({ name }) => name)),
  }
}

/** Whether the events have this column. */
function has({ columns }: LeftOutModels, name: string): boolean {
  return columns?.has(name) ?? true
}

/** SQL of a shop day: today's by the clock of `right_now()`, or a given one, YYYY-MM-DD. */
export function printDay(day: string | undefined): string {
  return day === undefined ? 'shop_day(right_now())' : `DATE ${quoteText(day)}`
}

/** A condition that events of the shop day fulfil; `time` is SQL of their event time. */
function ofDay(day: string, time: string): string {
  return (
    `event_date BETWEEN ${day} - 1 AND ${day} + 1 ` +
    `AND ${time} >= shop_day_end(${day} - 1) AND ${time} < shop_day_end(${day})`
  )
}

const BOT = 'is_bot'
const REFUSED = 'consent = FALSE'
const MONEY = `event_type IN ('purchase', 'refund')`

/** Condition on an event that says no consent, of a visitor who is not a bot. */
function refusedSql(models: LeftOutModels): string {
  if (!has(models, 'consent')) return 'FALSE'
  return has(models, BOT) ? `(${REFUSED} AND NOT ${BOT})` : REFUSED
}

function botSql(models: LeftOutModels): string {
  return has(models, BOT) ? BOT : 'FALSE'
}

function lateSql({ late }: LeftOutModels): string {
  return late.length === 0 ? 'FALSE' : `(${late.map((one) => one.condition).join(' OR ')})`
}

/** SELECT of the currency in which the page shows money of a day. */
export function printMainCurrency(revenue: string, day: string): string {
  return (
    `SELECT currency FROM ${revenue} WHERE shop_date <= ${day} ` +
    'ORDER BY shop_date DESC, orders DESC, currency LIMIT 1'
  )
}

/** Condition on an on-time order or refund whose money is not in the page's currency. */
function foreignSql(models: LeftOutModels, day: string): string {
  const { revenue, late } = models
  if (revenue === undefined || !has(models, 'currency')) return 'FALSE'
  const tooLate = late.find((one) => one.name === revenue)
  const onTime = tooLate ? ` AND NOT coalesce(${tooLate.condition}, FALSE)` : ''
  return `(${MONEY} AND currency <> (${printMainCurrency(revenue, day)})${onTime})`
}

/**
 * SELECT of one row with all counts of a shop day. `late_0`, `late_1` … are those of
 * `models.late`.
 */
export function printLeftOutSql(models: LeftOutModels, day: string): string {
  const { bronze, events, counted, orderKey, late, revenue } = models
  const [bot, refused] = [botSql(models), refusedSql(models)]
  const lates = late.map(
    (one, index) => `,
    count(*) FILTER (WHERE ${one.condition}) AS late_${index}`,
  )
  const amounts =
    revenue === undefined
      ? 'NULL'
      : `(SELECT string_agg(currency || ' ' || CAST(revenue AS VARCHAR), ', '
      ORDER BY revenue DESC, currency)
    FROM ${revenue} WHERE shop_date = ${day}
      AND currency <> (${printMainCurrency(revenue, day)}))`
  return `-- What the numbers of the shop day leave out: Bronze has what arrived,
-- Silver has each event once, and Gold reads ${counted}.
WITH arrived AS (
  SELECT count(*) AS arrived FROM ${bronze} b
  WHERE ${ofDay(day, `(${printEventTimeSql('b')})`)}
), kept AS (
  SELECT count(*) AS kept,
    count(*) FILTER (WHERE ${bot}) AS bots,
    count(*) FILTER (WHERE ${refused}) AS refused
  FROM ${events} WHERE ${ofDay(day, 'event_time')}
), counted AS (
  SELECT count(*) AS counted,
    count(*) FILTER (WHERE ${bot}) AS bots_counted,
    count(*) FILTER (WHERE ${refused}) AS refused_counted,
    count(*) FILTER (WHERE ${lateSql(models)}) AS late${lates.join('')},
    count(*) FILTER (WHERE ${foreignSql(models, day)}) AS other_currency
  FROM ${counted} WHERE ${ofDay(day, 'event_time')}
), repeated AS (
  SELECT count(*) AS repeated_orders FROM (
    ${orderKey === undefined ? 'SELECT 1 WHERE FALSE' : repeatedOrdersSql(models, day)})
), elsewhere AS (
  SELECT count(*) AS other_day FROM ${counted} WHERE ${otherDaySql(day)}
)
SELECT CAST(${day} AS VARCHAR) AS shop_date,
  epoch_ms(shop_day_end(${day} - 1)) AS since_ms, epoch_ms(shop_day_end(${day})) AS until_ms,
  arrived.*, kept.*, counted.*, repeated.*, elsewhere.*,
  ${revenue === undefined ? 'NULL' : `(${printMainCurrency(revenue, day)})`} AS currency,
  ${amounts} AS other_amounts
FROM arrived, kept, counted, repeated, elsewhere`
}

/** Events of the UTC day that the shop's clock puts on the day before or after. */
function otherDaySql(day: string): string {
  return `event_date = ${day} AND shop_day(event_time) <> ${day}`
}

/** Purchases of the day in Bronze that Silver does not have, with their place. */
function missingPurchasesSql({ bronze, events }: LeftOutModels, day: string): string {
  const kind = quoteText(ORDER_KIND)
  return `SELECT b.event_id, b.ingest_time FROM ${bronze} b
    WHERE b.event_type = ${kind} AND ${ofDay(day, `(${printEventTimeSql('b')})`)}
      AND NOT EXISTS (SELECT 1 FROM ${events} e
        WHERE e.event_type = ${kind} AND e.event_date BETWEEN ${day} - 1 AND ${day} + 1
          AND e.topic = b.topic AND e.partition = b.partition AND e."offset" = b."offset")`
}

/** Those of them whose event_id Silver does not have either: their order was there before. */
function repeatedOrdersSql(models: LeftOutModels, day: string): string {
  return `SELECT * FROM (${missingPurchasesSql(models, day)})
    WHERE event_id NOT IN (SELECT event_id FROM ${models.events}
      WHERE event_type = ${quoteText(ORDER_KIND)}
        AND event_date BETWEEN ${day} - 2 AND ${day} + 2)`
}

/** Reasons why an event in Bronze is missing from a number. */
export type EventReason =
  | 'late'
  | 'duplicate'
  | 'repeated-order'
  | 'bot'
  | 'no-consent'
  | 'other-rule'
  | 'other-currency'
  | 'other-day'

/** SELECT of the event_id of the newest event of the day that is missing for this reason. */
export function printFindSql(models: LeftOutModels, reason: EventReason, day: string): string {
  const { bronze, events, counted } = models
  const newest = (table: string, condition: string) =>
    `SELECT event_id FROM ${table} WHERE ${ofDay(day, 'event_time')} AND ${condition}
    ORDER BY event_time DESC, event_id LIMIT 1`
  switch (reason) {
    case 'late':
      return newest(counted, lateSql(models))
    case 'bot':
      return newest(events, botSql(models))
    case 'no-consent':
      return newest(events, refusedSql(models))
    case 'other-currency':
      return newest(counted, foreignSql(models, day))
    case 'other-rule':
      return newest(
        events,
        `NOT ${botSql(models)} AND NOT coalesce(${refusedSql(models)}, FALSE)
      AND event_id NOT IN (SELECT event_id FROM ${counted} WHERE ${ofDay(day, 'event_time')})`,
      )
    case 'other-day':
      return `SELECT event_id FROM ${counted} WHERE ${otherDaySql(day)}
    ORDER BY event_time DESC, event_id LIMIT 1`
    case 'repeated-order':
      return `SELECT event_id FROM (${repeatedOrdersSql(models, day)})
    ORDER BY ingest_time DESC, event_id LIMIT 1`
    case 'duplicate':
      return `SELECT b.event_id FROM ${bronze} b
    WHERE ${ofDay(day, `(${printEventTimeSql('b')})`)}
      AND NOT EXISTS (SELECT 1 FROM ${events} e WHERE e.event_date BETWEEN ${day} - 1 AND ${day} + 1
        AND e.topic = b.topic AND e.partition = b.partition AND e."offset" = b."offset")
      AND b.event_id IN (SELECT event_id FROM ${events}
        WHERE event_date BETWEEN ${day} - 2 AND ${day} + 2)
    ORDER BY b.ingest_time DESC, b.event_id LIMIT 1`
  }
}
