/**
 * The shop's days at odd dates: both clock changes in Berlin, a leap day, the end of a year. Every
 * half hour has an event, so a day has as many events as half hours. Expected values are computed
 * with Intl, not with our SQL.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openAnswers } from '../../cli/app/query.ts'
import { runReconcile } from '../../cli/app/reconcile.ts'
import type { Event } from '../../cli/domain/events/contracts.ts'
import { loadProject } from '../../cli/project.ts'
import { ROOT, runCcs } from '../e2e/run-ccs.ts'
import { explainMissingOwnDbt, SHARED_DBT } from '../fixtures/dbt-project.ts'
import { buildMarts } from '../fixtures/marts-stand-in.ts'
import { appendEvents, shopEvent, shopOrder } from '../fixtures/shop-events.ts'

const HALF_HOUR = 1_800_000
const ZONE = 'Europe/Berlin'

/** Midnights in Berlin; four days follow each. */
const STARTS = [
  '2026-03-27T23:00:00Z',
  '2026-10-23T22:00:00Z',
  '2026-12-29T23:00:00Z',
  '2028-02-27T23:00:00Z',
]

const ODD_DAYS = [
  { what: 'the day of 23 hours', day: '2026-03-29', halfHours: 46 },
  { what: 'the day of 25 hours', day: '2026-10-25', halfHours: 50 },
  { what: 'the last day of the year', day: '2026-12-31', halfHours: 48 },
  { what: 'the first day of the year', day: '2027-01-01', halfHours: 48 },
  { what: 'the leap day', day: '2028-02-29', halfHours: 48 },
] as const

const wallClock = new Intl.DateTimeFormat('en-CA', { timeZone: ZONE, dateStyle: 'short' })
const dayOf = (ms: number) => wallClock.format(ms)

/** Four days of events: at the start of each half hour, and at its last millisecond. */
function stretch(index: number, from: string): readonly Event[] {
  const startMs = Date.parse(from)
  const halves = Array.from({ length: 4 * 48 }, (_, half) => startMs + half * HALF_HOUR)
  return halves.flatMap((atMs, half) => {
    const name = `${index}-${half}`
    const paid = 100 + ((half * 37) % 900)
    const order = shopOrder(name, atMs, paid, { anonymous_id: `buyer-${name}` })
    const last = { anonymous_id: `reader-${name}` }
    const refund = shopEvent(`${name}-r`, atMs + HALF_HOUR - 1, {
      ...last,
      event_type: 'refund',
      order_id: `order-${name}`,
      refund_minor: 1 + (half % 50),
    })
    const view = shopEvent(`${name}-v`, atMs + HALF_HOUR - 1, last)
    return [order, half % 5 === 0 ? refund : view]
  })
}

const events = STARTS.flatMap((from, index) => stretch(index, from))

interface Expected {
  orders: number
  revenueMinor: number
  refundsMinor: number
  events: number
}

/** The expected content of each day. */
function reckoned(): ReadonlyMap<string, Expected> {
  const days = new Map<string, Expected>()
  for (const event of events) {
    const date = dayOf(event.event_ts)
    const day = days.get(date) ?? { orders: 0, revenueMinor: 0, refundsMinor: 0, events: 0 }
    day.events++
    if (event.event_type === 'purchase') day.orders++
    day.revenueMinor += event.items.reduce((sum, item) => sum + item.unit_price_minor, 0)
    day.refundsMinor += event.refund_minor ?? 0
    days.set(date, day)
  }
  return days
}

let dir: string
let data: string

beforeAll(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'ccs-days-'))
  data = path.join(dir, 'data')
  const closing = shopEvent('closes', Date.parse('2028-03-10T12:00:00Z'))
  await appendEvents(data, [...events, closing])
  const ran = await runCcs(['run', '--once', '--data', data])
  expect(ran).toMatchObject({ code: 0 })
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

