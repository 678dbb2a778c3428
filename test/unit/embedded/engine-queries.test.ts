/** A query that can't be handed over, as the disk is full, runs inside within the same limits. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { diskFiles } from '../../../cli/adapters/files/files.ts'
import { CcsError } from '../../../cli/domain/kernel/errors.ts'
import type { GoldSet } from '../../../cli/engines/embedded/gold/gold-set.ts'
import type { EmbeddedOptions } from '../../../cli/engines/embedded/options.ts'
import { EngineQueries } from '../../../cli/engines/embedded/query/engine-queries.ts'
import { openTestDuck, type TestDuck } from '../model-files.ts'

let duck: TestDuck
beforeAll(async () => {
  duck = await openTestDuck()
  await duck.connection.run('SET VARIABLE now_ms = 0')
})
afterAll(() => duck.close())

/** Queries of an engine without models, whose disk is found to be full after `fullAfterMs`. */
function openQueries(timeoutMs: number, fullAfterMs: number) {
  let inside = 0
  const mkdir = async () => {
    await sleep(fullAfterMs)
    throw new CcsError('CCS_DISK_FULL', 'The disk is full.')
  }
  const options = {
    queryLimits: { timeoutMs, rowsMax: 10, concurrency: 1 },
    ...{ queryMemoryBytes: 1, macros: new Map(), dataDirectory: '/nowhere' },
    files: { ...diskFiles(), mkdir },
    // All that is read of them here.
  } as unknown as EmbeddedOptions
  const queries = new EngineQueries(options, {
    ...{ models: [], catalog: { macros: '', timezone: 'UTC' } },
    gold: { requireIntact: async () => undefined } as unknown as GoldSet, // likewise
    connect: () => {
      inside++
      return duck.duck.connect()
    },
    exclusively: (run) => run(),
    merge: async () => undefined,
    uncommitted: () => ({ fromSeq: 0, toSeq: 0 }),
  })
  return { queries, countInside: () => inside }
}

const ended = async (queries: EngineQueries) => {
  const counts = Object.entries((await queries.usage()).ended)
  return Object.fromEntries(counts.filter(([, count]) => count > 0))
}

test('a query that runs inside as the disk is full is answered, and counts once', async () => {
  const { queries } = openQueries(60_000, 0)
  const { json } = await queries.ask('SELECT 1 AS one', 0)
  expect(JSON.parse(Buffer.concat(json).toString('utf8')).rows).toEqual([{ one: 1 }])
  expect(await ended(queries)).toEqual({ answered: 1 })
  expect(await queries.usage()).toMatchObject({ running: 0, waiting: 0 })
  await queries.close()
})

test('its time has begun when it was asked, and is not given anew', async () => {
  const { queries, countInside } = openQueries(50, 200)
  const error = await queries.ask('SELECT 1 AS one', 0).catch((one: CcsError) => one.code)
  expect(error).toBe('CCS_QUERY_LIMIT')
  expect(await ended(queries)).toEqual({ timed_out: 1 })
  expect(countInside()).toBe(0)
  await queries.close()
})
