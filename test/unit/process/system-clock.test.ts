import { afterEach, expect, test, vi } from 'vitest'
import { sleep } from '../../../cli/adapters/process/system-clock.ts'

const DAY_MS = 86_400_000

afterEach(() => vi.useRealTimers())

test.each([30 * DAY_MS, Number.POSITIVE_INFINITY])('a sleep of %d ms is that long', async (ms) => {
  vi.useFakeTimers()
  const stop = new AbortController()
  let isOver = false
  const sleeping = sleep(ms, stop.signal).then(() => {
    isOver = true
  })
  await vi.advanceTimersByTimeAsync(29 * DAY_MS)
  expect(isOver).toBe(false)
  await vi.advanceTimersByTimeAsync(DAY_MS)
  expect(isOver).toBe(ms <= 30 * DAY_MS)
  stop.abort()
  await sleeping
})
