/** The tracker as an ES module: the shop's code starts it, and calls its functions. */
import { call, start as startHere } from './start.js'
import { guard } from './warn.js'

/** @type {import('./start.js').Call[] | undefined} calls made before the start */
let early = []

/** @type {(options?: import('./start.js').Options) => void} */
export const start = guard((options = {}) => {
  if (!early) return
  const calls = early
  early = undefined
  startHere(options, import.meta.url, calls)
})

/** @type {(...one: import('./start.js').Call) => void} */
export const send = (...one) => {
  if (early) early.push(one)
  else call(...one)
}

/** @param {boolean} given */
export const consent = (given) => send('consent', given)

/** @param {string} [id] none: the customer has left */
export const identify = (id) => send('identify', id)
