/** What a mapping can express: one test for each kind of export that a user could not map before. */
import { expect, test } from 'vitest'
import type { RowValues } from '../../../cli/domain/documents/source-row.ts'
import { bindMapping } from '../../../cli/domain/ingest/mapping/bind-mapping.ts'
import { parseMapping } from '../../../cli/domain/ingest/mapping/parse-mapping.ts'
import { CcsError } from '../../../cli/domain/kernel/errors.ts'
import { importContract } from '../../fixtures/import-parts.ts'

const contract = importContract().event

/** A complete mapping: `lines` belong to `event`, where they replace the rule of the same field. */
function mapping(...lines: readonly string[]): string {
  const rules = new Map([
    ['event_id', '  event_id: { hash: all }'],
    ['event_type', '  event_type: { constant: page_view }'],
    ['event_ts', '  event_ts: { constant: 2026-01-01T00:00:00Z }'],
    ['anonymous_id', '  anonymous_id: { constant: v }'],
    ['device', '  device: { constant: desktop }'],
    ['source', '  source: { constant: import }'],
    ['page', '  page: { constant: / }'],
  ])
  let name = ''
  for (const line of lines.flatMap((each) => each.split('\n'))) {
    const key = /^(\w+):/.exec(line)?.[1]
    if (key !== undefined) rules.delete(key)
    name = key ?? name
    rules.set(name, `${rules.has(name) ? `${rules.get(name)}\n` : ''}  ${line}`)
  }
  return `event:\n${[...rules.values()].join('\n')}\n`
}

const NDJSON = { file: 'rows.ndjson', format: 'ndjson', columns: undefined } as const

function mapRow(text: string, row: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const spec = parseMapping(text, 'map.yml', contract)
  const mapped = bindMapping(spec, contract, NDJSON)(row, 1)
  if (!('kind' in mapped)) return { fault: `${mapped.reason}: ${mapped.message}` }
  return mapped.kind === 'event' ? { ...mapped.event } : { fault: mapped.kind }
}

function mapCsv(text: string, columns: readonly string[], row: RowValues): unknown {
  const spec = parseMapping(text, 'map.yml', contract)
  const mapped = bindMapping(spec, contract, { file: 'a.csv', format: 'csv', columns })(row, 2)
  return 'event' in mapped ? mapped.event : mapped
}

function faultsOf(text: string): string[] {
  try {
    parseMapping(text, 'map.yml', contract)
  } catch (error) {
    if (!(error instanceof CcsError)) throw error
    return [error, ...error.others].map(({ message, location }) => `${location?.line}: ${message}`)
  }
  return []
}

const ITEM = ['items:', '  each: items', '  sku: id']

test('a path goes into the JSON text of a column, of NDJSON and CSV alike', () => {
  const text = mapping('coupon: data.order.coupon', 'page_title: "data.list[k=a].v"')
  const data =
    '{"order":{"coupon":"X"},"list":[{"k":"b","v":1},{"k":"a","v":12345678901234567890}]}'
  const expected = { coupon: 'X', page_title: '12345678901234567890' }
  expect(mapRow(text, { data })).toMatchObject(expected)
  expect(mapRow(text, { data: JSON.parse(data) })).toMatchObject({ coupon: 'X' })
  expect(mapCsv(text, ['n', 'data'], ['1', data])).toMatchObject(expected)
  // The longest column that the path begins with is meant; a column may have dots in its name.
  const dotted = mapping('coupon: my.data.code', 'page_title: my.data.title')
  expect(
    mapCsv(dotted, ['my', 'my.data', 'my.data.title'], ['', '{"code":"Y"}', 'T']),
  ).toMatchObject({ coupon: 'Y', page_title: 'T' })
})

