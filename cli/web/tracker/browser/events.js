/** Makes events, with their ids and times, at the moment when they happen, and queues them. */
import { flush } from './sender.js'
import { enqueue } from './store.js'
import { makeId, sizeOf } from './values.js'
import { describeVisitor, recognize } from './visitor.js'
import { guard, warn } from './warn.js'

/** The collector takes 32 KiB. */
const EVENT_BYTES = 32_000
const URL_LENGTH = 2_000

let count = 1e6
let page = ''
/** In an app of one page the address before this one. */
let referrer = ''

/** Without the fragment, which may be secret and never names a page. */
const readAddress = () => location.href.split('#')[0].slice(0, URL_LENGTH)

/** Sends a page view when this is another page than before. */
export const viewPage = () => {
  const address = readAddress()
  if (address === page) return
  referrer = page
  page = address
  send('page_view')
}

/** The visitor has left: what comes is a new view, also of the same page. */
export const leavePage = () => {
  page = ''
}

/**
 * @param {string | null} type
 * @param {any} [fields] as in the contract
 */
export const send = (type, fields) => {
  const now = Date.now()
  const event_id = makeId()
  if (fields?.customer_id) recognize(fields.customer_id)
  const text = JSON.stringify({
    event_id,
    event_type: type,
    event_ts: now,
    page_url: readAddress(),
    page_title: document.title,
    referrer: referrer || document.referrer,
    ...describeVisitor(now),
    ...fields,
  })
  if (sizeOf(text) > EVENT_BYTES) {
    warn(type, 'is too large')
    return
  }
  enqueue(`${now}:${count++}:${event_id}`, text)
  queueMicrotask(guard(flush))
}
