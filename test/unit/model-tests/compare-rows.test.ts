/** How expected rows are compared with actual ones, and how differences are rendered. */
import { describe, expect, test } from 'vitest'
import {
  type Comparison,
  compareRows,
  isSameValue,
} from '../../../cli/domain/model-tests/compare-rows.ts'
import { renderDifferences } from '../../../cli/domain/model-tests/render-differences.ts'

const columns = [
  { name: 'page', type: 'VARCHAR' },
  { name: 'views', type: 'BIGINT' },
  { name: 'revenue', type: 'DECIMAL(18,2)' },
  { name: 'event_id', type: 'VARCHAR' },
]

function lines(
  expected: Comparison['expected'],
  actual: Comparison['actual'],
  more: Partial<Comparison> = {},
): readonly string[] {
  const given = { columns, key: ['page'], isExact: true, date: undefined, labels: new Map() }
  return renderDifferences(compareRows({ ...given, expected, actual, ...more }))
}

describe('rows', () => {
  test('match in any order, by the named columns only', () => {
    const actual = [
      { page: '/b', views: 2, revenue: '1.00' },
      { page: '/a', views: 1, revenue: '0.00' },
    ]
    expect(lines([{ page: '/a', views: 1 }, { page: '/b' }], actual)).toEqual([])
  })

  test('that differ are paired by key and compared column by column', () => {
    expect(
      lines(
        [{ page: '/a', views: 1, revenue: 2 }],
        [
          { page: '/b', views: 1, revenue: '2.00' },
          { page: '/a', views: 3, revenue: '2.50' },
        ],
      ),
    ).toEqual([
      'different   { page: /a }',
      '              views: expected 1, got 3',
      '              revenue: expected 2, got 2.50',
      'unexpected  { page: /b, views: 1, revenue: 2.00 }',
    ])
  })

  test('that are missing or unexpected are reported', () => {
    expect(lines([{ page: '/a', views: 1 }], [])).toEqual(['missing     { page: /a, views: 1 }'])
    expect(lines([], [{ page: '/a', views: 1 }])).toEqual(['unexpected  { page: /a, views: 1 }'])
  })

  test('may be more than those listed below contains', () => {
    const actual = [
      { page: '/a', views: 1 },
      { page: '/b', views: 1 },
    ]
    expect(lines([{ page: '/a' }], actual, { isExact: false })).toEqual([])
  })

  test('that are expected twice must exist twice', () => {
    expect(lines([{ views: 1 }, { views: 1 }], [{ page: '/a', views: 1 }])).toHaveLength(1)
    expect(
      lines(
        [{ views: 1 }],
        [
          { page: '/a', views: 1 },
          { page: '/a', views: 1 },
        ],
      ),
    ).toEqual(['unexpected  { page: /a, views: 1 }'])
  })

  test('are matched so that a vague expectation does not take the only row of a precise one', () => {
    const actual = [
      { page: '/a', views: 1 },
      { page: '/b', views: 1 },
    ]
    expect(lines([{ views: 1 }, { page: '/a', views: 1 }], actual)).toEqual([])
    expect(lines([{ page: '/a', views: 1 }, { views: 1 }], actual)).toEqual([])
  })

  test('name an event by its label', () => {
    const labels = new Map([['first', 'id-1']])
    const actual = [{ event_id: 'id-1' }]
    expect(lines([{ event_id: 'first' }], actual, { labels, key: ['event_id'] })).toEqual([])
    expect(lines([{ event_id: 'other' }], actual, { labels, key: ['event_id'] })).toHaveLength(2)
  })
})

describe('values', () => {
  const day = '2026-03-01'

  test.each([
    [12.5, '12.50', 'DECIMAL(18,2)', true],
    ['9999999990.01', '9999999990.01', 'DECIMAL(18,2)', true],
    [-0, '0.00', 'DECIMAL(18,2)', true],
    [-20, '-20.00', 'DECIMAL(18,2)', true],
    [100, '10.00', 'DECIMAL(18,2)', false],
    ['10:00', '2026-03-01T10:00:00.000Z', 'TIMESTAMP', true],
    ['10:00:00.001', '2026-03-01T10:00:00.000Z', 'TIMESTAMP', false],
    ['2026-03-02', '2026-03-01', 'DATE', false],
    [0.25, 0.25, 'DOUBLE', true],
    [0.3, 0.1 + 0.2, 'DOUBLE', true],
    [0.31, 0.3, 'DOUBLE', false],
    [true, true, 'BOOLEAN', true],
    [null, null, 'BIGINT', true],
    [null, 0, 'BIGINT', false],
    [0, null, 'BIGINT', false],
    ['9007199254740993', '9007199254740993', 'BIGINT', true],
    [7, '7', 'VARCHAR', true],
    [[{ sku: 'a' }], [{ sku: 'a', quantity: 2 }], 'STRUCT(sku VARCHAR, quantity INTEGER)[]', true],
    [[{ sku: 'b' }], [{ sku: 'a', quantity: 2 }], 'STRUCT(sku VARCHAR, quantity INTEGER)[]', false],
    [[], [{ sku: 'a' }], 'STRUCT(sku VARCHAR)[]', false],
  ])('%j is %j of type %s: %s', (expected, actual, type, isSame) => {
    expect(isSameValue(expected, actual, type, day)).toBe(isSame)
  })

  test('are rendered as the file writes them, with control characters escaped', () => {
    const [line] = lines([], [{ page: 'a\u001b[31m', window: '2026-03-01T10:00:00.000Z' }])
    expect(line).toBe('unexpected  { page: a\\u001b[31m, window: 2026-03-01 10:00:00 }')
  })
})
