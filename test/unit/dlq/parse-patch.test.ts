/** How `ccs dlq` parses texts and bytes: patches, fingerprints, times, damaged records. */
import { expect, test } from 'vitest'
import { decodePartially } from '../../../cli/domain/avro/partial-decoder.ts'
import { parseRecordSchema } from '../../../cli/domain/avro/schema.ts'
import { groupReject, isFingerprint } from '../../../cli/domain/dlq/fingerprint.ts'
import { parseExpression, parsePatch } from '../../../cli/domain/dlq/parse-patch.ts'
import { selectWatermarkPositions } from '../../../cli/domain/dlq/replay-partitions.ts'
import { CcsError } from '../../../cli/domain/kernel/errors.ts'
import { parseSinceMs } from '../../../cli/domain/kernel/time-argument.ts'
import {
  encodeRecord,
  goodEvent,
  RAW_SCHEMA,
  registeredSchema,
  seeded,
} from '../../fixtures/gate-events.ts'

const RECORD = parseRecordSchema(RAW_SCHEMA)
const cut = (text: string) =>
  parsePatch(text, RECORD).map(({ column, entryField, expression }) => [
    entryField ? `${column}.${entryField}` : column,
    expression.sql,
  ])

test('a patch is split at commas and = outside of quotes, brackets and comments', () => {
  expect(cut("currency = 'EUR'")).toEqual([['currency', "'EUR'"]])
  expect(
    cut(`page = 'a, b = c''d', coupon = coalesce(coupon, "page"), consent = page = 'x'`),
  ).toEqual([
    ['page', "'a, b = c''d'"],
    ['coupon', 'coalesce(coupon, "page")'],
    ['consent', "page = 'x'"],
  ])
  expect(
    cut('items = list_transform(items, i -> struct_update(i, quantity := 1)), page = $$,=$$'),
  ).toEqual([
    ['items', 'list_transform(items, i -> struct_update(i, quantity := 1))'],
    ['page', '$$,=$$'],
  ])
  expect(cut('page = geo_city -- a, b = c\n, consent = 1 >= 2 /* , */')).toEqual([
    ['page', 'geo_city -- a, b = c'],
    ['consent', '1 >= 2 /* , */'],
  ])
})

test('fields of list entries are addressed by list.name, or by a unique name', () => {
  expect(
    cut('items.quantity = 1, sku = upper(sku), discount_minor = 0, items.discount_minor = 1'),
  ).toEqual([
    ['items.quantity', '1'],
    ['items.sku', 'upper(sku)'],
    ['discount_minor', '0'],
    ['items.discount_minor', '1'],
  ])
})

test.each([
  ['pge = 1', 'An event has no field pge.', 1, 1],
  ['page = 1,\n  items.qty = 2', 'An entry of items has no field qty.', 2, 3],
  ['page.x = 1', 'page is not a list with fields.', 1, 1],
  ['page', 'This assignment has no =.', 1, 1],
  ['page = ', 'Nothing is assigned to page.', 1, 6],
  ['page = 1, ', 'This assignment has no =.', 1, 11],
  ['page = 1, page = 2', 'page is assigned twice.', 1, 11],
  ['items = [], items.sku = 2', 'items is assigned twice.', 1, 13],
  ['page = (1', '( is not closed.', 1, 8],
  ['page = 1)', ') has no opening bracket.', 1, 9],
  ["page = 'a", "' is not closed.", 1, 8],
  ['page = 1; DROP TABLE rejects', 'A ; is not allowed here.', 1, 9],
  ['1 + 1 = 2', '"1 + 1" is not a field of an event.', 1, 1],
])('%j is an error with its place', (text, message, line, column) => {
  try {
    parsePatch(text, RECORD)
    expect.unreachable()
  } catch (error) {
    expect(error).toBeInstanceOf(CcsError)
    expect(error).toMatchObject({ message, location: { file: '--patch', line, column } })
  }
})

test('a condition is a single expression', () => {
  expect(parseExpression("reason = 'x' AND (a, b) = (1, 2)", '--where').sql).toContain('reason')
  for (const text of ['a = 1, b = 2', 'a) OR (b', "a = 'x"])
    expect(() => parseExpression(text, '--where')).toThrow(CcsError)
})

test('a fingerprint depends on reason, kind and schema, and is never an offset', () => {
  const of = (message: string, schema_id: number | null = 1) =>
    groupReject({ reason: 'rule_violation', message, schema_id }).fingerprint
  expect(of('items[0].quantity is -1.')).toBe(of('items[7].quantity is 0.'))
  expect(of('items[0].quantity is -1.')).toBe('f4ab01c1')
  expect(of('items[0].quantity is -1.', 2)).not.toBe(of('items[0].quantity is -1.', 1))
  expect(of('sku is "".')).not.toBe(of('name is "".'))
  expect(isFingerprint(of('x'))).toBe(true)
  expect(['12345678', 'f12', '0:f1234567'].some(isFingerprint)).toBe(false)
  const unknown = (id: number) =>
    groupReject({ reason: 'unknown_schema_id', message: `id ${id}`, schema_id: id })
  expect(unknown(7)).toEqual(unknown(900_001))
})

test('a record cut off anywhere is read up to the incomplete field', () => {
  const event = { ...goodEvent(seeded(2)), customer_id: 'c1', page: '/a' }
  const whole = encodeRecord(event)
  const schema = registeredSchema(RAW_SCHEMA)
  expect(decodePartially(schema, whole, 5)).toBeUndefined()
  let before = 0
  for (let length = 60; length < whole.length; length++) {
    const found = decodePartially(schema, whole.subarray(0, length), 5)
    if (!found) throw new Error(`nothing was read of ${length} bytes`)
    const names = Object.keys(found.value)
    expect(found.field).toBe(RECORD.fields[names.length]?.name)
    expect(found.stopsAt).toBeLessThanOrEqual(length)
    expect(found.fault).toMatch(/at byte \d+\.$/)
    expect(names.length).toBeGreaterThanOrEqual(before)
    before = names.length
    for (const [name, value] of Object.entries(found.value))
      expect(value).toEqual(event[name as keyof typeof event])
  }
  expect(before).toBe(RECORD.fields.length - 1)
  const longer = Buffer.concat([whole, Buffer.from('more')])
  expect(decodePartially(schema, longer, 5)).toMatchObject({ field: null, stopsAt: whole.length })
  expect(decodePartially(schema, Buffer.from([0xff, 0xff, 0xff]), 0)).toBeUndefined()
})

test('--since takes a duration or a time, by default in UTC', () => {
  const now = Date.parse('2026-11-22T12:00:00Z')
  const iso = (text: string) => new Date(parseSinceMs(text, now)).toISOString()
  expect(iso('2h')).toBe('2026-11-22T10:00:00.000Z')
  expect(iso('2026-11-20')).toBe('2026-11-20T00:00:00.000Z')
  expect(iso('2026-11-20 08:30')).toBe('2026-11-20T08:30:00.000Z')
  expect(iso('2026-11-20T08:30:00+02:00')).toBe('2026-11-20T06:30:00.000Z')
  for (const wrong of ['yesterday', '2026-99-99', '', '12'])
    expect(() => parseSinceMs(wrong, now)).toThrow('neither a length of time nor a time')
})

test('replay partitions do not hold back the watermark if there are others', () => {
  const at = (partition: number) => ({ partition })
  expect(selectWatermarkPositions([at(0), at(1024), at(1)])).toEqual([at(0), at(1)])
  expect(selectWatermarkPositions([at(1024)])).toEqual([at(1024)])
  expect(selectWatermarkPositions([])).toEqual([])
})
