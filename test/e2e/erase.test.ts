/**
 * A person who is in every place is erased: no file has the id any more, other people's numbers are
 * as before, and the same events sent again do not bring the person back.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { endAll, startNode } from '../fixtures/child.ts'
import { findTexts } from '../fixtures/find-texts.ts'
import { runCcs } from './run-ccs.ts'

const CUSTOMER = 'canary-customer-7f3a'
/** Was this customer's alone, before and after logging in. */
const VISITOR = 'canary-visitor-with-a-long-id-91c2'
const MAPPING = `event:
  event_id: { hash: [id] }
  event_type: type
  event_ts: ts
  anonymous_id: visitor
  customer_id: customer
  session_id: session
  order_id: order
  page: { constant: / }
  device: { constant: desktop }
  source: { constant: import }
  currency: { constant: EUR }
  items: { sku: sku, unit_price_minor: { from: price, money: decimal }, quantity: { constant: 1 } }
`
const HEAD = 'id,type,ts,visitor,customer,session,order,sku,price\n'
/** Two views before the log-in, a purchase after it, and one of another customer. */
const ROWS = [
  `c1,page_view,2026-01-01T10:00:00Z,${VISITOR},,s1,,,`,
  `c2,page_view,2026-01-01T10:01:00Z,${VISITOR},,s1,,,`,
  `c3,purchase,2026-01-01T10:02:00Z,${VISITOR},${CUSTOMER},s1,canary-order,sku-1,10.00`,
  'o1,purchase,2026-01-01T10:03:00Z,other-visitor,other-customer,s2,o-2,sku-1,20.00',
  // A shared tablet: the event without a customer may be anybody's.
  `t1,purchase,2026-01-01T11:00:00Z,tablet,${CUSTOMER},s3,canary-order-2,sku-1,5.00`,
  't2,purchase,2026-01-01T12:00:00Z,tablet,other-customer,s4,o-3,sku-1,7.00',
  't3,page_view,2026-01-01T12:30:00Z,tablet,,s5,,,',
]
/** Rejected: its price is none. */
const WRONG = `c4,purchase,2026-01-01T10:04:00Z,${VISITOR},${CUSTOMER},s1,canary-order-3,sku-1,much`

let dir: string
let data: string

const ccs = (...args: readonly string[]) => runCcs([...args, '--data', data])
const json = async (...args: readonly string[]) => JSON.parse((await ccs(...args, '--json')).stdout)

async function importRows(name: string, rows: readonly string[]): Promise<void> {
  const file = path.join(dir, name)
  writeFileSync(file, `${HEAD}${rows.join('\n')}\n`)
  const ran = await ccs('import', file, '--mapping', path.join(dir, 'map.yml'))
  expect(ran.stderr).not.toContain('error[')
  expect((await ccs('run', '--once', '--gold-topics')).code).toBe(0)
}

const query = async (sql: string): Promise<readonly Record<string, unknown>[]> =>
  (await json('query', sql)).rows

const OTHERS = `SELECT customer_id, revenue FROM silver.events
  WHERE customer_id = 'other-customer' ORDER BY event_id`

beforeAll(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'ccs-erase-'))
  data = path.join(dir, 'data')
  writeFileSync(path.join(dir, 'map.yml'), MAPPING)
  await importRows('events.csv', [...ROWS, WRONG])
})
afterEach(() => endAll())
afterAll(() => rmSync(dir, { recursive: true, force: true }))

test('before: the person is in the log, in Bronze, Silver, Gold, in rejects and in the history', async () => {
  await query(`SELECT count(*) AS n FROM silver.events WHERE customer_id = '${CUSTOMER}'`)
  const found = (await findTexts(data, [CUSTOMER, VISITOR])).join('\n')
  for (const place of ['log/events.raw-', 'log/events.dlq-', 'bronze.events', 'silver.events'])
    expect(found).toContain(place)
  expect(found).toContain('gold.sessions')
  expect(found).toContain('history/')
})

test('without --yes there is a plan, and nothing changes', async () => {
  const ran = await ccs('erase', '--customer', CUSTOMER, '--json')
  expect(ran.code).toBe(3)
  // Two views, two purchases; the tablet's view may be anybody's.
  expect(JSON.parse(ran.stdout)).toMatchObject({ applied: false, events: 4, visitors: 1 })
})

test('while an engine runs, it is refused', async () => {
  const engine = startNode('bin/run.js', ['run', '--port', '0', '--data', data])
  await engine.says('The engine answers at')
  const ran = await ccs('erase', '--customer', CUSTOMER, '--yes')
  engine.kill('SIGTERM')
  await engine.ended
  expect(ran.stderr).toContain('CCS_ENGINE_LOCKED')
})

test('afterwards no file has the person, and other people’s rows are as before', async () => {
  const before = await query(OTHERS)
  const done = await json('erase', '--customer', CUSTOMER, '--yes')
  expect(done).toMatchObject({ applied: true, events: 4, traces: [] })
  const erased = [CUSTOMER, VISITOR, 'canary-order']
  // The tablet is still that of the other customer.
  expect(await findTexts(data, erased)).toEqual([])
  expect(await query(OTHERS)).toEqual(before)
  expect(await query('SELECT count(*) AS n FROM silver.events')).toEqual([{ n: 3 }])
  // An older ccs would take in the person's events again: it refuses the directory.
  expect(readFileSync(path.join(data, 'manifest.json'), 'utf8')).toMatch(/^\{\n"format": 2,/)
  const receipt = readFileSync(done.receipt, 'utf8')
  expect(JSON.parse(receipt)).toMatchObject({ kind: 'customer', events: 4 })
  for (const check of [['audit'], ['log', 'verify'], ['lake', 'verify']])
    expect((await ccs(...check)).code).toBe(0)
  expect((await ccs('audit')).stdout).toContain('were erased by ccs erase')
})

test('the same events sent again are rejected, without their bytes', async () => {
  await importRows(
    'again.csv',
    ROWS.map((row) => `again-${row}`),
  )
  // The orders of the others repeat known ones; the tablet's view is a new event of nobody known.
  expect(await query('SELECT count(*) AS n FROM silver.events')).toEqual([{ n: 4 }])
  expect(await findTexts(data, [`"${CUSTOMER}"`, `"${VISITOR}"`])).toEqual([])
  expect((await ccs('audit')).code).toBe(0)
  const { groups } = await json('dlq', 'ls')
  expect(groups).toContainEqual(expect.objectContaining({ reason: 'rule_violation', count: 4 }))
})

test('what arrived later goes from the log when the person is erased again', async () => {
  const done = await json('erase', '--customer', CUSTOMER, '--yes')
  expect(done).toMatchObject({ applied: true, events: 0, traces: [] })
  expect(await findTexts(data, [CUSTOMER])).toEqual([])
  const visitor = await json('erase', '--visitor', VISITOR, '--yes')
  expect(visitor).toMatchObject({ applied: true, traces: [] })
  expect(await findTexts(data, [CUSTOMER, VISITOR])).toEqual([])
  expect((await ccs('audit')).code).toBe(0)
  const nobody = await ccs('erase', '--visitor', VISITOR, '--yes')
  expect(nobody.stdout).toContain('Nothing to erase')
  expect(nobody.code).toBe(0)
})
