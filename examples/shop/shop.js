/**
 * A small shop in the browser: it fills the pages from catalogue and basket, and tells the tracker
 * what the pages' attributes can't say: changed quantities, the order, and what comes back.
 */
import {
  CODE,
  CURRENCY,
  carryState,
  countUp,
  findProduct,
  go,
  saveState,
  setQuantity,
  state,
  toDecimal,
  toItem,
  toText,
} from './basket.js'
import { CATALOGUE } from './catalogue.js'
import {
  addOnClick,
  announce,
  byId,
  drawCartCount,
  drawSums,
  fill,
  fillProduct,
  param,
} from './parts.js'

// Where the tracker was blocked or has not loaded yet, calls wait here.
window.ccs = window.ccs || function ccs() {
  ;(window.ccs.q = window.ccs.q || []).push(arguments)
}

const ORDERS_KEPT = 5

/* The pages, by data-page of the body. */

function drawList() {
  const term = param('q').trim()
  const category = param('category')
  const words = term.toLowerCase().split(/\s+/)
  const found = CATALOGUE.filter((one) => {
    const text = `${one.name} ${one.category}`.toLowerCase()
    return words.every((word) => text.includes(word)) && (!category || one.category === category)
  })
  byId('q').value = term
  const count = `${found.length} ${found.length === 1 ? 'product' : 'products'}`
  byId('heading').textContent = term ? `${count} for “${term}”` : category || 'All products'
  if (term || category) document.title = `${byId('heading').textContent} · Corner Shop`
  byId('nothing').hidden = found.length > 0
  byId('list').replaceChildren(
    ...found.map((product) => {
      const part = fillProduct('card', product)
      addOnClick(part, product)
      part.querySelector('button').setAttribute('aria-label', `Add to cart: ${product.name}`)
      return part
    }),
  )
  const names = [...new Set(CATALOGUE.map((one) => one.category))]
  byId('categories').append(
    ...names.map((name) => {
      const part = fill('category', { link: name })
      const link = part.querySelector('a')
      link.href = `index.html?category=${encodeURIComponent(name)}`
      if (name === category) link.setAttribute('aria-current', 'page')
      return part
    }),
  )
}

function drawProduct() {
  const product = findProduct(param('sku'))
  byId('nothing').hidden = Boolean(product)
  if (!product) return
  document.title = `${product.name} · Corner Shop`
  const part = fillProduct('detail', product)
  addOnClick(part, product)
  byId('product').replaceChildren(part)
}

function drawCart() {
  const sums = countUp()
  byId('nothing').hidden = sums.lines.length > 0
  byId('cart').hidden = sums.lines.length === 0
  byId('lines').replaceChildren(...sums.lines.map(drawCartLine))
  drawSums(byId('sums'), sums)
  byId('code').value = state.code
  drawCartCount()
  carryState()
}

function drawCartLine(line) {
  const product = findProduct(line.sku)
  const part = fillProduct('line', product, { cost: line.costMinor })
  part.dataset.ccsQuantity = line.quantity
  part.dataset.ccsLineDiscount = toDecimal(line.discountMinor)
  const quantity = part.querySelector('input')
  quantity.value = line.quantity
  quantity.setAttribute('aria-label', `Quantity of ${product.name}`)
  quantity.addEventListener('change', () => {
    const change = setQuantity(line.sku, Math.round(Number(quantity.value)) || line.quantity)
    const items = [toItem({ sku: line.sku, quantity: Math.abs(change) })]
    if (change > 0) ccs('add_to_cart', { currency: CURRENCY, items })
    if (change < 0) ccs('remove_from_cart', { currency: CURRENCY, items })
    drawCart()
  })
  const button = part.querySelector('button')
  button.setAttribute('aria-label', `Remove ${product.name}`)
  button.addEventListener('click', () => {
    setQuantity(line.sku, 0)
    announce(`${product.name} is no longer in the cart.`)
    drawCart()
  })
  return part
}

function startCart() {
  drawCart()
  byId('code-form').addEventListener('submit', (event) => {
    event.preventDefault()
    const code = byId('code').value.trim().toUpperCase()
    state.code = code === CODE ? code : ''
    saveState()
    byId('code-answer').textContent =
      state.code || !code ? '' : `The code ${code} is not known. Try ${CODE}.`
    drawCart()
  })
}

