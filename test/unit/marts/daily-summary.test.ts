/** What "Close of day" answers while there is no day worth showing. */
import { expect, test } from 'vitest'
import { type DayMarts, readCloseOfDay } from '../../../cli/domain/marts/daily-summary.ts'

const shop = { timezone: 'Europe/Berlin', nowMs: Date.parse('2026-11-29T12:00:00Z') }

/** Marts whose last closed day is the first one, with so many orders. */
function firstDay(orders: number): DayMarts {
  const day = '2026-11-28'
  const answers: [RegExp, Record<string, unknown>][] = [
    [/max\(shop_date\)/, { date: day }],
    [/min\(shop_date\)/, { first: day, orders }],
  ]
  return {
    info: { watermarkMs: shop.nowMs, builtMs: shop.nowMs },
    query: async (sql) => {
      const row = answers.find(([pattern]) => pattern.test(sql))?.[1]
      return { columns: [], rows: row ? [row] : [] }
    },
  }
}

test('a shop that has just begun does not read that it sold nothing', async () => {
  const { date, reason } = await readCloseOfDay(firstDay(0), shop)
  expect(date).toBeNull()
  expect(reason).toBe(
    'No day with orders has closed yet: the first visits are of 2026-11-28, ' +
      'and 2026-11-29 is still open.',
  )
})

test('a first day with orders is shown', async () => {
  expect(await readCloseOfDay(firstDay(3), shop)).toMatchObject({
    date: '2026-11-28',
    reason: null,
  })
})
