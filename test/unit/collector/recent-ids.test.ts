/** Ids by which repeated events are recognised in their answer. */
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { RecentIds } from '../../../cli/domain/collector/recent-ids.ts'

/** Counted up, as bad generators do, or like random ones. */
const counted = (n: number) => `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`
const hashed = (n: number) =>
  createHash('md5')
    .update(`${n}`)
    .digest('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')

test.for([
  ['counted', counted],
  ['random', hashed],
] as const)('the last %s ids are known, those long ago are not', ([, make]) => {
  const ids = new RecentIds(100)
  for (let n = 0; n < 1_000; n++) {
    expect(ids.add(make(n))).toBe(true)
    expect(ids.add(make(Math.max(0, n - 99)))).toBe(false)
  }
  expect(ids.add(make(0))).toBe(true)
})

test('an id is new once, whatever came before it', () => {
  fc.assert(
    fc.property(fc.array(fc.uuid(), { maxLength: 300 }), (list) => {
      const ids = new RecentIds(1_000)
      const seen = new Set<string>()
      for (const id of [...list, ...list]) {
        expect(ids.add(id)).toBe(!seen.has(id))
        seen.add(id)
      }
    }),
  )
})

test('ids that were forgotten are new again, in both halves', () => {
  const ids = new RecentIds(2)
  for (const n of [1, 2, 3]) ids.add(counted(n))
  ids.forget()
  expect([1, 2, 3].map((n) => ids.add(counted(n)))).toEqual([true, true, true])
})
