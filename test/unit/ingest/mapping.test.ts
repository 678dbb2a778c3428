import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { parseJsonExactly } from '../../../cli/domain/documents/json-lines.ts'
import type { RowValues } from '../../../cli/domain/documents/source-row.ts'
import { bindMapping } from '../../../cli/domain/ingest/mapping/bind-mapping.ts'
import { parseMapping } from '../../../cli/domain/ingest/mapping/parse-mapping.ts'
import { CcsError } from '../../../cli/domain/kernel/errors.ts'
import { importContract, ROOT } from '../../fixtures/import-parts.ts'

const contract = importContract().event

function faultsOf(run: () => unknown): string[] {
  try {
    run()
  } catch (error) {
    if (!(error instanceof CcsError)) throw error
    return [error, ...error.others].map(({ message, hint, location }) => {
      const place = [location?.file, location?.line, location?.column].filter(Boolean).join(':')
      return `${place} ${message} ${hint}`
    })
  }
  throw new Error('nothing was found wrong')
}

/** A complete mapping for visits with additional or changed lines. */
function mapping(...lines: readonly string[]): string {
  return [
    'event:',
    '  event_id: { hash: all }',
    '  event_type: { constant: page_view }',
    '  event_ts: time',
    '  anonymous_id: visitor',
    '  device: { constant: desktop }',
    '  source: { constant: import }',
    '  page: { constant: / }',
    ...lines.map((line) => `  ${line}`),
  ].join('\n')
}

function mapRow(text: string, row: Readonly<Record<string, unknown>>): unknown {
  const file = { file: 'rows.ndjson', format: 'ndjson', columns: undefined } as const
  const full = { time: '2026-01-01T00:00:00Z', visitor: 'v', ...row }
  const mapped = bindMapping(parseMapping(text, 'map.yml', contract), contract, file)(full, 1)
  if (!('kind' in mapped)) return `${mapped.reason}: ${mapped.message}`
  return mapped.kind === 'event' ? mapped.event : mapped.kind
}

test('all faults of a mapping are reported at once, with places and suggestions', () => {
  const text = `formt: csv
event:
  event_type: { from: type, values: { view: view_itm, buy: purchase } }
  event_ts: { from: time, format: epoc_ms }
  anonymus_id: user
  device: { constant: desktp }
  source: { constant: import, from: x }
  page: { template: '/p/{id' }
  customer_id: { from: user, format: iso }
  items:
    sku: id
    quantity: { constant: 1 }
    unit_price_minor: price
`
  expect(faultsOf(() => parseMapping(text, 'map.yml', contract))).toEqual([
    'map.yml:1:1 The mapping has no key "formt". Did you mean "format"?',
    `map.yml:3:45 event_type: 'view_itm' is not one of ${contract.fields.find((f) => f.name === 'event_type')?.symbols.join(', ')}. Did you mean "view_item"?`,
    `map.yml:4:35 'epoc_ms' is neither iso, epoch_s, epoch_ms, epoch_us nor a pattern of YYYY MM DD HH mm ss SSS Z. Did you mean "epoch_ms"?`,
    'map.yml:5:3 The contract has no field "anonymus_id". Did you mean "anonymous_id"?',
    `map.yml:6:23 device: 'desktp' is not one of desktop, mobile, tablet, bot. Did you mean "desktop"?`,
    'map.yml:7:3 event.source needs one of from, constant, template, hash; it has from, constant. A value has one source; `from` takes a list of columns to try.',
    'map.yml:8:21 A "{" in the template is not paired. Write "{{".',
    'map.yml:9:30 "format" is for times, which customer_id is not. Remove it.',
    `map.yml:13:23 unit_price_minor does not say how its amounts are written. Add money: decimal (35.79), decimal_comma (35,79) or minor (3579).`,
    'map.yml:2:1 Nothing fills "event_id", which every event needs. Map a column that holds a UUID, or derive one: event_id: { hash: all }',
    'map.yml:2:1 Nothing fills "anonymous_id", which every event needs. Map a column to it, or give it a constant.',
    'map.yml:3:15 Nothing fills "order_id", which a purchase needs. Map a column to it, or leave that type out.',
    'map.yml:3:15 Nothing fills "currency", which a purchase needs. Map a column to it, or leave that type out.',
  ])
})

