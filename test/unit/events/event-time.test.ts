import { expect, test } from 'vitest'
import { correctedMs } from '../../../cli/domain/events/event-time.ts'

const NONE = Number.NaN

test('the time between two readings of the device clock is trusted, the clock itself is not', () => {
  expect(correctedMs(1000, 1200, 5000)).toBe(4800)
  expect(correctedMs(9000, 9200, 5000)).toBe(4800)
})

test('nothing happens after it was received', () => {
  expect(correctedMs(1300, 1200, 5000)).toBe(5000)
  expect(correctedMs(9000, NONE, 5000)).toBe(5000)
  expect(correctedMs(4000, NONE, 5000)).toBe(4000)
})

test("without a reading of the shop's clock the device's stands", () => {
  expect(correctedMs(9000, NONE, NONE)).toBe(9000)
  expect(correctedMs(9000, 9100, NONE)).toBe(9000)
})
