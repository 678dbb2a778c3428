/** The list of currencies against the one that the JavaScript engine ships. */
import { expect, test } from 'vitest'
import { CURRENCIES, isCurrencyCode } from '../../../cli/domain/events/currencies.ts'

/** Units of account that no shop takes: special drawing rights and the Sucre. */
const NO_MONEY = new Set(['XDR', 'XSU'])

test('every currency in use that ICU knows is in the list', () => {
  const used = Intl.supportedValuesOf('currency').filter((code) => !NO_MONEY.has(code))
  expect(used.filter((code) => !CURRENCIES.has(code))).toEqual([])
  expect(CURRENCIES.size).toBe(203)
})

test('the check of three bytes agrees with the set for all texts of three capitals', () => {
  const [first, last] = [65, 90]
  let found = 0
  for (let a = first; a <= last; a++)
    for (let b = first; b <= last; b++)
      for (let c = first; c <= last; c++) {
        const isCode = CURRENCIES.has(String.fromCharCode(a, b, c))
        if (isCurrencyCode(a, b, c) !== isCode) expect([a, b, c]).toBe(isCode)
        if (isCode) found++
      }
  expect(found).toBe(CURRENCIES.size)
  expect(isCurrencyCode(0x65, 0x75, 0x72)).toBe(false)
  expect(isCurrencyCode(0, 255, 64)).toBe(false)
})
