/** Inputs of real shops that could not be imported, with their right values. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { openDuck } from '../../../cli/adapters/duckdb/duckdb.ts'
import { lineValue } from '../../../cli/domain/ingest/mapping/order-amounts.ts'
import { ImportTest, ROOT, runImport } from '../../fixtures/import-parts.ts'

const CASES = path.join(ROOT, 'test/fixtures/cases')

const setting = new ImportTest()

async function importCase(name: string, file: string, mapping: string) {
  return runImport(setting, mapping, [path.join(CASES, name, file)])
}

const events = () => setting.events()

/** What the lines of each order are worth, in hundredths. */
async function revenues(): Promise<readonly (readonly [string | null, number])[]> {
  return (await events()).map(({ order_id, items }) => [
    order_id,
    items.reduce((sum, line) => sum + lineValue(line), 0),
  ])
}

const readMap = (name: string) => readFileSync(path.join(CASES, name, 'map.yml'), 'utf8')
const readExample = (name: string) =>
  readFileSync(path.join(ROOT, `examples/import/${name}.yml`), 'utf8')

test('14: orders of several rows are two orders worth 42.50', async () => {
  const name = '14-orders-with-several-lines'
  const result = await importCase(name, 'orders.csv', readExample('orders'))
  expect(result).toMatchObject({ rows: 3, accepted: 2, merged: 1, rejected: 0 })
  expect(await revenues()).toEqual([
    ['10001', 3000],
    ['10002', 1250],
  ])
})

test('15: a path into the JSON text of a CSV column finds an order of 349.00', async () => {
  const name = '15-json-object-in-a-csv-column'
  expect(await importCase(name, 'in.csv', readMap(name))).toMatchObject({ accepted: 1 })
  expect(await revenues()).toEqual([['ORD-1', 34900]])
})

test('16: 1e2 is 100.00; other long amounts are rejected, or rounded if declared', async () => {
  const name = '16-prices-that-are-floats'
  const strict = await importCase(name, 'in.ndjson', readMap(name))
  expect(strict).toMatchObject({ accepted: 1, rejected: 3, reasons: { wrong_type: 3 } })
  const price = 'unit_price_minor: { from: price, money: decimal }'
  const mapping = readMap(name)
  expect(mapping).toContain(price)
  const rounding = mapping.replace(
    price,
    'unit_price_minor: { from: price, money: { style: decimal, round: half_even } }',
  )
  const again = { includesImported: true }
  const file = path.join(CASES, name, 'in.ndjson')
  expect(await runImport(setting, rounding, [file], again)).toMatchObject({ accepted: 4 })
  expect((await revenues()).slice(1)).toEqual([
    ['K-1', 276],
    ['S-1', 10000],
    ['T-1', 83700],
    ['G-1', 18360],
  ])
})

test('16: a FLOAT of Parquet has the digits that were written', async () => {
  const file = path.join(setting.dir, 'floats.parquet')
  const duck = await openDuck()
  const connection = await duck.connect()
  await connection.run(
    `COPY (SELECT '2026-03-03T12:10:00Z' AS ts, 'K' || i AS "order", p::FLOAT AS price, p::DOUBLE AS d
      FROM (VALUES (1, 10.10), (2, 0.07), (3, 1234.56), (4, 99999.99)) AS t (i, p)) TO '${file}'`,
  )
  connection.close()
  duck.close()
  const mapping = `
event:
  event_id: { hash: order }
  event_type: { constant: purchase }
  event_ts: ts
  anonymous_id: order
  device: { constant: desktop }
  source: { constant: import }
  currency: { constant: EUR }
  order_id: order
  tax_minor: { from: d, money: decimal }
  items: { sku: order, unit_price_minor: { from: price, money: decimal }, quantity: { constant: 1 } }
`
  expect(await runImport(setting, mapping, [file])).toMatchObject({ accepted: 4, rejected: 0 })
  expect((await events()).map((e) => [e.items[0]?.unit_price_minor, e.tax_minor])).toEqual([
    [1010, 1010],
    [7, 7],
    [123456, 123456],
    [9999999, 9999999],
  ])
})

test('17: two products of one GA4 batch are two events', async () => {
  const name = '17-ga4-two-products-of-one-batch'
  const result = await importCase(name, 'ga4.ndjson', readExample('ga4'))
  // The second purchase has the transaction id (not set): GA4 did not know the order.
  expect(result).toMatchObject({ rows: 11, accepted: 5, leftOut: 5, rejected: 1 })
  const imported = await events()
  expect(imported.filter(({ event_type }) => event_type === 'add_to_cart').length).toBe(2)
  expect(new Set(imported.map(({ event_id }) => event_id)).size).toBe(5)
  expect((await revenues()).at(-1)).toEqual(['741471', 7398])
})
