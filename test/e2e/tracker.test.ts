/** The tracker in a real browser: what pages, attributes and calls send, and that it is exact. */
import { expect } from 'vitest'
import {
  arrived,
  call,
  html,
  listStored,
  newContext,
  open,
  QUIET_MS,
  SETTLES,
  staysAt,
  trackerTest,
  useTracker,
} from '../fixtures/tracker-browser.ts'
import type { Arrived } from '../fixtures/tracker-site.ts'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

const { site, warnings } = useTracker()

const PRODUCT = `<main data-ccs-view="view_item" data-ccs-sku="HOM-1" data-ccs-brand="Fjell">
  <h1 data-ccs-name>Eco Blanket</h1> <span data-ccs-price="19.99">€ 19.99</span>
  <label>How many <input data-ccs-quantity value="3"></label>
  <button data-ccs-click="add_to_cart"><b>Add</b></button></main>`

trackerTest('a page view arrives at once, with the contract’s names and nothing more', async () => {
  const page = await open()
  const [event] = await arrived('page_view')
  const { event_id, event_ts, ...fields } = event ?? ({} as Arrived)
  expect(event_id).toMatch(UUID)
  const now = await page.evaluate(() => Date.now())
  expect(Math.abs(now - Number(event_ts))).toBeLessThan(60_000)
  expect(fields).toEqual({
    event_type: 'page_view',
    page_url: `${site.url}/page`,
    page_title: 'Lamps',
    referrer: '',
  })
  const [delivery] = site.deliveries
  expect(delivery?.headers['content-type']).toBe('text/plain;charset=UTF-8')
  const waitedMs = Number(delivery?.sent_ts) - Number(event_ts)
  expect(waitedMs).toBeGreaterThanOrEqual(0)
  expect(waitedMs).toBeLessThan(1_000)
  expect(site.deliveries).toHaveLength(1)
  await expect.poll(() => listStored(page), SETTLES).toEqual([])
})

trackerTest('an app of one page sends a view for each new address, and none twice', async () => {
  const page = await open()
  await arrived('page_view')
  const go = (how: 'pushState' | 'replaceState', to: string, title: string) =>
    page.evaluate(
      ([name, address, text]) => {
        history[name as 'pushState']({}, '', address)
        setTimeout(() => {
          document.title = text ?? ''
        }, 5)
      },
      [how, to, title],
    )
  await go('pushState', '/lamps?sort=price', 'Sorted')
  await arrived('page_view', 'page_view')
  await go('pushState', '/lamps?sort=price', 'Sorted')
  await go('replaceState', '/lamps?sort=price#reviews', 'Sorted')
  await staysAt(2)
  await go('replaceState', '/lamps/7', 'Seven')
  await arrived('page_view', 'page_view', 'page_view')
  await page.goBack()
  const events = await arrived('page_view', 'page_view', 'page_view', 'page_view')
  expect(events.map(({ page_url }) => String(page_url).replace(site.url, ''))).toEqual([
    '/page',
    '/lamps?sort=price',
    '/lamps/7',
    '/lamps?sort=price',
  ])
  expect(events.map(({ page_title }) => page_title).slice(1, 3)).toEqual(['Sorted', 'Seven'])
  expect(events[1]?.referrer).toBe(`${site.url}/page`)
  expect(events[2]?.referrer).toBe(`${site.url}/lamps?sort=price`)
})

trackerTest('a reload and a return by the back button are views', async () => {
  const page = await open()
  await arrived('page_view')
  await page.reload()
  await arrived('page_view', 'page_view')
  site.pages.set('/other', html())
  await page.goto(`${site.url}/other`)
  await page.goBack()
  await arrived('page_view', 'page_view', 'page_view', 'page_view')
})

trackerTest('a page that the browser had kept is viewed again on return', async () => {
  const page = await open(PRODUCT)
  await arrived('page_view', 'view_item')
  for (const persisted of [false, true])
    await page.evaluate((kept) => {
      dispatchEvent(new PageTransitionEvent('pageshow', { persisted: kept }))
    }, persisted)
  await arrived('page_view', 'view_item', 'page_view', 'view_item')
})

