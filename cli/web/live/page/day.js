/** Close of day: what changed, in sentences, then the last closed day beside the days before. */
import { drawCohorts } from './cohorts.js'
import { make, makeData, makeProse } from './elements.js'
import {
  count,
  currencyOf,
  day,
  dayAndTime,
  difference,
  money,
  moneyParts,
  numberOf,
  percent,
} from './format.js'
import { drawRows, funnelLines, pair } from './lists.js'
import { drawStrip, pointsOf } from './strip.js'

/**
 * @typedef {import('./stream.js').Row} Row
 * @typedef {{ date: string | null, days: Row[], categories: Row[], cohorts: Row[], funnel: Row[],
 *   sentences: string[], builtAt: string | null, reason: string | null }} Day
 */

/** While there is nothing to show, the reason may change, so it is requested again. */
const ASK_AGAIN_MS = 10_000

/**
 * @param {HTMLElement} place
 * @returns {{ show: () => Promise<void>, martsBuilt: (at: string | undefined) => void }}
 */
export function makeDayView(place) {
  /** @type {string | undefined} when the marts were built that are shown */
  let builtAt
  let isDrawn = false
  let askedMs = 0

  const show = async () => {
    askedMs = Date.now()
    if (!isDrawn) place.replaceChildren(make('p.nothing', 'Loading…'))
    try {
      const response = await fetch('/api/day')
      if (!response.ok) throw new Error(`The engine answered ${response.status}.`)
      const document = /** @type {Day} */ (await response.json())
      isDrawn = document.reason === null
      draw(place, document)
    } catch {
      if (!isDrawn)
        place.replaceChildren(
          reasonBox('The engine does not answer. This view appears once it is back.'),
        )
    }
  }

  return {
    show,
    martsBuilt: (at) => {
      const isDue = at !== builtAt || (!isDrawn && Date.now() - askedMs > ASK_AGAIN_MS)
      builtAt = at
      if (!place.hidden && isDue) void show()
    },
  }
}

/**
 * @param {HTMLElement} place
 * @param {Day} of
 */