async function ask(sql: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const answers = await openAnswers(await loadProject(ROOT, { env: {}, data }))
  try {
    return (await answers.query(sql)).rows
  } finally {
    await answers.close()
  }
}

const minor = (money: unknown) => Math.round(Number(money) * 100)

test.each(ODD_DAYS)('$what, $day, has $halfHours half hours', ({ day, halfHours }) => {
  expect(reckoned().get(day)).toMatchObject({ orders: halfHours, events: 2 * halfHours })
})

test('every event is in exactly one day, that of the wall clock', async () => {
  const rows = await ask(`SELECT CAST(shop_day(event_time) AS VARCHAR) AS date, count(*) AS events
    FROM silver.people WHERE event_time < TIMESTAMP '2028-03-09' GROUP BY 1 ORDER BY 1`)
  const days = [...reckoned()].sort(([a], [b]) => (a < b ? -1 : 1))
  expect(rows).toEqual(days.map(([date, day]) => ({ date, events: day.events })))
})

test('the engine’s days match the wall clock to the cent, and add up to the total', async () => {
  const rows = await ask(`SELECT CAST(shop_date AS VARCHAR) AS date, orders, revenue, refunds
    FROM gold.revenue_daily ORDER BY 1`)
  const found = rows.map(({ date, orders, revenue, refunds }) => {
    return { date, orders, revenueMinor: minor(revenue), refundsMinor: minor(refunds) }
  })
  const days = [...reckoned()].sort(([a], [b]) => (a < b ? -1 : 1))
  expect(found).toEqual(
    days.map(([date, { orders, revenueMinor, refundsMinor }]) => {
      return { date, orders, revenueMinor, refundsMinor }
    }),
  )
  const total = found.reduce((sum, one) => sum + one.revenueMinor, 0)
  const all = await ask('SELECT sum(revenue) AS revenue, count(*) AS events FROM silver.people')
  expect([total, events.length + 1]).toEqual([minor(all[0]?.revenue), all[0]?.events])
})

test('categories add up to the day’s revenue, and visits to its orders', async () => {
  const rows = await ask(`SELECT count(*) AS wrong FROM gold.revenue_daily r
    JOIN (SELECT shop_date, sum(revenue) AS revenue FROM gold.revenue_by_category_daily GROUP BY 1) c
      USING (shop_date)
    JOIN (SELECT shop_date, sum(orders) AS orders FROM gold.sessions GROUP BY 1) s USING (shop_date)
    WHERE r.revenue <> c.revenue OR r.orders <> s.orders`)
  expect(rows).toEqual([{ wrong: 0 }])
})

/** All days but the last, which is still open. */
async function expectEven(): Promise<void> {
  const report = await runReconcile(await loadProject(ROOT, { env: {}, data }))
  const wrong = report.days.flatMap(({ date, metrics, rows }) => [
    ...metrics.filter(({ difference }) => Number(difference) !== 0).map((one) => [date, one]),
    ...rows.map((row) => [date, row]),
  ])
  expect(wrong).toEqual([])
  expect(report.ok).toBe(true)
  expect(report.days.map(({ date }) => date)).toEqual([...reckoned().keys()].sort())
  for (const { date, metrics } of report.days) {
    const orders = metrics.find(({ name }) => name === 'revenue_daily.orders')
    expect({ date, orders: orders?.batch }).toEqual({ date, orders: reckoned().get(date)?.orders })
  }
}

test('the engine and the marts agree on every one of these days', async () => {
  await buildMarts(data)
  await expectEven()
})

test('the engine and dbt’s marts agree on every one of these days', {
  timeout: 600_000,
}, async (context) => {
  const problem = await explainMissingOwnDbt()
  context.skip(problem !== undefined, problem)
  const options = { timeoutMs: 580_000, env: SHARED_DBT }
  const built = await runCcs(['dbt', 'build', '--data', data], options)
  expect(built).toMatchObject({ code: 0 })
  await expectEven()
})
