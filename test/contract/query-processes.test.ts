/** Which queries run at once in processes of their own, and what becomes of the processes. */
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { CcsError } from '../../cli/domain/kernel/errors.ts'
import type { QueryControl } from '../../cli/domain/sql/query-result.ts'
import { OutsideQueries } from '../../cli/engines/embedded/query/outside-queries.ts'
import { QueryProcess } from '../../cli/engines/embedded/query/query-process.ts'
import { RunningQueries } from '../../cli/engines/embedded/query/running-queries.ts'
import { ENDLESS } from '../fixtures/endless.ts'

/** Some more than what counts as long. */
const LONG = 'SELECT count(*) AS n FROM range(25000) a, range(25000) b WHERE a.range * b.range = 7'

let root: string
let running: RunningQueries
let queries: OutsideQueries
let started: QueryProcess[]

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'ccs-processes-'))
  started = []
})
afterEach(async () => {
  await running.close()
  await queries.close()
  expect(started.filter(({ isAlive }) => isAlive)).toEqual([])
  await rm(root, { recursive: true, force: true })
})

function open(concurrency: number, idleMs?: number): void {
  const start = async () => {
    const process = new QueryProcess({
      ...{ what: 'open', reads: new Map(), views: new Set(), macros: new Map(), models: [] },
      ...{ catalog: { macros: '', timezone: 'UTC' }, directory: root, spillDirectory: root },
      memoryMaxBytes: 512 * 1024 * 1024,
    })
    started.push(process)
    return process
  }
  running = new RunningQueries({ timeoutMs: 60_000, rowsMax: 100_000, concurrency })
  queries = new OutsideQueries({
    ...{ concurrency, start },
    handOver: async () => ({ serial: 0, models: [], release: () => undefined }),
    ...{ requireIntact: async () => undefined, serial: () => 0 },
    ...(idleMs === undefined ? {} : { times: { idleMs } }),
  })
}

async function ask(sql: string, control: QueryControl = {}): Promise<unknown> {
  const { json } = await running.run(control, (bounds) => queries.run(sql, 0, bounds))
  return JSON.parse(Buffer.concat(json).toString('utf8')).rows
}

/** The code of the error of a query. */
const fail = (sql: string, control?: QueryControl) =>
  ask(sql, control).catch(({ code, message }: CcsError) => ({ code, message }))

test('one process answers one query after another, and ends when none comes', async () => {
  open(2, 200)
  expect(await ask('SELECT 1 AS one')).toEqual([{ one: 1 }])
  expect(await ask("SELECT 'ä' AS text, NULL AS none")).toEqual([{ text: 'ä', none: null }])
  expect(await fail('SELECT nonsense')).toMatchObject({ code: 'CCS_QUERY_INVALID' })
  expect(await ask('SELECT 2 AS two')).toEqual([{ two: 2 }])
  expect(started).toHaveLength(1)
  await started[0]?.ended
})

test('an endless query ends at its deadline and with its client; others are answered', async () => {
  open(1)
  const gone = new AbortController()
  const late = fail(ENDLESS, { timeoutMs: 2_000 })
  const left = fail(ENDLESS, { signal: gone.signal })
  expect(await ask('SELECT 1 AS one')).toEqual([{ one: 1 }])
  expect(await late).toEqual({
    code: 'CCS_QUERY_LIMIT',
    message: 'The query was not answered within 2 s: ended.',
  })
  gone.abort()
  expect(await left).toEqual({ code: 'CCS_QUERY_INVALID', message: 'The query was cancelled.' })
  expect(running.usage(queries.waiting)).toMatchObject({ running: 0, waiting: 0 })
})

test('a long query beside as many as may run waits for its turn, and has its answer then', async () => {
  open(1)
  const stop = new AbortController()
  const endless = fail(ENDLESS, { signal: stop.signal })
  while (!started.some(({ isLow }) => isLow)) await sleep(20)
  const long = ask(LONG)
  while (queries.waiting === 0) await sleep(20)
  expect(await ask('SELECT 1 AS one')).toEqual([{ one: 1 }])
  stop.abort()
  await endless
  expect(await long).toEqual([{ n: 2 }])
})

test('the limits of rows and length are those of any query', async () => {
  open(2)
  expect(await fail('FROM range(11)', { rowsMax: 10 })).toMatchObject({
    code: 'CCS_QUERY_LIMIT',
    message: 'The answer has more than 10 rows: ended.',
  })
  expect(await ask('SELECT count(*) AS n FROM range(10)')).toEqual([{ n: 10 }])
  expect(await fail("SELECT repeat('x', 10000) AS x FROM range(100000000)")).toMatchObject({
    message: 'The answer is longer than 64 MiB: ended.',
  })
  expect(((await ask('FROM range(100000)')) as unknown[]).length).toBe(100_000)
})

test('a process gets nothing of its engine that may be secret', async ({ skip }) => {
  skip(process.platform !== 'linux', 'the environment of a process is in /proc')
  process.env.CCS_TEST_SECRET = 'hidden'
  open(2)
  await ask('SELECT 1 AS one')
  delete process.env.CCS_TEST_SECRET
  const environment = readFileSync(`/proc/${started[0]?.pid}/environ`, 'utf8')
  expect(environment).toContain('PATH=')
  expect(environment).not.toContain('CCS_TEST_SECRET')
})