/** Lines of an order that can't be changed any more, with their attributes. */
function drawOrderLines(place, lines) {
  place.replaceChildren(
    ...lines.map((line) => {
      const more = { quantity: String(line.quantity), cost: line.costMinor }
      const part = fillProduct('order-line', findProduct(line.sku), more)
      part.dataset.ccsPrice = findProduct(line.sku).price
      part.dataset.ccsQuantity = line.quantity
      part.dataset.ccsLineDiscount = toDecimal(line.discountMinor)
      return part
    }),
  )
}

function startCheckout() {
  const sums = countUp()
  byId('nothing').hidden = sums.lines.length > 0
  const form = byId('checkout')
  form.hidden = sums.lines.length === 0
  drawOrderLines(byId('lines'), sums.lines)
  drawSums(byId('sums'), sums)
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    const letters = crypto.getRandomValues(new Uint8Array(8))
    const id = `S-${[...letters].map((one) => (one % 36).toString(36)).join('').toUpperCase()}`
    const payment = new FormData(form).get('payment')
    state.orders = [{ id, payment, code: state.code, ...sums }, ...state.orders]
    state.orders.length = Math.min(state.orders.length, ORDERS_KEPT)
    Object.assign(state, { cart: {}, code: '' })
    saveState()
    go(`thanks.html?order=${id}`)
  })
}

function startThanks() {
  const order = showOrder()
  if (!order) return
  drawSums(byId('sums'), order)
  byId('order-id').textContent = order.id
  byId('refund-link').href = `refund.html?order=${order.id}`
  // With the order's own number: however often the page is loaded, it stays one order.
  ccs('purchase', {
    order_id: order.id,
    currency: CURRENCY,
    payment_type: order.payment,
    ...(order.code ? { coupon: order.code } : {}),
    tax_minor: order.taxMinor,
    shipping_minor: order.shippingMinor,
    discount_minor: order.discountMinor,
    items: order.lines.map(toItem),
  })
}

/** The order that the address names, or a sentence that there is none. */
function showOrder() {
  const order = state.orders.find((one) => one.id === param('order')) ?? state.orders[0]
  byId('nothing').hidden = Boolean(order)
  byId('order').hidden = !order
  if (order) drawOrderLines(byId('lines'), order.lines)
  return order
}

function startRefund() {
  const order = showOrder()
  if (!order) return
  byId('order-id').textContent = order.id
  const choices = [...document.querySelectorAll('#lines input')]
  for (const [i, { sku }] of order.lines.entries())
    choices[i].setAttribute('aria-label', `Send back ${findProduct(sku).name}`)
  byId('order').addEventListener('submit', (event) => {
    event.preventDefault()
    const chosen = order.lines.filter((_, i) => choices[i].checked)
    byId('choose').hidden = chosen.length > 0
    if (chosen.length === 0) return
    ccs('refund', { order_id: order.id, currency: CURRENCY, items: chosen.map(toItem) })
    const backMinor = chosen.reduce((sum, one) => sum + one.costMinor - one.discountMinor, 0)
    byId('order').hidden = true
    byId('done').hidden = false
    byId('back').textContent = toText(backMinor)
    byId('done').focus()
  })
}

/** The question whether the shop may recognize the visitor. It can be answered, or left alone. */
function startConsent() {
  const bar = byId('consent')
  bar.hidden = 'consent' in state
  byId('privacy').addEventListener('click', () => {
    bar.hidden = false
    bar.querySelector('button').focus()
  })
  for (const button of bar.querySelectorAll('button'))
    button.addEventListener('click', () => {
      state.consent = button.value === 'yes'
      ccs('consent', state.consent)
      saveState()
      bar.hidden = true
      announce(state.consent ? 'Thank you.' : 'You stay unknown.')
    })
}

const PAGES = {
  list: drawList,
  product: drawProduct,
  cart: startCart,
  checkout: startCheckout,
  thanks: startThanks,
  refund: startRefund,
}
PAGES[document.body.dataset.page]()
startConsent()
drawCartCount()
carryState()