test('text that is not a mapping is an error', () => {
  expect(faultsOf(() => parseMapping('a: [', 'map.yml', contract)).length).toBeGreaterThan(0)
  expect(faultsOf(() => parseMapping('- a', 'map.yml', contract))[0]).toContain(
    'must be keys and values',
  )
  expect(faultsOf(() => parseMapping('format: csv', 'map.yml', contract))[0]).toContain(
    'no "event"',
  )
  expect(faultsOf(() => parseMapping('', 'map.yml', contract)).length).toBe(1)
})

test('missing columns are reported at once, at the header, with a suggestion', () => {
  const spec = parseMapping(
    mapping('session_id: sesion', 'coupon: { from: code, optional: true }'),
    'map.yml',
    contract,
  )
  const file = { file: 'a.csv', format: 'csv', columns: ['time', 'visitors', 'session'] } as const
  expect(faultsOf(() => bindMapping(spec, contract, file))).toEqual([
    `a.csv:1 No column 'visitor', which map.yml maps. Did you mean "visitors"?`,
    `a.csv:1 No column 'sesion', which map.yml maps. Did you mean "session"?`,
  ])
})

test('one of several alternative columns is enough', () => {
  const spec = parseMapping(mapping('session_id: [session, visit]'), 'map.yml', contract)
  const map = bindMapping(spec, contract, {
    file: 'a.csv',
    format: 'csv',
    columns: ['visit', 'time', 'visitor'],
  })
  expect(map(['s1', '2026-01-01', 'v'], 2)).toMatchObject({
    event: { session_id: 's1', event_ts: 1767225600000 },
  })
})

test('ids depend on a row’s values, not on the order of its columns', () => {
  const spec = parseMapping(mapping(), 'map.yml', contract)
  const id = (columns: readonly string[], row: RowValues) => {
    const mapped = bindMapping(spec, contract, { file: 'a.csv', format: 'csv', columns })(row, 2)
    return 'event' in mapped ? mapped.event.event_id : mapped
  }
  const first = id(['time', 'visitor'], ['2026-01-01', 'v'])
  expect(first).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  expect(id(['visitor', 'time'], ['v', '2026-01-01'])).toBe(first)
  expect(id(['time', 'visitor'], ['2026-01-01', 'w'])).not.toBe(first)
})

test('an id needs one of its columns; $line makes ids of equal rows differ', () => {
  const hash = (paths: string) => mapping().replace('hash: all', `hash: ${paths}`)
  expect(mapRow(hash('[no, sub]'), {})).toBe(
    'missing_field: event_id: no or sub has no value (map.yml:2)',
  )
  const spec = parseMapping(hash('[all, $line]'), 'map.yml', contract)
  const map = bindMapping(spec, contract, {
    file: 'a.csv',
    format: 'csv',
    columns: ['time', 'visitor'],
  })
  const ids = [2, 3, 2].map((line) => {
    const mapped = map(['2026-01-01', 'v'], line)
    return 'event' in mapped ? mapped.event.event_id : mapped
  })
  expect(new Set(ids).size).toBe(2)
  expect(ids[0]).toBe(ids[2])
})

