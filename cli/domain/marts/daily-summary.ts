/** The "Close of day" page: the last closed day in the marts, the days before it, what changed. */

import type { QueryResult } from '../sql/query-result.ts'
import { type CategoryNumbers, type DayNumbers, summarizeDay } from './daily-summary-text.ts'

/** GET /api/day. Without marts or a closed day, `reason` says why and the lists are empty. */
export interface CloseOfDay {
  readonly date: string | null
  readonly days: readonly (DayNumbers & { readonly aov: string | null })[]
  readonly categories: readonly CategoryNumbers[]
  readonly cohorts: readonly {
    readonly cohort_week: string
    readonly size: number
    /** Shares of the cohort that ordered again, from week 0 on; null: not known yet. */
    readonly weeks: readonly (number | null)[]
  }[]
  readonly funnel: readonly Readonly<Record<string, unknown>>[]
  readonly sentences: readonly string[]
  readonly builtAt: string | null
  readonly reason: string | null
}

/** The published marts, as far as the page needs them. */
export interface DayMarts {
  readonly info: { readonly watermarkMs: number | null; readonly builtMs: number | null }
  query(sql: string): Promise<QueryResult>
}

const DAYS = 14
const COHORTS = 8

/** The document when there is no closed day to show. */
export function emptyCloseOfDay(reason: string, builtAt: string | null = null): CloseOfDay {
  const nothing = { days: [], categories: [], cohorts: [], funnel: [], sentences: [] }
  return { date: null, ...nothing, builtAt, reason }
}

/** A day is open while `nowMs` or the watermark of the marts still lies in it. */
export async function readCloseOfDay(
  marts: DayMarts,
  shop: { readonly timezone: string; readonly nowMs: number },
): Promise<CloseOfDay> {
  // Query first: if the marts were replaced meanwhile, `info` is updated by it.
  await marts.query('SELECT 1')
  const { watermarkMs, builtMs } = marts.info
  const builtAt = builtMs === null ? null : new Date(builtMs).toISOString()
  const open = readShopDay(Math.min(shop.nowMs, watermarkMs ?? shop.nowMs), shop.timezone)
  const lastSql = `SELECT CAST(max(shop_date) AS VARCHAR) AS date
    FROM daily_funnel WHERE shop_date < DATE '${open}'`
  const [last] = (await marts.query(lastSql)).rows
  if (typeof last?.date !== 'string')
    return emptyCloseOfDay(
      `No day has closed yet: ${open} is the first, and it is still open.`,
      builtAt,
    )
  const { date } = last
  const firstSql = `SELECT CAST(min(shop_date) AS VARCHAR) AS first,
    (SELECT coalesce(sum(orders), 0) FROM fct_revenue_daily
      WHERE shop_date <= DATE '${date}') AS orders
    FROM daily_funnel`
  const [begin] = (await marts.query(firstSql)).rows
  // The first day is a part of one: a shop that has just begun would read that it sold nothing.
  if (begin?.first === date && Number(begin.orders) === 0)
    return emptyCloseOfDay(
      `No day with orders has closed yet: the first visits are of ${date}, ` +
        `and ${open} is still open.`,
      builtAt,
    )
  const [days, categories, cohorts, funnel] = await Promise.all([
    marts.query(daysSql(date)),
    marts.query(categoriesSql(date)),
    marts.query(COHORTS_SQL),
    marts.query(funnelSql(date)),
  ])
  // The columns of the SELECTs below.
  const story = {
    date,
    days: days.rows as unknown as CloseOfDay['days'],
    categories: categories.rows as unknown as readonly CategoryNumbers[],
  }
  return {
    ...story,
    cohorts: cohorts.rows as unknown as CloseOfDay['cohorts'],
    funnel: funnel.rows,
    sentences: summarizeDay(story),
    builtAt,
    reason: null,
  }
}

