import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  canonicalJson,
  hashUuid,
  isDeeperThan,
  parseMoney,
} from '../../../cli/domain/ingest/mapping/convert-value.ts'
import { createTimeParser } from '../../../cli/domain/ingest/mapping/time-parser.ts'
import { createPathGetter } from '../../../cli/domain/ingest/mapping/value-path.ts'

describe('money', () => {
  test('every amount up to the contract’s maximum becomes exact hundredths', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1_000_000_000_000 }), (cents) => {
        const digits = String(cents).padStart(3, '0')
        const text = `${digits.slice(0, -2)}.${digits.slice(-2)}`
        expect(parseMoney(text, 'decimal')).toBe(cents)
        expect(parseMoney(`${text}000`, 'decimal')).toBe(cents)
        expect(parseMoney(text.replace('.', ','), 'decimal_comma')).toBe(cents)
      }),
    )
  })

  test.each([
    ['35.79', 3579],
    ['33.2', 3320],
    ['33.', 3300],
    ['7', 700],
    ['-0.05', -5],
    ['1.15', 115],
    ['35.799', undefined],
    ['1e3', undefined],
    ['', undefined],
    ['.5', undefined],
    ['1,234.50', undefined],
    ['$5.00', undefined],
    ['99999999999999.99', undefined],
  ])('%s is %s hundredths', (text, cents) => {
    expect(parseMoney(text, 'decimal')).toBe(cents)
  })

  test('decimal_comma accepts points between thousands only', () => {
    expect(parseMoney('1.234.567,5', 'decimal_comma')).toBe(123456750)
    expect(parseMoney('12.34,5', 'decimal_comma')).toBeUndefined()
    expect(parseMoney('35.79', 'decimal_comma')).toBeUndefined()
  })
})

describe('times', () => {
  test.each([
    ['iso', 'UTC', '2019-10-01T00:00:00Z', '2019-10-01T00:00:00.000Z'],
    ['iso', 'UTC', '2019-10-01 02:00:00.1239+02:00', '2019-10-01T00:00:00.123Z'],
    ['iso', 'UTC', '2019-10-01', '2019-10-01T00:00:00.000Z'],
    ['iso', 'Europe/Berlin', '2026-07-01 12:00', '2026-07-01T10:00:00.000Z'],
    ['iso', 'Europe/Berlin', '2026-07-01 12:00Z', '2026-07-01T12:00:00.000Z'],
    // The clocks go back at 03:00: 02:30 occurs twice, and the first one counts.
    ['iso', 'Europe/Berlin', '2026-10-25 02:30', '2026-10-25T00:30:00.000Z'],
    ['iso', 'Europe/Berlin', '2026-10-25 03:00', '2026-10-25T02:00:00.000Z'],
    // The clocks go forward at 02:00: there is no 02:30.
    ['iso', 'Europe/Berlin', '2026-03-29 02:30', '2026-03-29T01:30:00.000Z'],
    ['iso', 'Asia/Kathmandu', '2026-01-01 05:45', '2026-01-01T00:00:00.000Z'],
    ['epoch_s', 'UTC', '1569888000.1239', '2019-10-01T00:00:00.123Z'],
    ['epoch_ms', 'UTC', '1569888000123', '2019-10-01T00:00:00.123Z'],
    ['epoch_us', 'UTC', '1569888000123999', '2019-10-01T00:00:00.123Z'],
    [
      'YYYY-MM-DD HH:mm:ss UTC',
      'Europe/Berlin',
      '2019-10-01 00:00:00 UTC',
      '2019-10-01T00:00:00.000Z',
    ],
    ['DD.MM.YYYY HH:mm', 'Europe/Berlin', '31.10.2026 14:05', '2026-10-31T13:05:00.000Z'],
    ['M/D/YYYY h:mm A', 'UTC', '3/9/2026 12:05 AM', '2026-03-09T00:05:00.000Z'],
    ['DD/MMM/YYYY:HH:mm:ss Z', 'UTC', '10/Oct/2026:13:55:36 -0700', '2026-10-10T20:55:36.000Z'],
  ])('%s in %s: %s', (format, zone, text, expected) => {
    const parse = createTimeParser(format, zone)
    if (typeof parse === 'string') throw new Error(parse)
    expect(new Date(parse(text) ?? Number.NaN).toISOString()).toBe(expected)
  })

  test.each([
    '2019-02-29',
    '2019-13-01',
    '2019-10-01T24:00:00',
    '0050-01-01',
    '2019-10-01 00:00:0',
    'now',
  ])('%s is not a time', (text) => {
    const parse = createTimeParser('iso', 'UTC')
    expect(typeof parse === 'string' ? parse : parse(text)).toBeUndefined()
  })

  test('a wrong pattern or time zone is an error', () => {
    expect(createTimeParser('YYYY-MM', 'UTC')).toContain('no day')
    expect(createTimeParser('unix', 'UTC')).toContain('epoch_s')
    expect(createTimeParser('YYYY-MM-DD hh:mm', 'UTC')).toContain('AM or PM')
    expect(createTimeParser('iso', 'Europe/Berlim')).toContain('Europe/Berlim')
  })
})

describe('paths', () => {
  const row = JSON.parse(
    '{"a.b":1,"user":{"id":7},"items":[{"sku":"x"}],"p":[{"key":"k","value":{"s":"v"}}],"__proto__":{"x":1}}',
  )

  test.each([
    ['a.b', 1],
    ['user.id', 7],
    ['items[0].sku', 'x'],
    ['items[1].sku', undefined],
    ['p[key=k].value.s', 'v'],
    ['p[key=z].value.s', undefined],
    ['user.id.x', undefined],
    ['toString', undefined],
    ['user.constructor', undefined],
    ['__proto__.x', 1],
  ])('%s', (path, value) => {
    expect(createPathGetter(path)(row)).toBe(value)
  })
})

test('a derived id is a version 8 UUID and depends on the text only', () => {
  expect(hashUuid('abc')).toBe('ba7816bf-8f01-8fea-8141-40de5dae2223')
  expect(hashUuid('abd')).not.toBe(hashUuid('abc'))
})

test('canonical JSON ignores the order of keys; nesting is checked up to a limit', () => {
  expect(canonicalJson({ b: [1, { d: null, c: 'x' }], a: true })).toBe(
    canonicalJson({ a: true, b: [1, { c: 'x', d: null }] }),
  )
  let deep: unknown = 1
  for (let i = 0; i < 100_000; i++) deep = [deep]
  expect(isDeeperThan(deep, 64)).toBe(true)
  expect(isDeeperThan([[1]], 64)).toBe(false)
})
