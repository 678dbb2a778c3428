/**
 * Clients that nobody here wrote send to a collector that really runs: Segment's libraries for
 * servers and browsers as npm has them, requests of GA4's Measurement Protocol, and webhooks of
 * shops with their signatures. All of it is in Silver, typed and to the cent.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Analytics } from '@segment/analytics-node'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { findChromium } from '../fixtures/browser.js'
import { endAll } from '../fixtures/child.ts'
import {
  makeCollectProject,
  query,
  queryAfterRun,
  type RunningCollector,
  startCollector,
} from '../fixtures/collector.ts'
import { APP_REQUEST, FORWARDED_REQUEST, SERVER_REQUEST } from '../fixtures/ga4-requests.ts'
import { ECOMMERCE_CALLS } from '../fixtures/segment-calls.ts'
import { openSegmentPage, type SegmentPage, type Sending } from '../fixtures/segment-page.ts'
import { SHOPIFY_GOODWILL, SHOPIFY_ORDER, SHOPIFY_REFUND } from '../fixtures/shopify-webhooks.ts'
import { deliver, SECRETS } from '../fixtures/webhook-delivery.ts'
import { WOO_ORDER, WOO_REFUNDS } from '../fixtures/woocommerce-webhooks.ts'

const WRITE_KEY = 'write-key-of-the-shop'
const NO_BROWSER = 'there is no Chromium: set CCS_CHROMIUM to one'

let dir: string
let project: string
let data: string
let page: SegmentPage | undefined

beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'ccs-senders-'))
  project = path.join(dir, 'project')
  data = path.join(dir, 'data')
})
afterEach(async () => {
  await page?.close()
  page = undefined
  await endAll()
  rmSync(dir, { recursive: true, force: true })
})

function start(origins: readonly string[] = []): Promise<RunningCollector> {
  const { shopify, woocommerce } = SECRETS
  makeCollectProject(
    project,
    `collect:
  keys: { shop: ${WRITE_KEY} }
  origins: ${JSON.stringify(['https://shop.example', ...origins])}
  secrets: { shopify: ${shopify}, woocommerce: ${woocommerce} }
`,
  )
  return startCollector(project, data)
}

const queryTypes = () =>
  queryAfterRun(
    ...[project, data],
    `SELECT event_type, source, count(*)::INT AS events
     FROM silver.events GROUP BY ALL ORDER BY ALL`,
  )
const ask = (sql: string) => query(project, data, sql)

/** Of the vocabulary, what becomes an event, with the calls that have no name there. */
const TYPES = [
  ...ECOMMERCE_CALLS.flatMap(({ becomes }) => becomes ?? []),
  ...['page_view', 'identify', 'sign_up', 'login'],
]

const countTypes = (source: string, times = 1) =>
  [...new Set(TYPES)]
    .map((event_type) => ({ event_type, source, events: times }))
    .sort((a, b) => (a.event_type < b.event_type ? -1 : 1))

async function expectOrder(where: string): Promise<void> {
  expect(await ask(`SELECT * FROM silver.orders WHERE ${where}`)).toMatchObject([
    {
      ...{ lines: 2, units: 4, revenue: '17.39', tax: '2.00', shipping: '3.00' },
      ...{ discount: '2.50', total: '22.39', coupon: 'hasbros', currency: 'EUR' },
    },
  ])
  const lines = `SELECT sku, quantity, unit_price, discount, revenue
    FROM silver.order_items WHERE ${where} ORDER BY line`
  expect(await ask(lines)).toEqual([
    { sku: 'MUG-1', quantity: 1, unit_price: '18.99', discount: '2.39', revenue: '16.60' },
    { sku: 'T-7', quantity: 3, unit_price: '0.30', discount: '0.11', revenue: '0.79' },
  ])
}

test('analytics-node: every call of the vocabulary is in Silver, orders to the cent', async () => {
  const { url, stop } = await start()
  const analytics = new Analytics({ writeKey: WRITE_KEY, host: url, flushAt: 7 })
  const failures: unknown[] = []
  analytics.on('error', (error) => failures.push(error))
  const answers: number[] = []
  analytics.on('http_response', ({ status }) => answers.push(Number(status)))
  const who = { userId: 'u-1', anonymousId: 'a-1' }
  analytics.identify({ ...who, traits: { email: 'ada@example.com' } })
  analytics.page({ ...who, name: 'Tea', properties: { url: 'https://shop.example/tea' } })
  for (const { event, properties } of ECOMMERCE_CALLS)
    analytics.track({ ...who, event, properties })
  for (const event of ['Signed Up', 'Signed In']) analytics.track({ ...who, event })
  await analytics.closeAndFlush()
  expect(failures).toEqual([])
  expect(new Set(answers)).toEqual(new Set([202]))
  await stop()
  expect(await queryTypes()).toEqual(countTypes('server'))
  await expectOrder('true')
  const customers = await ask('SELECT DISTINCT anonymous_id, customer_id FROM silver.events')
  expect(customers).toEqual([{ anonymous_id: 'a-1', customer_id: 'u-1' }])
})

