/**
 * Key columns that may be NULL, traced from the contract through the models: Flink's job fails at
 * the first such row, so that they are refused before anything is deployed.
 */
import { expect, test } from 'vitest'
import { parseModel } from '../../../cli/domain/models/parse-model.ts'
import { compileTest, projectModels } from './compile-bench.ts'

/** A model over silver.people with one key column, and what Flink's dialect says of it. */
async function explain(expression: string, where = '', source = 'silver.people') {
  const text = `/*
kind: view
grain: one row per key
key: [k]
*/
SELECT ${expression} AS k, count(*) AS n
FROM ${source}
${where}
GROUP BY ${expression}
`
  const model = parseModel('sql/gold/by_key.sql', text)
  const results = await compileTest([...projectModels(), model], 'flink')
  const found = results.find((one) => one.model.name === 'gold.by_key')?.compiled.faults ?? []
  return found.map(({ message }) => message.replace(/: Flink's job .*$/, ''))
}

test.each([
  ['utm_source', '', "Key column 'k' may be NULL (the contract lets utm_source be null)"],
  ["upper(utm_source) || '!'", '', "Key column 'k' may be NULL (the contract lets utm_source be"],
  ["nullif(device, 'bot')", '', "Key column 'k' may be NULL (nullif() may give NULL)"],
  ["CASE WHEN is_bot THEN 'bot' END", '', "Key column 'k' may be NULL (a CASE without ELSE"],
  ['items[1].sku', '', "Key column 'k' may be NULL (sku of a list's element may be missing)"],
  // Of other kinds of events the contract requires no currency.
  ['currency', "WHERE event_type IN ('purchase', 'login')", "Key column 'k' may be NULL (the"],
])('%s %s may be NULL', async (expression, where, message) => {
  const found = await explain(expression, where)
  expect(found).toHaveLength(1)
  expect(found[0]).toContain(message)
})

test.each([
  ['device', ''],
  ["coalesce(utm_source, '(direct)')", ''],
  ['currency', "WHERE event_type IN ('purchase', 'refund')"],
  ['page', "WHERE event_type = 'page_view' AND NOT is_bot"],
  ['utm_source', 'WHERE utm_source IS NOT NULL'],
  ['utm_source', "WHERE utm_source <> ''"],
  ["CASE WHEN customer_id IS NOT NULL THEN customer_id ELSE 'nobody' END", ''],
  ["CASE WHEN is_bot THEN 'bot' ELSE device END", ''],
])('%s %s is never NULL', async (expression, where) => {
  expect(await explain(expression, where)).toEqual([])
})

test('what a model requires of its rows is known to those that read it', async () => {
  expect(await explain('currency', '', 'silver.orders')).toEqual([])
  expect(await explain('order_id', '', 'silver.order_items')).toEqual([])
  expect(await explain('coupon', '', 'silver.orders')).toHaveLength(1)
})
