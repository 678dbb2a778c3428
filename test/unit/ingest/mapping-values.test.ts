import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  canonicalJson,
  hashUuid,
  isDeeperThan,
} from '../../../cli/domain/ingest/mapping/convert-value.ts'
import { parseMoney } from '../../../cli/domain/ingest/mapping/money.ts'
import { lineValue, splitLine, spread } from '../../../cli/domain/ingest/mapping/order-amounts.ts'
import { createTimeParser } from '../../../cli/domain/ingest/mapping/time-parser.ts'
import { isUrl, normalizePath, readUrlPart } from '../../../cli/domain/ingest/mapping/url-part.ts'
import { readDevice } from '../../../cli/domain/ingest/mapping/user-agent-device.ts'
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
    ['1e3', 100000],
    ['1.5E-1', 15],
    ['1e-3', undefined],
    ['1e999', undefined],
    ['', undefined],
    ['.5', undefined],
    ['1,234.50', undefined],
    ['$5.00', undefined],
    ['99999999999999.99', undefined],
  ])('%s is %s hundredths', (text, cents) => {
    expect(parseMoney(text, 'decimal')).toBe(cents)
  })

  test.each([
    ['836.9999999999998', 'half_even', 83700],
    ['183.60000000000002', 'half_even', 18360],
    ['10.100000381469727', 'half_even', 1010],
    ['2.755', 'half_even', 276],
    ['2.745', 'half_even', 274],
    ['2.745', 'half_up', 275],
    ['-2.745', 'half_up', -275],
    ['2.7450001', 'half_even', 275],
    ['0.004', 'half_even', 0],
    ['4e-3', 'half_even', 0],
    ['9e-3', 'half_up', 1],
    ['0.995', 'half_even', 100],
    ['abc', 'half_even', undefined],
  ] as const)('%s rounded by %s is %s hundredths', (text, round, cents) => {
    expect(parseMoney(text, 'decimal', { round })).toBe(cents)
  })

  test('rounding differs from the exact amount by half a cent at most', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10 ** 12 }), (thousandths) => {
        const digits = String(thousandths).padStart(4, '0')
        const text = `${digits.slice(0, -3)}.${digits.slice(-3)}`
        for (const round of ['half_even', 'half_up'] as const) {
          const cents = parseMoney(text, 'decimal', { round }) ?? Number.NaN
          expect(Math.abs(cents * 10 - thousandths)).toBeLessThanOrEqual(5)
        }
      }),
    )
  })

  test.each([
    ['$1,234.50', 123450],
    ['1,234.50 USD', 123450],
    ['-$5.00', -500],
    ['$-5.00', -500],
    ['- 5 USD', -500],
    ['1234567.5', 123456750],
    ['12,34.50', undefined],
    ['$$5', undefined],
    ['--5', undefined],
    ['€5', undefined],
    ['1,234,5', undefined],
  ])('%s with declared signs is %s hundredths', (text, cents) => {
    const options = { thousands: ',', symbols: ['$', 'USD'] }
    expect(parseMoney(text, 'decimal', options)).toBe(cents)
  })

  test('a space between thousands may be any kind of space', () => {
    const options = { thousands: ' ', symbols: ['€'] }
    for (const text of ['1 234 567,50 €', '1\u00a0234\u00a0567,5\u00a0€', '1.234.567,50 €'])
      expect(parseMoney(text, 'decimal_comma', options)).toBe(123456750)
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
    ['iso', 'Europe/Berlin', '2026-03-01t08:07:00z', '2026-03-01T08:07:00.000Z'],
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
    ['epoch_us', 'UTC', '1.569888000123999E15', '2019-10-01T00:00:00.123Z'],
    ['M/D/YY H:mm', 'UTC', '12/1/10 8:26', '2010-12-01T08:26:00.000Z'],
    ['DD.MM.YY', 'UTC', '31.12.99', '1999-12-31T00:00:00.000Z'],
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

  test.each([
    ['+14:00', '2025-12-31T10:00:00.000Z'],
    ['-12:00', '2026-01-01T12:00:00.000Z'],
    ['+05:45', '2025-12-31T18:15:00.000Z'],
    ['-0930', '2026-01-01T09:30:00.000Z'],
    ['+14:01', undefined],
    ['+99:99', undefined],
    ['-12:01', undefined],
    ['+01:60', undefined],
    ['-0099', undefined],
    ['+15', undefined],
  ])('of the offset %s only real ones are read', (offset, expected) => {
    for (const format of ['iso', 'YYYY-MM-DDTHH:mm:ssZ']) {
      const parse = createTimeParser(format, 'UTC')
      const ms = typeof parse === 'string' ? Number.NaN : parse(`2026-01-01T00:00:00${offset}`)
      expect(ms === undefined ? undefined : new Date(ms).toISOString()).toBe(expected)
    }
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

test('any text can be a user agent, a URL or an amount without an exception', () => {
  const devices = new Set([undefined, 'desktop', 'mobile', 'tablet', 'bot'])
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.webUrl({ withQueryParameters: true, withFragments: true }),
    fc.string({ unit: 'binary' }).map((each) => `/${each}`),
    fc.string().map((each) => `Mozilla/5.0 (${each}) Version/1`),
  )
  fc.assert(
    fc.property(text, (each) => {
      expect(devices.has(readDevice(each))).toBe(true)
      const path = readUrlPart(each, 'path')
      if (path !== undefined) expect(normalizePath(path)).toBe(path)
      if (!isUrl(each)) expect(path).toBeUndefined()
      for (const style of ['decimal', 'decimal_comma', 'minor'] as const)
        expect(parseMoney(each, style, { round: 'half_up', symbols: ['€'] })).not.toBeNaN()
    }),
  )
})

test('shares add up to the amount, differ from the exact ones by less than a cent', () => {
  const weights = fc.array(fc.integer({ min: 0, max: 10 ** 12 }), { minLength: 1, maxLength: 200 })
  fc.assert(
    fc.property(weights, fc.double({ min: 0, max: 1, noNaN: true }), (list, part) => {
      const total = list.reduce((sum, each) => sum + BigInt(each), 0n)
      const amount = Math.min(Math.floor(Number(total) * part), Number(total))
      const shares = spread(amount, list)
      if (total === 0n) return
      expect(shares.reduce((sum, each) => sum + each, 0)).toBe(amount)
      for (const [i, share] of shares.entries()) {
        expect(share).toBeLessThanOrEqual(list[i] ?? 0)
        const cut = (BigInt(amount) * BigInt(list[i] ?? 0)) / total
        expect([cut, cut + 1n]).toContain(BigInt(share))
      }
    }),
  )
})

test('the parts of a line add up to its total and its quantity', () => {
  const total = fc.integer({ min: 0, max: 10 ** 12 })
  fc.assert(
    fc.property(total, fc.integer({ min: 1, max: 10 ** 6 }), (minor, quantity) => {
      const parts = splitLine(minor, quantity)
      const lines = parts.map((part) => ({ ...part, discount_minor: 0 }))
      expect(lines.reduce((sum, line) => sum + lineValue(line), 0)).toBe(minor)
      expect(parts.reduce((sum, part) => sum + part.quantity, 0)).toBe(quantity)
      expect(parts.length).toBeLessThanOrEqual(2)
    }),
  )
})
