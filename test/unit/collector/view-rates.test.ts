/** Visitors who look at more than a person can, by minutes of the test's clock. */
import { expect, test } from 'vitest'
import { ViewRates } from '../../../cli/domain/collector/view-rates.ts'

const MINUTE = 60_000
const AT = Date.parse('2026-06-11T10:00:00Z')

/** Whether the last of `count` views is a bot's. */
function look(rates: ViewRates, visitor: string, count: number, nowMs = AT): boolean {
  let isInhuman = false
  for (let i = 0; i < count; i++) isInhuman = rates.isInhuman(visitor, 'page_view', nowMs)
  return isInhuman
}

test('the limit itself is human, one view more is not', () => {
  const rates = new ViewRates(3)
  expect(look(rates, 'ann', 3)).toBe(false)
  expect(rates.isInhuman('ann', 'view_item', AT)).toBe(true)
  expect(look(rates, 'bob', 1)).toBe(false)
})

test('whoever does something else is a person for the rest of the minute', () => {
  const rates = new ViewRates(3)
  look(rates, 'ann', 2)
  expect(rates.isInhuman('ann', 'add_to_cart', AT)).toBe(false)
  expect(look(rates, 'ann', 50)).toBe(false)
  expect(look(rates, 'ann', 50, AT + MINUTE)).toBe(true)
})

test('a new minute begins at nothing, also when the clock goes back', () => {
  const rates = new ViewRates(3)
  expect(look(rates, 'ann', 9, AT + MINUTE - 1)).toBe(true)
  expect(look(rates, 'ann', 3, AT + MINUTE)).toBe(false)
  expect(look(rates, 'ann', 3, AT)).toBe(false)
})
