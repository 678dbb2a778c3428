import { expect, test } from 'vitest'
import { formatRevenue, type LiveData, renderLive } from '../../../cli/domain/live/live-lines.ts'

test('amounts in several currencies stand beside one another, never added', () => {
  const revenue = [
    { currency: 'EUR', revenue: '1234567.00' },
    { currency: 'GBP', revenue: '398.10' },
  ]
  expect(formatRevenue(revenue)).toBe('1,234,567.00 EUR + 398.10 GBP')
  expect(formatRevenue([])).toBe('0.00')
})

const NOTHING: LiveData = {
  ...{ atMs: 0, now: {}, revenue: [], minutes: [], funnel: {}, pages: [], campaigns: [] },
  health: { from: 'kafka:9092', newestAgeMs: null },
}

test.each([
  [null, 'no record yet · from the topics at kafka:9092', 'dim'],
  [1_500, 'newest record 1.5 s ago · from the topics at kafka:9092', 'dim'],
  [300_000, 'newest record 300.0 s ago · from the topics at kafka:9092', 'yellow'],
])('the age of what a cluster wrote last is told: %s ms', (newestAgeMs, text, style) => {
  const data = { ...NOTHING, health: { from: 'kafka:9092', newestAgeMs } }
  const lines = renderLive(data, 100, (name, part) => `${name}:${part}`)
  expect(lines.at(-1)).toBe(`${style}:${text}`)
})
