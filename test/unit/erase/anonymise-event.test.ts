import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { compileEncoder } from '../../../cli/domain/avro/encoder.ts'
import {
  createAnonymiser,
  type PersonRow,
  type PersonRows,
} from '../../../cli/domain/erase/anonymise-event.ts'
import type { Event } from '../../../cli/domain/events/contracts.ts'
import { openEventCodec } from '../../../cli/domain/gate/event-codec.ts'
import { RecordBatch } from '../../../cli/domain/log/record-batch.ts'
import { deriveUuid, shopEvent, shopOrder } from '../../fixtures/shop-events.ts'

const AT = Date.UTC(2026, 0, 1, 10)
const SUBJECT = 'events.raw-value'
const PLACE = 'events.raw-0'
const CUSTOMER = 'c1042'
const SCHEMA = readFileSync('schemas/events.raw.avsc', 'utf8')

/** A new schema of a shop that has added fields of its own. */
function addFields(...fields: readonly object[]): string {
  const schema = JSON.parse(SCHEMA)
  return JSON.stringify({ ...schema, fields: [...schema.fields, ...fields] })
}

const newest = (schema: string) => [{ subject: SUBJECT, version: 1, id: 7, schema }]

function openCodec(schema: string) {
  const limits = { recordBytesMax: 1_000_000, futureToleranceMs: 3_600_000 }
  return openEventCodec({ ...limits, schemas: newest(schema) })
}

function encodeEvent(event: object, schema: string): Buffer {
  const encode = compileEncoder(schema, 7)
  return Buffer.from(new RecordBatch().encodeOne((batch) => encode(batch, event)))
}

const rowOf = (event: Event, userAgent: string | null = null): PersonRow => ({
  event_id: event.event_id,
  anonymous_id: event.anonymous_id,
  session_id: event.session_id,
  order_id: event.order_id,
  coupon: event.coupon,
  customer_id: event.customer_id,
  user_agent: userAgent,
})

interface Given {
  readonly schema?: string
  readonly shared?: PersonRows['shared']
  /** What the log has, if it is not what Bronze has. */
  readonly inLog?: readonly object[]
  readonly userAgent?: string
}

/** The events at offsets 0, 1, …, anonymised; undefined for one that can't be. */
function anonymise(events: readonly Event[], given: Given = {}) {
  const { schema = SCHEMA, shared = new Map(), inLog = events, userAgent = null } = given
  const codec = openCodec(schema)
  const rows = new Map([[PLACE, new Map(events.map((one, at) => [at, rowOf(one, userAgent)]))]])
  let count = 0
  const newId = () => deriveUuid(`new ${count++}`)
  const change = createAnonymiser({ rows, shared, logged: [], codec, ids: [CUSTOMER], newId })
  return inLog.map((event, offset) => {
    const bytes = encodeEvent(event, schema)
    const changed = change({ place: PLACE, offset, appendMs: AT, bytes })
    return changed && codec.decode(changed, AT)
  })
}

const ORDER = shopOrder('one', AT, 1999, {
  ...{ anonymous_id: 'visitor-one', customer_id: CUSTOMER, session_id: 'session-1' },
  ...{ page_url: 'https://shop/?mail=jo@x.y', referrer: 'https://mail/jo', page_title: 'Hi Jo' },
  ...{ page: `/account/${CUSTOMER}`, user_agent: 'Mozilla/5.0 rare', coupon: 'JO-BIRTHDAY' },
  ...{ geo_city: 'Oslo', utm_campaign: 'spring', sent_ts: AT + 1, tax_minor: 12 },
})

