/**
 * A person is anonymised in a shop whose fields have classes: rows have pseudonyms, of two keys,
 * and the log has values. Every number of Gold stays, and no file has a value or a pseudonym of the
 * person any more.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Event } from '../../cli/domain/events/contracts.ts'
import { runCcs } from '../e2e/run-ccs.ts'
import { findTexts } from '../fixtures/find-texts.ts'
import { appendEvents, shopEvent, shopOrder } from '../fixtures/shop-events.ts'

const CUSTOMER = 'canary-customer-7f3a'
const VISITOR = 'canary-visitor-with-a-long-id-91c2'
const CLASSES = {
  ...{ customer_id: 'hash', anonymous_id: 'hash', session_id: 'hash', order_id: 'token' },
  ...{ geo_city: 'drop', coupon: 'hash', utm_campaign: 'hash' },
}

const at = (day: number, minute: number) => Date.UTC(2026, 0, day, 12, minute)
const session = (day: number): Partial<Event> => ({
  ...{ anonymous_id: VISITOR, session_id: `canary-session-${day}` },
  ...{ geo_city: 'canary-city', utm_campaign: 'canary-campaign' },
})
const known = { customer_id: CUSTOMER }
const tablet = { anonymous_id: 'tablet', session_id: 'tablet-session', coupon: 'SPRING' }

const visit = (day: number): readonly Event[] => {
  const order = `canary-order-${day}`
  const own = session(day)
  return [
    shopEvent(`canary home ${day}`, at(day, 0), own),
    shopEvent(`canary login ${day}`, at(day, 1), { ...own, ...known, event_type: 'login' }),
    shopOrder(`canary order ${day}`, at(day, 2), 1250, { ...own, ...known, order_id: order }),
    // The order's number is in the address of a page, and the coupon was for one person.
    shopEvent(`canary account ${day}`, at(day, 3), { ...own, page: `/account/${order}` }),
    shopOrder(`canary coupon ${day}`, at(day, 4), 550, {
      ...{ ...own, ...known, order_id: `${order}-b`, coupon: 'canary-coupon' },
    }),
    shopOrder(`canary tablet ${day}`, at(day, 5), 700, {
      ...{ ...tablet, ...known, order_id: `${order}-t` },
    }),
    shopOrder(`other ${day}`, at(day, 6), 990, { ...tablet, customer_id: 'other' }),
  ]
}
const EVENTS = 12

let dir: string
let project: string
let data: string
let golden: unknown
let pseudonyms: readonly string[]

const ccs = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  runCcs(args, { cwd: project, env })
const json = async (...args: readonly string[]) =>
  JSON.parse((await ccs([...args, '--json'])).stdout)
const query = async (sql: string): Promise<readonly Record<string, unknown>[]> =>
  (await json('query', sql)).rows

const GOLDEN = [
  ...['activity_1m', 'campaign_daily', 'device_daily', 'funnel_daily', 'revenue_daily'],
  ...['revenue_by_category_daily', 'top_pages_1h', 'sessions'],
]
const NO_IDS = '* EXCLUDE (session_id, anonymous_id, customer_id, client_session_id)'
const GOLDEN_SQL = GOLDEN.map(
  (name) => `SELECT '${name}' AS name, CAST(one AS VARCHAR) AS line
    FROM (SELECT ${name === 'sessions' ? NO_IDS : '*'} FROM gold.${name}) one`,
).join(' UNION ALL ')
/** Pages that name an order of the person are the only difference. */
const readGolden = async () =>
  (await query(`FROM (${GOLDEN_SQL}) ORDER BY ALL`)).map(({ line }) =>
    String(line).replace(/\/account\/canary-order-\d/, '/account/***'),
  )

beforeAll(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'ccs-anonymise-pii-'))
  project = path.join(dir, 'shop')
  data = path.join(project, 'data')
  await runCcs(['init', project])
  const file = path.join(project, 'schemas/events.raw.avsc')
  const text = Object.entries(CLASSES).reduce(
    (schema, [name, pii]) =>
      schema.replace(`"name": "${name}"`, `"name": "${name}", "pii": "${pii}"`),
    readFileSync(file, 'utf8'),
  )
  writeFileSync(file, text)
  cpSync(file, path.join(project, 'schemas/history/events.raw/3.id21.avsc'))
  expect((await ccs(['pii', 'rotate'])).code).toBe(0)
  await appendEvents(data, visit(5))
  const first = await ccs(['run', '--once'])
  expect(first.code, first.stderr).toBe(0)
  expect((await ccs(['pii', 'rotate', '--from', '2026-01-07'])).code).toBe(0)
  await appendEvents(data, visit(7))
  expect((await ccs(['run', '--once'])).code).toBe(0)
  golden = await readGolden()
  const found = await query(`SELECT DISTINCT unnest([customer_id, anonymous_id, order_id]) AS id
    FROM silver.orders WHERE revenue = 12.5`)
  pseudonyms = found.map(({ id }) => String(id))
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

test('before, rows have pseudonyms of two keys, and only the log has values', async () => {
  // A customer and a visitor of each key, and two orders.
  expect(pseudonyms).toHaveLength(6)
  const files = await findTexts(data, ['canary'])
  expect(files.length).toBeGreaterThan(0)
  // The path of a page is a text without a class.
  const others = ['canary-city', 'canary-campaign', CUSTOMER, VISITOR]
  const inRows = (await findTexts(data, others)).filter((file) => !file.startsWith('log/'))
  expect(inRows).toEqual([])
})

test('a run that broke off is finished by the next one, and every number stays', async () => {
  const erase = ['erase', '--customer', CUSTOMER, '--anonymise', '--yes']
  const plan = await json(...erase.slice(0, -1))
  expect(plan).toMatchObject({ applied: false, events: EVENTS, visitors: 1 })
  const broken = await ccs(erase, { NODE_ENV: 'test', CCS_FAULT: 'stage.sync:1:kill' })
  expect(broken.code).toBeNull()
  const done = await json(...erase)
  expect(done).toMatchObject({ applied: true, events: EVENTS, traces: [] })
  const sum = (key: 'records' | 'anonymised') =>
    done.records.reduce((all: number, one: Record<typeof key, number>) => all + one[key], 0)
  expect([sum('anonymised'), sum('records')]).toEqual([EVENTS, 0])
  expect(await readGolden()).toEqual(golden)
  expect(await findTexts(data, ['canary', ...pseudonyms])).toEqual([])
  for (const check of [['audit'], ['log', 'verify'], ['lake', 'verify']])
    expect((await ccs(check)).code).toBe(0)
})

test('a rebuild and a replay bring nobody back', async () => {
  const rebuilt = await ccs(['deploy', '--rebuild', '--yes'])
  expect(rebuilt.code, rebuilt.stderr).toBe(0)
  expect(await readGolden()).toEqual(golden)
  await appendEvents(data, [...visit(5), ...visit(7)])
  expect((await ccs(['run', '--once'])).code).toBe(0)
  expect(await readGolden()).toEqual(golden)
  // What was sent again is in the log of events alone, until the person is erased again.
  const files = await findTexts(data, ['canary', ...pseudonyms])
  expect(files.filter((file) => !file.startsWith('log/events.raw-'))).toEqual([])
})
