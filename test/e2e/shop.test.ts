/** The example shop in a real browser: a person buys and sends back, and all of it arrives. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { findFaintTexts } from '../fixtures/contrast.ts'
import {
  arrived,
  BLOCKED,
  newContext,
  staysAt,
  trackerTest,
  useTracker,
} from '../fixtures/tracker-browser.ts'

const ROOT = path.resolve(import.meta.dirname, '../..')
const { site } = useTracker()

/** From the list to the thank-you page; returns the order's number. */
async function buy(page: Page): Promise<string> {
  await page.goto(`${site.url}/shop/`)
  await page.fill('#q', 'mug')
  await page.press('#q', 'Enter')
  await page.click('#list h2 a')
  await page.fill('[data-ccs-quantity]', '3')
  await page.click('[data-ccs-click="add_to_cart"]')
  await page.click('text=All products')
  await page.click('[data-ccs-sku="KIT-1210"] button')
  await page.click('[data-ccs-sku="GIF-1063"] button')
  await page.click('#cart-link')
  await page.fill('#code', 'spring10')
  await page.click('text=Apply')
  await page.click('[data-ccs-sku="GIF-1063"] button')
  await page.click('text=Go to checkout')
  await page.fill('#name', 'A')
  await page.fill('#address', 'B 1')
  await page.fill('#city', '10 C')
  await page.check('[value="invoice"]')
  await page.click('text=Buy now')
  await page.waitForURL('**/thanks.html*')
  return (await page.textContent('#order-id')) ?? ''
}

const WAY = [
  ...['page_view', 'search', 'page_view', 'page_view', 'view_item', 'add_to_cart', 'page_view'],
  ...['add_to_cart', 'add_to_cart', 'page_view', 'remove_from_cart', 'begin_checkout'],
  ...['page_view', 'add_payment_info', 'page_view', 'purchase'],
]
const MUG = {
  ...{ sku: 'HOM-1091', name: 'Ortega & Söhne Eco Mug', category: 'home' },
  ...{ brand: 'Ortega & Söhne', unit_price_minor: 970, quantity: 3 },
}
const KETTLE = {
  ...{ sku: 'KIT-1210', name: 'Bruno Grand Kettle', category: 'kitchen', brand: 'Bruno' },
  ...{ unit_price_minor: 2910, quantity: 1 },
}
const LINES = [
  { ...MUG, discount_minor: 291 },
  { ...KETTLE, discount_minor: 291 },
]
const ORDER = {
  ...{ currency: 'EUR', payment_type: 'invoice', coupon: 'SPRING10' },
  ...{ shipping_minor: 490, discount_minor: 582, tax_minor: 1088, items: LINES },
}

trackerTest('each click of a purchase arrives once, the order exact to the cent', async () => {
  const page = await (await newContext()).newPage()
  const id = await buy(page)
  const events = await arrived(...WAY)
  const ofKind = (kind: string) => events.filter(({ event_type }) => event_type === kind)
  expect(ofKind('search')).toMatchObject([{ search_term: 'mug' }])
  expect(ofKind('view_item')).toMatchObject([{ currency: 'EUR', items: [{ ...MUG, quantity: 1 }] }])
  expect(ofKind('add_to_cart').map(({ items }) => items)).toMatchObject([
    [MUG],
    [KETTLE],
    [{ sku: 'GIF-1063', unit_price_minor: 360, quantity: 1 }],
  ])
  expect(ofKind('remove_from_cart')).toMatchObject([{ items: [{ sku: 'GIF-1063' }] }])
  expect(ofKind('begin_checkout')).toMatchObject([{ coupon: 'SPRING10', items: LINES }])
  expect(ofKind('add_payment_info')).toMatchObject([{ payment_type: 'invoice', items: LINES }])
  expect(ofKind('purchase')).toMatchObject([{ order_id: id, ...ORDER }])
  expect(await page.textContent('.sum:last-child .amount')).toBe('€ 68.16')
  const titles = ofKind('page_view').map(({ page_title }) => page_title)
  expect(titles.slice(1, 3)).toEqual([
    '1 product for “mug” · Corner Shop',
    'Ortega & Söhne Eco Mug · Corner Shop',
  ])
  // The wares are 58.20, the code takes 5.82, shipping is 4.90, VAT on it all 10.88.
  const ids = events.map(({ event_id }) => event_id)
  expect(new Set(ids).size).toBe(WAY.length)
})

trackerTest('a thank-you page that is loaded again stays the same order', async () => {
  const page = await (await newContext()).newPage()
  const id = await buy(page)
  await arrived(...WAY)
  await page.reload()
  await arrived(...WAY, 'page_view', 'purchase')
  const orders = site.events.filter(({ event_type }) => event_type === 'purchase')
  expect(orders.map((event) => event['order_id'])).toEqual([id, id])
})

trackerTest('what comes back is a refund of those lines', async () => {
  const page = await (await newContext()).newPage()
  const id = await buy(page)
  await page.click('text=send something back')
  await page.click('#order button')
  expect(await page.isVisible('#choose')).toBe(true)
  await page.check('li:nth-child(2) input')
  await page.click('#order button')
  expect(await page.textContent('#back')).toBe('€ 26.19')
  const events = await arrived(...WAY, 'page_view', 'refund')
  expect(events.at(-1)).toMatchObject({ order_id: id, currency: 'EUR', items: [LINES[1]] })
})

