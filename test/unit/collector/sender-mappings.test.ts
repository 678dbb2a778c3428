/** What holds for all mappings of collect/: no junk breaks them, and the docs are true. */
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { JsonObject } from '../../../cli/domain/kernel/json.ts'
import { isObject } from '../../../cli/domain/kernel/json.ts'
import {
  APP_REQUEST,
  FORWARDED_REQUEST,
  ga4Rows,
  SERVER_REQUEST,
} from '../../fixtures/ga4-requests.ts'
import { ROOT } from '../../fixtures/import-parts.ts'
import { BROWSER_CALL, ECOMMERCE_CALLS, SERVER_CALL } from '../../fixtures/segment-calls.ts'
import {
  mapSender,
  readSenderMapping,
  SENDER_MAPPINGS,
  type SenderMapping,
} from '../../fixtures/sender-mappings.ts'
import {
  SHOPIFY_GOODWILL,
  SHOPIFY_ORDER,
  SHOPIFY_REFUND,
  shopifyRow,
} from '../../fixtures/shopify-webhooks.ts'
import { WOO_ORDER, WOO_REFUNDS, wooRow } from '../../fixtures/woocommerce-webhooks.ts'

/** Rows as each sender really sends them. */
const ROWS: Readonly<Record<SenderMapping, readonly JsonObject[]>> = {
  segment: [
    ...ECOMMERCE_CALLS.map((call) => ({ ...BROWSER_CALL, type: 'track', ...call })),
    { ...BROWSER_CALL, type: 'page', properties: BROWSER_CALL.context.page },
    { ...SERVER_CALL, type: 'identify', traits: { email: 'a@b.c' } },
  ],
  ga4: [SERVER_REQUEST, FORWARDED_REQUEST, APP_REQUEST].flatMap((request) => ga4Rows(request)),
  'shopify-orders': [{ ...shopifyRow('orders/create', SHOPIFY_ORDER) }],
  'shopify-refunds': [SHOPIFY_REFUND, SHOPIFY_GOODWILL].map((body) => ({
    ...shopifyRow('refunds/create', body),
  })),
  'woocommerce-orders': [{ ...wooRow('order.updated', WOO_ORDER) }],
  'woocommerce-refunds': [{ ...wooRow('order.updated', { ...WOO_ORDER, refunds: WOO_REFUNDS }) }],
}

const DEEP = '['.repeat(200) + ']'.repeat(200)

/** JSON texts that no sender should send in this place. */
const junk = fc.oneof(
  fc.json({ maxDepth: 3, stringUnit: 'binary' }),
  fc.constantFrom(
    ...[
      'null',
      '""',
      '0',
      '-1',
      '1e400',
      '-0.5',
      '99999999999999999999',
      'true',
      '[]',
      '{}',
      '[[]]',
    ],
    ...['"\\ud800"', '"[1,"', '"{}"', '"__proto__"', '{"__proto__":{"a":1}}', '[null]', DEEP],
    ...['"2026-13-45"', '"NaN"', '"1.999.99"', '"orders/create"', '"constructor"'],
    JSON.stringify('x'.repeat(100_000)),
  ),
)

/** The paths of all values in a row, the row itself left out. */
function listPaths(value: unknown): readonly (readonly string[])[] {
  if (!isObject(value) && !Array.isArray(value)) return []
  return Object.entries(value).flatMap(([key, inner]) => [
    [key],
    ...listPaths(inner).map((rest) => [key, ...rest]),
  ])
}

const HOLE = 'a-place-for-junk'

/** The JSON of a row with other JSON in one place. */
function withJunk(row: JsonObject, place: readonly string[], json: string): string {
  const put = (value: unknown, [key, ...rest]: readonly string[]): unknown => {
    if (key === undefined) return HOLE
    if (Array.isArray(value))
      return value.map((one, i) => (String(i) === key ? put(one, rest) : one))
    return isObject(value) ? { ...value, [key]: put(value[key], rest) } : value
  }
  return JSON.stringify(put(row, place)).replace(`"${HOLE}"`, () => json)
}

describe.each(SENDER_MAPPINGS)('%s', (name) => {
  const map = mapSender(name)

  test('turns what its sender really sends into events, or leaves it out', () => {
    const outcomes = ROWS[name].flatMap((row) => map(row))
    expect(outcomes.filter(({ kind }) => kind === 'rejected')).toEqual([])
    expect(outcomes.some(({ kind }) => kind === 'event')).toBe(true)
  })

  test('gives an event or a reason, whatever JSON is in any field', () => {
    const places = ROWS[name].flatMap((row) => listPaths(row).map((place) => ({ row, place })))
    const reasons = new Set<string>()
    fc.assert(
      fc.property(fc.constantFrom(...places), junk, ({ row, place }, json) => {
        for (const outcome of map(withJunk(row, place, json))) {
          if (outcome.kind !== 'rejected') continue
          reasons.add(outcome.reason)
          expect(outcome.message.length).toBeGreaterThan(0)
        }
      }),
      { seed: 16, numRuns: 400 },
    )
    expect(reasons.size).toBeGreaterThan(0)
  })

  test('gives a reason for an object that is nothing of its sender', () => {
    for (const row of ['{}', '{"request":{}}', '{"type":"track"}', '{"event":{}}', '{"body":[]}'])
      expect(map(row).every(({ kind }) => kind !== 'event')).toBe(true)
  })
})

test('the folder collect/ has these mappings and no other', () => {
  const files = readdirSync(path.join(ROOT, 'collect')).map((file) => path.parse(file))
  const mappings = files.flatMap(({ name, ext }) => (ext === '.yml' ? [name] : []))
  expect(mappings.sort()).toEqual([...SENDER_MAPPINGS].sort())
})

const DOCS = readFileSync(path.join(ROOT, 'docs/senders.md'), 'utf8')

/** The fields in the first column of the table below this heading. */
function listDocumented(heading: string): readonly string[] {
  const start = DOCS.indexOf(`\n### ${heading}\n`)
  const section = DOCS.slice(start + 1).split(/\n#+ /)[0] ?? ''
  const cells = section.split('\n').flatMap((line) => /^\| (`[^|]*) \|/.exec(line)?.[1] ?? [])
  return cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, field]) => field ?? ''))
}

test.each(SENDER_MAPPINGS)('docs/senders.md lists every field that %s.yml fills', (name) => {
  const { fields, items } = readSenderMapping(name)
  const lines = items?.choices.flatMap((choice) => choice.fields) ?? []
  const filled = [
    ...fields.map(({ field }) => field.name),
    ...lines.map(({ field }) => `items[].${field.name}`),
  ]
  expect([...listDocumented(`collect/${name}.yml`)].sort()).toEqual([...new Set(filled)].sort())
})
