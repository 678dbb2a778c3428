/** The sentences of "Close of day" are right and never misleading. */
import { expect, test } from 'vitest'
import {
  type DayNumbers,
  type DayStory,
  summarizeDay,
} from '../../../cli/domain/marts/daily-summary-text.ts'

const TUESDAY = '2026-03-10'

function numbers(date: string, more: Partial<DayNumbers> = {}): DayNumbers {
  const revenue = more.revenue ?? '1000.00'
  return {
    date,
    currency: 'EUR',
    orders: 100,
    revenue,
    net_revenue: revenue,
    sessions: 2_000,
    conversion_rate: 0.05,
    visitors: 1_800,
    ...more,
    all_orders: more.all_orders ?? more.orders ?? 100,
  }
}

function story(days: readonly DayNumbers[], more: Partial<DayStory> = {}): string[] {
  return [...summarizeDay({ date: TUESDAY, days, categories: [], ...more })]
}

test('a day is compared with the same weekday of the week before', () => {
  const sentences = story([
    numbers('2026-03-03', { revenue: '1102.23' }),
    numbers(TUESDAY, {
      orders: 108,
      revenue: '1234.50',
      sessions: 1_900,
      visitors: 1_700,
      conversion_rate: 0.0568,
    }),
  ])
  expect(sentences).toEqual([
    'Revenue was 1,234.50 EUR, 12 % more than the Tuesday before; orders +8 %, average order 4 % larger.',
    '1,900 visits by 1,700 visitors, 5 % fewer than the Tuesday before; 5.7 % of them ended in an order, 0.7 points more.',
  ])
})

test('otherwise it is compared with the day before, or with nothing', () => {
  const day = numbers(TUESDAY)
  expect(story([numbers('2026-03-09'), day])[0]).toBe(
    'Revenue was 1,000.00 EUR, about as much as the day before; orders the same, average order the same.',
  )
  expect(story([numbers('2026-03-01'), day])).toEqual([
    'Revenue was 1,000.00 EUR from 100 orders.',
    '2,000 visits by 1,800 visitors; 5.0 % of them ended in an order.',
  ])
})

test('no number is compared with zero', () => {
  const none = { orders: 0, revenue: '0.00', conversion_rate: 0 }
  const empty = { ...none, sessions: 0, visitors: 0, conversion_rate: null }
  expect(story([numbers('2026-03-03', empty), numbers(TUESDAY, empty)])).toEqual([
    'There were no orders.',
  ])
  expect(story([numbers('2026-03-03'), numbers(TUESDAY, none)])[0]).toBe(
    'There were no orders; on the Tuesday before there were 100.',
  )
  const [money, visits] = story([numbers('2026-03-03', empty), numbers(TUESDAY)])
  expect(money).toBe('Revenue was 1,000.00 EUR from 100 orders; the Tuesday before had none.')
  expect(visits).toBe('2,000 visits by 1,800 visitors; 5.0 % of them ended in an order.')
})

test('few orders are given as numbers, not as percentages', () => {
  const one = { orders: 1, revenue: '20.00' }
  const sentence = story([
    numbers('2026-03-03', { orders: 2, revenue: '10.00' }),
    numbers(TUESDAY, one),
  ])[0]
  expect(sentence).toBe(
    'Revenue was 20.00 EUR from 1 order, after 10.00 EUR from 2 orders on the Tuesday before.',
  )
})

test('only categories that matter to the day are named', () => {
  const change = (category: string, difference: string) => ({
    category,
    revenue: '100.00',
    previous: '100.00',
    difference,
  })
  const sentences = story([numbers('2026-03-09'), numbers(TUESDAY)], {
    categories: [change('Audio', '234.10'), change('Toys', '12.00'), change('Home', '-60.00')],
  })
  expect(sentences).toContain(
    'Audio brought 234.10 EUR more, Home brought 60.00 EUR less than the day before.',
  )
  expect(
    story([numbers(TUESDAY)], { categories: [change('Audio', '100.00')] }).join(),
  ).not.toContain('Audio')
})

test('refunds are followed by the net revenue, also if it is negative', () => {
  const sentences = story([numbers(TUESDAY, { net_revenue: '-20.50' })])
  expect(sentences).toContain('Refunds of 1,020.50 EUR leave -20.50 EUR net.')
  expect(story([numbers(TUESDAY)]).join()).not.toContain('Refunds')
})

test('"the best day" needs a week of days to compare', () => {
  const days = ['04', '05', '06', '07', '08', '09'].map((day) => numbers(`2026-03-${day}`))
  const best = numbers(TUESDAY, { revenue: '2000.00' })
  expect(story([...days, best])).toContain('It was the best day of the last 7 days.')
  expect(story([...days.slice(1), best]).join()).not.toContain('best')
  expect(story([...days, numbers(TUESDAY, { revenue: '900.00' })])).toContain(
    'It was the weakest day of the last 7 days.',
  )
})

test('more than double is expressed as a multiple', () => {
  const [money] = story([
    numbers('2026-03-03'),
    numbers(TUESDAY, { revenue: '2500.00', orders: 200 }),
  ])
  expect(money).toContain('2.5 times that of the Tuesday before')
})

test('a missing day has no sentences', () => {
  expect(story([numbers('2026-03-09')])).toEqual([])
})

test('orders in other currencies are named, since revenue leaves them out', () => {
  expect(story([numbers(TUESDAY, { orders: 24, all_orders: 35 })])[1]).toBe(
    '11 more orders were in other currencies than EUR; revenue leaves them out.',
  )
  const [none] = story([numbers(TUESDAY, { orders: 0, all_orders: 2, revenue: '0.00' })])
  expect(none).toBe('There were no orders in EUR.')
})
