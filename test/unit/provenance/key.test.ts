/** The key of a row as people type it. */
import { describe, expect, test } from 'vitest'
import { keyPredicate, parseKey, renderKey } from '../../../cli/domain/provenance/key.ts'

const KEY = [
  { name: 'shop_date', type: 'DATE' },
  { name: 'currency', type: 'VARCHAR' },
]
const texts = (...words: readonly string[]) =>
  parseKey('gold.revenue_daily', KEY, words).map(({ text }) => text)

describe('values of a key', () => {
  test('are given by name, by position, or mixed', () => {
    expect(texts('shop_date=2026-10-25', 'currency=EUR')).toEqual(['2026-10-25', 'EUR'])
    expect(texts('2026-10-25', 'EUR')).toEqual(['2026-10-25', 'EUR'])
    expect(texts('currency=EUR', '2026-10-25')).toEqual(['2026-10-25', 'EUR'])
  })

  test('may contain an equals sign', () => {
    expect(texts('2026-10-25', 'a=b=c'.replace('a', 'A1'))).toEqual(['2026-10-25', 'A1=b=c'])
  })

  test('that are missing, too many or of another column are rejected with usage', () => {
    expect(() => texts('2026-10-25')).toThrow('also needs currency')
    expect(() => texts('2026-10-25', 'EUR', 'x')).toThrow('has no column for "x"')
    expect(() => texts('shop_day=2026-10-25', 'EUR')).toThrow('"shop_day" is not a key column')
  })

  test('become safely quoted SQL, and NULL means no value', () => {
    const values = parseKey('m', KEY, ['2026-10-25', "x' OR TRUE --"])
    expect(keyPredicate(values)).toBe(
      `"shop_date" IS NOT DISTINCT FROM CAST('2026-10-25' AS DATE) AND ` +
        `"currency" IS NOT DISTINCT FROM CAST('x'' OR TRUE --' AS VARCHAR)`,
    )
    expect(keyPredicate(parseKey('m', KEY, ['2026-10-25', 'NULL']))).toContain('FROM NULL')
    expect(keyPredicate([])).toBe('TRUE')
  })

  test('are rendered as words that parse back', () => {
    expect(renderKey({ shop_date: '2026-10-25', currency: null })).toBe(
      'shop_date=2026-10-25 currency=NULL',
    )
    expect(renderKey({ category: 'Garden > Tools' })).toBe("'category=Garden > Tools'")
    const hostile = renderKey({ utm_campaign: '/x$(id)' })
    expect(hostile).toBe("'utm_campaign=/x$(id)'")
  })
})
