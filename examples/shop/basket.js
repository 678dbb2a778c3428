/**
 * The cart, the orders and the visitor's decision: in localStorage or, where the browser forbids
 * that, in the fragment of the address, which goes along from page to page. Money is in cents.
 */
import { CATALOGUE } from './catalogue.js'

export const CURRENCY = 'EUR'
export const CODE = 'SPRING10'
const CODE_PERCENT = 10
export const VAT_PERCENT = 19
const SHIPPING_MINOR = 490
const FREE_FROM_MINOR = 6000
const QUANTITY_MAX = 10

const KEY = 'shop'
let isStored = true
export const state = { cart: {}, code: '', orders: [], ...readState() }

function readState() {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? '{}')
  } catch {
    isStored = false
  }
  try {
    return JSON.parse(decodeURIComponent(location.hash.slice(1)))
  } catch {
    return {}
  }
}

/** Keeps the state for the next page. */
export function saveState() {
  try {
    if (isStored) localStorage.setItem(KEY, JSON.stringify(state))
  } catch {
    isStored = false
  }
  carryState()
}

function makeFragment() {
  return isStored ? '' : `#${encodeURIComponent(JSON.stringify(state))}`
}

/** Has links and forms take the state along, if there is no other place for it. */
export function carryState() {
  if (isStored) return
  history.replaceState(null, '', makeFragment())
  for (const link of document.querySelectorAll('a[href]'))
    if (!link.getAttribute('href').startsWith('#')) link.hash = makeFragment()
  for (const form of document.querySelectorAll('form[action]')) {
    const action = new URL(form.action)
    action.hash = makeFragment()
    form.action = action.href
  }
}

/** Goes to another page of the shop. */
export function go(address) {
  location.assign(address + makeFragment())
}

export const toMinor = (price) => Number(price.replace('.', ''))
export const toDecimal = (minor) => {
  const cents = String(minor % 100).padStart(2, '0')
  return `${Math.floor(minor / 100)}.${cents}`
}
export const toText = (minor) => `€ ${toDecimal(minor)}`
const percentOf = (minor, percent) => Math.round((minor * percent) / 100)
export const findProduct = (sku) => CATALOGUE.find((one) => one.sku === sku)

/** The cart as lines with what they cost, and its sums. */
export function countUp() {
  const lines = Object.entries(state.cart).flatMap(([sku, quantity]) => {
    const product = findProduct(sku)
    if (!product) return []
    const costMinor = toMinor(product.price) * quantity
    const discountMinor = state.code === CODE ? percentOf(costMinor, CODE_PERCENT) : 0
    return [{ sku, quantity, costMinor, discountMinor }]
  })
  const add = (pick) => lines.reduce((sum, line) => sum + pick(line), 0)
  const goodsMinor = add((line) => line.costMinor)
  const discountMinor = add((line) => line.discountMinor)
  const isFree = goodsMinor - discountMinor >= FREE_FROM_MINOR || lines.length === 0
  const shippingMinor = isFree ? 0 : SHIPPING_MINOR
  const taxMinor = percentOf(goodsMinor - discountMinor + shippingMinor, VAT_PERCENT)
  const totalMinor = goodsMinor - discountMinor + shippingMinor + taxMinor
  return { lines, goodsMinor, discountMinor, shippingMinor, taxMinor, totalMinor }
}

/** An order line as the contract has it. */
export function toItem({ sku, quantity, discountMinor = 0 }) {
  const { name, category, brand, price } = findProduct(sku)
  const unit = { unit_price_minor: toMinor(price), quantity, discount_minor: discountMinor }
  return { sku, name, category, brand, ...unit }
}

/** Changes the cart; returns by how much. */
export function setQuantity(sku, quantity) {
  const before = state.cart[sku] ?? 0
  const after = Math.min(Math.max(quantity, 0), QUANTITY_MAX)
  if (after > 0) state.cart[sku] = after
  else delete state.cart[sku]
  saveState()
  return after - before
}