trackerTest('the shop works where storage is blocked, and its events arrive', async () => {
  const page = await (await newContext(BLOCKED)).newPage()
  const id = await buy(page)
  const events = await arrived(...WAY)
  expect(events.at(-1)).toMatchObject({ order_id: id, ...ORDER })
  for (const { page_url } of events) expect(page_url).not.toContain('#')
})

trackerTest('the shop works without the tracker', async () => {
  const context = await newContext()
  await context.route('**/ccs.js', (route) => route.abort())
  const page = await context.newPage()
  expect(await buy(page)).toMatch(/^S-\w{8}$/)
  await staysAt(0)
})

trackerTest('a double tap puts one piece into the cart, and is one event', async () => {
  const page = await (await newContext()).newPage()
  await page.goto(`${site.url}/shop/`)
  await page.dblclick('[data-ccs-sku="KIT-1210"] button')
  await arrived('page_view', 'add_to_cart')
  await staysAt(2)
  expect(await page.textContent('#cart-count')).toBe('1')
})

trackerTest('another quantity in the cart is what was added or taken out', async () => {
  const page = await (await newContext()).newPage()
  await page.goto(`${site.url}/shop/`)
  await page.click('[data-ccs-sku="KIT-1210"] button')
  await page.click('#cart-link')
  for (const quantity of ['4', '2']) {
    await page.fill('#lines input', quantity)
    await page.press('#lines input', 'Tab')
  }
  const events = await arrived(
    ...['page_view', 'add_to_cart', 'page_view', 'add_to_cart', 'remove_from_cart'],
  )
  expect(events.slice(3)).toMatchObject([
    { items: [{ ...KETTLE, quantity: 3 }] },
    { items: [{ ...KETTLE, quantity: 2 }] },
  ])
})

trackerTest('the visitor may accept, decline, change that, or not answer', async () => {
  const page = await (await newContext()).newPage()
  await page.goto(`${site.url}/shop/`)
  await page.reload()
  expect(await page.isVisible('#consent')).toBe(true)
  await page.click('text=Accept')
  await page.reload()
  expect(await page.isVisible('#consent')).toBe(false)
  await page.click('text=Privacy choice')
  await page.click('text=Decline')
  await page.reload()
  const events = await arrived('page_view', 'page_view', 'page_view', 'page_view')
  expect(events.map(({ consent }) => consent)).toEqual([undefined, undefined, true, false])
})

trackerTest('every page is good to read and to use, on a phone and on a desktop', async () => {
  for (const width of [390, 1280]) {
    const page = await (await newContext()).newPage()
    const complaints: string[] = []
    const hosts = new Set<string>()
    page.on('console', (message) => complaints.push(message.text()))
    page.on('request', (request) => hosts.add(new URL(request.url()).host))
    await page.setViewportSize({ width, height: 844 })
    await page.goto(`${site.url}/shop/`)
    await page.click('[data-ccs-sku="KIT-1210"] button')
    for (const place of ['index', 'product', 'cart', 'checkout', 'thanks', 'refund', 'buy']) {
      if (place === 'buy') await buy(page)
      else await page.goto(`${site.url}/shop/${place}.html?sku=HOM-1091`)
      await page.waitForLoadState('load')
      const where = `${place} at ${width}`
      const sidewise = await page.evaluate(() => document.documentElement.scrollWidth)
      expect(sidewise, where).toBe(width)
      expect(await page.evaluate(findFaintTexts), where).toEqual([])
      expect(await page.evaluate(findNameless), where).toEqual([])
      expect(await page.$$eval('h1', (found) => found.length), where).toBe(1)
    }
    expect(complaints).toEqual([])
    expect([...hosts]).toEqual([new URL(site.url).host])
  }
})

/** Visible controls that a screen reader has no name for. Runs in the page. */
function findNameless(): string[] {
  return [...document.querySelectorAll('a, button, input')]
    .filter((one) => one.checkVisibility() && !one.closest('[aria-hidden]'))
    .filter((one) => {
      const { labels } = one as HTMLInputElement
      const label = labels?.[0]?.textContent ?? one.textContent
      return !(one.getAttribute('aria-label') ?? label ?? '').trim()
    })
    .map((one) => one.outerHTML)
}

trackerTest('the keyboard reaches every control, and shows where it is', async () => {
  const page = await (await newContext()).newPage()
  await page.goto(`${site.url}/shop/`)
  await page.waitForSelector('#list button')
  const reached = new Set<string>()
  for (let i = 0; i < 60; i++) {
    await page.keyboard.press('Tab')
    const [name, outline] = await page.evaluate(() => {
      const one = document.activeElement
      // Between the last control and the first, nothing of the page has the focus.
      if (!one || one === document.body) return ['', '']
      const name = one.getAttribute('aria-label') || one.textContent || one.id
      return [name.trim(), getComputedStyle(one).outlineStyle]
    })
    if (i > 0 && name === 'Skip to the content') break
    if (name) reached.add(name)
    if (name && name !== 'Skip to the content') expect([name, outline]).toEqual([name, 'solid'])
  }
  for (const name of [
    'Skip to the content',
    'q',
    'Search',
    'kitchen',
    'Fjell Light Lamp',
    'Accept',
  ])
    expect([...reached]).toContain(name)
  expect([...reached]).toContain('Add to cart: Lumen Pro Candle')
})

test('the shop sells what the marts know', async () => {
  const { CATALOGUE } = await import('../../examples/shop/catalogue.js')
  const seed = readFileSync(path.join(ROOT, 'dbt/seeds/seed_dim_sku.csv'), 'utf8').split('\n')
  for (const { sku, name, category, brand, price } of CATALOGUE)
    expect(seed).toContain([sku, name, category, brand, price].join(','))
})
