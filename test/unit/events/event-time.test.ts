import { expect, test } from 'vitest'
import { correctEventTimeMs } from '../../../cli/domain/events/event-time.ts'

const NONE = Number.NaN

test("only the time between two readings of the device's clock is trusted", () => {
  expect(correctEventTimeMs(1000, 1200, 5000)).toBe(4800)
  expect(correctEventTimeMs(9000, 9200, 5000)).toBe(4800)
})

test('no event happens after it was received', () => {
  expect(correctEventTimeMs(1300, 1200, 5000)).toBe(5000)
  expect(correctEventTimeMs(9000, NONE, 5000)).toBe(5000)
  expect(correctEventTimeMs(4000, NONE, 5000)).toBe(4000)
})

test("without the shop's clock the device's time is used", () => {
  expect(correctEventTimeMs(9000, NONE, NONE)).toBe(9000)
  expect(correctEventTimeMs(9000, 9100, NONE)).toBe(9000)
})
