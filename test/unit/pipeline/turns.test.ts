/** Only one piece of work runs at a time, however many wait for the same moment. */
import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Turns } from '../../../cli/domain/pipeline/turns.ts'

test('work that waits for the same moment still runs one after the other', async () => {
  const turns = new Turns()
  let running = 0
  let most = 0
  const work = async (ends: 'well' | 'badly') => {
    most = Math.max(most, ++running)
    await setImmediate()
    running--
    if (ends === 'badly') throw new Error('It failed.')
  }
  const first = turns.take(() => work('badly'))
  const others = Array.from({ length: 20 }, () => turns.take(() => work('well')))
  await expect(first).rejects.toThrow('It failed.')
  await Promise.all(others)
  expect(most).toBe(1)
  expect(turns.current).toBeUndefined()
})

test('work begins in the order in which it asked', async () => {
  const turns = new Turns()
  const began: string[] = []
  const begin = (name: string) =>
    turns.take(async () => {
      began.push(name)
      await setImmediate()
    })
  const merges = begin('merge 1').then(() => begin('merge 2'))
  await Promise.all([merges, begin('commit')])
  expect(began).toEqual(['merge 1', 'commit', 'merge 2'])
})
