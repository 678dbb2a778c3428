/** Cohorts as a heat table: one row per week of first orders, one column per week since. */
import { make } from './elements.js'
import { count, day, numberOf, percent } from './format.js'

/** With a deeper colour the text would be hard to read. */
const DEPTH_MAX = 0.45

/**
 * @param {HTMLElement} place
 * @param {readonly import('./stream.js').Row[]} cohorts with `weeks`, shares from week 0 on
 */
export function drawCohorts(place, cohorts) {
  if (cohorts.length === 0) {
    place.replaceChildren(make('p.nothing', 'No cohorts yet: the first needs a week of orders.'))
    return
  }
  const shares = cohorts.map(({ weeks }) => (Array.isArray(weeks) ? weeks : []))
  const columns = Math.max(...shares.map((row) => row.length))
  // Week 0 is always 100 %, so colours are relative to the later weeks.
  const max = Math.max(
    ...shares.flatMap((row) => row.slice(1).map((share) => numberOf(share) ?? 0)),
    0.01,
  )
  const head = make('tr', make('th', 'First order'), make('th.number', 'Buyers'))
  for (let week = 0; week < columns; week++)
    head.append(make('th.number', week === 0 ? 'Week 0' : `+${week}`))
  const rows = cohorts.map(({ cohort_week, size }, i) => {
    const header = make('th', day(cohort_week, { day: 'numeric', month: 'short' }))
    header.setAttribute('scope', 'row')
    const row = make('tr', header, make('td.number', count(size)))
    for (let week = 0; week < columns; week++) row.append(shareCell(shares[i]?.[week], week, max))
    return row
  })
  place.replaceChildren(make('table.grid.heat', make('thead', head), make('tbody', ...rows)))
}

/**
 * @param {unknown} share
 * @param {number} week
 * @param {number} max
 */
function shareCell(share, week, max) {
  const number = numberOf(share)
  if (number === undefined) return make('td')
  const cell = make('td.number', percent(number, number === 1 || number === 0 ? 0 : 1))
  const depth = week === 0 ? 0 : Math.min(number / max, 1) * DEPTH_MAX
  cell.style.setProperty('--depth', `${(depth * 100).toFixed(0)}%`)
  return cell
}
