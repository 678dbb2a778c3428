/** The queries of `ccs live`; a user could type each of them. */

import type { StatusResult } from '../pipeline/read-status.ts'
import type { QueryResult } from '../sql/query-result.ts'
import type { EngineHealth, LiveData } from './live-lines.ts'

/** Where `ccs live` gets its answers. */
export interface LiveSource {
  readonly query: (sql: string) => Promise<QueryResult>
  /** Asked after the queries. */
  readonly health: () => Promise<LiveData['health']>
  readonly nowMs: () => number
}

/** Today's money by currency, the one with most orders first. */
export const REVENUE_TODAY = `SELECT currency, orders, revenue FROM gold.revenue_daily
  WHERE shop_date = shop_day(right_now()) ORDER BY orders DESC, currency`

const MINUTES = 60
const TOP = 5

/** Runs all queries once, as of now. */
export async function readLive({ query, health, nowMs }: LiveSource): Promise<LiveData> {
  const atMs = nowMs()
  const [now] = (await query('SELECT * FROM gold.right_now')).rows
  const revenue = (await query(REVENUE_TODAY)).rows
  const minutes = await query(
    `SELECT window_start, events, orders FROM gold.activity_1m
     WHERE window_start > make_timestamp_ms(${atMs}) - INTERVAL ${MINUTES} MINUTES`,
  )
  const [funnel] = (
    await query('SELECT * FROM gold.funnel_daily WHERE shop_date = shop_day(right_now())')
  ).rows
  const pages = await query(
    `SELECT page, views FROM gold.top_pages_1h
     WHERE window_start = time_bucket(INTERVAL 1 HOUR, right_now())
     ORDER BY views DESC, page LIMIT ${TOP}`,
  )
  const campaigns = await query(
    `SELECT utm_source || ' / ' || utm_campaign AS name, CAST(sum(sessions) AS BIGINT) AS sessions
     FROM gold.campaign_daily WHERE shop_date = shop_day(right_now())
     GROUP BY ALL ORDER BY sessions DESC, name LIMIT ${TOP}`,
  )
  return {
    atMs,
    now: now ?? {},
    revenue: revenue.map((row) => {
      return { currency: String(row.currency), revenue: String(row.revenue) }
    }),
    minutes: fillMinutes(minutes, atMs),
    funnel: funnel ?? {},
    pages: pages.rows.map(({ page, views }) => ({ page: String(page), views: Number(views) })),
    campaigns: campaigns.rows.map(({ name, sessions }) => ({
      name: String(name),
      sessions: Number(sessions),
    })),
    health: await health(),
  }
}

/** The state of an engine on this machine, as `ccs live` shows it. */
export function describeEngine(status: StatusResult): EngineHealth {
  const { counts, running, stalled, lagEvents, newestAgeMs } = status
  const { records, late, duplicates, dlq } = counts
  return { running, stalled, lagEvents, newestAgeMs, records, late, duplicates, dlq }
}

/** One entry per minute; a minute without events is 0. */
function fillMinutes({ rows }: QueryResult, atMs: number): LiveData['minutes'] {
  const found = new Map(rows.map((row) => [Date.parse(String(row.window_start)), row]))
  const last = Math.floor(atMs / 60_000) * 60_000
  return Array.from({ length: MINUTES }, (_, index) => {
    const row = found.get(last - (MINUTES - 1 - index) * 60_000)
    return { events: Number(row?.events ?? 0), orders: Number(row?.orders ?? 0) }
  })
}
