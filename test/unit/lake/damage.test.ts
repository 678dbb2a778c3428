/** Files that a commit replaces while they are checked. */
import { expect, test } from 'vitest'
import { checkCurrent, damageError } from '../../../cli/domain/lake/damage.ts'

const GONE = damageError([{ file: 'silver/events/a.parquet', fault: 'is missing' }])

test('a file that was replaced meanwhile is no damage, one that stays missing is', async () => {
  let serial = 1
  const checked: number[] = []
  await checkCurrent(
    () => serial,
    async () => {
      checked.push(serial)
      if (serial > 2) return
      // A commit merges the files, and removes the old ones.
      serial++
      throw GONE
    },
  )
  expect(checked).toEqual([1, 2, 3])
  const missing = () => Promise.reject(GONE)
  await expect(checkCurrent(() => serial, missing)).rejects.toBe(GONE)
})

test('another error is passed on at once', async () => {
  let serial = 1
  const stopped = new Error('stopped')
  const check = async () => {
    serial++
    throw stopped
  }
  await expect(checkCurrent(() => serial, check)).rejects.toBe(stopped)
  expect(serial).toBe(2)
})