test('of an event stay times, money and groups; ids are new, texts of the person gone', () => {
  const [event] = anonymise([ORDER])
  expect(event).toMatchObject({
    ...{ event_type: 'purchase', event_ts: BigInt(AT), sent_ts: BigInt(AT + 1), device: 'desktop' },
    ...{ page: '/account/***', geo_city: 'Oslo', utm_campaign: 'spring', tax_minor: 12n },
    ...{ customer_id: null, page_url: null, referrer: null, page_title: null, coupon: null },
    ...{ user_agent: null, currency: 'EUR', items: [{ sku: 'SKU-1', unit_price_minor: 1999n }] },
  })
  const ids = [event?.event_id, event?.anonymous_id, event?.session_id, event?.order_id]
  expect(new Set(ids).size).toBe(4)
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
})

test('the same old id becomes the same new one, in every field by itself', () => {
  const refund = { ...ORDER, event_id: deriveUuid('refund'), event_type: 'refund' as const }
  const [one, again, back] = anonymise([ORDER, ORDER, refund])
  expect(again).toEqual(one)
  expect(back?.order_id).toBe(one?.order_id)
  expect(back?.session_id).toBe(one?.session_id)
  expect(back?.event_id).not.toBe(one?.event_id)
})

test('ids and coupons that events of others have too stay', () => {
  const shared = new Map([
    ['anonymous_id', new Set(['visitor-one'])],
    ['coupon', new Set(['JO-BIRTHDAY'])],
  ])
  const [event] = anonymise([ORDER], { shared })
  expect(event).toMatchObject({ anonymous_id: 'visitor-one', coupon: 'JO-BIRTHDAY' })
  expect(event?.session_id).not.toBe('session-1')
})

test('a record that a broken-off run changed gets the same ids as the others', () => {
  const [before] = anonymise([ORDER])
  const second = { ...ORDER, event_id: deriveUuid('second'), event_type: 'login' as const }
  const [one, two] = anonymise([ORDER, second], { inLog: [{ ...before }, second] })
  expect(one?.session_id).toBe(two?.session_id)
  expect(one?.anonymous_id).toBe(two?.anonymous_id)
  expect(one?.customer_id).toBeNull()
})

test('what an event type needs is replaced, not removed: a customer id, a search term', () => {
  const login = shopEvent('login', AT, { event_type: 'login', customer_id: CUSTOMER })
  const search = shopEvent('s', AT, { event_type: 'search', search_term: 'jo', results_count: 3 })
  const [first, again, found] = anonymise([login, login, search])
  expect(first?.customer_id).toMatch(/^[0-9a-f-]{36}$/)
  expect(again?.customer_id).toBe(first?.customer_id)
  expect(found).toMatchObject({ search_term: '***', results_count: 3 })
})

test('ids in texts that stay are replaced where they are whole words', () => {
  const pages = ['/thanks/order-one', '/order-one2', `/${CUSTOMER}0`, `/a?id=${CUSTOMER}&b`]
  const views = pages.map((page, at) => shopEvent(`v${at}`, AT, { page }))
  const found = anonymise([...views, ORDER]).map((event) => event?.page)
  expect(found.slice(0, 4)).toEqual(['/thanks/***', '/order-one2', `/${CUSTOMER}0`, '/a?id=***&b'])
})

test('a user agent by which the event stays the same kind of bot is put', () => {
  const [event] = anonymise([ORDER], { userAgent: 'headless' })
  expect(event?.user_agent).toBe('headless')
})

test('texts of fields that a shop added go, its numbers stay', () => {
  const schema = addFields(
    { name: 'email', type: ['null', 'string'], default: null },
    { name: 'name', type: 'string' },
    { name: 'points', type: ['null', 'int'], default: null },
  )
  const inLog = [{ ...ORDER, email: 'jo@x.y', name: 'Jo', points: 5 }]
  const [event] = anonymise([ORDER], { schema, inLog })
  expect(event).toMatchObject({ email: null, name: '***', points: 5 })
})

test('an event that would not be valid without its texts is not made', () => {
  const schema = addFields({ name: 'code', type: 'string', minLength: 5 })
  const inLog = [{ ...ORDER, code: 'abcdef' }]
  expect(anonymise([ORDER], { schema, inLog })).toEqual([undefined])
})
