/** Metrics of the live page: their headers, and how their waiting times are planned. */
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { CcsError } from '../../../cli/domain/kernel/errors.ts'
import { parseMetric, parseMetrics } from '../../../cli/domain/live/metric.ts'
import { planWaitTimes } from '../../../cli/domain/live/query-budget.ts'

const LIVE = path.resolve(import.meta.dirname, '../../../sql/live')
const FILE = 'sql/live/orders.sql'

function faultOf(text: string): CcsError {
  try {
    parseMetric(FILE, text)
  } catch (error) {
    if (error instanceof CcsError) return error
    throw error
  }
  throw new Error('It was accepted.')
}

test('a metric is its header and one SELECT, whose line is known', () => {
  const text = `/*
kind: figure
title: Orders today
every: 5 seconds
note: Since midnight.
*/
-- Why it is so.
SELECT 1 AS orders
`
  expect(parseMetric(FILE, text)).toEqual({
    id: 'orders',
    title: 'Orders today',
    everyMs: 5_000,
    note: 'Since midnight.',
    access: 'token',
    sql: 'SELECT 1 AS orders',
    file: FILE,
    sqlLine: 8,
  })
})

test('all faults of a header are reported at once, each with its line', () => {
  const fault = faultOf('/*\nkind: view\ntitel: Orders\nevery: sometimes\n*/\nSELECT 1')
  const lines = [fault, ...fault.others].map(({ message, location }) => [location?.line, message])
  expect(lines.map(([line]) => line)).toEqual([2, 3, 2, 4])
  expect(fault.others[0]?.hint).toContain('title')
})

test.each([
  ['no header', 'SELECT 1', 1],
  ['no SELECT', '/*\nkind: figure\ntitle: A\nevery: 1 second\n*/\n', 7],
  ['too often', '/*\nkind: figure\ntitle: A\nevery: 10 milliseconds\n*/\nSELECT 1', 4],
])('a file with %s is rejected with its place', (_name, text, line) => {
  expect(faultOf(text)).toMatchObject({ code: 'CCS_MODEL_INVALID', location: { file: FILE, line } })
})

test('only totals are for anyone: of the shipped metrics all but single events and orders', () => {
  const files = readdirSync(LIVE).map((name) => {
    return { file: `sql/live/${name}`, text: readFileSync(path.join(LIVE, name), 'utf8') }
  })
  const { metrics } = parseMetrics(files)
  const hidden = metrics.filter(({ access }) => access === 'token')
  expect(hidden.map(({ id }) => id).sort()).toEqual(['latest_events', 'latest_orders'])
  const fault = faultOf('/*\nkind: figure\ntitle: A\nevery: 1 second\naccess: all\n*/\nSELECT 1')
  expect(fault).toMatchObject({ location: { file: FILE, line: 5 } })
})

test('a broken file does not affect other metrics', () => {
  const good = '/*\nkind: figure\ntitle: A\nevery: 1 second\n*/\nSELECT 1'
  const { metrics, broken } = parseMetrics([
    { file: 'sql/live/a.sql', text: good },
    { file: 'sql/live/b.sql', text: 'SELECT' },
  ])
  expect(metrics.map(({ id }) => id)).toEqual(['a'])
  expect(broken.map(({ id }) => id)).toEqual(['b'])
})

test('the project has every metric that the page shows', () => {
  const files = readdirSync(LIVE).map((name) => ({
    file: `sql/live/${name}`,
    text: readFileSync(path.join(LIVE, name), 'utf8'),
  }))
  const { metrics, broken } = parseMetrics(files)
  expect(broken).toEqual([])
  expect(metrics.map(({ id, everyMs }) => `${id} ${everyMs / 1000}`).sort()).toEqual([
    'campaigns 10',
    'cities 10',
    'devices 10',
    'funnel 5',
    'hours 30',
    'last_week 60',
    'latest_events 1',
    'latest_orders 1',
    'minutes 1',
    'now 1',
    'order_sources 10',
    'today 1',
    'top_pages 5',
    'top_products 10',
  ])
})

test('metrics that are cheap together are queried as often as their headers say', () => {
  const pace = planWaitTimes(
    [
      { id: 'a', everyMs: 1_000, costMs: 10 },
      { id: 'b', everyMs: 60_000, costMs: 200 },
      { id: 'c', everyMs: 1_000, costMs: 0 },
    ],
    0.06,
  )
  expect(Object.fromEntries(pace)).toEqual({ a: 1_000, b: 60_000, c: 1_000 })
})

test('expensive metrics wait so that all stay within the share; cheap ones do not', () => {
  const metrics = [
    { id: 'cheap', everyMs: 1_000, costMs: 5 },
    { id: 'dear', everyMs: 1_000, costMs: 100 },
    { id: 'dearer', everyMs: 1_000, costMs: 150 },
  ]
  const pace = planWaitTimes(metrics, 0.06)
  expect(pace.get('cheap')).toBe(1_000)
  const share = metrics.reduce((sum, { id, costMs }) => sum + costMs / (pace.get(id) ?? 0), 0)
  expect(share).toBeCloseTo(0.06, 6)
  expect(pace.get('dearer')).toBeGreaterThan(pace.get('dear') ?? 0)
})

test('even the most expensive metric is queried again', () => {
  const pace = planWaitTimes([{ id: 'a', everyMs: 1_000, costMs: 60_000 }], 0.06)
  expect(pace.get('a')).toBe(15_000)
})
