/**
 * Files of real shops: cut off, without order, with a wrong clock, with types that can't be read.
 * What Gold shows is right, or the import says what is wrong and writes nothing.
 */
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { DataDir } from '../e2e/data-dir.ts'
import { ROOT } from '../e2e/run-ccs.ts'

const CASES = path.join(ROOT, 'test/fixtures/cases')
const MAPPING = path.join(CASES, 'map.yml')

const dir = new DataDir()
const ccs = (...args: string[]) => dir.ccs(...args)
const rowsOf = (sql: string) => dir.rows(sql)

/** 50,000 orders of 10.00 in 35 days. */
function orders(): Buffer {
  const startMs = Date.parse('2026-03-01T10:00:00Z')
  const rows = Array.from({ length: 50_000 }, (_, i) => {
    const time = new Date(startMs + i * 60_000).toISOString()
    return `o${i}-${(i * 2_654_435_761) % 4_294_967_296},${time},u${i % 999},10.00\n`
  })
  return gzipSync(`order,ts,user,price\n${rows.join('')}cut off\n`, { level: 1 })
}

test('a file that was cut off is imported once the whole file is there, and counts once', async () => {
  const [mapping, whole] = [path.join(dir.path, 'map.yml'), orders()]
  const [file, part] = [path.join(dir.path, 'orders.csv.gz'), path.join(dir.path, 'part.csv.gz')]
  writeFileSync(
    mapping,
    `event:
  event_id: { hash: all }
  event_type: { constant: purchase }
  event_ts: ts
  anonymous_id: user
  order_id: order
  device: { constant: desktop }
  source: { constant: import }
  currency: { constant: EUR }
  items:
    sku: order
    unit_price_minor: { from: price, money: decimal }
    quantity: { constant: 1 }
`,
  )
  writeFileSync(file, whole)
  writeFileSync(part, whole.subarray(0, whole.length * 0.95))
  const cut = await ccs('import', part, '--mapping', mapping)
  expect(cut.code).toBe(2)
  expect(cut.stderr).toContain(`${part} ends in the middle of its gzip data.`)
  expect(cut.stderr).toContain('Nothing of it was imported; get the whole file.')
  const imported = await ccs('import', file, '--mapping', mapping, '--json')
  expect(JSON.parse(imported.stdout)).toMatchObject({
    rows: 50_001,
    accepted: 50_000,
    rejected: 1,
    days: { first: '2026-03-01', last: '2026-04-05', days: 36, ahead: { events: 0 } },
  })
  expect((await ccs('run', '--once')).code).toBe(0)
  const total = 'SELECT count(*) AS n, count(DISTINCT order_id) AS o, sum(revenue) AS r'
  expect(await rowsOf(`${total} FROM silver.orders`)).toEqual([
    { n: 50_000, o: 50_000, r: '500000.00' },
  ])
  const status = await ccs('status')
  expect(status.stdout).toContain('0 (0.00 %) and 1 rows of imports   see: ccs dlq ls')
})

test('decimals that can’t be read exactly are refused by name', async () => {
  const folder = path.join(CASES, '07-parquet-decimal-above-38')
  const files = [39, 48].map((digits) => path.join(folder, `dp${digits}.parquet`))
  const { code, stderr } = await ccs('import', ...files, '-m', path.join(folder, 'map.yml'))
  expect(code).toBe(2)
  expect(stderr).toContain(`In ${files[0]}, price is DECIMAL(39, 2): too wide to be read.`)
  expect(stderr).toContain(`In ${files[1]}, price is DECIMAL(48, 2): too wide to be read.`)
})

test('an event dated months ahead takes no order out of Gold, and the import names it', async () => {
  const file = path.join(CASES, '11-one-wrong-clock-in-a-file/in.ndjson')
  const imported = await ccs('import', file, '-m', MAPPING)
  expect(imported.code).toBe(0)
  expect(imported.stderr).toContain(
    '1 event is more than a day ahead of all others, which end on 2026-03-02:',
  )
  expect(imported.stderr).toContain(`${file}:5`)
  expect((await ccs('run', '--once')).code).toBe(0)
  const gold = 'SELECT sum(orders) AS orders, sum(revenue) AS revenue FROM gold.revenue_daily'
  expect(await rowsOf(gold)).toEqual([{ orders: 40, revenue: '400.00' }])
})

test('a day without order of time has every visit and order in Gold', async () => {
  const file = path.join(CASES, '12-unsorted-day-file/in.ndjson')
  expect((await ccs('import', file, '-m', MAPPING)).code).toBe(0)
  expect((await ccs('run', '--once')).code).toBe(0)
  expect(
    await rowsOf(`SELECT count(*) AS visits, sum(events) AS events FROM gold.sessions`),
  ).toEqual([{ visits: 1320, events: 1320 }])
  const gold = 'SELECT sum(orders) AS orders, sum(revenue) AS revenue FROM gold.revenue_daily'
  expect(await rowsOf(gold)).toEqual([{ orders: 264, revenue: '2640.00' }])
})
