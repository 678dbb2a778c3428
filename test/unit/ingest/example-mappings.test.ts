/**
 * The mappings in examples/import, on samples of the shape that each source's documentation gives.
 * Counts and amounts are worked out by hand from the samples.
 */
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { compileRecordDecoder } from '../../../cli/domain/avro/record-decoder.ts'
import type { Event } from '../../../cli/domain/events/contracts.ts'
import { lineValue } from '../../../cli/domain/ingest/mapping/order-amounts.ts'
import { parseMapping } from '../../../cli/domain/ingest/mapping/parse-mapping.ts'
import {
  ImportTest,
  importContract,
  RAW,
  ROOT,
  readRecords,
  runImport,
} from '../../fixtures/import-parts.ts'

const EXAMPLES = path.join(ROOT, 'examples/import')

const setting = new ImportTest()

const readExample = (name: string) => readFileSync(path.join(EXAMPLES, name), 'utf8')

async function importSample(sample: string) {
  const mapping = readExample(`${path.parse(sample).name}.yml`)
  const result = await runImport(setting, mapping, [
    path.join(ROOT, 'test/fixtures/exports', sample),
  ])
  const decode = compileRecordDecoder<Event>(RAW.schema, RAW.id)
  const events = (await readRecords(setting.log, 'events.raw')).flatMap((b) => decode(b) ?? [])
  return { result, events, types: events.map(({ event_type }) => event_type) }
}

const worth = ({ items }: Event) => items.reduce((sum, line) => sum + lineValue(line), 0)

