/**
 * Reads the fields of an event from `data-ccs-*` attributes. A value is the attribute's text or,
 * where that is empty, what the element holds: a form field's value, or its text.
 */
import { toMinor, toNumber } from './values.js'

const LINE = '[data-ccs-sku]'

/** The attributes, which are named as the contract's fields. */
const LINE_NAMES = 'sku name category brand price quantity line-discount'
const ORDER_NAMES =
  'order-id currency payment-type coupon search-term customer-id tax shipping discount'
const MONEY = /price|tax|ship|disc/

/**
 * @param {Element} place
 * @param {string} attribute
 */
const readText = (place, attribute) => {
  const any = `[${attribute}]`
  // Of several radio buttons the chosen one.
  const found = place.querySelector(`${any}:not([type=radio]:not(:checked))`) || place.closest(any)
  // A list item's value is a number.
  const { value, textContent } = /** @type {any} */ (found || {})
  return found && (found.getAttribute(attribute) || (value?.trim ? value : textContent)).trim()
}

/**
 * @param {Element} place
 * @param {string} names
 */
const readAll = (place, names) => {
  /** @type {Record<string, unknown>} */
  const found = {}
  for (const name of names.split(' ')) {
    const text = readText(place, `data-ccs-${name}`)
    const field = name.replace('price', 'unit_price').replace('line-', '').replace('-', '_')
    if (!text) continue
    if (MONEY.test(name)) found[`${field}_minor`] = toMinor(text)
    else found[field] = name === 'quantity' ? toNumber(text) : text
  }
  return found
}

/**
 * What the attributes around a button, a form or a viewed part of the page say. They belong to the
 * nearest order line or `data-ccs-order` that encloses it, else to what is inside of it; fields of
 * the order may also stand further out, such as the currency on `<body>`.
 * @param {Element} origin
 * @returns {Record<string, unknown> & { items?: Record<string, unknown>[] }}
 */
export const readFields = (origin) => {
  const place = origin.closest(`${LINE},[data-ccs-order]`) || origin
  const lines = place.matches(LINE) ? [place] : [...place.querySelectorAll(LINE)]
  const fields = readAll(place, ORDER_NAMES)
  if (lines[0]) fields.items = lines.map((line) => ({ quantity: 1, ...readAll(line, LINE_NAMES) }))
  return fields
}
