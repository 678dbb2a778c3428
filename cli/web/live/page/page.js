/** Starts the page: passes the stream's snapshots to the parts of the screen that show them. */
import { drawAbsent, drawAbsentNumbers } from './absent.js'
import { makeMinutesChart, minutesText } from './chart.js'
import { makeDayView } from './day.js'
import { byId, write } from './elements.js'
import { drawEvents, drawHidden, drawOrders } from './feeds.js'
import {
  count,
  currencyOf,
  duration,
  money,
  percent,
  shopTimezone,
  timeOfDay,
  useShop,
} from './format.js'
import { markOld } from './freshness.js'
import { asOfText, drawHealth, drawUnknownHealth } from './health.js'
import { drawLeftOut } from './left-out.js'
import {
  campaignLines,
  cityLines,
  drawRows,
  drawSplit,
  funnelLines,
  pageLines,
  productLines,
} from './lists.js'
import { drawOrderSources } from './order-sources.js'
import { makeSqlDialog } from './sql-dialog.js'
import { openStream } from './stream.js'
import { drawStrip, liveCells } from './strip.js'

/**
 * @typedef {import('./stream.js').Snapshot} Snapshot
 * @typedef {import('./stream.js').Row} Row
 * @typedef {import('./stream.js').State} State
 */

const SPOKEN_EVERY_MS = 30_000
const LIST_ROWS = 5
const ORDER_ROWS = 10
const CITY_ROWS = 4
const EVENT_ROWS = 10

/** @type {Snapshot | undefined} */
let snapshot
let spokenMs = 0
/** @type {Promise<import('./sql-dialog.js').Metric[]> | undefined} */
let metrics

const chart = makeMinutesChart(byId('plots'), byId('hour-at'))
const dayView = makeDayView(byId('day-view'))
const dialog = byId('dialog')
if (!(dialog instanceof HTMLDialogElement)) throw new Error('#dialog is not a dialog.')
const openDialog = makeSqlDialog(dialog, () => snapshot, loadMetrics)

/** What to draw when a metric has changed. */
const PARTS = new Map([
  [
    'minutes',
    (/** @type {Row[]} */ rows) => {
      chart(rows)
      write(byId('hour-text'), minutesText(rows))
    },
  ],
  ['funnel', (rows) => drawRows(byId('funnel'), funnelLines(rows))],
  ['devices', (rows) => drawSplit(byId('devices'), rows.slice(0, 4))],
  ['top_products', (rows) => drawRows(byId('products'), productLines(rows.slice(0, LIST_ROWS)))],
  ['top_pages', (rows) => drawRows(byId('pages'), pageLines(rows.slice(0, LIST_ROWS)))],
  ['campaigns', (rows) => drawRows(byId('campaigns'), campaignLines(rows.slice(0, LIST_ROWS)))],
  ['cities', (rows) => drawRows(byId('cities'), cityLines(rows.slice(0, CITY_ROWS)))],
  ['latest_orders', (rows) => drawOrders(byId('latest-orders'), rows.slice(0, ORDER_ROWS))],
  ['order_sources', (rows) => drawOrderSources(byId('order-sources'), rows)],
  ['latest_events', (rows) => drawEvents(byId('latest-events'), rows.slice(0, EVENT_ROWS))],
])
/** The bodies of tables whose rows are shown only with the token. */
const FEEDS = new Map([
  ['latest_orders', 'latest-orders'],
  ['latest_events', 'latest-events'],
])
const IN_STRIP = ['now', 'today', 'last_week', 'minutes', 'hours']

/**
 * @param {Snapshot} next
 * @param {ReadonlySet<string>} changed ids of metrics
 */
function onSnapshot(next, changed) {
  snapshot = next
  write(byId('shop-name'), next.shop.name)
  const rows = rowsOf(next)
  const isEmpty = next.health.records === 0
  const absent = next.figures.minutes?.absent
  const isWaiting = !isEmpty && (rows.minutes === undefined || absent !== undefined)
  byId('empty-shop').hidden = !isEmpty
  if (isEmpty && next.health.job) drawNoRecords(next.health.job.target)
  write(byId('waiting'), absent ?? 'Waiting for the first numbers…')
  byId('waiting').hidden = !isWaiting
  byId('plots').hidden = isEmpty || isWaiting
  // The currency becomes known with the first order, perhaps while the page is open.
  const currency = next.shop.currency ?? currencyOf(rows.today?.[0] ?? {})
  const due = useShop({ ...next.shop, currency }) ? new Set(Object.keys(rows)) : changed
  if (IN_STRIP.some((id) => due.has(id))) drawStrip(byId('strip'), liveCells(rows))
  for (const id of due) {
    const absence = next.figures[id]?.absent
    // Its line is hidden where there are no rows; why, is said in the list below the big numbers.
    if (absence === undefined || id === 'order_sources') PARTS.get(id)?.(rows[id] ?? [])
    else drawAbsent(id, absence)
  }
  drawAbsentNumbers(byId('absent'), next)
  for (const body of next.hidden.flatMap((id) => FEEDS.get(id) ?? [])) drawHidden(byId(body))
  drawHealth(byId('health'), next.health)
  drawLeftOut(byId('left-out'), next.health, next.figures.left_out?.absent)
  drawState('live')
  void loadMetrics().then((metrics) => markOld(next, metrics))
  dayView.martsBuilt(next.health.marts?.builtAt ?? undefined)
  speak(rows)
}

