/** Ids by which repeated events are recognised in their answer. */
import { expect, test } from 'vitest'
import { RecentIds } from '../../../cli/domain/collector/recent-ids.ts'

const range = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => `${from + i}`)

test('the last ids are known whatever came between, and memory is bounded', () => {
  const ids = new RecentIds(100)
  for (const id of range(0, 1_000)) {
    ids.add(id)
    const first = Math.max(0, Number(id) - 99)
    expect([ids.has(`${first}`), ids.has(id)]).toEqual([true, true])
  }
  expect(range(0, 1_000).filter((id) => ids.has(id)).length).toBeLessThan(200)
  expect(ids.has('0')).toBe(false)
})

test('an id that is taken back is new again, in both halves', () => {
  const ids = new RecentIds(2)
  for (const id of ['a', 'b', 'c']) ids.add(id)
  for (const id of ['a', 'c']) ids.delete(id)
  expect(['a', 'b', 'c'].map((id) => ids.has(id))).toEqual([false, true, false])
})