test('analytics-next in Chromium: every call, single and in batches, is in Silver', async (context) => {
  const executable = findChromium()
  context.skip(executable === undefined, NO_BROWSER)
  page = await openSegmentPage(executable ?? '')
  const { url, stop } = await start([page.origin])
  const calls = (orderId: string): Sending['calls'] => [
    ['page'],
    ['identify', 'u-2', { email: 'bo@example.com' }],
    ...ECOMMERCE_CALLS.map(({ event, properties }) => {
      const isOrder = 'order_id' in properties
      return ['track', event, { ...properties, ...(isOrder && { order_id: orderId }) }] as const
    }),
    ['track', 'Signed Up'],
    ['track', 'Signed In'],
  ]
  const sending = { writeKey: WRITE_KEY, collector: new URL(url).host }
  const query = '?utm_source=news&utm_medium=mail&utm_campaign=june'
  expect(await page.send({ ...sending, query, calls: calls('one') })).toEqual([])
  expect(await page.send({ ...sending, query, calls: calls('two'), isBatched: true })).toEqual([])
  await stop()
  expect(await queryTypes()).toEqual(countTypes('web', 2))
  await expectOrder("order_id = 'one'")
  await expectOrder("order_id = 'two'")
  const views = `SELECT page, page_title, page_url, utm_source, utm_campaign, device, bot_rule
    FROM silver.events WHERE event_type = 'page_view'`
  const view = {
    ...{ page: '/tea', page_title: 'Tea', page_url: `${page.origin}/tea${query}` },
    ...{ utm_source: 'news', utm_campaign: 'june', device: 'desktop', bot_rule: 'headless' },
  }
  expect(await ask(views)).toEqual([view, view])
  // The library's own ids of its two visitors, who are known since they were identified.
  const who = `SELECT count(DISTINCT anonymous_id)::INT AS visitors, min(customer_id) AS customer
    FROM silver.events`
  expect(await ask(who)).toEqual([{ visitors: 2, customer: 'u-2' }])
})

test('GA4: requests as servers and apps send them are in Silver, once however often', async () => {
  const { post, stop } = await start()
  const timestamp_micros = Date.now() * 1000
  const requests = [SERVER_REQUEST, FORWARDED_REQUEST, APP_REQUEST].map((request) => ({
    ...request,
    timestamp_micros,
    events: request.events.map(({ name, params }) => ({ name, params })),
  }))
  const address = '/mp/collect?measurement_id=G-ABC&api_secret='
  expect((await post(`${address}wrong-secret-here`, requests[0])).status).toBe(401)
  for (const request of requests) {
    const { status, body } = await post(address + WRITE_KEY, request)
    expect([status, body.accepted, body.rejected]).toEqual([202, request.events.length, 0])
  }
  const again = await post(address + WRITE_KEY, requests[0])
  expect(again.body).toMatchObject({ accepted: 0, duplicate: 3 })
  // Without a time, an event happened when it arrived, and each arrival counts.
  const untimed = {
    client_id: 'c',
    events: [{ name: 'page_view', params: { page_location: 'https://shop.example/now' } }],
  }
  for (let i = 0; i < 2; i++) {
    const { body } = await post(address + WRITE_KEY, untimed)
    expect(body).toMatchObject({ accepted: 1, duplicate: 0 })
  }
  await stop()
  const types = await queryTypes()
  const expected = requests.flatMap(({ events }) => events.map(({ name }) => name))
  const seen = types.reduce((sum, { events }) => sum + Number(events), 0)
  expect(seen).toBe(expected.length + 2)
  expect(await ask('SELECT order_id, revenue, total FROM silver.orders')).toEqual([
    { order_id: 'T_12345', revenue: '34.03', total: '38.47' },
  ])
  const refunds = 'SELECT order_id, refund_amount FROM silver.refunds ORDER BY order_id'
  expect(await ask(refunds)).toEqual([
    { order_id: 'T_12345', refund_amount: '10.01' },
    { order_id: 'T_9', refund_amount: '12.50' },
  ])
})

const MINUTE_MS = 60_000