test('JSON text that is cut off rejects the row, other text has nothing inside', () => {
  const text = mapping('coupon: data.coupon')
  expect(mapRow(text, { data: '{"coupon":"X' })).toEqual({
    fault: 'invalid_json: the JSON text that data.coupon goes into is not valid (map.yml:9)',
  })
  for (const data of ['', 'none', '[1]', 'null']) expect(mapRow(text, { data }).coupon).toBeNull()
})

test('choose takes the first rule whose condition holds', () => {
  const text = mapping(
    'event_type:',
    '  choose:',
    '    - when: { invoice: { starts_with: [C, c] } }',
    '      constant: refund',
    '    - when: { invoice: { matches: "^[0-9]+$" } }',
    '      constant: purchase',
    '    - from: kind',
    '      values: { look: page_view }',
    '      leave_out: { matches: "^(adj|fee)" }',
    'order_id: invoice',
    'currency: { constant: GBP }',
    'coupon:',
    '  choose:',
    '    - { when: { $event_type: purchase }, from: code, default: none }',
    '    - { when: { $event_type: refund }, from: back }',
    'items:',
    '  choose:',
    '    - when: { $event_type: [purchase, refund] }',
    '      sku: sku',
    '      unit_price_minor: { from: price, money: decimal, absolute: true }',
    '      quantity: { from: n, absolute: true }',
  )
  const line = { sku: 's', price: '-2.50', n: -3 }
  const item = { sku: 's', unit_price_minor: 250, quantity: 3 }
  expect(mapRow(text, { invoice: '536', code: 'A', back: 'B', ...line })).toMatchObject({
    event_type: 'purchase',
    coupon: 'A',
    items: [item],
  })
  expect(mapRow(text, { invoice: '536', ...line })).toMatchObject({ coupon: 'none' })
  expect(mapRow(text, { invoice: 'C536', code: 'A', back: 'B', ...line })).toMatchObject({
    event_type: 'refund',
    coupon: 'B',
    items: [item],
  })
  expect(mapRow(text, { invoice: 'A5', kind: 'look', ...line })).toMatchObject({
    event_type: 'page_view',
    coupon: null,
    items: [],
  })
  expect(mapRow(text, { invoice: 'A5', kind: 'fee for x' })).toEqual({ fault: 'left_out' })
  expect(mapRow(text, { invoice: 'A5', kind: 'zap' })).toEqual({
    fault: "wrong_type: event_type: the mapping has no value for 'zap' (map.yml:14)",
  })
})

test('conditions test values, prefixes, patterns, and whether there is a value', () => {
  const holds = (condition: string, row: Readonly<Record<string, unknown>>) =>
    mapRow(mapping(`coupon: { constant: X, when: { a: ${condition} } }`), row).coupon === 'X'
  expect(holds('x', { a: 'x' })).toBe(true)
  expect(holds('[x, y]', { a: 'z' })).toBe(false)
  expect(holds("''", {})).toBe(true)
  expect(holds('{ is_not: x }', { a: 'x' })).toBe(false)
  expect(holds('{ is_not: [x, y], matches: z }', { a: 'xyz' })).toBe(true)
  expect(holds('{ starts_with: x, matches: z }', { a: 'xy' })).toBe(false)
  expect(holds('{ has_value: true }', { a: { b: 1 } })).toBe(true)
  expect(holds('{ has_value: true }', { a: '' })).toBe(false)
  expect(holds('{ has_value: false }', {})).toBe(true)
})

test('only values of the file make a line; a message names the rule that decided', () => {
  const text = mapping(
    'items:',
    '  sku: { from: page_url, url: path, when: { kind: buy } }',
    '  unit_price_minor: { from: price, money: decimal, default: 0 }',
    '  quantity: { from: n, default: 1 }',
  )
  expect(mapRow(text, { page_url: 'https://a.example/p/1', kind: 'see' })).toMatchObject({
    items: [],
  })
  expect(mapRow(text, { page_url: 'https://a.example/p/1', kind: 'buy' })).toMatchObject({
    items: [{ sku: '/p/1', unit_price_minor: 0, quantity: 1 }],
  })
  expect(mapRow(text, { page_url: 'https://a.example/p/1', kind: 'see', n: 2 })).toEqual({
    fault: 'missing_field: sku: its "when" does not hold (map.yml:10)',
  })
})

