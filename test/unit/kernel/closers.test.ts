import { expect, test } from 'vitest'
import { openAll } from '../../../cli/domain/kernel/closers.ts'

test('everything is closed once, the last first, even if something fails', async () => {
  const closed: string[] = []
  const open = await openAll(async (closers) => {
    closers.add(() => closed.push('log'))
    closers.add(async () => {
      throw new Error('the engine is stuck')
    })
    closers.add(() => closed.push('publisher'))
    return { name: 'pipeline' }
  })
  expect(open.name).toBe('pipeline')
  await expect(open.close()).rejects.toThrow('stuck')
  expect(closed).toEqual(['publisher', 'log'])
  await open.close()
  expect(closed).toHaveLength(2)
})

test('what was opened before a failure is closed, and the failure is thrown', async () => {
  const closed: string[] = []
  const opening = openAll(async (closers) => {
    closers.add(() => closed.push('log'))
    closers.add(() => Promise.reject(new Error('also stuck')))
    throw new Error('locked')
  })
  await expect(opening).rejects.toThrow('locked')
  expect(closed).toEqual(['log'])
})
