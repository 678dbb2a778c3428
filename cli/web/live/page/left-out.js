/** What today's numbers leave out: one line at the bottom of the page, and the table behind it. */
import { make, makeData } from './elements.js'
import { count, dayAndTime } from './format.js'

/**
 * @typedef {import('./stream.js').Health} Health
 * @typedef {import('./stream.js').LeftOut} LeftOut
 */

/**
 * The line: how many of each kind, without those of which there are none.
 * @param {HTMLElement} place
 * @param {Health} health
 * @param {string} [absent] why it can't be counted
 */
export function drawLeftOut(place, { leftOut, records }, absent = '') {
  const button = place.querySelector('button') ?? make('button')
  button.setAttribute('type', 'button')
  button.dataset.opens = 'left_out'
  const rows = (leftOut?.rows ?? []).filter((row) => row.count === null || row.count > 0)
  const facts = rows.map((row) => {
    const fact = make('span.fact', make('b', count(row.count)), ` ${row.title}`)
    fact.title = row.rule
    return fact
  })
  const nothing =
    absent || (leftOut ? 'nothing' : records === 0 ? 'nothing yet' : 'not counted yet')
  button.replaceChildren(
    make('strong', 'Left out today'),
    ...(facts.length > 0 ? facts : [make('span.fact', nothing)]).flatMap((fact) => [' ', fact]),
  )
  if (!button.isConnected) place.append(button)
}

/**
 * The table for the dialog, all kinds.
 * @param {LeftOut | null} leftOut
 * @returns {HTMLElement[]}
 */
export function leftOutTable(leftOut) {
  if (!leftOut) return [make('p.note', 'Not counted yet.')]
  const rows = leftOut.rows.map((row) => {
    const number = make('td.number')
    number.append(makeData(row.count, count(row.count)))
    return make(
      'tr',
      number,
      make('td', make('b', row.title), make('p', row.rule), make('code', row.see)),
    )
  })
  const head = make(
    'tr',
    make('th.number', 'Events'),
    make('th', 'What, by which rule, and one of them'),
  )
  const span = `${dayAndTime(leftOut.since)} to ${dayAndTime(leftOut.until)} by the shop’s clock`
  return [
    make('p.note', `The shop’s day ${leftOut.day}: ${span}.`),
    make('table.left-out-rows', make('thead', head), make('tbody', ...rows)),
  ]
}
