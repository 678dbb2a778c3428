/** Starts the tracker on a page. */
import { watchActions } from './actions.js'
import { send } from './events.js'
import { look, watchPages } from './pages.js'
import { flushIn, leave, useAddress } from './sender.js'
import { openStore } from './store.js'
import { decide, recall, recognize } from './visitor.js'
import { guard, on } from './warn.js'

/**
 * @typedef {{ key?: string | undefined, to?: string | undefined,
 *   auto?: boolean | string | undefined }} Options
 * @typedef {[type: string, fields?: any]} Call
 */

/** What a call of the shop does; `consent` and `identify` also take their value alone. */
export const call = guard((/** @type {Call} */ ...[type, fields]) => {
  if (type === 'consent') decide(fields)
  else if (type !== 'identify' || fields?.customer_id) send(type, fields)
  else if (fields) send(type, { customer_id: fields })
  else recognize()
})

const ONLINE_MS = 1_000

/** @param {Call} one */
const isDecision = ([type]) => type === 'consent'

/**
 * @param {Options} options
 * @param {string} from where the tracker was loaded from
 * @param {Iterable<Call>} early calls from before; a decision holds for the page view already
 */
export const start = ({ key, to, auto }, from, early) => {
  useAddress(new URL(`/ccs/in${key ? `?key=${key}` : ''}`, to || from))
  openStore()
  recall()
  const begin = () => {
    for (const one of early) if (isDecision(one)) call(...one)
    watchPages(`${auto}` !== 'false')
    for (const one of early) if (!isDecision(one)) call(...one)
    watchActions()
    on('online', () => flushIn(ONLINE_MS))
    on('pagehide visibilitychange', () => {
      look()
      leave()
    })
  }
  // A page that the browser loads ahead, without its visitor, is seen later or never.
  if (/** @type {any} */ (document).prerendering) on('prerenderingchange', begin)
  else begin()
}