function draw(place, { date, days, categories, cohorts, funnel, sentences, builtAt, reason }) {
  const own = ownCurrency(days)
  const latest = own.at(-1)
  if (reason !== null || !date || !latest) {
    place.replaceChildren(reasonBox(reason ?? 'No day has closed yet.'))
    return
  }
  const summary = make('div.summary', ...sentences.map((one) => make('p', unbroken(one))))
  const strip = make('section.strip')
  strip.setAttribute('aria-label', 'The day in numbers')
  drawStrip(strip, dayCells(own))
  const cohortPlace = make('div.scroller')
  cohortPlace.tabIndex = 0
  drawCohorts(cohortPlace, cohorts)
  const categoryList = make('ol.rows')
  drawRows(categoryList, categoryLines(categories, currencyOf(latest)))
  const funnelList = make('ol.rows')
  drawRows(funnelList, funnelLines(funnel))
  const title = day(date, { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' })
  place.replaceChildren(
    make('header.day-head', make('h1', title), summary),
    strip,
    part('days', 'The last days', '', daysTable(own)),
    part('categories', 'Revenue by category', 'that day · vs the day before', categoryList),
    part('cohorts', 'Who comes back', 'share of buyers, by week of first order', cohortPlace),
    part('day-funnel', 'Funnel of the day', 'sessions · step conversion', funnelList),
    make(
      'p.built',
      builtAt ? `From the marts built ${dayAndTime(builtAt)}. Late orders are included.` : '',
    ),
  )
}

/**
 * Amounts in different currencies can't be added: only the one with most orders is shown.
 * @param {readonly Row[]} days
 */
function ownCurrency(days) {
  const orders = new Map()
  for (const { currency, orders: number } of days)
    orders.set(currency, (orders.get(currency) ?? 0) + (numberOf(number) ?? 0))
  const [first] = [...orders].sort(([, a], [, b]) => b - a)
  return days.filter(({ currency }) => currency === first?.[0])
}

/**
 * Keeps a number and its unit on one line: "−11 %".
 * @param {string} sentence
 */
function unbroken(sentence) {
  return sentence.replaceAll(/(\d) (?=%|[A-Z]{3}\b)/g, '$1\u00a0')
}

/** @param {string} reason */
function reasonBox(reason) {
  return make('div.empty', make('h1', 'Close of day'), makeProse('p', reason))
}

/**
 * @param {string} name
 * @param {string} title
 * @param {string} aside
 * @param {HTMLElement} content
 */
function part(name, title, aside, content) {
  const heading = make('h2', title, aside ? make('span.aside', aside) : undefined)
  heading.id = `${name}-of-day`
  const section = make(`section.${name}`, heading, content)
  section.setAttribute('aria-labelledby', heading.id)
  return section
}

/** @param {readonly Row[]} days of one currency, oldest first */
function dayCells(days) {
  const last = days.at(-1) ?? {}
  const before = days.find(({ date }) => daysBetween(date, last.date) === 7)
  const against = before ? `vs ${day(before.date)}` : ''
  const line = (/** @type {string} */ column) => days.map((row) => row[column])
  const [units, cents] = moneyParts(last.revenue, currencyOf(last))
  const change = (/** @type {string} */ column, /** @type {string} */ basis = column) =>
    difference(last[column], before?.[column], before?.[basis])
  const others = (numberOf(last.all_orders) ?? 0) - (numberOf(last.orders) ?? 0)
  const revenueLabel = others > 0 ? `Revenue, ${currencyOf(last)} only` : 'Revenue'
  return [
    {
      label: revenueLabel,
      big: { exact: last.revenue, text: units, small: cents },
      change: change('revenue', 'orders'),
      against,
      line: line('revenue'),
    },
    cell('Orders', 'all_orders', count),
    {
      ...cell('Average order', 'aov', (value) => money(value, currencyOf(last))),
      change: change('aov', 'orders'),
    },
    {
      ...cell('Conversion', 'conversion_rate', percent),
      change: pointsOf(last.conversion_rate, before?.conversion_rate, before?.all_orders),
    },
    cell('Visitors', 'visitors', count),
  ]

  /**
   * @param {string} label
   * @param {string} column
   * @param {(value: unknown) => string} text
   */
  function cell(label, column, text) {
    const exact = last[column]
    return {
      label,
      big: { exact, text: text(exact) },
      change: change(column),
      against,
      line: line(column),
    }
  }
}

/**
 * @param {unknown} from
 * @param {unknown} to
 */
function daysBetween(from, to) {
  return Math.round((Date.parse(String(to)) - Date.parse(String(from))) / 86_400_000)
}

/** @param {readonly Row[]} days */
function daysTable(days) {
  const currency = currencyOf(days.at(-1) ?? {})
  const revenueName = currency ? `Revenue, ${currency}` : 'Revenue'
  const names = [
    'Day',
    revenueName,
    'Net',
    'Orders',
    'Average',
    'Sessions',
    'Conversion',
    'Visitors',
  ]
  const head = make('tr', ...names.map((name, i) => make(i > 0 ? 'th.number' : 'th', name)))
  const max = Math.max(...days.map(({ revenue }) => numberOf(revenue) ?? 0), 0)
  const rows = days.toReversed().map((row) => {
    const of = currencyOf(row)
    const cells = [
      [row.revenue, money(row.revenue, of)],
      [row.net_revenue, money(row.net_revenue, of)],
      [row.all_orders, count(row.all_orders)],
      [row.aov, money(row.aov, of)],
      [row.sessions, count(row.sessions)],
      [row.conversion_rate, percent(row.conversion_rate)],
      [row.visitors, count(row.visitors)],
    ].map(([exact, text]) => make('td.number', makeData(exact, String(text))))
    const [revenue] = cells
    revenue?.classList.add('sized')
    const size = max > 0 ? ((numberOf(row.revenue) ?? 0) / max) * 100 : 0
    revenue?.style.setProperty('--size', `${size.toFixed(1)}%`)
    const header = make('th', day(row.date))
    header.setAttribute('scope', 'row')
    return make('tr', header, ...cells)
  })
  const table = make('table.grid', make('thead', head), make('tbody', ...rows))
  const scroller = make('div.scroller', table)
  scroller.tabIndex = 0
  return scroller
}

/**
 * @param {readonly Row[]} categories
 * @param {string | null} currency
 */
function categoryLines(categories, currency) {
  return categories.map((row) => ({
    label: row.category ? String(row.category) : 'no category',
    title: `the day before ${money(row.previous, currency)}`,
    size: numberOf(row.revenue) ?? 0,
    values: [
      pair(row.revenue, money(row.revenue, currency)),
      pair(row.difference, difference(row.revenue, row.previous) ?? ''),
    ],
  }))
}
