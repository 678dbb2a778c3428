/** The sentence beside the latest orders: what the browser did not report of today's. */
import { expect, test } from 'vitest'
import { orderSourcesParts } from '../../../cli/web/live/page/order-sources.js'

/** As it is shown; the space before a percent sign is the one that the page sets. */
function sentence(orders: number, hidden: number, onlyBrowser = 0): string {
  const row = {
    ...{ orders, only_shop_system: hidden, only_browser: onlyBrowser },
    loss_rate: hidden / orders,
  }
  const parts = orderSourcesParts(row)
  return parts.map((part) => (typeof part === 'string' ? part : part.text)).join('')
}

test.each([
  [12, 3, 0, '12 orders today, 3 of them (25%) not reported by the browser'],
  [12, 3, 1, '12 orders today, 3 of them (25%) not reported by the browser, 1 only by it'],
  [1_200, 7, 0, '1,200 orders today, 7 of them (0.6%) not reported by the browser'],
  [12, 0, 2, '12 orders today, all reported by the browser, 2 only by it'],
  [1, 0, 0, '1 order today, reported by the browser'],
])('%i orders, %i hidden, %i without a webhook', (orders, hidden, onlyBrowser, text) => {
  expect(sentence(orders, hidden, onlyBrowser).replaceAll(/\s%/g, '%')).toBe(text)
})

test('every number keeps its exact value', () => {
  const row = { orders: 3, only_shop_system: 1, only_browser: 0, loss_rate: 1 / 3 }
  const numbers = orderSourcesParts(row).flatMap((part) =>
    typeof part === 'string' ? [] : [part.exact],
  )
  expect(numbers).toEqual([3, 1, 1 / 3])
})
