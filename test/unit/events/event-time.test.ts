import { expect, test } from 'vitest'
import { correctEventTimeMs } from '../../../cli/domain/events/event-time.ts'

const NONE = Number.NaN

test('the time between two readings of the device clock is trusted, the clock itself is not', () => {
  expect(correctEventTimeMs(1000, 1200, 5000)).toBe(4800)
  expect(correctEventTimeMs(9000, 9200, 5000)).toBe(4800)
})

test('nothing happens after it was received', () => {
  expect(correctEventTimeMs(1300, 1200, 5000)).toBe(5000)
  expect(correctEventTimeMs(9000, NONE, 5000)).toBe(5000)
  expect(correctEventTimeMs(4000, NONE, 5000)).toBe(4000)
})

test("without a reading of the shop's clock the device's stands", () => {
  expect(correctEventTimeMs(9000, NONE, NONE)).toBe(9000)
  expect(correctEventTimeMs(9000, 9100, NONE)).toBe(9000)
})
