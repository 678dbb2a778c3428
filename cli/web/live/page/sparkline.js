/** A line as wide as its place, without axes: the shape of the last values, the latest one marked. */
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

/**
 * From the lowest value to the highest, as it is the shape that counts here and not the size.
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
    return `${(i * step).toFixed(1)} ${(HEIGHT - PADDING - height * (HEIGHT - 2 * PADDING)).toFixed(1)}`
  })
  const isLine = points.length > 1
  line.setAttribute('d', isLine ? `M${points.join('L')}` : '')
  // A piece without length, drawn with a round end, is a dot that does not stretch with the line.
  end.setAttribute('d', isLine ? `M${points.at(-1)}h0` : '')
}
