/** Imports exports of real shapes with the ready mappings, and checks the money in Gold. */
import path from 'node:path'
import { expect, test } from 'vitest'
import { DataDir } from './data-dir.ts'
import { ROOT } from './run-ccs.ts'

const dir = new DataDir()
const ccs = (...args: string[]) => dir.ccs(...args)

/** Each source has a partition of its own, since their events are of different years. */
async function importFile(file: string, mapping: string, partition: number): Promise<unknown> {
  const { code, stdout, stderr } = await ccs(
    'import',
    path.join(ROOT, 'test/fixtures', file),
    '--mapping',
    path.join(ROOT, mapping),
    '--partition',
    String(partition),
    '--json',
  )
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const { rows, accepted, merged, rejected, leftOut } = JSON.parse(stdout)
  return { rows, accepted, merged, rejected, leftOut }
}

test('orders of several rows, JSON in columns and GA4 batches are counted to the cent', async () => {
  const none = { merged: 0, rejected: 0, leftOut: 0 }
  expect(
    await importFile(
      'cases/14-orders-with-several-lines/orders.csv',
      'examples/import/orders.yml',
      1,
    ),
  ).toEqual({ ...none, rows: 3, accepted: 2, merged: 1 })
  expect(
    await importFile(
      'cases/15-json-object-in-a-csv-column/in.csv',
      'test/fixtures/cases/15-json-object-in-a-csv-column/map.yml',
      2,
    ),
  ).toEqual({ ...none, rows: 1, accepted: 1 })
  expect(
    await importFile(
      'cases/17-ga4-two-products-of-one-batch/ga4.ndjson',
      'examples/import/ga4.yml',
      3,
    ),
  ).toEqual({ ...none, rows: 11, accepted: 5, rejected: 1, leftOut: 5 })
  expect(await importFile('exports/shopify.csv', 'examples/import/shopify.yml', 4)).toEqual({
    ...none,
    rows: 9,
    accepted: 4,
    merged: 5,
  })
  expect((await ccs('run', '--once')).code).toBe(0)
  const sql = `SELECT CAST(shop_date AS VARCHAR) AS day, currency, orders, revenue,
      (SELECT count(*) FROM silver.events WHERE event_type = 'add_to_cart') AS carts
    FROM gold.revenue_daily ORDER BY shop_date`
  expect(await dir.rows(sql)).toEqual([
    { day: '2021-01-31', currency: 'USD', orders: 1, revenue: '73.98', carts: 2 },
    { day: '2025-02-24', currency: 'USD', orders: 1, revenue: '349.00', carts: 2 },
    { day: '2026-04-04', currency: 'EUR', orders: 2, revenue: '29.99', carts: 2 },
    { day: '2026-04-05', currency: 'EUR', orders: 1, revenue: '14.34', carts: 2 },
    { day: '2026-04-06', currency: 'EUR', orders: 1, revenue: '19.80', carts: 2 },
    { day: '2026-10-31', currency: 'EUR', orders: 2, revenue: '42.50', carts: 2 },
  ])
})