test('values, otherwise, default, when and leave_out work as documented', () => {
  const type = (rest: string) =>
    mapping().replace('{ constant: page_view }', `{ from: kind, ${rest} }`)
  const values = 'values: { seen: page_view }'
  expect(mapRow(type(values), { kind: 'seen' })).toMatchObject({ event_type: 'page_view' })
  expect(mapRow(type(values), { kind: 'scroll' })).toBe(
    "wrong_type: event_type: the mapping has no value for 'scroll' (map.yml:3)",
  )
  expect(mapRow(type(`${values}, otherwise: search`), { kind: 'scroll' })).toMatchObject({
    event_type: 'search',
  })
  expect(mapRow(type(`${values}, leave_out: [scroll]`), { kind: 'scroll' })).toBe('left_out')
  expect(mapRow(type(`${values}, default: search`), {})).toMatchObject({ event_type: 'search' })
  const coupon = mapping('coupon: { from: code, when: { kind: [buy, pay] } }')
  expect(mapRow(coupon, { code: 'X', kind: 'pay' })).toMatchObject({ coupon: 'X' })
  expect(mapRow(coupon, { code: 'X', kind: 'see' })).toMatchObject({ coupon: null })
})

test('url extracts path, host and query parameters', () => {
  const text = mapping(
    'page_title: { from: u, url: host }',
    'utm_source: { from: u, url: query.utm_source }',
  ).replace('page: { constant: / }', 'page: { from: u, url: path }')
  expect(mapRow(text, { u: 'https://shop.example/p/1?utm_source=mail#x' })).toMatchObject({
    page: '/p/1',
    page_title: 'shop.example',
    utm_source: 'mail',
  })
  expect(mapRow(text, { u: '/p/2' })).toMatchObject({
    page: '/p/2',
    page_title: null,
    utm_source: null,
  })
  expect(mapRow(text, { u: 'http://[' })).toBe(
    "missing_field: page: 'http://[' is not a URL (map.yml:8)",
  )
})

test('items come from a list in the row, from the row itself, or are absent', () => {
  const line = [
    '  sku: id',
    '  unit_price_minor: { from: price, money: decimal }',
    '  quantity: { from: n, default: 1 }',
    '  category: $.kind',
  ]
  const list = mapping('items:', '  each: cart', ...line)
  const cart = [
    { id: 'a', price: 0.1, n: 2 },
    { id: 'b', price: '20' },
  ]
  const item = { name: null, category: null, brand: null, discount_minor: 0 }
  const expected = [
    { ...item, sku: 'a', unit_price_minor: 10, quantity: 2, category: 'k' },
    { ...item, sku: 'b', unit_price_minor: 2000, quantity: 1, category: 'k' },
  ]
  expect(mapRow(list, { cart, kind: 'k' })).toMatchObject({ items: expected })
  expect(mapRow(list, { cart: JSON.stringify(cart), kind: 'k' })).toMatchObject({ items: expected })
  expect(mapRow(list, {})).toMatchObject({ items: [] })
  expect(mapRow(list, { cart: [{ id: 'a' }] })).toBe(
    'missing_field: items[0].unit_price_minor: price has no value (map.yml:12)',
  )
  expect(mapRow(list, { cart: 'a' })).toBe(
    'invalid_json: items: the list is not valid JSON (map.yml:9)',
  )
  expect(mapRow(list, { cart: [1] })).toBe('wrong_type: items[0] is not an object (map.yml:9)')
  const own = mapping('items:', ...line.slice(0, 2), '  quantity: { constant: 1 }')
  expect(mapRow(own, { id: 'a', price: '1.5' })).toMatchObject({
    items: [{ sku: 'a', unit_price_minor: 150 }],
  })
  expect(mapRow(own, {})).toMatchObject({ items: [] })
  expect(mapRow(own, { price: '1.5' })).toBe('missing_field: sku: id has no value (map.yml:10)')
})

