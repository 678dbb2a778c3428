/** Who has the database of the page, and for whom nobody waits. */
import { expect, test } from 'vitest'
import { ReaderTurns } from '../../../cli/engines/flink/query/reader-turns.ts'

/** Turns over a clock that a test sets; sleeping ends at the next pass of the event loop. */
function createTurns() {
  const clock = { ms: 0 }
  const sleep = () => new Promise<void>((resolve) => setImmediate(resolve))
  return { clock, turns: new ReaderTurns({ elapsedMs: () => clock.ms, sleep }) }
}

test('queries and the reader have it in the order in which they came', async () => {
  const { turns } = createTurns()
  const seen: string[] = []
  const end = await turns.takeForReader()
  const query = turns.takeSoon(async () => seen.push('query'))
  const next = turns.takeForReader().then((endNext) => {
    seen.push('reader')
    endNext()
  })
  await new Promise((resolve) => setImmediate(resolve))
  expect(seen).toEqual([])
  end()
  await Promise.all([query, next])
  expect(seen).toEqual(['query', 'reader'])
})

test('a query that waits for the reader for long gets nothing, and is never run', async () => {
  const { clock, turns } = createTurns()
  let ran = 0
  const end = await turns.takeForReader()
  const query = turns.takeSoon(async () => ran++)
  clock.ms = 5_000
  expect(await query).toBeUndefined()
  end()
  await turns.idle
  expect(ran).toBe(0)
  expect(await turns.takeSoon(async () => 'rows')).toBe('rows')
})

test('a query that fails is an error of its own, and the next one has its turn', async () => {
  const { turns } = createTurns()
  await expect(turns.takeSoon(() => Promise.reject(new Error('wrong')))).rejects.toThrow('wrong')
  expect(await turns.take(async () => 1)).toBe(1)
})
