/** Sends the events of `data-ccs-click` and `data-ccs-submit`. */
import { send } from './events.js'
import { readFields } from './fields.js'
import { on } from './warn.js'

const TAP_MS = 400

/** A double tap on an element is one event. */
export const watchActions = () => {
  /** @type {Element | undefined} */
  let lastPlace
  let lastMs = 0
  on('click submit', (event) => {
    const name = `data-ccs-${event.type}`
    const place = event.target.closest(`[${name}]`)
    if (!place || (place === lastPlace && event.timeStamp - lastMs < TAP_MS)) return
    lastPlace = place
    lastMs = event.timeStamp
    send(place.getAttribute(name), readFields(place))
  })
}
