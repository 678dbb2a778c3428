/** Requests of other systems, taken apart into the rows of their mappings. */
import { expect, test } from 'vitest'
import { LEFT_OUT } from '../../../cli/domain/collector/collector.ts'
import {
  bindSender,
  listGa4Events,
  listSegmentCalls,
  mapByAll,
  wrapWebhook,
} from '../../../cli/domain/collector/foreign-events.ts'
import { RowFault } from '../../../cli/domain/documents/source-row.ts'
import { importContract } from '../../fixtures/import-parts.ts'
import { readSenderMapping } from '../../fixtures/sender-mappings.ts'
import { WOO_ORDER, WOO_REFUNDS } from '../../fixtures/woocommerce-webhooks.ts'

const AT_MS = Date.parse('2026-11-20T10:00:00Z')
const receivedAt = '2026-11-20T10:00:00.000Z'

test("a batch's context, integrations and time hold for calls that have none of their own", () => {
  const calls = listSegmentCalls(
    'batch',
    {
      writeKey: 'k',
      sentAt: 'batch',
      context: { library: { name: 'x' }, ip: '::1' },
      integrations: { All: true },
      batch: [{ type: 'track' }, { type: 'page', sentAt: 'own', context: { ip: '::2' } }, 7],
    },
    AT_MS,
  )
  const shared = { integrations: { All: true }, receivedAt }
  const library = { name: 'x' }
  expect(calls).toEqual([
    { ...shared, type: 'track', sentAt: 'batch', context: { library, ip: '::1' }, index: 0 },
    { ...shared, type: 'page', sentAt: 'own', context: { library, ip: '::2' }, index: 1 },
    7,
  ])
})

test('a single call has its type from the path; nobody says when it was received', () => {
  const sent = { event: 'x', receivedAt: '2001-01-01T00:00:00Z' }
  expect(listSegmentCalls('track', sent, AT_MS)).toEqual([
    { type: 'track', event: 'x', receivedAt },
  ])
  for (const body of [null, 7, 'x', []])
    expect(listSegmentCalls('track', body, AT_MS)).toEqual([body])
  for (const body of [null, {}, { batch: {} }])
    expect(listSegmentCalls('batch', body, AT_MS)).toEqual([body])
})

test("each event of GA4 has what its request says, its place and the request's arrival", () => {
  const body = { client_id: 'c', events: [{ name: 'a' }, { name: 'b' }], received_micros: 1 }
  const shared = { client_id: 'c', measurement_id: 'G-1', received_micros: AT_MS * 1000 }
  expect(listGa4Events(body, 'G-1', AT_MS)).toEqual([
    { ...shared, index: 0, event: { name: 'a' } },
    { ...shared, index: 1, event: { name: 'b' } },
  ])
  expect(listGa4Events({ events: 7 }, 'G-1', AT_MS)).toEqual([{ events: 7 }])
})

const contract = importContract().event
const shop = (['woocommerce-orders', 'woocommerce-refunds'] as const).map((name) =>
  bindSender(readSenderMapping(name), contract),
)
const deliver = (topic: string, body: unknown) =>
  mapByAll(shop, wrapWebhook({ topic, id: '1', triggered_at: '', shop: '' }, body))

test('a webhook is what any of the mappings makes of it: an order and its refunds', () => {
  const events = deliver('order.updated', { ...WOO_ORDER, refunds: WOO_REFUNDS })
  expect(events).toMatchObject([
    { fields: { event_type: 'purchase' } },
    { fields: { event_type: 'refund' } },
    { fields: { event_type: 'refund' } },
  ])
})

test('a webhook that all mappings leave out is left out once', () => {
  expect(deliver('customer.updated', { id: 1 })).toEqual([LEFT_OUT])
  expect(deliver('order.deleted', { id: 1 })).toEqual([LEFT_OUT])
  const pending = { ...WOO_ORDER, status: 'pending' }
  expect(deliver('order.created', pending)).toEqual([LEFT_OUT])
})

test('what is no object, or has no list where one should be, is a reason', () => {
  const [orders, refunds] = shop
  const why = (events: readonly unknown[] | undefined) =>
    events?.map((one) => (one as { fields: unknown }).fields instanceof RowFault)
  for (const row of [null, 7, 'x', []]) expect(why(orders?.(row))).toEqual([true])
  expect(why(refunds?.({ body: { refunds: 7 } }))).toEqual([true])
})