trackerTest('a page that the browser loads ahead is viewed when it is shown', async () => {
  const prepare = `Object.defineProperty(document, 'prerendering', { value: true })`
  const page = await open('', { prepare })
  await staysAt(0)
  await page.evaluate(() => document.dispatchEvent(new Event('prerenderingchange')))
  await arrived('page_view')
})

trackerTest('data-auto="false" sends no page views, data-key and data-to say where', async () => {
  const tag = 'data-auto="false" data-key="k1"'
  const page = await open(PRODUCT, { tag: `${tag} data-to="${site.url}/"` })
  await arrived('view_item')
  expect(site.deliveries.map(({ search }) => search)).toEqual(['?key=k1'])
  await page.evaluate(() => history.pushState({}, '', '/next'))
  await staysAt(1)
})

trackerTest('data-ccs-view and data-ccs-click send an order line, its price exact', async () => {
  const page = await open(PRODUCT)
  await arrived('page_view', 'view_item')
  await page.click('b')
  const [, view, add] = await arrived('page_view', 'view_item', 'add_to_cart')
  const line = { sku: 'HOM-1', name: 'Eco Blanket', brand: 'Fjell', unit_price_minor: 1999 }
  expect(view?.['items']).toEqual([{ ...line, quantity: 3 }])
  await page.fill('input', '2')
  await page.waitForTimeout(QUIET_MS)
  await page.click('button')
  const events = await arrived('page_view', 'view_item', 'add_to_cart', 'add_to_cart')
  expect(add?.['items']).toEqual([{ ...line, quantity: 3 }])
  expect(events[3]?.['items']).toEqual([{ ...line, quantity: 2 }])
})

trackerTest('a part that an app shows later, or fills anew, is viewed then', async () => {
  const page = await open('<div id="app"></div>')
  await arrived('page_view')
  await page.evaluate((text) => {
    const app = document.querySelector('#app')
    if (app) app.innerHTML = text
  }, PRODUCT)
  await arrived('page_view', 'view_item')
  await page.evaluate(() => {
    document.querySelector('[data-ccs-sku]')?.setAttribute('data-ccs-sku', 'HOM-2')
  })
  await arrived('page_view', 'view_item', 'view_item')
  await page.evaluate(() => document.querySelector('#app')?.append('more'))
  await staysAt(3)
})

trackerTest('data-ccs-submit takes what the visitor typed and chose', async () => {
  site.pages.set('/found', '<title>found</title>')
  const page = await open(`
    <form id="s" action="/found" data-ccs-submit="search">
      <input name="q" data-ccs-search-term></form>
    <form id="p" action="/found" data-ccs-submit="add_payment_info" data-ccs-currency="EUR">
      <input type="radio" name="a" value="card" data-ccs-payment-type>
      <input type="radio" name="a" value="invoice" data-ccs-payment-type checked>
      <input data-ccs-coupon value=" SPRING "><select data-ccs-customer-id>
      <option value="">choose<option value="c7">Ada</select></form>`)
  await page.fill('#s input', 'blue lamp')
  await page.press('#s input', 'Enter')
  await page.waitForURL('**/found?*')
  const [, search] = await arrived('page_view', 'search')
  expect(search).toMatchObject({ search_term: 'blue lamp' })
  await page.goBack()
  await page.evaluate(() => document.querySelector<HTMLFormElement>('#p')?.requestSubmit())
  await expect.poll(() => site.kinds, SETTLES).toContain('add_payment_info')
  const { event_id, event_ts, page_url, page_title, referrer, ...fields } =
    site.events.find(({ event_type }) => event_type === 'add_payment_info') ?? ({} as Arrived)
  expect(fields).toEqual({
    event_type: 'add_payment_info',
    payment_type: 'invoice',
    currency: 'EUR',
    coupon: 'SPRING',
  })
})

