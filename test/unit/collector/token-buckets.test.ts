/** Limits of senders, with a clock of the test. */
import { expect, test } from 'vitest'
import { TokenBuckets } from '../../../cli/domain/collector/token-buckets.ts'

const AT = Date.parse('2026-06-11T10:00:00Z')

test('ten seconds of the rate may come at once; more waits until it has filled', () => {
  const buckets = new TokenBuckets(10)
  expect(buckets.take('web', 60, AT)).toBe(0)
  expect(buckets.take('web', 40, AT)).toBe(0)
  expect(buckets.take('web', 1, AT)).toBe(100)
  expect(buckets.take('web', 25, AT + 500)).toBe(2_000)
  expect(buckets.take('web', 25, AT + 2_500)).toBe(0)
})

test('whoever waits as long as the answer says is let through, and not before', () => {
  const buckets = new TokenBuckets(3)
  buckets.take('web', 30, AT)
  const waitMs = buckets.take('web', 7, AT)
  expect(buckets.take('web', 7, AT + waitMs - 1)).toBeGreaterThan(0)
  expect(buckets.take('web', 7, AT + waitMs)).toBe(0)
})

test('a refused request takes nothing, and no bucket fills beyond its burst', () => {
  const buckets = new TokenBuckets(10)
  buckets.take('web', 95, AT)
  expect(buckets.take('web', 6, AT)).toBe(100)
  expect(buckets.take('web', 5, AT)).toBe(0)
  expect(buckets.take('web', 100, AT + 3_600_000)).toBe(0)
  expect(buckets.take('web', 1, AT + 3_600_000)).toBe(100)
})

test('a clock that goes back adds nothing, and counts on from there', () => {
  const buckets = new TokenBuckets(10)
  buckets.take('web', 100, AT)
  expect(buckets.take('web', 1, AT - 60_000)).toBe(100)
  expect(buckets.take('web', 1, AT - 59_900)).toBe(0)
})

test('a request larger than a bucket passes a full one, and is paid for afterwards', () => {
  const buckets = new TokenBuckets(10)
  expect(buckets.take('web', 150, AT)).toBe(0)
  expect(buckets.take('web', 1, AT)).toBe(5_100)
  expect(buckets.take('web', 150, AT + 14_999)).toBe(1)
  expect(buckets.take('web', 150, AT + 15_000)).toBe(0)
})

test('what one sender sends costs no other', () => {
  const buckets = new TokenBuckets(10)
  buckets.take('web', 100, AT)
  expect(buckets.take('app', 100, AT)).toBe(0)
})

test('of too many names, full buckets are forgotten and empty ones are not', () => {
  const buckets = new TokenBuckets(10)
  for (let i = 0; i < 49_999; i++) buckets.take(`old ${i}`, 1, AT)
  buckets.take('busy', 100, AT + 10_001)
  buckets.take('one more', 1, AT + 10_001)
  expect(buckets.take('busy', 1, AT + 10_001)).toBe(100)
})
