/**
 * A person's events become those of nobody known: every number of Gold is as before, no file has an
 * id of the person any more, and a run that broke off is finished by the next one.
 */
import { cpSync, existsSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Event } from '../../cli/domain/events/contracts.ts'
import { runCcs } from '../e2e/run-ccs.ts'
import { findTexts } from '../fixtures/find-texts.ts'
import { appendEvents, deriveUuid, shopEvent, shopOrder } from '../fixtures/shop-events.ts'

const CUSTOMER = 'canary-customer-7f3a'
const VISITOR = 'canary-visitor-with-a-long-id-91c2'
const START = Date.UTC(2026, 0, 7, 10)
const MINUTE = 60_000

/** Of the person's own device, before and after logging in. */
const own = (id: string, minute: number, fields: Partial<Event> = {}) =>
  shopEvent(`canary ${id}`, START + minute * MINUTE, {
    ...{ anonymous_id: VISITOR, session_id: 'canary-session', geo_city: 'Oslo' },
    ...{ user_agent: 'Mozilla/5.0 (canary)', page: `/${id}`, ...fields },
  })
const known = { customer_id: CUSTOMER }
const order = (id: string, minute: number, fields: Partial<Event>) =>
  shopOrder(id, START + minute * MINUTE, 1250, fields)
const tablet = { anonymous_id: 'tablet', session_id: 'tablet-session' }
const BOUGHT = order('canary-order', 6, {
  ...{ anonymous_id: VISITOR, session_id: 'canary-session', coupon: 'canary-coupon' },
  ...{ order_id: 'canary-order', ...known },
})
const REFUND = { event_type: 'refund', refund_minor: 250, anonymous_id: 'back-office' } as const

/** The person's events that have an id by which they are refused later. */
const CANARY: readonly Event[] = [
  own('home', 0, { page_url: 'https://shop/?c=canary', referrer: 'canary', page_title: 'canary' }),
  own('login', 1, { event_type: 'login', ...known }),
  own('search', 2, { event_type: 'search', search_term: 'canary', ...known }),
  own('item', 3, { event_type: 'view_item', items: BOUGHT.items, ...known }),
  own('cart', 4, { event_type: 'add_to_cart', items: BOUGHT.items, ...known }),
  own('checkout', 5, { event_type: 'begin_checkout', ...known }),
  BOUGHT,
  BOUGHT,
  // The thank-you page again.
  { ...BOUGHT, event_id: deriveUuid('canary thanks') },
  own('account', 7, { page: `/account/${CUSTOMER}/canary-order` }),
  own('robot', 8, { user_agent: 'Mozilla/5.0 HeadlessChrome (canary)', ...known }),
  order('canary-tablet', 9, { ...tablet, order_id: 'canary-tablet-order', ...known }),
]
const OTHERS: readonly Event[] = [
  order('o-2', 10, { ...tablet, customer_id: 'other-customer', coupon: 'SPRING' }),
  shopEvent('tablet view', START + 11 * MINUTE, tablet),
  shopEvent('other', START + 12 * MINUTE, { anonymous_id: 'other', user_agent: 'Mozilla/5.0' }),
  order('refund of o-2', 13, { ...REFUND, order_id: 'order-o-2', items: [] }),
]
/** Found by its order; rejected: a purchase without lines. */
const BACK_OFFICE = order('canary back', 14, { ...REFUND, order_id: 'canary-order', items: [] })
const WRONG = order('canary wrong', 15, { ...known, order_id: 'canary-wrong', items: [] })

const EVENTS = CANARY.length + 1
/** All of them stay; the rejected one goes, and so does its reject. */
const RECORDS = { anonymised: EVENTS, erased: 2 }

let dir: string
let whole: string
let golden: unknown

const ccs = (data: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  runCcs([...args, '--data', data], { env })
const json = async (data: string, ...args: readonly string[]) =>
  JSON.parse((await ccs(data, [...args, '--json'])).stdout)
const query = async (data: string, sql: string): Promise<readonly Record<string, unknown>[]> =>
  (await json(data, 'query', sql)).rows

/** Every row of every table of Gold, without ids, and what Silver says of bots and lateness. */
const GOLDEN = [
  ...['activity_1m', 'campaign_daily', 'device_daily', 'funnel_daily', 'revenue_daily'],
  ...['revenue_by_category_daily', 'right_now', 'top_pages_1h', 'sessions'],
]
const NO_IDS = '* EXCLUDE (session_id, anonymous_id, customer_id, client_session_id)'
const GOLDEN_SQL = [
  ...GOLDEN.map((name) => [name, name === 'sessions' ? NO_IDS : '*', `gold.${name}`]),
  ['events', 'event_type, event_time, bot_rule, late_ms, revenue', 'silver.events'],
]
  .map(
    ([name, columns, from]) =>
      `SELECT '${name}' AS name, CAST(one AS VARCHAR) AS line FROM (SELECT ${columns} FROM ${from}) one`,
  )
  .join(' UNION ALL ')

/** Pages that name the person are the only difference. */
const readGolden = async (data: string) =>
  (await query(data, `FROM (${GOLDEN_SQL}) ORDER BY ALL`)).map((row) =>
    String(row.line).replace(`/account/${CUSTOMER}/canary-order`, '/account/***/***'),
  )

interface Counted {
  readonly topic: string
  readonly records: number
  readonly anonymised: number
}

/** Of the events and their rejects; rows of Gold's topics go too. */
const countRecords = (found: readonly Counted[]) =>
  found
    .filter(({ topic }) => topic.startsWith('events.'))
    .reduce(
      (sum, one) => ({
        anonymised: sum.anonymised + one.anonymised,
        erased: sum.erased + one.records,
      }),
      { anonymised: 0, erased: 0 },
    )

/** What holds after a whole erasure. */
async function expectAnonymised(data: string, receipt: string): Promise<void> {
  expect(await readGolden(data)).toEqual(golden)
  expect(await findTexts(data, ['canary', ...CANARY.map((one) => one.event_id)])).toEqual([])
  for (const check of [['audit'], ['log', 'verify'], ['lake', 'verify']])
    expect((await ccs(data, check)).code).toBe(0)
  const text = readFileSync(receipt, 'utf8')
  expect(countRecords(JSON.parse(text).records)).toEqual(RECORDS)
}

beforeAll(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'ccs-anonymise-'))
  whole = path.join(dir, 'whole')
  const shop = ['--count', '600', '--seed', '7', '--from', '2026-01-05', '--to', '2026-01-07']
  await ccs(whole, ['gen', ...shop, '--partitions', '2', '--duplicates', '0.02', '--late', '0.02'])
  // Two partitions have events of the same session, visitor and order.
  const isSecond = (event: Event) => ['search', 'purchase', 'refund'].includes(event.event_type)
  const all = [...CANARY, ...OTHERS, BACK_OFFICE, WRONG]
  await appendEvents(
    whole,
    all.filter((event) => !isSecond(event)),
  )
  await appendEvents(whole, all.filter(isSecond), undefined, 1)
  expect((await ccs(whole, ['run', '--once', '--gold-topics'])).code).toBe(0)
  golden = await readGolden(whole)
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

