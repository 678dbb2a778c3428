/**
 * Page views, also where code changes the address, and the events of `data-ccs-view`. Both are
 * found by looking at the page soon after anything has changed.
 */
import { leavePage, send, viewPage } from './events.js'
import { readFields } from './fields.js'
import { guard, on } from './warn.js'

/** Code that changes the address often changes the title just after. */
const SETTLED_MS = 30

/** Whether page views are sent. */
let isAuto = true
/** @type {WeakMap<Element, string>} what was seen in each element */
let seen = new WeakMap()
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer

/** Sends what is new since the last look. */
export const look = () => {
  timer = undefined
  if (isAuto) viewPage()
  for (const place of document.querySelectorAll('[data-ccs-view]')) {
    const type = place.getAttribute('data-ccs-view')
    const fields = readFields(place)
    const what = `${type} ${fields.items?.map(({ sku }) => sku)}`
    if (seen.get(place) !== what) send(type, fields)
    seen.set(place, what)
  }
}

/** @param {boolean} wantsPageViews */
export const watchPages = (wantsPageViews) => {
  isAuto = wantsPageViews
  look()
  const lookAgain = guard(look)
  const lookSoon = () => {
    timer = timer || setTimeout(lookAgain, SETTLED_MS)
  }
  on('popstate', lookSoon)
  on('pageshow', ({ persisted }) => {
    if (!persisted) return
    // The visitor has come back to a page that the browser had kept.
    leavePage()
    seen = new WeakMap()
    lookSoon()
  })
  new MutationObserver(lookSoon).observe(document, {
    childList: true,
    subtree: true,
    attributeFilter: ['data-ccs-view', 'data-ccs-sku'],
  })
  for (const name of /** @type {const} */ (['pushState', 'replaceState'])) {
    const change = history[name]
    history[name] = (...args) => {
      change.apply(history, args)
      lookSoon()
    }
  }
}
