import { expect, test } from 'vitest'
import { formatRevenue } from '../../../cli/domain/live/live-lines.ts'

test('amounts in several currencies stand beside one another, never added', () => {
  const revenue = [
    { currency: 'EUR', revenue: '1234567.00' },
    { currency: 'GBP', revenue: '398.10' },
  ]
  expect(formatRevenue(revenue)).toBe('1,234,567.00 EUR + 398.10 GBP')
  expect(formatRevenue([])).toBe('0.00')
})
