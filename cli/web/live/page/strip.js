/** The five big numbers, each a button that opens its SQL: value, change vs last week, sparkline. */
import { make, makeData, write } from './elements.js'
import { count, currencyOf, day, difference, moneyParts, numberOf, percent } from './format.js'
import { courseOf, drawSparkline, makeSparkline } from './sparkline.js'

/**
 * @typedef {import('./stream.js').Row} Row
 * @typedef {{ exact: unknown, text: string, small?: string, more?: Node | string }} Big
 * @typedef {{ label: string, opens?: string, big: Big, change?: string | undefined,
 *   against?: string, line: readonly unknown[] }} Cell
 */

/**
 * Draws the cells, reusing the elements that exist.
 * @param {HTMLElement} strip
 * @param {readonly Cell[]} cells
 */
export function drawStrip(strip, cells) {
  while (strip.children.length < cells.length) strip.append(makeCell(cells[strip.children.length]))
  strip.classList.toggle(
    'plain-strip',
    cells.every(({ line }) => line.length < 2),
  )
  cells.forEach((cell, i) => {
    const element = strip.children[i]
    if (element) drawCell(element, cell)
  })
}

/** @param {Cell | undefined} cell */
function makeCell(cell) {
  const element = make(
    cell?.opens ? 'button.figure' : 'div.figure',
    make('span.figure-label', cell?.label ?? ''),
    make('span.figure-number'),
    make('span.figure-change'),
  )
  if (cell?.opens) {
    element.setAttribute('type', 'button')
    element.dataset.opens = cell.opens
  }
  element.append(makeSparkline())
  return element
}

/**
 * @param {Element} element
 * @param {Cell} cell
 */
function drawCell(element, { big, change, against, line }) {
  const [, number, changed, spark] = element.children
  if (!number || !changed || !(spark instanceof SVGElement)) return
  const data = makeData(big.exact, big.text)
  if (big.small) data.append(make('small', big.small))
  number.replaceChildren(data, ...(big.more ? [big.more] : []))
  write(changed, change ? `${change} ${against ?? ''}` : '')
  drawSparkline(spark, line)
}

/**
 * The strip of the live view.
 * @param {Record<string, Row[]>} rows by metric
 * @returns {Cell[]}
 */
export function liveCells(rows) {
  const now = rows.now?.[0] ?? {}
  const today = rows.today?.[0] ?? {}
  const before = rows.last_week?.[0] ?? {}
  const against = before.shop_date
    ? `vs last ${day(before.shop_date, { weekday: 'long' })}`
    : 'vs last week'
  // Without the current minute and hour, which would look like a drop.
  const minutes = (rows.minutes ?? []).slice(0, -1)
  const hours = (rows.hours ?? []).slice(0, -1)
  const ordersByHour = hours.map((hour) => hour.orders)
  const checkouts = make('span.figure-more', '+ ')
  checkouts.append(
    makeData(now.active_checkouts_10m, count(now.active_checkouts_10m)),
    ' checkouts',
  )
  const [units, cents] = moneyParts(today.revenue, currencyOf(today))
  return [
    {
      label: 'Visitors now',
      opens: 'now',
      big: { exact: now.visitors_5m, text: count(now.visitors_5m) },
      change: difference(now.visitors_5m, before.visitors_5m),
      against,
      line: courseOf(minutes.map((minute) => minute.visitors)),
    },
    {
      label: 'Active carts & checkouts',
      opens: 'now',
      big: { exact: now.active_carts_10m, text: count(now.active_carts_10m), more: checkouts },
      change: difference(now.active_carts_10m, before.active_carts_10m),
      against,
      line: courseOf(minutes.map((minute) => minute.carts)),
    },
    {
      label: 'Orders today',
      opens: 'today',
      big: { exact: today.orders, text: count(today.orders) },
      change: difference(today.orders, before.orders),
      against,
      line: courseOf(ordersByHour),
    },
    {
      label: 'Revenue today',
      opens: 'today',
      big: { exact: today.revenue, text: units, small: cents },
      change: difference(today.revenue, before.revenue, before.orders),
      against,
      line: courseOf(
        hours.map((hour) => hour.revenue),
        ordersByHour,
      ),
    },
    {
      label: 'Conversion today',
      opens: 'today',
      big: { exact: today.conversion_rate, text: percent(today.conversion_rate) },
      change: pointsOf(today.conversion_rate, before.conversion_rate, before.orders),
      against,
      line: courseOf(
        hours.map((hour) => hour.conversion_rate),
        ordersByHour,
      ),
    },
  ]
}

/** With fewer orders, a rate is chance. */
const ORDERS_MIN = 5

/**
 * Rates are compared in percentage points: "▲ 0.4 pt".
 * @param {unknown} now
 * @param {unknown} before
 * @param {unknown} orders behind `before`
 */
export function pointsOf(now, before, orders) {
  const a = numberOf(now)
  const b = numberOf(before)
  if (a === undefined || b === undefined) return undefined
  if ((numberOf(orders) ?? 0) < ORDERS_MIN) return undefined
  const points = (a - b) * 100
  if (Math.abs(points) < 0.05) return '= same'
  return `${points > 0 ? '▲' : '▼'} ${Math.abs(points).toFixed(1)} pt`
}
