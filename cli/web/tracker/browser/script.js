/** The tracker as a classic script: configured by its own tag, and the page's `ccs`. */
import { call, start } from './start.js'
import { guard } from './warn.js'

guard(() => {
  const page = /** @type {any} */ (window)
  const { currentScript } = document
  const { dataset, src } = /** @type {HTMLScriptElement} */ (currentScript || {})
  const early = page.ccs
  // A second tag would count everything twice.
  if (early?.consent) return
  page.ccs = call
  for (const name of ['consent', 'identify'])
    page.ccs[name] = (/** @type {unknown} */ value) => call(name, value)
  start(dataset || {}, src || location.href, early?.q || [])
})()
