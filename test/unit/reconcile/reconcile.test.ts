/** The accounts of a shop day, exact numbers, and which days are closed. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { addExact, isZero, subtractExact } from '../../../cli/domain/kernel/decimal.ts'
import { computeMetrics, describeLate } from '../../../cli/domain/reconcile/accounts.ts'
import { splitDays } from '../../../cli/domain/reconcile/days.ts'
import { RECONCILE_TABLES } from '../../../cli/domain/reconcile/tables.ts'

describe('exact numbers', () => {
  test('are added and subtracted without rounding, at the finer scale', () => {
    expect(addExact('0.10', '0.20')).toBe('0.30')
    expect(subtractExact('9007199254740993.01', '0.02')).toBe('9007199254740992.99')
    expect(addExact(2, '-2.00')).toBe('0.00')
    expect(subtractExact(1, 3)).toBe(-2)
    expect(subtractExact('0.01', '0.03')).toBe('-0.02')
    expect(addExact('9007199254740993', 0)).toBe('9007199254740993')
  })

  test('adding and subtracting the same number changes nothing', () => {
    const cents = fc.bigInt({ min: -(10n ** 17n), max: 10n ** 17n })
    const money = cents.map((value) => {
      const text = String(value < 0n ? -value : value).padStart(3, '0')
      return `${value < 0n ? '-' : ''}${text.slice(0, -2)}.${text.slice(-2)}`
    })
    fc.assert(
      fc.property(money, money, (a, b) =>
        isZero(subtractExact(subtractExact(addExact(a, b), b), a)),
      ),
      { seed: 4, numRuns: 500 },
    )
  })
})

const revenue = RECONCILE_TABLES.find(({ name }) => name === 'revenue_daily')
const row = (orders: number, money: string) => ({ currency: 'EUR', orders, revenue: money })

describe('a day', () => {
  const metric = (sides: Parameters<typeof computeMetrics>[1], name: string) =>
    revenue && computeMetrics(revenue, sides).find((one) => one.name === `revenue_daily.${name}`)

  test('balances if the marts have the stream’s figures plus what came too late', () => {
    const sides = {
      stream: [row(2, '30.00')],
      onTime: [row(2, '30.00')],
      whole: [row(3, '42.00')],
      batch: [row(3, '42.00')],
    }
    expect(metric(sides, 'revenue')).toEqual({
      name: 'revenue_daily.revenue',
      key: 'EUR',
      stream: '30.00',
      late: '12.00',
      batch: '42.00',
      difference: '0.00',
    })
    const metrics = revenue ? computeMetrics(revenue, sides) : []
    expect(describeLate('2026-11-03', metrics)).toEqual([
      '2026-11-03: 1 order (12.00 EUR) came too late for the stream and is in the marts.',
    ])
  })

  test('differs if Silver disagrees with the stream, late rows or not', () => {
    const sides = {
      stream: [row(2, '30.00')],
      onTime: [row(2, '35.00')],
      whole: [row(3, '47.00')],
      batch: [row(3, '47.00')],
    }
    expect(metric(sides, 'revenue')).toMatchObject({ late: '12.00', difference: '5.00' })
  })

  test('differs by a key that only one side has', () => {
    const sides = { stream: [], onTime: [], whole: [], batch: [row(1, '9.00')] }
    expect(metric(sides, 'orders')).toMatchObject({ stream: 0, late: 0, difference: 1 })
  })
})

test('a day is compared once the marts’ watermark closes it; else it says why not', () => {
  const calendar = ['2026-01-01', '2026-01-02', '2026-01-03'].map((date, index) => {
    return { date, closesMs: (index + 1) * 1000 }
  })
  const built = { serial: 4, builtMs: 0, watermarkMs: 1000, failure: null, failedSerial: null }
  const now = { serial: 5, watermarkMs: 2500, isRunning: false }
  const { compared, open } = splitDays({ built, now, withOpen: false }, calendar)
  expect(compared.map(({ date, isClosed }) => [date, isClosed])).toEqual([['2026-01-01', true]])
  expect(open.map(({ date, closesAt }) => [date, closesAt])).toEqual([
    ['2026-01-02', null],
    ['2026-01-03', '1970-01-01T00:00:03.000Z'],
  ])
  expect(open[0]?.reason).toContain('ccs dbt build')
  const none = splitDays({ built: { ...built, watermarkMs: null }, now, withOpen: true }, calendar)
  expect(none.compared).toEqual([])
})
