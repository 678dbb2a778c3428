/** Money, numbers and ids of the tracker, where no browser is needed. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { makeId, sizeOf, toMinor, toNumber } from '../../../cli/web/tracker/browser/values.js'

/** The contract's largest amount. */
const MINOR_MAX = 1_000_000_000_000

test('a decimal text becomes hundredths exactly, up to the contract’s largest amount', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: MINOR_MAX }), fc.nat(3), (minor, zeros) => {
      const cents = String(minor % 100).padStart(2, '0')
      const text = `${Math.floor(minor / 100)}.${cents}${'0'.repeat(zeros)}`
      expect(toMinor(text)).toBe(minor)
    }),
    { seed: 16, numRuns: 5_000 },
  )
  expect(['19.99', '4.9', '7', '0.00', '1.15', '10000000000.00'].map(toMinor)).toEqual([
    1999,
    490,
    700,
    0,
    115,
    MINOR_MAX,
  ])
})

test('what is no amount stays as it is, for the collector to reject', () => {
  const texts = ['', '19,99', '1.005', '-1.00', '€ 5', '1e3', ' 5', '.5', '5.', '0x10', 'NaN']
  expect(texts.map(toMinor)).toEqual(texts)
})

test('a quantity becomes a number, and other text stays', () => {
  expect(['3', '0', '2.5', 'two', '-1'].map(toNumber)).toEqual([3, 0, 2.5, 'two', '-1'])
})

test('ids are random UUIDs of version 4 in lower case', () => {
  const ids = Array.from({ length: 1_000 }, makeId)
  expect(new Set(ids).size).toBe(ids.length)
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-/)
  for (const digit of '0123456789abcdef') expect(ids.join('')).toContain(digit)
})

test('sizes are in bytes on the wire', () => {
  expect(['', 'a', 'ä', '€', '🛒'].map(sizeOf)).toEqual([0, 1, 2, 3, 4])
})