test('a URL that can’t be read gives no value, and rejects only an event that needs it', () => {
  const url = 'page: { from: u, url: path }'
  const login = mapping(url, 'event_type: { constant: login }', 'customer_id: { constant: c }')
  for (const u of ['not a url at all', 'http://[', 'shop.example/p', 'about:blank', '', null])
    expect(mapRow(login, { u }).page).toBeNull()
  expect(mapRow(mapping(url), { u: 'not a url at all' })).toEqual({
    fault: "missing_field: page: 'not a url at all' is not a URL (map.yml:8)",
  })
  expect(mapRow(mapping(url), { u: 'https://s.example' }).page).toBe('/')
  expect(mapRow(mapping(url), { u: '/a/b?c' }).page).toBe('/a/b')
})

test('a path has one spelling, from a URL and from a column of paths', () => {
  const fromUrl = (u: string) => mapRow(mapping('page: { from: u, url: path }'), { u }).page
  const plain = (u: string) => mapRow(mapping('page: u'), { u }).page
  for (const path of ['/päge', '/p%C3%A4ge', '/p%c3%a4ge', '/%70%C3%A4ge']) {
    expect(plain(path)).toBe('/p%C3%A4ge')
    expect(fromUrl(path)).toBe('/p%C3%A4ge')
    expect(fromUrl(`https://s.example${path}?q=1#x`)).toBe('/p%C3%A4ge')
  }
  expect(plain('/a%2Fb c%zz')).toBe('/a%2Fb%20c%zz')
  expect(plain('/\ud83d\ude00\ud83d')).toBe('/%F0%9F%98%80%EF%BF%BD')
  expect(plain('Home')).toBe('Home')
})

test('a user agent becomes a device, or no value', () => {
  const text = mapping('device: { from: ua, user_agent: device, default: desktop }')
  const device = (ua: string) => mapRow(text, { ua }).device
  const webkit = 'AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0'
  expect(device(`Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${webkit} Safari/537.36`)).toBe(
    'desktop',
  )
  expect(device(`Mozilla/5.0 (Linux; Android 10; K) ${webkit} Mobile Safari/537.36`)).toBe('mobile')
  expect(device(`Mozilla/5.0 (Linux; Android 13; SM-X200) ${webkit} Safari/537.36`)).toBe('tablet')
  expect(device('Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)')).toBe(
    'bot',
  )
  expect(device('hello')).toBe('desktop')
  const strict = mapping('device: { from: ua, user_agent: device }')
  expect(mapRow(strict, { ua: 'hello' })).toEqual({
    fault: "missing_field: device: the user agent 'hello' names no device (map.yml:8)",
  })
})

test('whole numbers may be written as 2.0 or 1e2, amounts are rounded only if declared', () => {
  const text = mapping(...ITEM, '  unit_price_minor: { from: p, money: decimal }', '  quantity: n')
  const line = (p: string, n: string) => mapRow(text, { items: [{ id: 'a', p, n }] })
  expect(line('1e2', '2.0')).toMatchObject({ items: [{ unit_price_minor: 10000, quantity: 2 }] })
  expect(line('836.9999999999998', '1').fault).toContain('`round` in the mapping would round it')
  expect(line('1', '2.5').fault).toContain('not an integer')
  const rounded = text.replace('money: decimal', 'money: { style: decimal, round: half_even }')
  expect(mapRow(rounded, { items: [{ id: 'a', p: '836.9999999999998', n: 1 }] })).toMatchObject({
    items: [{ unit_price_minor: 83700 }],
  })
})