trackerTest('an order is read from attributes: lines, fields and money to the cent', async () => {
  await open(`<section data-ccs-view="purchase" data-ccs-order data-ccs-order-id="A-1"
      data-ccs-currency="EUR" data-ccs-payment-type="card" data-ccs-coupon="SPRING"
      data-ccs-tax="3.07" data-ccs-shipping="4.9" data-ccs-discount="0.29">
    <ul><li value="4" data-ccs-sku="S-1" data-ccs-name="Mug" data-ccs-category="home"
        data-ccs-price="0.29" data-ccs-quantity="3" data-ccs-line-discount="0.29"></li>
      <li><i data-ccs-sku>S-2</i></li>
      <li data-ccs-sku="S-3" data-ccs-price="9999999999.99"></li>
      <li data-ccs-sku="S-4" data-ccs-price="1.005" data-ccs-quantity="two"></li></ul></section>`)
  const [, order] = await arrived('page_view', 'purchase')
  const { event_id, event_ts, page_url, page_title, referrer, ...fields } = order ?? ({} as Arrived)
  expect(fields).toEqual({
    event_type: 'purchase',
    order_id: 'A-1',
    currency: 'EUR',
    payment_type: 'card',
    coupon: 'SPRING',
    tax_minor: 307,
    shipping_minor: 490,
    discount_minor: 29,
    items: [
      { sku: 'S-1', name: 'Mug', category: 'home', ...cents(29), quantity: 3, discount_minor: 29 },
      { sku: 'S-2', quantity: 1 },
      { sku: 'S-3', ...cents(999_999_999_999), quantity: 1 },
      // Not money, not a number: as it stands, so that the collector says what is wrong with it.
      { sku: 'S-4', unit_price_minor: '1.005', quantity: 'two' },
    ],
  })
})

function cents(unit_price_minor: number) {
  return { unit_price_minor }
}

trackerTest('a double tap is one event, a tap a while later another', async () => {
  const page = await open(PRODUCT)
  await arrived('page_view', 'view_item')
  await page.dblclick('button')
  await arrived('page_view', 'view_item', 'add_to_cart')
  await staysAt(3)
  await page.click('button')
  await arrived('page_view', 'view_item', 'add_to_cart', 'add_to_cart')
})

trackerTest('calls of the shop arrive, those from before the script too', async () => {
  const stub = `window.ccs = window.ccs || function () { (ccs.q = ccs.q || []).push(arguments) }
    ccs('consent', true); ccs('login', { customer_id: 'c7' })`
  const page = await open('', { prepare: stub })
  await arrived('page_view', 'login')
  const items = [{ sku: 'S-1', unit_price_minor: 1999, quantity: 2 }]
  await call(page, 'purchase', { order_id: 'A-1', currency: 'EUR', items })
  const [view, login, purchase] = await arrived('page_view', 'login', 'purchase')
  expect([login, view].map((event) => event?.['consent'])).toEqual([true, true])
  expect(purchase).toMatchObject({ order_id: 'A-1', currency: 'EUR', items, customer_id: 'c7' })
})

trackerTest('no call throws, and what can’t be sent is said on the console', async () => {
  const page = await open()
  await arrived('page_view')
  await page.evaluate(() => {
    const round: Record<string, unknown> = {}
    round['round'] = round
    const { ccs } = globalThis as unknown as { ccs: (...all: unknown[]) => void }
    for (const args of [
      ['search', round],
      [],
      [null, 5],
      ['search', { search_term: 'x'.repeat(33_000) }],
    ])
      ccs(...args)
    ccs('nonsense')
  })
  await expect.poll(() => warnings.join('\n'), SETTLES).toContain('no such type')
  expect(warnings.join('\n')).toMatch(/circular/)
  expect(warnings.join('\n')).toMatch(/search is too large/)
})

trackerTest(
  'the module is started by the shop’s code, and sends what was called before',
  async () => {
    site.pages.set(
      '/app.mjs',
      `import { consent, identify, send, start } from '/ccs.mjs'
    send('search', { search_term: 'early' })
    start({ key: 'k2' })
    start({ key: 'k3' })
    consent(true)
    identify('c7')`,
    )
    site.pages.set('/page', '<title>app</title><script type="module" src="/app.mjs"></script>')
    const page = await (await newContext()).newPage()
    await page.goto(`${site.url}/page`)
    const events = await arrived('page_view', 'search', 'identify')
    expect(events[1]).toMatchObject({ search_term: 'early' })
    expect(events[2]).toMatchObject({ customer_id: 'c7', consent: true })
    expect(new Set(site.deliveries.map(({ search }) => search))).toEqual(new Set(['?key=k2']))
  },
)

trackerTest('a second tag counts nothing twice', async () => {
  await open('<script src="/ccs.js" defer></script>')
  await arrived('page_view')
  await staysAt(1)
})
