/**
 * The last hour by minute: visitors, orders and revenue as three plots over one time axis, each
 * with its own scale. One cursor runs through all three. The current minute is drawn lighter.
 */

import uPlot from '/assets/uPlot.esm.js'
import { make, write } from './elements.js'
import { count, dateOf, hourMinute, money, moneyShort, numberOf, shopTimezone } from './format.js'

/**
 * @typedef {import('./stream.js').Row} Row
 * @typedef {{ column: string, label: string, kind: 'line' | 'bars',
 *   tick: (value: number) => string, text: (value: unknown) => string }} Plot
 */

const AXIS_WIDTH = 46
const TIMES_HEIGHT = 22
/** 1, 2, 5, 10 … 50 million: orders and money need no steps below one. */
const WHOLE_STEPS = Array.from({ length: 24 }, (_, i) => [1, 2, 5][i % 3] * 10 ** Math.floor(i / 3))
const FONT = '11px system-ui, sans-serif'

/** @type {readonly Plot[]} */
const PLOTS = [
  { column: 'visitors', label: 'Visitors', kind: 'line', tick: count, text: count },
  { column: 'orders', label: 'Orders', kind: 'bars', tick: count, text: count },
  { column: 'revenue', label: 'Revenue', kind: 'bars', tick: moneyShort, text: money },
]

/**
 * @param {HTMLElement} place
 * @param {HTMLElement} at shows the minute under the cursor
 * @returns {(rows: readonly Row[]) => void} draws the rows of the metric `minutes`
 */
export function makeMinutesChart(place, at) {
  /** @type {readonly Row[]} */
  let rows = []
  /** @type {{ plot: Plot, chart: uPlot, canvas: HTMLElement, value: HTMLElement }[]} */
  const charts = []

  /** @param {number | null | undefined} index of the minute; by default the current one */
  const read = (index) => {
    const i = index ?? rows.length - 1
    const row = rows[i]
    for (const { plot, value } of charts) write(value, row ? plot.text(row[plot.column]) : '')
    const isRunning = i === rows.length - 1
    write(at, row ? `${hourMinute(row.minute)}${isRunning ? ', so far' : ''}` : '')
  }

  const start = () => {
    PLOTS.forEach((plot, i) => {
      const value = make('b')
      const canvas = make('div.plot-canvas')
      const head = make('p.plot-head', make('span', plot.label), value)
      place.append(make(`div.plot.plot-${plot.column}`, head, canvas))
      const isLast = i === PLOTS.length - 1
      const chart = new uPlot(options(plot, isLast, sizeOf(canvas), read), [[], [], []], canvas)
      charts.push({ plot, chart, canvas, value })
    })
    new ResizeObserver(() => {
      for (const { chart, canvas } of charts) chart.setSize(sizeOf(canvas))
    }).observe(place)
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
      for (const { chart } of charts) chart.redraw(false)
    })
  }

  return (next) => {
    rows = next
    if (charts.length === 0) start()
    for (const { plot, chart } of charts) chart.setData(dataOf(plot, rows))
    read(charts[0]?.chart.cursor.idx)
  }
}

/**
 * Times, values of complete minutes, value of the current one.
 * @param {Plot} plot
 * @param {readonly Row[]} rows
 * @returns {uPlot.AlignedData}
 */
function dataOf({ column }, rows) {
  const last = rows.length - 1
  const values = rows.map((row) => numberOf(row[column]) ?? 0)
  return [
    rows.map((row) => (dateOf(row.minute)?.getTime() ?? 0) / 1_000),
    values.map((value, i) => (i < last ? value : null)),
    values.map((value, i) => (i === last ? value : null)),
  ]
}

/** @param {HTMLElement} canvas */
function sizeOf(canvas) {
  return { width: Math.max(canvas.clientWidth, 120), height: Math.max(canvas.clientHeight, 40) }
}

/**
 * @param {Plot} plot
 * @param {boolean} hasTimes
 * @param {{ width: number, height: number }} size
 * @param {(index: number | null | undefined) => void} read
 * @returns {uPlot.Options}
 */
function options({ kind, tick }, hasTimes, size, read) {
  const accent = () => token('--accent')
  const bars = uPlot.paths.bars?.({ size: [0.62, 14] })
  const noPoints = { points: { show: false } }
  const asBars = { width: 0, paths: bars, ...noPoints }
  const asLine = { width: 1.6, stroke: accent, ...noPoints }
  const isLine = kind === 'line'
  return {
    ...size,
    padding: [6, 0, hasTimes ? 0 : 7, 0],
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1_000), shopTimezone()),
    legend: { show: false },
    cursor: {
      y: false,
      drag: { x: false, y: false, setScale: false },
      sync: { key: 'minutes', setSeries: false },
      points: { show: isLine, size: 6, fill: accent, stroke: accent },
    },
    scales: {
      // Half a bar more at each end.
      x: { range: (_chart, min, max) => [min - 35, max + 35] },
      y: { range: (_chart, _min, max) => [0, Math.max(isLine ? 5 : 2, max) * 1.08] },
    },
    hooks: {
      setCursor: [({ cursor }) => read((cursor.left ?? -1) >= 0 ? cursor.idx : null)],
    },
    series: [
      {},
      isLine ? { ...asLine, fill: () => token('--accent-pale') } : { ...asBars, fill: accent },
      { ...asBars, fill: () => token('--accent-half') },
    ],
    axes: [timesAxis(hasTimes), valuesAxis(tick)],
  }
}

/**
 * @param {boolean} show
 * @returns {uPlot.Axis}
 */
function timesAxis(show) {
  return {
    show,
    size: TIMES_HEIGHT,
    font: FONT,
    gap: 4,
    space: 64,
    stroke: () => token('--soft'),
    grid: { show: false },
    ticks: { show: false },
    incrs: [300, 600, 900, 1_800],
    values: ({ scales }, splits) =>
      // A label at the very end would be cut off.
      splits.map((s) => (s > (scales.x?.max ?? s) - 110 ? '' : hourMinute(new Date(s * 1_000)))),
  }
}

/**
 * @param {(value: number) => string} tick
 * @returns {uPlot.Axis}
 */
function valuesAxis(tick) {
  return {
    size: AXIS_WIDTH,
    font: FONT,
    gap: 8,
    space: 20,
    stroke: () => token('--soft'),
    grid: { stroke: () => token('--rule'), width: 1 },
    ticks: { show: false },
    incrs: WHOLE_STEPS,
    values: (_chart, splits) => splits.map(tick),
  }
}

/** @param {string} name of a custom property of page.css */
function token(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim()
}

/**
 * The chart in words, for screen readers.
 * @param {readonly Row[]} rows
 */
export function minutesText(rows) {
  const over = rows.slice(0, -1)
  if (over.length === 0) return ''
  const sum = (/** @type {string} */ column) =>
    over.reduce((total, row) => total + (numberOf(row[column]) ?? 0), 0)
  const peak = over.reduce((a, b) =>
    (numberOf(b.visitors) ?? 0) > (numberOf(a.visitors) ?? 0) ? b : a,
  )
  const sums = `${count(sum('orders'))} orders, ${moneyShort(sum('revenue'))} revenue`
  const most = `Most visitors at ${hourMinute(peak.minute)}: ${count(peak.visitors)} per minute.`
  return `In the last ${over.length} minutes: ${sums}. ${most}`
}