test('the smallest unit of a currency may be another than a hundredth', () => {
  const text = mapping(
    ...ITEM,
    '  quantity: n',
    '  unit_price_minor:',
    '    choose:',
    '      - { from: p, money: { style: minor, decimals: 0 }, when: { cur: JPY } }',
    '      - { from: p, money: { style: minor, decimals: 3 }, when: { cur: KWD } }',
    '      - { from: p, money: minor }',
  )
  const line = (p: string, cur: string) => mapRow(text, { cur, items: [{ id: 'a', p, n: 1 }] })
  const priced = (unit_price_minor: number) => ({ items: [{ unit_price_minor }] })
  expect(line('1999', 'JPY')).toMatchObject(priced(199_900))
  expect(line('1990', 'KWD')).toMatchObject(priced(199))
  expect(line('1999', 'EUR')).toMatchObject(priced(1_999))
  expect(line('1234', 'KWD').fault).toContain('`round` in the mapping would round it')
})

test('a line’s total gives unit prices that add up to it exactly', () => {
  const text = (...lines: readonly string[]) => mapping(...ITEM, '  quantity: n', ...lines)
  const lines = (rules: readonly string[], row: Readonly<Record<string, unknown>>) =>
    mapRow(text(...rules), { items: [{ id: 'a', ...row }] })
  const total = '  line_total_minor: { from: t, money: decimal }'
  const subtotal = '  line_subtotal_minor: { from: s, money: decimal }'
  const price = '  unit_price_minor: { from: p, money: decimal }'
  const discount = '  discount_minor: { from: d, money: decimal, default: 0 }'
  expect(lines([total], { n: 2, t: '5.00' })).toMatchObject({
    items: [{ unit_price_minor: 250, quantity: 2, discount_minor: 0 }],
  })
  expect(lines([total], { n: 3, t: '10.00' })).toMatchObject({
    items: [
      { unit_price_minor: 334, quantity: 1, discount_minor: 0 },
      { unit_price_minor: 333, quantity: 2, discount_minor: 0 },
    ],
  })
  expect(lines([subtotal, total], { n: 2, s: '5.00', t: '4.00' })).toMatchObject({
    items: [{ unit_price_minor: 250, quantity: 2, discount_minor: 100 }],
  })
  expect(lines([price, total], { n: 2, p: '2.50', t: '4.99' })).toMatchObject({
    items: [{ unit_price_minor: 250, quantity: 2, discount_minor: 1 }],
  })
  expect(lines([total, discount], { n: 1, t: '4.00', d: '1.00' })).toMatchObject({
    items: [{ unit_price_minor: 500, quantity: 1, discount_minor: 100 }],
  })
  expect(lines([price, total], { n: 2, p: '2.50', t: '5.01' }).fault).toContain(
    'rule_violation: items[0].the line',
  )
  expect(lines([total], { n: 0, t: '5.01' }).fault).toContain('quantity: 0 is not positive')
})

test('the order’s discount is spread over its lines, exact to the cent', () => {
  const rules = [
    'event_type: { constant: purchase }',
    'order_id: { constant: o }',
    'currency: { constant: EUR }',
    'discount_minor: { from: d, money: decimal }',
    ...ITEM,
    '  unit_price_minor: { from: p, money: decimal }',
    '  quantity: { from: n, default: 1 }',
  ]
  const items = [
    { id: 'a', p: '1.00' },
    { id: 'b', p: '1.00' },
    { id: 'c', p: '1.00' },
  ]
  expect(mapRow(mapping(...rules), { d: '0.10', items })).toMatchObject({
    discount_minor: 10,
    items: [{ discount_minor: 4 }, { discount_minor: 3 }, { discount_minor: 3 }],
  })
  expect(mapRow(mapping(...rules), { d: '3.01', items }).fault).toBe(
    'rule_violation: discount_minor: 3.01, but the lines add up to 3.00 (map.yml:11)',
  )
  // Lines with discounts of their own keep them, unless the mapping says otherwise.
  const own = [...rules, '  discount_minor: { from: ld, money: decimal, default: 0 }']
  expect(mapRow(mapping(...own), { d: '0.10', items })).toMatchObject({
    discount_minor: 10,
    items: [{ discount_minor: 0 }, { discount_minor: 0 }, { discount_minor: 0 }],
  })
  const both = mapping(...own).replace('from: d, money', 'from: d, spread: true, money')
  expect(mapRow(both, { d: '0.03', items: [{ ...items[0], ld: '0.50' }] })).toMatchObject({
    items: [{ discount_minor: 53 }],
  })
})

