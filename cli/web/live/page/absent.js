/** Says in place of numbers why they are not known: on this target, or not yet. */
import { make, write } from './elements.js'

/** @typedef {import('./stream.js').Snapshot} Snapshot */

/** Where the sentence of each metric with a part of its own stands. */
const PLACES = new Map([
  ['funnel', 'funnel'],
  ['devices', 'devices'],
  ['top_products', 'products'],
  ['top_pages', 'pages'],
  ['campaigns', 'campaigns'],
  ['cities', 'cities'],
  ['latest_orders', 'latest-orders'],
  ['latest_events', 'latest-events'],
])

/** What the others are, in the list below the big numbers. */
const NAMES = new Map([
  ['now', 'Visitors, carts and checkouts'],
  ['today', 'Orders, revenue and conversion'],
  ['last_week', 'The comparison with last week'],
  ['hours', 'Today by hour'],
  ['order_sources', 'Orders that the browser did not report'],
])

/**
 * The sentence in the metric's own part, in place of its rows.
 * @param {string} id of a metric
 * @param {string} text
 */
export function drawAbsent(id, text) {
  const place = document.getElementById(PLACES.get(id) ?? '')
  if (!place) return
  const known = place.querySelector('.absent')
  if (known) return write(known, text)
  if (place instanceof HTMLTableSectionElement) {
    const cell = make('td.absent', text)
    cell.setAttribute('colspan', String(place.closest('table')?.querySelectorAll('th').length ?? 1))
    place.replaceChildren(make('tr', cell))
  } else place.replaceChildren(make(place.tagName === 'OL' ? 'li.absent' : 'p.absent', text))
}

/**
 * The sentences of the big numbers, which have no place for one.
 * @param {HTMLElement} list
 * @param {Snapshot} snapshot
 */
export function drawAbsentNumbers(list, { figures }) {
  const texts = [...NAMES].flatMap(([id, name]) => {
    const absent = figures[id]?.absent
    return absent === undefined ? [] : [`${name}: ${absent}`]
  })
  list.hidden = texts.length === 0
  if (list.textContent !== texts.join(''))
    list.replaceChildren(...texts.map((one) => make('li', one)))
}
