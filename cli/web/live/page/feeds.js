/** The latest orders and events as tables; new rows are highlighted for a moment. */
import { make, makeData } from './elements.js'
import { count, currencyOf, money, timeOfDay } from './format.js'
import { readablePath, words } from './lists.js'

/** @typedef {import('./stream.js').Row} Row */

/** What stands for rows that this reader may not see. */
export const HIDDEN_TEXT =
  'Single orders and events are shown at the address with the token: ' +
  'ccs up and ccs dash print it.'

/** @type {WeakMap<HTMLElement, Set<string>>} keys that were shown last, by table body */
const shown = new WeakMap()

/**
 * @param {HTMLElement} body a `tbody`
 * @param {readonly Row[]} rows
 * @param {(row: Row) => string} keyOf
 * @param {(row: Row) => HTMLElement[]} cellsOf
 */
function drawFeed(body, rows, keyOf, cellsOf) {
  const before = shown.get(body)
  const keys = rows.map(keyOf)
  // If all rows are new, none is highlighted.
  const hasKnown = keys.some((key) => before?.has(key))
  if (rows.length === 0) {
    const cell = make('td.nothing', 'Nothing yet')
    const columns = body.closest('table')?.querySelectorAll('th').length ?? 1
    cell.setAttribute('colspan', String(columns))
    body.replaceChildren(make('tr', cell))
  } else if (!before || keys.length !== before.size || keys.some((key) => !before.has(key)))
    body.replaceChildren(
      ...rows.map((row, i) => {
        const isNew = hasKnown && !before?.has(keys[i] ?? '')
        return make(isNew ? 'tr.new' : 'tr', ...cellsOf(row))
      }),
    )
  shown.set(body, new Set(keys))
}

/**
 * Says how to see the rows that only a reader with the token sees.
 * @param {HTMLElement} body
 */
export function drawHidden(body) {
  if (body.querySelector('.hidden-rows')) return
  const cell = make('td.hidden-rows', HIDDEN_TEXT)
  cell.setAttribute('colspan', String(body.closest('table')?.querySelectorAll('th').length ?? 1))
  body.replaceChildren(make('tr', cell))
  shown.delete(body)
}

/**
 * @param {HTMLElement} body
 * @param {readonly Row[]} rows
 */
export function drawOrders(body, rows) {
  drawFeed(
    body,
    rows,
    (row) => String(row.order_id),
    (row) => {
      const items = make('td.grow', String(row.items ?? ''))
      items.title = `${row.items ?? ''}\norder ${row.order_id}`
      const total = make('td.number')
      total.append(makeData(row.total, money(row.total, currencyOf(row))))
      return [
        make('td.time', timeOfDay(row.event_time)),
        items,
        make('td.wide', String(row.city ?? '')),
        make('td.wide', String(row.device ?? '')),
        make('td.number.wide', count(row.units)),
        total,
      ]
    },
  )
}

/**
 * @param {HTMLElement} body
 * @param {readonly Row[]} rows
 */
export function drawEvents(body, rows) {
  drawFeed(
    body,
    rows,
    (row) => [row.event_time, row.event_type, row.page, row.city].join('|'),
    (row) => {
      const path = make('td.grow', readablePath(row.page))
      path.title = [row.page, row.city, row.device].filter(Boolean).join(' · ')
      return [make('td.time', timeOfDay(row.event_time)), make('td', words(row.event_type)), path]
    },
  )
}