test('before, the person is in every kind of file, and in Gold', async () => {
  const found = (await findTexts(whole, ['canary'])).join('\n')
  const places = ['events.raw-0', 'events.raw-1', 'events.dlq-', 'bronze.', 'log/gold.sessions-']
  for (const place of [...places, 'state/', 'published.ndjson']) expect(found).toContain(place)
  expect(golden).toContainEqual(expect.stringContaining('/account/***/***'))
})

test('the plan says how many records are anonymised, and how many erased', async () => {
  const plan = await json(whole, 'erase', '--customer', CUSTOMER, '--anonymise')
  expect(plan).toMatchObject({ applied: false, events: EVENTS, visitors: 1 })
  expect(countRecords(plan.records)).toEqual(RECORDS)
})

describe('a run that broke off between the log and the rows', () => {
  let broken: string

  beforeAll(async () => {
    broken = path.join(dir, 'broken')
    cpSync(whole, broken, { recursive: true })
    const env = { NODE_ENV: 'test', CCS_FAULT: 'stage.sync:1:kill' }
    const ran = await ccs(broken, ['erase', '--customer', CUSTOMER, '--anonymise', '--yes'], env)
    expect(ran.code).toBeNull()
  })

  test('has left the person in the rows, not in the log', async () => {
    const found = (await findTexts(broken, [CUSTOMER])).join('\n')
    expect(found).toContain('bronze.')
    expect(found).not.toContain('log/')
  })

  test('is finished by the next one', async () => {
    const done = await json(broken, 'erase', '--customer', CUSTOMER, '--anonymise', '--yes')
    expect(done).toMatchObject({ applied: true, events: EVENTS, traces: [] })
    // The reject went in the first run.
    const counts = countRecords(done.records)
    expect(counts).toEqual({ anonymised: EVENTS, erased: 0 })
    expect(await readGolden(broken)).toEqual(golden)
    expect(await findTexts(broken, ['canary'])).toEqual([])
    expect((await ccs(broken, ['audit'])).code).toBe(0)
  })

  test('leaves no files of old rows, also if it broke off while they were removed', async () => {
    const old = path.join(broken, 'lake-99')
    cpSync(path.dirname(realpathSync(path.join(whole, 'lake'))), old, { recursive: true })
    const done = await json(broken, 'erase', '--customer', CUSTOMER, '--anonymise', '--yes')
    expect(done).toMatchObject({ applied: true, events: 0, records: [], traces: [] })
    expect(existsSync(old)).toBe(false)
    const nothing = await ccs(broken, ['erase', '--customer', CUSTOMER, '--anonymise', '--yes'])
    expect(nothing.stdout).toContain('Nothing to erase')
  })
})

test('afterwards Gold is as before, nothing names the person, and a replay is rejected', async () => {
  const done = await json(whole, 'erase', '--customer', CUSTOMER, '--anonymise', '--yes')
  expect(done).toMatchObject({ applied: true, events: EVENTS, visitors: 1, traces: [] })
  expect(countRecords(done.records)).toEqual(RECORDS)
  await expectAnonymised(whole, done.receipt)
  // Gold's topics get the rows of nobody known, and no key of the person again.
  expect((await ccs(whole, ['run', '--once', '--gold-topics'])).code).toBe(0)
  expect(await findTexts(whole, ['canary'])).toEqual([])
  const [before] = await query(whole, 'SELECT count(*) AS n FROM bronze.events')
  await appendEvents(whole, CANARY, START + 60 * MINUTE)
  expect((await ccs(whole, ['run', '--once'])).code).toBe(0)
  expect(await query(whole, 'SELECT count(*) AS n FROM bronze.events')).toEqual([before])
  const { groups } = await json(whole, 'dlq', 'ls')
  const count = CANARY.length
  expect(groups).toContainEqual(expect.objectContaining({ reason: 'rule_violation', count }))
  expect((await ccs(whole, ['audit'])).code).toBe(0)
  expect(await readGolden(whole)).toEqual(golden)
})
