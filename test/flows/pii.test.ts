/**
 * Field classes: below the log there are pseudonyms instead of ids, numbers are as without classes,
 * a rebuild gives the same rows, keys change with the shop's day, and a person is found by all of
 * them.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runCcs } from '../e2e/run-ccs.ts'
import { findTexts } from '../fixtures/find-texts.ts'
import { appendEvents, shopEvent, shopOrder } from '../fixtures/shop-events.ts'

const CUSTOMER = 'canary-customer-7f3a'
const VISITOR = 'canary-visitor-with-a-long-id-91c2'
const CITY = 'canary-city'
const PLAIN = [CUSTOMER, VISITOR, CITY]
const KEPT = 'schemas/history/events.raw/3.id21.avsc'

let dir: string
let project: string
let plain: string
let data: string

const ccs = (...args: readonly string[]) => runCcs(args, { cwd: project })
const json = async (...args: readonly string[]) => JSON.parse((await ccs(...args, '--json')).stdout)
const query = async (sql: string): Promise<readonly Record<string, unknown>[]> =>
  (await json('query', sql)).rows

const noon = (day: number, minute = 0) => Date.UTC(2026, 0, day, 12, minute)
const own = { anonymous_id: VISITOR, session_id: 'canary-session', geo_city: CITY }
const known = { ...own, customer_id: CUSTOMER }
const visit = (day: number) => [
  shopEvent(`canary view ${day}`, noon(day), own),
  shopOrder(`canary-${day}`, noon(day, 5), 1250, known),
  shopOrder(`other-${day}`, noon(day, 6), 990, { customer_id: 'other', anonymous_id: 'tablet' }),
]

/** Sets the class of fields of events, and keeps the schema as a new version. */
function classify(classes: Readonly<Record<string, string>>): void {
  const file = path.join(project, 'schemas/events.raw.avsc')
  let text = readFileSync(file, 'utf8')
  for (const [name, pii] of Object.entries(classes))
    text = text.replace(`{ "name": "${name}", `, `{ "name": "${name}", "pii": "${pii}", `)
  writeFileSync(file, text)
  cpSync(file, path.join(project, KEPT))
}

/** Everything that is counted, without ids. */
const COUNTS = `SELECT * FROM gold.revenue_daily ORDER BY ALL`
const MORE = `SELECT shop_date, count(*) AS sessions, sum(events) AS events, sum(orders) AS orders,
  count(DISTINCT anonymous_id) AS visitors, count(DISTINCT customer_id) AS customers,
  sum(revenue) AS revenue FROM gold.sessions GROUP BY ALL ORDER BY ALL`
const ROWS = `SELECT event_id, customer_id, anonymous_id, geo_city FROM silver.events ORDER BY ALL`

const readCounts = async () => [await query(COUNTS), await query(MORE)]
const readPersons = (day: number) =>
  query(`SELECT DISTINCT customer_id, anonymous_id FROM silver.events
    WHERE revenue = 12.5 AND event_date = DATE '2026-01-0${day}'`)
const findBelowLog = async () =>
  (await findTexts(data, PLAIN)).filter((file) => !file.startsWith('log/'))

beforeAll(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'ccs-pii-'))
  project = path.join(dir, 'shop')
  plain = path.join(dir, 'plain')
  data = path.join(project, 'data')
  await runCcs(['init', project])
  await appendEvents(data, [...visit(5), ...visit(6)])
  cpSync(data, plain, { recursive: true })
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

