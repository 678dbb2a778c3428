/** WooCommerce's webhooks by collect/woocommerce-orders.yml and collect/woocommerce-refunds.yml. */
import { expect, test } from 'vitest'
import { expectEvent, mapSender, worth } from '../../fixtures/sender-mappings.ts'
import { WOO_ORDER, WOO_REFUNDS, wooRow } from '../../fixtures/woocommerce-webhooks.ts'

const mapOrder = mapSender('woocommerce-orders')
const mapRefunds = mapSender('woocommerce-refunds')

const order = (more: object = {}, topic = 'order.updated') =>
  mapOrder(wooRow(topic, { ...WOO_ORDER, ...more }))
const refunds = (more: object = {}, topic = 'order.updated') =>
  mapRefunds(wooRow(topic, { ...WOO_ORDER, ...more }))

test('an order has its lines before and after coupons, shipping and tax to the cent', () => {
  const event = expectEvent(order())
  expect(event).toMatchObject({
    event_type: 'purchase',
    event_ts: Date.parse('2026-11-20T10:00:00Z'),
    sent_ts: null,
    anonymous_id: 'v-9',
    customer_id: '7',
    order_id: 'W-727',
    currency: 'EUR',
    coupon: 'spring',
    payment_type: 'bacs',
    tax_minor: 798,
    shipping_minor: 500,
    discount_minor: 300,
    utm_source: 'news',
    utm_medium: 'mail',
    utm_campaign: null,
    referrer: 'https://search.example/',
    device: 'desktop',
    source: 'server',
    geo_city: 'Ulm',
    geo_country: 'DE',
    items: [
      { sku: 'MUG-1', name: 'Mug', unit_price_minor: 1000, quantity: 3, discount_minor: 300 },
      // 10.00 for three has no unit price in whole cents.
      { sku: '22', unit_price_minor: 334, quantity: 1 },
      { sku: '22', unit_price_minor: 333, quantity: 2 },
    ],
  })
  expect(worth(event)).toBe(3700)
  expect(JSON.stringify(event)).not.toMatch(/203\.0\.113\.7|bo@example\.com/)
})

test('an order counts once it is placed, and then is one purchase whatever is delivered', () => {
  expect(order({ status: 'pending' }, 'order.created')).toEqual([{ kind: 'left_out' }])
  const ids = [
    order({ status: 'on-hold' }, 'order.created'),
    order({ status: 'processing' }),
    order({ status: 'processing' }),
    order({ status: 'completed', date_modified_gmt: '2026-11-24T10:00:05' }),
    order({ status: 'refunded', refunds: WOO_REFUNDS }),
    order({}, 'order.restored'),
  ].map((outcomes) => {
    const { event_id, event_type, event_ts } = expectEvent(outcomes)
    return `${event_id} ${event_type} ${event_ts}`
  })
  expect(new Set(ids).size).toBe(1)
})

test('orders that are not placed are left out, unknown statuses rejected', () => {
  for (const status of ['pending', 'failed', 'cancelled', 'trash', 'checkout-draft'])
    expect(order({ status })).toEqual([{ kind: 'left_out' }])
  for (const topic of ['order.deleted', 'customer.updated', 'action.woocommerce_order_refunded'])
    expect(mapOrder(wooRow(topic, { id: 727 }))).toEqual([{ kind: 'left_out' }])
  expect(order({ status: 'awaiting-shipment' })).toMatchObject([{ reason: 'wrong_type' }])
})

test("a guest's order has no customer, and a visitor of its own, which its refunds share", () => {
  const guest = { customer_id: 0, meta_data: [], number: undefined }
  const event = expectEvent(order(guest))
  expect(event).toMatchObject({ customer_id: null, order_id: '727', utm_source: null })
  const [back] = refunds({ ...guest, refunds: WOO_REFUNDS })
  expect(back).toMatchObject({ event: { anonymous_id: event.anonymous_id, customer_id: null } })
})

test('each refund that an order lists is one event', () => {
  const back = refunds({ status: 'completed', refunds: WOO_REFUNDS })
  expect(back).toMatchObject([
    { event: { event_type: 'refund', refund_minor: 1050, order_id: 'W-727', currency: 'EUR' } },
    { event: { refund_minor: 500, anonymous_id: 'v-9', customer_id: '7' } },
  ])
})

test('later deliveries repeat refunds with the same id and time', () => {
  const once = refunds({ refunds: WOO_REFUNDS.slice(1) }).map((one) => expectEvent([one]))
  const later = { refunds: WOO_REFUNDS, date_modified_gmt: '2026-11-21T20:00:00' }
  const again = refunds(later).map((one) => expectEvent([one]))
  expect(again[1]).toMatchObject({ event_id: once[0]?.event_id, event_ts: once[0]?.event_ts })
  expect(again[0]?.event_id).not.toBe(again[1]?.event_id)
})

test('a shop that adds the time of a refund has it on its day', () => {
  const [refund] = WOO_REFUNDS
  const timed = refunds({ refunds: [{ ...refund, date_created_gmt: '2026-11-21T08:00:00' }] })
  expect(expectEvent(timed).event_ts).toBe(Date.parse('2026-11-21T08:00:00Z'))
})

test('an order without refunds, or another topic, gives none', () => {
  expect(refunds()).toEqual([])
  expect(refunds({ refunds: undefined })).toEqual([])
  expect(refunds({ refunds: WOO_REFUNDS }, 'order.deleted')).toEqual([
    { kind: 'left_out' },
    { kind: 'left_out' },
  ])
  expect(refunds({ refunds: 'none' })).toMatchObject([{ reason: 'wrong_type' }])
})