test('the order’s revenue or total decides what its lines are worth', () => {
  const rules = (amount: string) =>
    mapping(
      'event_type: { constant: purchase }',
      'order_id: { constant: o }',
      'currency: { constant: EUR }',
      'tax_minor: { from: tax, money: decimal }',
      'shipping_minor: { from: ship, money: decimal }',
      `${amount}: { from: whole, money: decimal }`,
      ...ITEM,
      '  unit_price_minor: { from: p, money: decimal }',
      '  quantity: { from: n, default: 1 }',
    )
  const row = {
    tax: '1.90',
    ship: '4.90',
    items: [
      { id: 'a', p: '10.00' },
      { id: 'b', p: '5.00' },
    ],
  }
  expect(mapRow(rules('revenue_minor'), { ...row, whole: '12.00' })).toMatchObject({
    discount_minor: 300,
    tax_minor: 190,
    items: [{ discount_minor: 200 }, { discount_minor: 100 }],
  })
  expect(mapRow(rules('total_minor'), { ...row, whole: '18.80' })).toMatchObject({
    discount_minor: 300,
    items: [{ discount_minor: 200 }, { discount_minor: 100 }],
  })
  expect(mapRow(rules('revenue_minor'), { ...row, whole: '15.00' })).toMatchObject({
    discount_minor: null,
  })
  expect(mapRow(rules('revenue_minor'), { ...row, whole: '15.01' }).fault).toBe(
    'rule_violation: revenue_minor: 15.01, the lines add up to 15.00 (map.yml:13)',
  )
  expect(mapRow(rules('revenue_minor'), row)).toMatchObject({ items: [{ discount_minor: 0 }, {}] })
})

test('contradictory rules are faults of the mapping', () => {
  const text = mapping(
    'event_type: { from: kind, when: { $event_type: purchase } }',
    'coupon: { choose: [{ constant: a }, { constant: b }], default: c }',
    'page_title: { from: t, absolute: true, sum: true, user_agent: browser }',
    'tax_minor: { from: t, sum: true, money: { style: decimal, thousands: ".", round: up } }',
    'revenue_minor: { from: r, money: { round: half_up, decimals: 1 } }',
    'total_minor: { from: r, money: decimal }',
    'geo_city: { from: c, when: { a: { matches: "(" } } }',
    'items: { sku: s, quantity: q, line_total_minor: { from: a, money: decimal }, line_subtotal_minor: { from: b, money: decimal }, discount_minor: { from: c, money: decimal } }',
  )
  expect(faultsOf(text).sort()).toEqual([
    '10: "absolute" is for numbers, which page_title is not.',
    '10: "browser" is not one of device.',
    '10: "sum" is for amounts of the whole order, which page_title is not.',
    '11: "." is the decimal mark of this style.',
    '11: "sum" adds up the rows of a group, but the mapping has no "group".',
    '11: "up" is not one of half_even, half_up.',
    '12: "1" is not one of 0, 2, 3, 4.',
    '12: money has no "style".',
    '13: revenue_minor and total_minor both say what the lines are worth.',
    '14: Invalid regular expression: /(/u: Unterminated group.',
    '15: line_subtotal_minor and line_total_minor together give discount_minor already.',
    "8: event_type can't depend on $event_type, which it decides.",
    '9: "default" belongs into the rules of "choose".',
    '9: This rule has no "when", so those after it never apply.',
  ])
})