test('a class that a field can’t have is refused, with its place', async () => {
  const file = path.join(project, 'schemas/events.raw.avsc')
  const before = readFileSync(file, 'utf8')
  classify({ event_ts: 'hash', order_id: 'hash', page: 'drop', customer_id: 'hsh' })
  const wrong = await ccs('schema', 'check')
  expect(wrong.code).toBe(2)
  expect(wrong.stderr).toMatch(/events\.raw\.avsc:\d+:\d+/)
  expect(wrong.stderr).toContain('customer_id has the class "hsh", which there is not')
  writeFileSync(file, before)
  classify({ event_ts: 'hash', order_id: 'hash', page: 'drop' })
  const impossible = await ccs('plan')
  expect(impossible.stderr).toContain('event_ts can')
  expect(impossible.stderr).toContain('Write "pii": "token", which stays the same.')
  expect(impossible.stderr).toContain('a page_view requires it')
  writeFileSync(file, before)
  rmSync(path.join(project, KEPT))
})

test('without keys no row is made', async () => {
  classify({ customer_id: 'hash', anonymous_id: 'hash', geo_city: 'drop', order_id: 'token' })
  const ran = await ccs('run', '--once')
  expect(ran.stderr).toContain('CCS_KEYS_INVALID')
  expect((await ccs('pii', 'rotate')).code).toBe(0)
  expect(statSync(path.join(data, 'pii-keys.json')).mode & 0o777).toBe(0o600)
})

test('below the log there are pseudonyms only, and numbers are those of plain rows', async () => {
  expect((await ccs('run', '--once')).code).toBe(0)
  expect(await findBelowLog()).toEqual([])
  const counts = await readCounts()
  const [person] = await query(
    `SELECT customer_id, anonymous_id, geo_city FROM silver.orders WHERE customer_id <> ''`,
  )
  const pseudonym = expect.stringMatching(/^[0-9a-f]{32}$/)
  expect(person).toEqual({ customer_id: pseudonym, anonymous_id: pseudonym, geo_city: null })
  const other = { cwd: process.cwd() }
  expect((await runCcs(['run', '--once', '--data', plain], other)).code).toBe(0)
  const ofPlain = async (sql: string) =>
    JSON.parse((await runCcs(['query', sql, '--data', plain, '--json'], other)).stdout).rows
  expect(counts).toEqual([await ofPlain(COUNTS), await ofPlain(MORE)])
  for (const check of [['audit'], ['lake', 'verify']]) expect((await ccs(...check)).code).toBe(0)
})

test('a rebuild gives the same rows, also from records that were made again from Bronze', async () => {
  const before = await query(ROWS)
  expect((await ccs('deploy', '--rebuild', '--yes')).code).toBe(0)
  expect(await query(ROWS)).toEqual(before)
  rmSync(path.join(data, 'log/events.raw-0'), { recursive: true })
  expect((await ccs('log', 'repair', '--yes')).code).toBe(0)
  const rebuilt = await ccs('deploy', '--rebuild', '--yes')
  expect(rebuilt.code, rebuilt.stderr).toBe(0)
  expect(await query(ROWS)).toEqual(before)
})

test('a new key is for later days, and none for days that have rows', async () => {
  const early = await ccs('pii', 'rotate', '--from', '2026-01-06')
  expect(early.stderr).toContain('there are events of that time already')
  const rotated = await json('pii', 'rotate', '--from', '2026-01-07')
  // Midnight in Berlin.
  expect(rotated.keys.at(-1).from).toBe('2026-01-06T23:00:00.000Z')
  const before = await query(ROWS)
  await appendEvents(data, visit(7))
  expect((await ccs('run', '--once')).code).toBe(0)
  const [old] = await readPersons(6)
  const [now] = await readPersons(7)
  const pseudonym = expect.stringMatching(/^[0-9a-f]{32}$/)
  expect(now).toEqual({ customer_id: pseudonym, anonymous_id: pseudonym })
  expect(now?.customer_id).not.toBe(old?.customer_id)
  expect(await readPersons(5)).toEqual([old])
  expect(await findBelowLog()).toEqual([])
  const after = await query(ROWS)
  expect(after).toEqual(expect.arrayContaining([...before]))
  expect((await ccs('deploy', '--rebuild', '--yes')).code).toBe(0)
  expect(await query(ROWS)).toEqual(after)
})

