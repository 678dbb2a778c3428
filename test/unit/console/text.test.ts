/** Tables for terminals: texts may be cut, numbers, days and times may not. */
import { expect, test } from 'vitest'
import { formatTable } from '../../../cli/domain/console/text.ts'

const paint = (_: unknown, text: string) => text
const columns = [{ key: 'shop_date' }, { key: 'rate' }, { key: 'name' }]
const rows = [{ shop_date: '2026-11-29', rate: 0.0024011, name: 'a'.repeat(60) }]

test('a wide table cuts its texts, and no number or day', () => {
  const [, line = ''] = formatTable(columns, rows, { width: 40, paint })
  expect(line).toMatch(/^2026-11-29 {2}0\.0024011 {2}a+…$/)
  expect(line.length).toBe(40)
})

test('what does not fit with whole numbers has a value per line', () => {
  const lines = formatTable(columns, rows, { width: 24, paint })
  expect(lines.slice(0, 2)).toEqual(['shop_date  2026-11-29', 'rate       0.0024011'])
})

test('without a limit nothing is cut', () => {
  const [, line = ''] = formatTable(columns, rows, { width: Number.POSITIVE_INFINITY, paint })
  expect(line).toContain('a'.repeat(60))
})