/**
 * What to do on a target whose topics are empty.
 * @param {string} target
 */
function drawNoRecords(target) {
  const [, what, how] = byId('empty-shop').children
  if (what) write(what, 'The topics of this target are empty, as far as they were read.')
  if (how) write(how, `ccs gate --target ${target} validates events for the job that fills them.`)
}

/** Titles and SQL of the metrics: constant while an engine runs, loaded again after a failure. */
function loadMetrics() {
  metrics ??= fetch('/api/figures').then(async (response) => {
    if (!response.ok) throw new Error(`The engine answered ${response.status}.`)
    return /** @type {import('./sql-dialog.js').Metric[]} */ (await response.json())
  })
  return metrics.catch(() => {
    metrics = undefined
    return []
  })
}

/**
 * @param {Snapshot} of
 * @returns {Record<string, Row[]>}
 */
function rowsOf({ figures }) {
  return Object.fromEntries(Object.entries(figures).map(([id, answer]) => [id, answer.rows]))
}

/**
 * One sentence every half minute for screen readers; every change would be noise.
 * @param {Record<string, Row[]>} rows
 */
function speak(rows) {
  if (Date.now() - spokenMs < SPOKEN_EVERY_MS || byId('live-view').hidden) return
  spokenMs = Date.now()
  const now = rows.now?.[0] ?? {}
  const today = rows.today?.[0] ?? {}
  const orders = `${count(today.orders)} orders, ${money(today.revenue)} revenue`
  write(
    byId('summary'),
    `${count(now.visitors_5m)} visitors now. Today ${orders}, ` +
      `${percent(today.conversion_rate)} conversion.`,
  )
}

/**
 * @param {State} state
 * @param {{ lastMs: number, retryMs: number }} more
 */
function onState(state, { lastMs, retryMs }) {
  if (state === 'gone') metrics = undefined // another engine may have other metrics
  drawState(state)
  const banner = byId('banner')
  banner.hidden = state === 'live' || state === 'loading'
  if (banner.hidden) return
  drawUnknownHealth(byId('health'), 'The state of the pipeline is not known.')
  const last = lastMs ? ` The numbers are from ${timeOfDay(new Date(lastMs))}.` : ''
  const what =
    state === 'stale' ? 'The engine has sent nothing for 5 seconds.' : 'The engine does not answer.'
  const next = retryMs > 1_000 ? ` Trying again in ${duration(retryMs)}.` : ' Trying again…'
  // Hidden from screen readers: an alert that changes every second would be read every second.
  const spoken =
    banner.querySelector('.spoken') ?? banner.appendChild(document.createElement('span'))
  const counted =
    banner.querySelector('.counted') ?? banner.appendChild(document.createElement('span'))
  spoken.className = 'spoken'
  counted.className = 'counted'
  counted.setAttribute('aria-hidden', 'true')
  write(spoken, `${what}${last}`)
  write(counted, next)
}

/**
 * The word in the corner. Numbers of a commit are not live, although the page is connected.
 * @param {State} state
 */
function drawState(state) {
  const health = snapshot?.health
  const isIdle = state === 'live' && health?.running === false
  const root = document.documentElement.dataset
  root.state = state
  root.engine = isIdle ? 'idle' : 'running'
  const text = { loading: 'Connecting…', live: 'Live', stale: 'Stale', gone: 'Offline' }[state]
  const job = state === 'live' ? health?.job : undefined
  const idle = isIdle ? 'No engine' : text
  write(byId('state'), job ? `As of ${asOfText(job)}` : idle)
}

function showView() {
  const isDay = location.hash === '#day'
  if (!isDay && !['', '#live'].includes(location.hash)) return // the skip link
  byId('live-view').hidden = isDay
  byId('day-view').hidden = !isDay
  for (const link of document.querySelectorAll('[data-view]')) {
    const isHere = link instanceof HTMLElement && (link.dataset.view === 'day') === isDay
    if (isHere) link.setAttribute('aria-current', 'page')
    else link.removeAttribute('aria-current')
  }
  document.title = `${isDay ? 'Close of day' : 'Live'} · ${snapshot?.shop.name ?? 'ccs'}`
  if (isDay) void dayView.show()
}

function tick() {
  const now = new Date()
  const clock = byId('clock')
  write(clock, timeOfDay(now))
  write(byId('zone'), shopTimezone().replaceAll('_', ' '))
}

document.addEventListener('click', (event) => {
  const opener = event.target instanceof Element ? event.target.closest('[data-opens]') : null
  if (opener instanceof HTMLElement && opener.dataset.opens) void openDialog(opener.dataset.opens)
})
addEventListener('hashchange', showView)
setInterval(tick, 1_000)
tick()
showView()
drawStrip(byId('strip'), liveCells({}))
openStream({ onSnapshot, onState })
