/** Segment's calls, as its libraries send them, by collect/segment.yml. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { bindMapping } from '../../../cli/domain/ingest/mapping/bind-mapping.ts'
import { parseMapping } from '../../../cli/domain/ingest/mapping/parse-mapping.ts'
import { importContract, ROOT } from '../../fixtures/import-parts.ts'
import { BROWSER_CALL, ECOMMERCE_CALLS, MUG, SERVER_CALL } from '../../fixtures/segment-calls.ts'
import { expectEvent, mapSender, worth } from '../../fixtures/sender-mappings.ts'

const map = mapSender('segment')

const track = (event: string, properties: unknown, more: object = {}) =>
  map({ ...BROWSER_CALL, type: 'track', event, properties, ...more })

test.each(ECOMMERCE_CALLS)('$event becomes $becomes', ({ event, properties, becomes }) => {
  for (const call of [BROWSER_CALL, SERVER_CALL]) {
    const outcomes = map({ ...call, type: 'track', event, properties })
    if (becomes === null) expect(outcomes).toEqual([{ kind: 'left_out' }])
    else expect(expectEvent(outcomes).event_type).toBe(becomes)
  }
})

test('an order has its lines, amounts and discount to the cent', () => {
  const call = ECOMMERCE_CALLS.find(({ event }) => event === 'Order Completed')
  const order = expectEvent(track('Order Completed', call?.properties, { userId: 'u-1' }))
  expect(order).toMatchObject({
    order_id: '50314',
    customer_id: 'u-1',
    currency: 'EUR',
    coupon: 'hasbros',
    tax_minor: 200,
    shipping_minor: 300,
    discount_minor: 250,
    items: [
      { sku: 'MUG-1', name: 'Mug, "blue"', category: 'Kitchen', brand: 'Cups & Co' },
      // 0.30000000000000004, as JavaScript adds 0.1 and 0.2.
      { sku: 'T-7', unit_price_minor: 30, quantity: 3 },
    ],
  })
  expect(worth(order)).toBe(1739)
  expect(order.items.map((line) => line.discount_minor)).toEqual([239, 11])
})

test('a refund has its amount, and its lines where it is partial', () => {
  const part = expectEvent(
    track('Order Refunded', { order_id: '7', total: 5, currency: 'EUR', products: [MUG] }),
  )
  expect(part).toMatchObject({ refund_minor: 500, items: [{ sku: 'MUG-1' }] })
  const whole = expectEvent(track('Order Refunded', { order_id: '7', total: 22.39 }))
  expect(whole).toMatchObject({ refund_minor: 2239, currency: 'USD', items: [] })
  expect(track('Order Refunded', { order_id: '7' })).toMatchObject([
    { kind: 'rejected', reason: 'missing_field' },
  ])
})

test("a browser's page call has page, campaign, device and both times", () => {
  const call = { ...BROWSER_CALL, type: 'page', name: null }
  const { page: properties } = BROWSER_CALL.context
  expect(expectEvent(map({ ...call, properties }))).toMatchObject({
    event_type: 'page_view',
    event_ts: Date.parse('2026-11-20T10:00:00.250Z'),
    sent_ts: Date.parse('2026-11-20T10:00:01Z'),
    received_ts: null,
    anonymous_id: '23adfd82-aa0f-45a7-a756-24f2a7a4c895',
    customer_id: null,
    page: '/tea',
    page_title: 'Tea',
    page_url: properties.url,
    referrer: 'https://search.example/',
    utm_source: 'news',
    utm_medium: 'mail',
    utm_campaign: 'june',
    device: 'mobile',
    source: 'web',
    currency: null,
    items: [],
  })
})

test('a product has its own url; the page is where the call was made', () => {
  expect(expectEvent(track('Product Viewed', MUG))).toMatchObject({
    page: '/tea',
    page_url: BROWSER_CALL.context.page.url,
    page_title: 'Tea',
  })
})

test("a server's page call needs only a url, and its visitor is its customer", () => {
  const properties = { url: 'https://shop.example/päge?x=1' }
  expect(expectEvent(map({ ...SERVER_CALL, type: 'page', properties }))).toMatchObject({
    page: '/p%C3%A4ge',
    anonymous_id: 'u-1',
    customer_id: 'u-1',
    source: 'server',
    device: 'desktop',
  })
  expect(map({ ...SERVER_CALL, type: 'page', properties: {} })).toMatchObject([
    { kind: 'rejected', reason: 'missing_field' },
  ])
})

test('identify names a customer; without one it is left out', () => {
  const call = { ...BROWSER_CALL, type: 'identify', traits: { email: 'a@b.c' } }
  expect(expectEvent(map({ ...call, userId: 97980 }))).toMatchObject({
    event_type: 'identify',
    customer_id: '97980',
  })
  expect(map(call)).toEqual([{ kind: 'left_out' }])
})

test('sign-ups and logins need the customer', () => {
  expect(expectEvent(track('Signed Up', {}, { userId: 'u-1' })).event_type).toBe('sign_up')
  expect(expectEvent(track('Signed In', {}, { userId: 'u-1' })).event_type).toBe('login')
  expect(track('Signed In', {})).toMatchObject([{ reason: 'missing_field' }])
})

test('screens, groups and aliases are left out, and unknown names rejected', () => {
  for (const type of ['screen', 'group', 'alias'])
    expect(map({ ...BROWSER_CALL, type })).toEqual([{ kind: 'left_out' }])
  expect(track('Application Opened', {})).toEqual([{ kind: 'left_out' }])
  expect(track('Newsletter Opened', {})).toMatchObject([
    { reason: 'wrong_type', message: expect.stringContaining("'Newsletter Opened'") },
  ])
  // The name of an event is not the type of a call.
  expect(track('page', {})).toMatchObject([{ reason: 'wrong_type' }])
  expect(map({ ...BROWSER_CALL, type: 'track' })).toMatchObject([{ reason: 'missing_field' }])
})

test('phones are known by their libraries', () => {
  const phone = (device: object) => track('Product Viewed', MUG, { context: { device } })
  expect(expectEvent(phone({ type: 'android', model: 'Pixel 9' }))).toMatchObject({
    device: 'mobile',
    source: 'app',
  })
  expect(expectEvent(phone({ type: 'ios', model: 'iPad13,1' }))).toMatchObject({
    device: 'tablet',
    source: 'app',
  })
})

test('consent and place are taken where the call has them in a form that fits', () => {
  const seen = (context: object) => expectEvent(track('Product Viewed', MUG, { context }))
  const allowed = (Analytics: unknown) => seen({ consent: { categoryPreferences: { Analytics } } })
  expect([allowed(true), allowed(false), allowed('?')].map(({ consent }) => consent)).toEqual([
    true,
    false,
    null,
  ])
  expect(seen({ location: { country: 'de', city: 'Ulm' } })).toMatchObject({
    geo_country: 'DE',
    geo_city: 'Ulm',
  })
  expect(seen({ location: { country: 'United States' } }).geo_country).toBeNull()
})

test('a call that is sent again has the same id; another has another', () => {
  const once = expectEvent(track('Product Viewed', MUG))
  const again = expectEvent(track('Product Viewed', MUG, { sentAt: '2026-11-20T11:00:00Z' }))
  expect(again.event_id).toBe(once.event_id)
  expect(expectEvent(track('Product Viewed', MUG, { messageId: 'x' })).event_id).not.toBe(
    once.event_id,
  )
})

test("a call in Segment's archive has the id that it had when it was sent", () => {
  const file = 'examples/import/segment.yml'
  const { event } = importContract()
  const spec = parseMapping(readFileSync(path.join(ROOT, file), 'utf8'), file, event)
  const source = { file: 'calls.ndjson', format: 'ndjson', columns: undefined } as const
  const archived = { ...BROWSER_CALL, type: 'track', event: 'Product Viewed', properties: MUG }
  expect(bindMapping(spec, event, source)(archived, 1)).toMatchObject({
    event: { event_id: expectEvent(track('Product Viewed', MUG)).event_id },
  })
})

test('without an id, a call is known by its time and contents, or by its arrival', () => {
  const idOf = (more: object) =>
    expectEvent(track('Product Viewed', MUG, { messageId: undefined, ...more })).event_id
  expect(idOf({ sentAt: '2026-11-20T11:00:00Z' })).toBe(idOf({}))
  expect(idOf({ timestamp: '2026-11-20T10:00:00.251Z' })).not.toBe(idOf({}))
  const untimed = { timestamp: undefined, sentAt: undefined }
  const at = (receivedAt: string) => idOf({ ...untimed, receivedAt })
  expect(at('2026-11-20T10:00:00Z')).not.toBe(at('2026-11-20T10:00:01Z'))
})
