/** Events of GA4's Measurement Protocol by collect/ga4.yml. */
import { expect, test } from 'vitest'
import {
  APP_REQUEST,
  FORWARDED_REQUEST,
  ga4Rows,
  SERVER_REQUEST,
} from '../../fixtures/ga4-requests.ts'
import { expectEvent, mapSender, readSenderMapping, worth } from '../../fixtures/sender-mappings.ts'

const map = mapSender('ga4')

const mapAll = (request: Parameters<typeof ga4Rows>[0]) =>
  ga4Rows(request).map((row) => expectEvent(map(row)))

test("a server's purchase has its lines, amounts and customer to the cent", () => {
  const [order] = mapAll(SERVER_REQUEST)
  expect(order).toMatchObject({
    event_type: 'purchase',
    event_ts: 1_763_632_800_000,
    sent_ts: null,
    anonymous_id: '176171012.1732096800',
    customer_id: 'u-1',
    session_id: '176171012.1732096800.1732096799',
    order_id: 'T_12345',
    currency: 'USD',
    coupon: 'SUMMER_FUN',
    tax_minor: 111,
    shipping_minor: 333,
    device: 'desktop',
    source: 'server',
    // That is consent to advertising.
    consent: null,
    items: [
      {
        sku: 'SKU_12345',
        name: 'Stan and Friends Tee',
        category: 'Apparel',
        brand: 'Google',
        unit_price_minor: 1001,
        quantity: 3,
        discount_minor: 0,
      },
      { sku: 'Socks', unit_price_minor: 400, quantity: 1 },
    ],
  })
  expect(order && worth(order)).toBe(3403)
})

test('a refund is worth its items, or its value if it names none', () => {
  const [, part, whole] = mapAll(SERVER_REQUEST)
  expect(part).toMatchObject({ event_type: 'refund', order_id: 'T_12345', refund_minor: null })
  expect(part && worth(part)).toBe(1001)
  expect(whole).toMatchObject({ order_id: 'T_9', refund_minor: 1250, items: [] })
})

test("a browser's events that a server forwards keep page, campaign, place and consent", () => {
  const events = mapAll(FORWARDED_REQUEST)
  expect(events.map(({ event_type }) => event_type)).toEqual([
    'page_view',
    'view_item',
    'add_to_cart',
    'remove_from_cart',
    'begin_checkout',
    'add_payment_info',
    'search',
    'search',
  ])
  expect(events[0]).toMatchObject({
    event_ts: 1_763_632_800_123,
    session_id: '176171012.1732096800.1732096799',
    page: '/tea',
    page_title: 'Tea',
    page_url: FORWARDED_REQUEST.events[0].params.page_location,
    referrer: 'https://search.example/',
    utm_source: 'news',
    utm_medium: 'mail',
    utm_campaign: 'june',
    device: 'tablet',
    source: 'web',
    geo_city: 'Ulm',
    geo_country: 'DE',
    consent: true,
    currency: null,
  })
  expect(events[2]).toMatchObject({ currency: 'EUR', items: [{ quantity: 3 }] })
  expect(events[5]).toMatchObject({ payment_type: 'Credit Card', items: [] })
  // An event's own time comes before that of its request.
  expect(events[6]).toMatchObject({ event_ts: 1_763_632_700_000, search_term: 'Clothing' })
})

test("an app's events name the installation", () => {
  const [login, signUp] = mapAll(APP_REQUEST)
  expect(login).toMatchObject({
    event_type: 'login',
    anonymous_id: APP_REQUEST.app_instance_id,
    session_id: `${APP_REQUEST.app_instance_id}.7`,
    customer_id: 'u-2',
    device: 'mobile',
    source: 'app',
  })
  expect(signUp).toMatchObject({ event_type: 'sign_up', session_id: null })
})

test('a request that is sent again has the same ids, and its events differ', () => {
  const ids = mapAll(FORWARDED_REQUEST).map(({ event_id }) => event_id)
  expect(mapAll(FORWARDED_REQUEST).map(({ event_id }) => event_id)).toEqual(ids)
  expect(new Set(ids).size).toBe(ids.length)
  // The same thing done twice in one request is two events.
  const [view] = FORWARDED_REQUEST.events
  const twice = mapAll({ ...FORWARDED_REQUEST, events: [view, view] })
  expect(twice[0]?.event_id).not.toBe(twice[1]?.event_id)
})

test('an event without a time happened when it arrived, and counts each time', () => {
  const { timestamp_micros: _, ...request } = SERVER_REQUEST
  const at = (micros: number) =>
    mapAll({ ...request, received_micros: micros } as typeof request)[0]
  const [first, second] = [at(1_763_632_900_000_000), at(1_763_632_900_000_001)]
  expect(first?.event_ts).toBe(1_763_632_900_000)
  expect(second?.event_id).not.toBe(first?.event_id)
})

test('the other events of GA4 are left out, and unknown names rejected', () => {
  const name = (event: string) =>
    ga4Rows({ ...SERVER_REQUEST, events: [{ name: event, params: {} }] }).flatMap(map)
  for (const event of ['view_cart', 'select_item', 'tutorial_begin', 'session_start', 'scroll'])
    expect(name(event)).toEqual([{ kind: 'left_out' }])
  expect(name('newsletter')).toMatchObject([{ kind: 'rejected', reason: 'wrong_type' }])
  expect(name('page_view')).toMatchObject([{ kind: 'rejected', reason: 'missing_field' }])
})

test('every event of the reference becomes an event or is left out', () => {
  const event = readSenderMapping('ga4').fields.find(({ field }) => field.name === 'event_type')
  const isKnown = (name: string) => event?.values?.has(name) || event?.leavesOut?.(name)
  // https://developers.google.com/analytics/devguides/collection/protocol/ga4/reference/events
  const reference = `add_payment_info add_shipping_info add_to_cart add_to_wishlist begin_checkout
    campaign_details close_convert_lead close_unconvert_lead disqualify_lead earn_virtual_currency
    generate_lead join_group level_up login post_score purchase qualify_lead refund
    remove_from_cart search select_content select_item select_promotion share sign_up
    spend_virtual_currency tutorial_begin tutorial_complete unlock_achievement view_cart view_item
    view_item_list view_promotion view_search_results working_lead`.split(/\s+/)
  expect(reference.filter((name) => !isKnown(name))).toEqual([])
})