test('Shopify: signed orders and refunds count once, a wrong signature not at all', async () => {
  const collector = await start()
  const at = new Date(Date.now() - MINUTE_MS).toISOString()
  const order = { ...SHOPIFY_ORDER, created_at: at, processed_at: at }
  const refund = { ...SHOPIFY_REFUND, created_at: at, processed_at: at }
  const wrong = { topic: 'orders/create', body: order, secret: 'not-the-secret-of-shopify' }
  expect((await deliver(collector, 'shopify', wrong)).status).toBe(401)
  const outcomes: string[] = []
  for (const [topic, body] of [
    ['orders/updated', order],
    ['orders/create', order],
    ['orders/paid', { ...order, financial_status: 'paid' }],
    ['orders/create', order],
    ['orders/cancelled', { ...order, cancelled_at: at }],
    ['products/update', { id: 1 }],
    ['refunds/create', refund],
    ['refunds/create', refund],
    ['refunds/create', { ...SHOPIFY_GOODWILL, created_at: at, processed_at: at }],
  ] as const) {
    const { status, body: answer } = await deliver(collector, 'shopify', { topic, body })
    expect(status).toBe(202)
    outcomes.push(...answer.events.map((one: { status: string }) => one.status))
  }
  expect(outcomes).toEqual([
    ...['accepted', 'duplicate', 'duplicate', 'duplicate', 'left_out', 'left_out'],
    ...['accepted', 'duplicate', 'accepted'],
  ])
  await collector.stop()
  expect(await queryTypes()).toEqual([
    { event_type: 'purchase', source: 'server', events: 1 },
    { event_type: 'refund', source: 'server', events: 2 },
  ])
  expect(await ask('SELECT * FROM silver.orders')).toMatchObject([
    {
      ...{ order_id: '5713123459087', anonymous_id: 'v-7', revenue: '55.88', tax: '10.62' },
      ...{ shipping: '2.45', discount: '8.44', total: '68.95', utm_campaign: 'june' },
    },
  ])
  const lines = 'SELECT sku, discount, revenue FROM silver.order_items ORDER BY line'
  expect(await ask(lines)).toEqual([
    { sku: 'MUG-1', discount: '8.00', revenue: '51.97' },
    { sku: '44018312904847', discount: '0.44', revenue: '3.91' },
  ])
  const refunds = 'SELECT order_id, refund_amount FROM silver.refunds ORDER BY refund_amount'
  expect(await ask(refunds)).toEqual([
    { order_id: '5713123459087', refund_amount: '12.50' },
    { order_id: '5713123459087', refund_amount: '17.32' },
  ])
})

test('WooCommerce: an order counts once it is placed, with its refunds', async () => {
  const collector = await start()
  const at = new Date(Date.now() - MINUTE_MS).toISOString().slice(0, 19)
  const order = { ...WOO_ORDER, date_created_gmt: at }
  const refunded = { ...order, status: 'refunded', refunds: WOO_REFUNDS }
  // It asks whether anybody is there before it saves a webhook, and expects 200.
  const ping = await collector.post('/webhooks/woocommerce', 'webhook_id=7', {
    'content-type': 'application/x-www-form-urlencoded',
  })
  expect(ping.status).toBe(200)
  const unsigned = await collector.post('/webhooks/woocommerce', JSON.stringify(order))
  expect(unsigned.status).toBe(401)
  const outcomes: string[] = []
  for (const [topic, body] of [
    ['order.created', { ...order, status: 'pending' }],
    ['order.updated', { ...order, status: 'processing' }],
    ['order.updated', { ...order, status: 'completed' }],
    ['order.updated', { ...refunded, refunds: WOO_REFUNDS.slice(1) }],
    ['order.updated', refunded],
    ['order.deleted', { id: order.id }],
  ] as const) {
    const { status, body: answer } = await deliver(collector, 'woocommerce', { topic, body })
    expect(status).toBe(202)
    outcomes.push(answer.events.map((one: { status: string }) => one.status).join(' '))
  }
  expect(outcomes).toEqual([
    ...['left_out', 'accepted', 'duplicate', 'duplicate accepted'],
    ...['duplicate accepted duplicate', 'left_out'],
  ])
  await collector.stop()
  expect(await queryTypes()).toEqual([
    { event_type: 'purchase', source: 'server', events: 1 },
    { event_type: 'refund', source: 'server', events: 2 },
  ])
  const orders = 'SELECT order_id, anonymous_id, customer_id, revenue, total FROM silver.orders'
  expect(await ask(orders)).toEqual([
    { order_id: 'W-727', anonymous_id: 'v-9', customer_id: '7', revenue: '37.00', total: '49.98' },
  ])
  const refunds = 'SELECT order_id, refund_amount FROM silver.refunds ORDER BY refund_amount'
  expect(await ask(refunds)).toEqual([
    { order_id: 'W-727', refund_amount: '5.00' },
    { order_id: 'W-727', refund_amount: '10.50' },
  ])
})