/** The calendar day in the shop's timezone. */
function readShopDay(ms: number, timezone: string): string {
  return new Intl.DateTimeFormat('en-CA', { timeZone: timezone, dateStyle: 'short' }).format(ms)
}

/** The currency with most orders in these days: amounts in several currencies can't be added. */
const mainCurrencyCte = (date: string) => `main AS (
  SELECT currency FROM fct_revenue_daily
  WHERE shop_date BETWEEN DATE '${date}' - ${DAYS - 1} AND DATE '${date}'
  GROUP BY currency ORDER BY sum(orders) DESC, currency LIMIT 1)`

function daysSql(date: string): string {
  return `WITH ${mainCurrencyCte(date)}
SELECT
  CAST(f.shop_date AS VARCHAR) AS date,
  coalesce((SELECT currency FROM main), '') AS currency,
  coalesce(r.orders, 0) AS orders,
  CAST(coalesce((SELECT sum(x.orders) FROM fct_revenue_daily x WHERE x.shop_date = f.shop_date), 0)
    AS BIGINT) AS all_orders,
  CAST(coalesce(r.revenue, 0) AS DECIMAL(18, 2)) AS revenue,
  CAST(coalesce(r.net_revenue, 0) AS DECIMAL(18, 2)) AS net_revenue,
  CAST(r.revenue / nullif(r.orders, 0) AS DECIMAL(18, 2)) AS aov,
  f.sessions,
  f.converted_sessions / nullif(f.sessions, 0) AS conversion_rate,
  coalesce(a.active_users_1d, 0) AS visitors
FROM daily_funnel f
LEFT JOIN fct_revenue_daily r
  ON r.shop_date = f.shop_date AND r.currency = (SELECT currency FROM main)
LEFT JOIN active_users a ON a.shop_date = f.shop_date
WHERE f.shop_date BETWEEN DATE '${date}' - ${DAYS - 1} AND DATE '${date}'
ORDER BY f.shop_date`
}

function categoriesSql(date: string): string {
  return `WITH ${mainCurrencyCte(date)}, sums AS (
  SELECT category,
    coalesce(sum(revenue) FILTER (WHERE shop_date = DATE '${date}'), 0) AS revenue,
    coalesce(sum(revenue) FILTER (WHERE shop_date = DATE '${date}' - 1), 0) AS previous
  FROM fct_revenue_by_category
  WHERE shop_date BETWEEN DATE '${date}' - 1 AND DATE '${date}'
    AND currency = (SELECT currency FROM main)
  GROUP BY category)
SELECT category,
  CAST(revenue AS DECIMAL(18, 2)) AS revenue,
  CAST(previous AS DECIMAL(18, 2)) AS previous,
  CAST(revenue - previous AS DECIMAL(18, 2)) AS difference
FROM sums ORDER BY sums.revenue DESC, category`
}

const COHORTS_SQL = `SELECT
  CAST(cohort_week AS VARCHAR) AS cohort_week,
  any_value(cohort_size) AS size,
  list(buyer_share ORDER BY weeks_since_first_order) AS weeks
FROM cohort_retention
WHERE cohort_week IN (
  SELECT DISTINCT cohort_week FROM cohort_retention ORDER BY 1 DESC LIMIT ${COHORTS})
GROUP BY cohort_week ORDER BY cohort_week`

function funnelSql(date: string): string {
  return `SELECT step, sessions,
  sessions / nullif(before, 0) AS rate_from_previous, sessions / nullif(n, 0) AS rate_overall
FROM (
  SELECT sessions AS n,
    unnest(['session', 'view_item', 'add_to_cart', 'begin_checkout', 'purchase']) AS step,
    unnest([sessions, views, carts, checkouts, orders]) AS sessions,
    unnest([NULL, sessions, views, carts, checkouts]) AS before,
    unnest([1, 2, 3, 4, 5]) AS place
  FROM daily_funnel WHERE shop_date = DATE '${date}')
ORDER BY place`
}