test('tail and dlq show print pseudonyms; --plain prints values, and is recorded', async () => {
  // Rejected, as an anonymous id must not be empty.
  await appendEvents(data, [shopEvent('canary reject', noon(7), { ...known, anonymous_id: '' })])
  expect((await ccs('run', '--once')).code).toBe(0)
  const [person] = await readPersons(7)
  const [sample] = (await json('dlq', 'ls')).groups
  const masked = [
    await ccs('tail', 'events.raw'),
    await ccs('tail', 'events.dlq', '--format', 'json'),
    await ccs('dlq', 'show', sample.sample),
    await ccs('dlq', 'show', sample.sample, '--json'),
  ]
  for (const { code, stdout, stderr } of masked) {
    expect(code, stderr).toBe(0)
    expect(PLAIN.filter((one) => stdout.includes(one))).toEqual([])
  }
  const [raw, , shown] = masked
  expect(raw?.stdout).toContain(`customer_id=${person?.customer_id}`)
  expect(shown?.stdout).toContain(`"${person?.customer_id}"`)
  expect(shown?.stdout).toContain('bytes, left out as fields have a class: --plain shows them')
  const before = (await json('history')).entries
  expect((await ccs('tail', 'events.raw', '--plain')).stdout).toContain(`customer_id=${CUSTOMER}`)
  const plainly = (await ccs('dlq', 'show', sample.sample, '--plain')).stdout
  expect(plainly).toContain(`"${CUSTOMER}"`)
  const after = (await json('history')).entries
  const texts = after.map(({ text }: { readonly text: string }) => text)
  expect(after).toHaveLength(before.length + 2)
  expect(texts).toContain('ccs tail events.raw --plain')
  expect(texts).toContain(`ccs dlq show ${sample.sample} --plain`)
})

test('a person is erased by all pseudonyms, visits without a log-in included', async () => {
  const pseudonyms = await query(`SELECT customer_id AS id FROM silver.orders WHERE revenue = 12.5
    UNION SELECT anonymous_id FROM silver.orders WHERE revenue = 12.5`)
  const ids = pseudonyms.map(({ id }) => String(id))
  expect(ids).toHaveLength(4)
  // A visit of a day on which nobody logged in: only the log knows whose it was.
  await appendEvents(data, [shopEvent('canary alone', noon(8), own)])
  expect((await ccs('pii', 'rotate', '--from', '2026-01-08')).code).toBe(0)
  expect((await ccs('run', '--once')).code).toBe(0)
  const done = await json('erase', '--customer', CUSTOMER, '--yes')
  expect(done).toMatchObject({ applied: true, events: 7, visitors: 1, traces: [] })
  expect(await findTexts(data, [...PLAIN, ...ids])).toEqual([])
  expect(await query('SELECT count(*) AS n FROM silver.events')).toEqual([{ n: 3 }])
  await appendEvents(data, [shopEvent('canary again', noon(9), own)])
  expect((await ccs('run', '--once')).code).toBe(0)
  expect(await query('SELECT count(*) AS n FROM silver.events')).toEqual([{ n: 3 }])
})

test('a destroyed key leaves its pseudonyms, and a rebuild gives others', async () => {
  const before = await query(ROWS)
  expect((await ccs('pii', 'destroy', 'hash-3', '--yes')).stderr).toContain('in force')
  expect((await ccs('pii', 'destroy', 'hash-1')).code).toBe(3)
  expect((await ccs('pii', 'destroy', 'hash-1', '--yes')).code).toBe(0)
  expect(readFileSync(path.join(data, 'pii-keys.json'), 'utf8')).toContain('"secret": null')
  expect(await query(ROWS)).toEqual(before)
  expect((await ccs('deploy', '--rebuild', '--yes')).code).toBe(0)
  const after = await query(ROWS)
  expect(after).toHaveLength(before.length)
  expect(after).not.toEqual(before)
})
