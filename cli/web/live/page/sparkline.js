/** A line as wide as its place, without axes: the course of the last values, the latest marked. */
import { makeSvg } from './elements.js'
import { numberOf } from './format.js'

const WIDTH = 200
const HEIGHT = 28
const PADDING = 4

/** @returns {SVGElement} */
export function makeSparkline() {
  const svg = makeSvg('svg', {
    class: 'spark',
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
    preserveAspectRatio: 'none',
    'aria-hidden': 'true',
  })
  svg.append(makeSvg('path', { class: 'spark-line' }), makeSvg('path', { class: 'spark-end' }))
  return svg
}

/** With fewer visitors, orders … than this at the peak, a line would show chance as a course. */
const PEAK_MIN = 5

/**
 * The values if their course says something: with less at the peak than a handful, there is none.
 * @param {readonly unknown[]} values
 * @param {readonly unknown[]} [basis] how many things each value is about; by default itself
 * @returns {readonly unknown[]} empty: nothing to draw
 */
export function courseOf(values, basis = values) {
  return Math.max(0, ...basis.map((value) => numberOf(value) ?? 0)) < PEAK_MIN ? [] : values
}

/**
 * Scaled from the lowest value to the highest: its shape matters, not its size.
 * @param {SVGElement} svg
 * @param {readonly unknown[]} values oldest first; nothing is drawn for fewer than two
 */
export function drawSparkline(svg, values) {
  const numbers = values.map((value) => numberOf(value) ?? 0)
  const [line, end] = svg.children
  if (!line || !end) return
  const min = Math.min(...numbers)
  const span = Math.max(...numbers) - min
  const step = WIDTH / Math.max(numbers.length - 1, 1)
  const points = numbers.map((value, i) => {
    const height = span > 0 ? (value - min) / span : 0
    const y = HEIGHT - PADDING - height * (HEIGHT - 2 * PADDING)
    return `${(i * step).toFixed(1)} ${y.toFixed(1)}`
  })
  const isLine = points.length > 1
  line.setAttribute('d', isLine ? `M${points.join('L')}` : '')
  // A line of no length with a round end is a dot that isn't stretched with the drawing.
  end.setAttribute('d', isLine ? `M${points.at(-1)}h0` : '')
}