test('a value of the wrong type is an error and never rounded or cut', () => {
  const text = mapping('results_count: n', 'consent: c', 'tax_minor: { from: tax, money: decimal }')
  expect(mapRow(text, { n: 3, c: 'no', tax: '0.07' })).toMatchObject({
    results_count: 3,
    consent: false,
    tax_minor: 7,
  })
  expect(mapRow(text, { n: 2.5 })).toBe(
    "wrong_type: results_count: '2.5' is not an integer (map.yml:9)",
  )
  expect(mapRow(text, { n: 4294967296 })).toBe(
    "wrong_type: results_count: '4294967296' is not an integer (map.yml:9)",
  )
  expect(mapRow(text, { c: 'maybe' })).toBe(
    "wrong_type: consent: 'maybe' is neither true nor false (map.yml:10)",
  )
  expect(mapRow(text, { tax: 0.071 })).toBe(
    "wrong_type: tax_minor: '0.071' is not an amount with up to two decimals; `round` in the mapping would round it (map.yml:11)",
  )
  expect(mapRow(text, { visitor: { id: 1 } })).toBe('wrong_type: visitor is an object (map.yml:5)')
  expect(mapRow(text, { time: 'yesterday' })).toBe(
    "wrong_type: event_ts: 'yesterday' is not a time of the format 'iso' (map.yml:4)",
  )
})

test('a very deeply nested row is a fault, not a crash', () => {
  const deep = parseJsonExactly(`${'['.repeat(100_000)}${']'.repeat(100_000)}`)
  expect(mapRow(mapping(), { deep })).toContain('invalid_json')
})

test('a GA4 export row becomes an event with its order lines', () => {
  const file = path.join(ROOT, 'examples/import/ga4.yml')
  const row = parseJsonExactly(
    '{"event_date":"20261101","event_timestamp":"1793491200123456","event_name":"purchase","user_pseudo_id":"1234567890.1700000000","user_id":null,"event_bundle_sequence_id":"9","event_params":[{"key":"ga_session_id","value":{"int_value":"1793491000"}},{"key":"page_location","value":{"string_value":"https://shop.example/thanks?x=1"}},{"key":"currency","value":{"string_value":"EUR"}}],"device":{"category":"mobile"},"geo":{"city":"(not set)"},"platform":"WEB","ecommerce":{"transaction_id":"T-1","tax_value":1.9,"shipping_value":null},"items":[{"item_id":"A","item_name":"Tea","price":9.99,"quantity":2}]}',
  )
  const spec = parseMapping(readFileSync(file, 'utf8'), file, contract)
  const map = bindMapping(spec, contract, {
    file: 'e.ndjson',
    format: 'ndjson',
    columns: undefined,
  })
  // The text above is one object.
  expect(map(row as Record<string, unknown>, 1)).toMatchObject({
    event: {
      event_type: 'purchase',
      event_ts: 1793491200123,
      session_id: '1234567890.1700000000.1793491000',
      page: '/thanks',
      currency: 'EUR',
      device: 'mobile',
      geo_city: null,
      source: 'web',
      order_id: 'T-1',
      tax_minor: 190,
      shipping_minor: null,
      items: [{ sku: 'A', name: 'Tea', unit_price_minor: 999, quantity: 2 }],
    },
  })
})

test('German number formats work, and every example mapping is valid', () => {
  for (const name of ['rees46', 'ga4', 'orders']) {
    const file = path.join(ROOT, `examples/import/${name}.yml`)
    expect(parseMapping(readFileSync(file, 'utf8'), file, contract).fields.length).toBeGreaterThan(
      7,
    )
  }
  const file = path.join(ROOT, 'examples/import/orders.yml')
  const spec = parseMapping(readFileSync(file, 'utf8'), file, contract)
  const columns = [
    'Bestellnummer',
    'Datum',
    'E-Mail',
    'Artikel',
    'Bezeichnung',
    'Menge',
    'Einzelpreis',
  ]
  const row = [
    '10001',
    '31.10.2026 14:05',
    'ada@example.com',
    '4711',
    'Kaffee, 1 kg',
    '2',
    '1.234,50',
  ]
  expect(
    bindMapping(spec, contract, { file: 'o.csv', format: 'csv', columns })(row, 2),
  ).toMatchObject({
    event: {
      order_id: '10001',
      event_ts: Date.parse('2026-10-31T13:05:00Z'),
      items: [{ name: 'Kaffee, 1 kg', unit_price_minor: 123450, quantity: 2 }],
    },
  })
})
