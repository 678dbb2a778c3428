/** Events at and beyond the limits of the contract: none stops the engine or bends a sum. */
import path from 'node:path'
import { expect, test } from 'vitest'
import { DataDir } from './data-dir.ts'
import { ROOT } from './run-ccs.ts'

const CASES = path.join(ROOT, 'test/fixtures/cases')
const FILES = [
  '02-one-event-stops-the-engine/purchase.ndjson',
  '02-one-event-stops-the-engine/refund.ndjson',
  '02-one-event-stops-the-engine/cart.ndjson',
  '02-one-event-stops-the-engine/two.ndjson',
  '04-line-discount-above-price/in.ndjson',
  '18-currency-in-lower-case/in.ndjson',
  '19-checkout-without-items/in.ndjson',
].map((file) => path.join(CASES, file))

const dir = new DataDir()
const ccs = (...args: string[]) => dir.ccs(...args)
const rowsOf = (sql: string) => dir.rows(sql)

test('what exceeds a limit is in events.dlq with its reason, and all else counts', async () => {
  const imported = await ccs('import', ...FILES, '-m', path.join(CASES, 'map.yml'), '--json')
  expect(imported).toMatchObject({ code: 0, stderr: '' })
  expect(JSON.parse(imported.stdout)).toMatchObject({
    rows: 18,
    accepted: 12,
    rejected: 6,
    reasons: { rule_violation: 6 },
  })
  expect((await ccs('run', '--once')).code).toBe(0)
  const orders = 'SELECT order_id, revenue, currency FROM silver.orders ORDER BY order_id'
  expect(await rowsOf(orders)).toEqual([
    { order_id: 'C-1', revenue: '50.00', currency: 'EUR' },
    { order_id: 'F-1', revenue: '0.00', currency: 'EUR' },
    { order_id: 'L-1', revenue: '5.00', currency: 'EUR' },
    { order_id: 'o', revenue: '5.00', currency: 'EUR' },
    { order_id: 'o1', revenue: '19.90', currency: 'EUR' },
    { order_id: 'o3', revenue: '10.00', currency: 'EUR' },
  ])
  const funnel = "SELECT checkouts, orders FROM gold.funnel_daily WHERE shop_date = '2026-03-01'"
  expect(await rowsOf(funnel)).toEqual([{ checkouts: 1, orders: 1 }])
  const gold = "SELECT orders, revenue FROM gold.revenue_daily WHERE shop_date = '2026-03-01'"
  expect(await rowsOf(gold)).toEqual([{ orders: 4, revenue: '84.90' }])
  expect((await ccs('audit')).code).toBe(0)
})