test.each(readdirSync(EXAMPLES))('%s is valid and says in its head how it is used', (name) => {
  const text = readExample(name)
  expect(parseMapping(text, name, importContract().event).fields.length).toBeGreaterThan(7)
  const head = text.slice(0, text.search(/^[^#]/m))
  expect(head.split('\n').length).toBeGreaterThanOrEqual(5)
  expect(head).toContain(`--mapping examples/import/${name}`)
})

test('Shopify: an order of several rows has all lines and discounts', async () => {
  const { result, events } = await importSample('shopify.csv')
  expect(result).toMatchObject({ rows: 9, accepted: 4, merged: 5, rejected: 0 })
  expect(events.map((event) => [event.order_id, worth(event)])).toEqual([
    ['#1001', 2000],
    ['#1002', 999],
    ['#1003', 1434],
    ['#1004', 1980],
  ])
  expect(events[0]).toMatchObject({
    event_ts: Date.parse('2026-04-03T22:27:43Z'),
    customer_id: 'ada@example.com',
    coupon: 'SPRING',
    discount_minor: 199,
    shipping_minor: 490,
    tax_minor: 319,
    geo_country: 'DE',
    items: [
      { sku: 'TEA-A', name: 'Tea "Assam", 100 g', unit_price_minor: 435, quantity: 2 },
      { sku: 'Cup', unit_price_minor: 999, quantity: 1 },
      { sku: 'SP', unit_price_minor: 110, quantity: 3 },
    ],
  })
  expect(events[2]).toMatchObject({ anonymous_id: '#1003', customer_id: null, geo_city: 'Wien' })
})

test('Shopify: the discount of a line stays with it, and a tip is no product', async () => {
  const { events } = await importSample('shopify.csv')
  // Of 10.20, 8.00 are the tray's; 2.20 are spread over 10.00 and 12.00. The tip of 1.50 is in Total
  // alone.
  expect(events[3]).toMatchObject({
    discount_minor: 1020,
    items: [
      { sku: 'POT', unit_price_minor: 1000, quantity: 1, discount_minor: 100 },
      { sku: 'TRAY', unit_price_minor: 2000, quantity: 1, discount_minor: 920 },
    ],
  })
  expect(events[3]?.items).toHaveLength(2)
})

test('WooCommerce: line totals before and after coupons, cancelled orders left out', async () => {
  const { result, events } = await importSample('woocommerce.csv')
  expect(result).toMatchObject({ rows: 5, accepted: 2, merged: 1, leftOut: 2, rejected: 0 })
  expect(events.map((event) => [event.order_id, worth(event)])).toEqual([
    ['812', 4213],
    ['813', 1000],
  ])
  expect(events[0]).toMatchObject({
    customer_id: '7',
    tax_minor: 347,
    shipping_minor: 500,
    discount_minor: 468,
    items: [
      { sku: 'MUG', unit_price_minor: 1000, quantity: 3, discount_minor: 300 },
      { sku: '41', unit_price_minor: 1681, quantity: 1, discount_minor: 168 },
    ],
  })
  // 10.00 for three mugs has no unit price in whole cents.
  expect(events[1]).toMatchObject({
    customer_id: 'bo@example.com',
    items: [
      { unit_price_minor: 334, quantity: 1 },
      { unit_price_minor: 333, quantity: 2 },
    ],
  })
})

test('Segment: calls of the e-commerce spec become events', async () => {
  const { result, events, types } = await importSample('segment.ndjson')
  expect(result).toMatchObject({ rows: 12, accepted: 10, leftOut: 1, rejected: 1 })
  expect(result.examples[0]?.message).toContain("no value for 'Newsletter Opened'")
  expect(types).toEqual([
    'page_view',
    'search',
    'view_item',
    'add_to_cart',
    'identify',
    'login',
    'begin_checkout',
    'add_payment_info',
    'purchase',
    'refund',
  ])
  expect(events[0]).toMatchObject({
    page: '/tea',
    device: 'mobile',
    source: 'web',
    utm_campaign: 'june',
    sent_ts: events[0] && events[0].event_ts + 1000,
  })
  const order = events.find(({ event_type }) => event_type === 'purchase')
  expect(order && worth(order)).toBe(2250)
  expect(order).toMatchObject({
    order_id: '50314',
    customer_id: 'u-1',
    currency: 'USD',
    tax_minor: 200,
    shipping_minor: 300,
    discount_minor: 250,
    items: [
      { sku: 'TEA-A', unit_price_minor: 1900, discount_minor: 190 },
      { sku: 'CUP', unit_price_minor: 300, quantity: 2, discount_minor: 60 },
    ],
  })
  expect(events.at(-1)).toMatchObject({ order_id: '50314', refund_minor: 300, tax_minor: null })
  expect(events[3]).toMatchObject({ currency: 'USD', items: [{ unit_price_minor: 1899 }] })
})

test('Snowplow: entities in JSON columns become lines, orders and refunds', async () => {
  const { result, events, types } = await importSample('snowplow.csv')
  expect(result).toMatchObject({ rows: 11, accepted: 7, leftOut: 3, rejected: 1 })
  expect(result.examples[0]?.message).toContain("no value for 'newsletter_opened'")
  expect(types).toEqual([
    'page_view',
    'view_item',
    'add_to_cart',
    'add_payment_info',
    'purchase',
    'refund',
    'add_to_cart',
  ])
  const order = events[4]
  expect(order && worth(order)).toBe(2500)
  expect(order).toMatchObject({
    order_id: 'T-1',
    customer_id: 'U1',
    session_id: 's-1',
    page: '/tee',
    currency: 'EUR',
    shipping_minor: 100,
    tax_minor: null,
    discount_minor: 200,
    device: 'desktop',
    items: [
      { sku: '1236', unit_price_minor: 1200, quantity: 1, discount_minor: 89 },
      { sku: '1238', unit_price_minor: 750, quantity: 2, discount_minor: 111 },
    ],
  })
  expect(events[5]).toMatchObject({ order_id: 'T-1', refund_minor: 750, items: [] })
  expect(events[6]).toMatchObject({ anonymous_id: 'm-1', device: 'mobile', source: 'app' })
})

test('Matomo: the actions of a visit become events of one visitor', async () => {
  const { result, events, types } = await importSample('matomo.ndjson')
  expect(result).toMatchObject({ rows: 7, accepted: 5, leftOut: 2, rejected: 0 })
  expect(types).toEqual(['page_view', 'search', 'view_item', 'purchase', 'purchase'])
  expect(new Set(events.map(({ session_id }) => session_id))).toEqual(new Set(['42']))
  expect(events[2]).toMatchObject({
    page: '/p/1',
    device: 'mobile',
    geo_country: 'PL',
    utm_source: 'mail',
    items: [{ sku: 'TEA-A', category: 'Tea', unit_price_minor: 999 }],
  })
  expect(events.slice(3).map((event) => [event.order_id, worth(event)])).toEqual([
    ['M-1', 2500],
    ['M-2', 500],
  ])
  expect(events[3]).toMatchObject({ tax_minor: 450, discount_minor: 497, currency: 'USD' })
})

test('invoices: cancellations are refunds, corrections of the stock are left out', async () => {
  const { result, events } = await importSample('invoices.csv')
  expect(result).toMatchObject({ rows: 6, accepted: 3, merged: 1, leftOut: 1, rejected: 1 })
  expect(events.map((event) => [event.event_type, event.order_id, worth(event)])).toEqual([
    ['purchase', '700001', 4242],
    ['purchase', '700002', 14580],
    ['refund', 'C700003', 678],
  ])
  expect(events[1]).toMatchObject({ anonymous_id: '700002', customer_id: null })
})
