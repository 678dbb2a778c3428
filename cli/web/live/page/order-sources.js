/** Beside the latest orders: how many of today's the browser did not report, and how many only it. */
import { makeData } from './elements.js'
import { count, numberOf, percent } from './format.js'

/** @typedef {import('./stream.js').Row} Row */

/** From this share on, a decimal says nothing more. */
const WHOLE_PERCENT_MIN = 0.1

/**
 * The parts of the sentence: text, and numbers with their exact values.
 * @param {Row} row of the metric
 * @returns {(string | { exact: unknown, text: string })[]}
 */
export function orderSourcesParts({ orders, only_shop_system, only_browser, loss_rate }) {
  const isOne = numberOf(orders) === 1
  const digits = (numberOf(loss_rate) ?? 0) < WHOLE_PERCENT_MIN ? 1 : 0
  const lost = numberOf(only_shop_system) ?? 0
  const unknown = numberOf(only_browser) ?? 0
  return [
    { exact: orders, text: count(orders) },
    isOne ? ' order today, ' : ' orders today, ',
    ...(lost > 0
      ? [
          { exact: only_shop_system, text: count(only_shop_system) },
          ' of them (',
          { exact: loss_rate, text: percent(loss_rate, digits) },
          ') not reported by the browser',
        ]
      : [isOne ? 'reported by the browser' : 'all reported by the browser']),
    ...(unknown > 0
      ? [', ', { exact: only_browser, text: count(only_browser) }, ' only by it']
      : []),
  ]
}

/**
 * Hidden where orders come by one way only: then there is no row.
 * @param {HTMLElement} place
 * @param {readonly Row[]} rows
 */
export function drawOrderSources(place, [row]) {
  place.hidden = row === undefined
  if (row === undefined) return
  place.replaceChildren(
    ...orderSourcesParts(row).map((part) =>
      typeof part === 'string' ? part : makeData(part.exact, part.text),
    ),
  )
}
