/** Parts of the shop's pages: copies of their templates, filled with a product, sums or words. */
import { CODE, setQuantity, state, toDecimal, toMinor, toText, VAT_PERCENT } from './basket.js'

const TAP_MS = 400

export const byId = (id) => document.getElementById(id)
export const param = (name) => new URLSearchParams(location.search).get(name) ?? ''

/** A copy of a template, with these texts in its elements of these classes. */
export function fill(template, texts) {
  const part = byId(template).content.firstElementChild.cloneNode(true)
  for (const [name, text] of Object.entries(texts))
    for (const place of part.querySelectorAll(`.${name}`)) {
      if (place instanceof HTMLDataElement) place.value = toDecimal(text)
      place.textContent = place instanceof HTMLDataElement ? toText(text) : text
    }
  return part
}

/** Describes a product to people, and by attributes to the tracker. */
export function fillProduct(template, product, more = {}) {
  const { sku, name, category, brand, price, about } = product
  const part = fill(template, { name, about, category, brand, price: toMinor(price), ...more })
  Object.assign(part.dataset, { ccsSku: sku, ccsCategory: category, ccsBrand: brand })
  for (const link of part.querySelectorAll('a.product'))
    link.href = `product.html?sku=${encodeURIComponent(sku)}`
  part.querySelector('use')?.setAttribute('href', `pictures.svg#${sku}`)
  return part
}

export function drawSums(place, sums) {
  const rows = [
    ['Goods', toText(sums.goodsMinor)],
    ...(sums.discountMinor > 0 ? [[`Code ${CODE}`, `− ${toText(sums.discountMinor)}`]] : []),
    ['Shipping', sums.shippingMinor > 0 ? toText(sums.shippingMinor) : 'free'],
    [`VAT ${VAT_PERCENT} %`, toText(sums.taxMinor)],
    ['Total', toText(sums.totalMinor)],
  ]
  place.replaceChildren(...rows.map(([label, amount]) => fill('sum', { label, amount })))
}

export function drawCartCount() {
  const count = Object.values(state.cart).reduce((sum, quantity) => sum + quantity, 0)
  byId('cart-count').textContent = count > 0 ? String(count) : ''
  byId('cart-link').setAttribute('aria-label', `Cart, ${count} ${count === 1 ? 'item' : 'items'}`)
}

export const announce = (text) => {
  byId('said').textContent = text
}

/** Puts a product into the cart; the button's attribute tells the tracker. */
export function addOnClick(part, { sku, name }) {
  const button = part.querySelector('button')
  const { textContent } = button
  button.addEventListener('click', () => {
    const wanted = Number(part.querySelector('input')?.value ?? 1)
    setQuantity(sku, (state.cart[sku] ?? 0) + wanted)
    drawCartCount()
    announce(`${name} is in the cart.`)
    // A double tap is one piece here as well.
    button.disabled = true
    button.textContent = 'Added'
    setTimeout(() => {
      button.disabled = false
    }, TAP_MS)
    setTimeout(() => {
      button.textContent = textContent
    }, TAP_MS * 4)
  })
}
