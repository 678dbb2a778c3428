/** Lists with a bar behind each row (funnel, products, pages, campaigns, cities), and devices. */
import { make, makeData } from './elements.js'
import { count, money, numberOf, percent } from './format.js'

/**
 * @typedef {import('./stream.js').Row} Row
 * @typedef {{ label: string, title?: string, soft?: string, size: number,
 *   values: readonly (readonly [exact: unknown, text: string])[] }} Line
 */

const STEPS = new Map([
  ['session', 'Sessions'],
  ['view_item', 'Saw a product'],
  ['add_to_cart', 'Put it in the cart'],
  ['begin_checkout', 'Began checkout'],
  ['purchase', 'Bought'],
])

/**
 * @param {HTMLElement} list an `ol.rows`
 * @param {readonly Line[]} lines drawn relative to the largest
 */
export function drawRows(list, lines) {
  const max = Math.max(...lines.map(({ size }) => size), 0)
  if (lines.length === 0) {
    list.replaceChildren(make('li.nothing', 'Nothing yet'))
    return
  }
  list.replaceChildren(
    ...lines.map(({ label, title, soft, size, values }) => {
      const row = make(
        'li',
        make('span.row-label', label, soft ? make('small', ` ${soft}`) : undefined),
      )
      if (title) row.title = title
      for (const [exact, text] of values) row.append(makeData(exact, text))
      // Not as a style attribute: the page's security policy forbids those.
      row.style.setProperty('--size', max > 0 ? `${((size / max) * 100).toFixed(1)}%` : '0%')
      return row
    }),
  )
}

/** @param {readonly Row[]} rows */
export function funnelLines(rows) {
  return rows.map((row, i) => ({
    label: STEPS.get(String(row.step)) ?? words(row.step),
    title: i > 0 ? `${percent(row.rate_overall)} of all sessions` : '',
    size: numberOf(row.sessions) ?? 0,
    values: [
      pair(row.sessions, count(row.sessions)),
      pair(row.rate_from_previous, i > 0 ? percent(row.rate_from_previous) : ''),
    ],
  }))
}

/**
 * What was only looked at has no money, and what was sold in other currencies alone says which.
 * @param {readonly Row[]} rows
 */
export function productLines(rows) {
  return rows.map((row) => {
    const isSold = (numberOf(row.units) ?? 0) > 0
    const views = `${count(row.views)} views`
    const others = row.other_currencies ? String(row.other_currencies) : ''
    const amount = row.revenue === null ? `in ${others}` : money(row.revenue)
    const also = others && row.revenue !== null ? ` · also sold in ${others}` : ''
    return {
      label: String(row.name ?? row.sku ?? ''),
      title: `${row.sku} · ${views}${also}`,
      soft: isSold ? '' : `${views}, none sold`,
      size: numberOf(row.units) ?? 0,
      values: isSold ? [pair(row.units, count(row.units)), pair(row.revenue, amount)] : [],
    }
  })
}

/** @param {readonly Row[]} rows */
export function pageLines(rows) {
  return rows.map((row) => ({
    label: readablePath(row.page),
    title: String(row.page ?? ''),
    size: numberOf(row.views) ?? 0,
    values: [pair(row.views, count(row.views))],
  }))
}

/** @param {readonly Row[]} rows */
export function campaignLines(rows) {
  return rows.map((row) => ({
    label: row.campaign ? String(row.campaign) : 'no campaign',
    title: `revenue ${money(row.revenue)}`,
    ...sessionsAndOrders(row),
  }))
}

/** @param {readonly Row[]} rows */
export function cityLines(rows) {
  return rows.map((row) => ({
    label: row.city ? String(row.city) : 'unknown',
    soft: row.country ? String(row.country) : '',
    ...sessionsAndOrders(row),
  }))
}

/** @param {Row} row */
function sessionsAndOrders(row) {
  return {
    size: numberOf(row.sessions) ?? 0,
    values: [pair(row.sessions, count(row.sessions)), pair(row.orders, count(row.orders))],
  }
}

/**
 * One bar split by device with a legend below, in the same order: colour is not the only cue.
 * @param {HTMLElement} place
 * @param {readonly Row[]} rows
 */
export function drawSplit(place, rows) {
  if (rows.length === 0) {
    place.replaceChildren(make('p.nothing', 'Nothing yet'))
    return
  }
  const bar = make('div.split-bar')
  const key = make('ul.split-key')
  for (const row of rows) {
    const part = make('span')
    part.style.flexGrow = String(numberOf(row.share) ?? 0)
    bar.append(part)
    const item = make('li', make('span.split-name', `${row.device ?? 'unknown'} `))
    item.append(makeData(row.share, percent(row.share, 0)))
    item.title = `${count(row.sessions)} sessions, ${count(row.orders)} orders`
    key.append(item)
  }
  bar.setAttribute('aria-hidden', 'true')
  place.replaceChildren(bar, key)
}

/**
 * @param {unknown} exact
 * @param {string} text
 * @returns {readonly [unknown, string]}
 */
export function pair(exact, text) {
  return [exact, text]
}

/** @param {unknown} name of an event or step: page_view → "page view" */
export function words(name) {
  return String(name ?? '').replaceAll('_', ' ')
}

/** @param {unknown} path decoded for readers */
export function readablePath(path) {
  const text = String(path ?? '')
  try {
    return decodeURIComponent(text)
  } catch {
    return text // not every path that a client sends is well-formed
  }
}
