/** Shopify's webhooks by collect/shopify-orders.yml and collect/shopify-refunds.yml. */
import { expect, test } from 'vitest'
import { expectEvent, mapSender, worth } from '../../fixtures/sender-mappings.ts'
import {
  SHOPIFY_GOODWILL,
  SHOPIFY_ORDER,
  SHOPIFY_REFUND,
  shopifyRow,
} from '../../fixtures/shopify-webhooks.ts'

const mapOrder = mapSender('shopify-orders')
const mapRefund = mapSender('shopify-refunds')

const order = (more: object = {}, topic = 'orders/create') =>
  mapOrder(shopifyRow(topic, { ...SHOPIFY_ORDER, ...more }))
const refund = (body: object, topic = 'refunds/create') => mapRefund(shopifyRow(topic, body))

const LEFT_OUT = [{ kind: 'left_out' }]

test('an order has its lines, discounts, shipping and tax to the cent, without the tip', () => {
  const event = expectEvent(order())
  expect(event).toMatchObject({
    event_type: 'purchase',
    event_ts: Date.parse('2026-11-20T10:00:00Z'),
    sent_ts: null,
    anonymous_id: 'v-7',
    customer_id: '7210987654321',
    order_id: '5713123459087',
    currency: 'EUR',
    coupon: 'TENOFF',
    payment_type: 'shopify_payments',
    tax_minor: 1062,
    shipping_minor: 245,
    discount_minor: 844,
    utm_source: 'news',
    utm_medium: 'mail',
    utm_campaign: 'june',
    referrer: 'https://search.example/',
    device: 'mobile',
    source: 'server',
    geo_city: 'Wien',
    geo_country: 'AT',
    items: [
      {
        sku: 'MUG-1',
        name: 'Mug - blue',
        brand: 'Cups & Co',
        unit_price_minor: 1999,
        quantity: 3,
        discount_minor: 800,
      },
      { sku: '44018312904847', name: 'Tea', brand: null, quantity: 1, discount_minor: 44 },
    ],
  })
  expect(event.items).toHaveLength(2)
  expect(worth(event)).toBe(5588)
})

test('no part of an event holds the address of the visitor or of a mailbox', () => {
  const text = JSON.stringify(expectEvent(order()))
  expect(text).not.toContain('203.0.113.7')
  expect(text).not.toContain('ada@example.com')
})

test('an order is one purchase, whatever the topic, order and number of its deliveries', () => {
  const paid = { financial_status: 'paid', updated_at: '2026-11-21T11:00:00+01:00' }
  const ids = [
    order(paid, 'orders/updated'),
    order({}, 'orders/create'),
    order(paid, 'orders/paid'),
    order({}, 'orders/create'),
    order({ ...paid, fulfillment_status: 'fulfilled' }, 'orders/fulfilled'),
  ].map((outcomes) => {
    const { event_id, event_type, event_ts } = expectEvent(outcomes)
    return `${event_id} ${event_type} ${event_ts}`
  })
  expect(new Set(ids).size).toBe(1)
  expect(expectEvent(order({ id: 5713123459088 })).event_id).not.toBe(expectEvent(order()).event_id)
})

test('the id of an order keeps all its digits', () => {
  const text = JSON.stringify(shopifyRow('orders/create', SHOPIFY_ORDER)).replace(
    `"id":${SHOPIFY_ORDER.id}`,
    '"id":820982911946154508',
  )
  expect(expectEvent(mapOrder(text)).order_id).toBe('820982911946154508')
})

test('tests, cancelled orders and other topics are left out', () => {
  expect(order({ test: true })).toEqual(LEFT_OUT)
  expect(order({ cancelled_at: '2026-11-20T12:00:00Z' })).toEqual(LEFT_OUT)
  for (const topic of ['orders/cancelled', 'orders/delete', 'refunds/create', 'products/update'])
    expect(order({}, topic)).toEqual(LEFT_OUT)
})

test('where prices include tax, it is not added to them again', () => {
  const event = expectEvent(order({ taxes_included: true }))
  expect(event.tax_minor).toBeNull()
  expect(worth(event)).toBe(5588)
})

test('an order without a visitor has its own, which its refunds share', () => {
  const bought = expectEvent(order({ note_attributes: [], customer: null, client_details: null }))
  expect(bought).toMatchObject({ customer_id: null, device: 'desktop', user_agent: null })
  expect(expectEvent(refund(SHOPIFY_REFUND)).anonymous_id).toBe(bought.anonymous_id)
})

test('a refund is worth its products, without tax and shipping', () => {
  const event = expectEvent(refund(SHOPIFY_REFUND))
  expect(event).toMatchObject({
    event_type: 'refund',
    event_ts: Date.parse('2026-11-21T08:00:00Z'),
    order_id: expectEvent(order()).order_id,
    currency: 'EUR',
    refund_minor: null,
    items: [{ sku: 'MUG-1', unit_price_minor: 1999, quantity: 1, discount_minor: 267 }],
  })
  expect(worth(event)).toBe(1732)
})

test('a refund of money alone is worth what was paid back', () => {
  expect(expectEvent(refund(SHOPIFY_GOODWILL))).toMatchObject({ refund_minor: 1250, items: [] })
  const [, paid] = SHOPIFY_GOODWILL.transactions
  const pending = { ...SHOPIFY_GOODWILL, transactions: [{ ...paid, status: 'pending' }] }
  expect(expectEvent(refund(pending)).refund_minor).toBe(1000)
})

test('where the shop pays back another amount than the products, that amount counts', () => {
  const { order_adjustments } = SHOPIFY_GOODWILL
  expect(expectEvent(refund({ ...SHOPIFY_REFUND, order_adjustments }))).toMatchObject({
    refund_minor: 2258,
    items: [{ sku: 'MUG-1' }],
  })
})

test('refunds of nothing, of tests and other topics are left out', () => {
  expect(refund({ ...SHOPIFY_GOODWILL, transactions: [] })).toEqual(LEFT_OUT)
  const [paid] = SHOPIFY_REFUND.transactions
  expect(refund({ ...SHOPIFY_REFUND, transactions: [{ ...paid, test: true }] })).toEqual(LEFT_OUT)
  expect(refund(SHOPIFY_REFUND, 'orders/updated')).toEqual(LEFT_OUT)
})

test('a refund that is delivered again has the same id, and two refunds differ', () => {
  const ids = [SHOPIFY_REFUND, SHOPIFY_GOODWILL, SHOPIFY_REFUND].map(
    (body) => expectEvent(refund(body)).event_id,
  )
  expect(ids[2]).toBe(ids[0])
  expect(ids[1]).not.toBe(ids[0])
})
