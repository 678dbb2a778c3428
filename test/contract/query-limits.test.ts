/** Queries of an engine keep within time, rows, length, and their number at once. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openDuck } from '../../cli/adapters/duckdb/duckdb.ts'
import { openMartsQueries } from '../../cli/adapters/duckdb/published-marts.ts'
import { openStore } from '../../cli/app/store.ts'
import type { CcsError } from '../../cli/domain/kernel/errors.ts'
import { layOutMarts, NO_MARTS, renderJson } from '../../cli/domain/marts/marts.ts'
import type { QueryControl } from '../../cli/domain/sql/query-result.ts'
import type { EmbeddedEngine } from '../../cli/engines/embedded/engine.ts'
import { openEngine } from '../../cli/engines/embedded/open-engine.ts'
import { runCcs } from '../e2e/run-ccs.ts'
import { ENDLESS } from '../fixtures/endless.ts'
import { makeRig, type Rig } from '../fixtures/pipeline-rig.ts'

let root: string
let rig: Rig
let engine: EmbeddedEngine

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'ccs-query-limits-'))
  rig = await makeRig(['bronze.events', 'silver.events', 'silver.people', 'gold.activity_1m'])
  engine = await open()
})
afterAll(async () => {
  await engine.close()
  await rm(root, { recursive: true, force: true })
})

async function open(): Promise<EmbeddedEngine> {
  const { config } = rig.project(root)
  const query = { ...config.query, timeoutMs: 20_000, rowsMax: 100_000, concurrency: 2 }
  const store = await openStore(root)
  const lakePath = () => ''
  return openEngine({ config: { ...config, query } }, rig.logic, store, { lakePath })
}

const run = (sql: string, control?: QueryControl) => engine.query(sql, 0, control)

/** The error of a query, and how long it took, in ms. */
async function fail(sql: string, control?: QueryControl) {
  const began = performance.now()
  const error = await run(sql, control).then(
    () => undefined,
    (thrown: CcsError) => thrown,
  )
  return { error, ms: performance.now() - began }
}

test('an endless SELECT ends at its deadline, and the next one runs', async () => {
  const { error, ms } = await fail(ENDLESS, { timeoutMs: 200 })
  expect(error).toMatchObject({
    code: 'CCS_QUERY_LIMIT',
    message: 'The query was not answered within 200 ms: ended.',
  })
  expect(error?.hint).toContain('query.timeout')
  expect(ms).toBeLessThan(10_000)
  expect((await run('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
})

test('the row budget ends a SELECT while its rows are read', async () => {
  const before = process.memoryUsage.rss()
  const { error } = await fail('SELECT i, i::VARCHAR AS t FROM range(30000000) r(i)')
  expect(error).toMatchObject({
    code: 'CCS_QUERY_LIMIT',
    message: 'The answer has more than 100,000 rows: ended.',
  })
  expect(process.memoryUsage.rss() - before).toBeLessThan(400 * 1024 * 1024)
  expect((await fail('FROM range(11)', { rowsMax: 10 })).error?.code).toBe('CCS_QUERY_LIMIT')
  expect((await run('FROM range(10)', { rowsMax: 10 })).rows).toHaveLength(10)
  expect((await run('FROM range(100000)', { rowsMax: 1e9 })).rows).toHaveLength(100_000)
})

test('an answer of few rows may not be too long', async () => {
  const before = process.memoryUsage.rss()
  const { error } = await fail("SELECT repeat('x', 10000) AS x FROM range(100000000)")
  expect(error).toMatchObject({
    code: 'CCS_QUERY_LIMIT',
    message: 'The answer is longer than 64 MiB: ended.',
  })
  expect(process.memoryUsage.rss() - before).toBeLessThan(500 * 1024 * 1024)
})

test('two queries run at once; others wait, in turn, and are told when it was too long', async () => {
  const stop = new AbortController()
  const endless = [ENDLESS, ENDLESS].map((sql) => fail(sql, { signal: stop.signal }))
  const late = await fail('SELECT 1', { timeoutMs: 100 })
  expect(late.error?.code).toBe('CCS_QUERY_LIMIT')
  const next = run('SELECT 2 AS two')
  stop.abort()
  expect((await next).rows).toEqual([{ two: 2 }])
  for (const { error } of await Promise.all(endless))
    expect(error?.message).toBe('The query was cancelled.')
})

test('closing the engine ends queries that run or wait', async () => {
  const other = await open()
  const asked = [1, 2, 3].map(() => other.query(ENDLESS, 0).catch((error: CcsError) => error.code))
  await other.query('SELECT 1', 0, { timeoutMs: 50 }).catch(() => undefined)
  await other.close()
  expect(await Promise.all(asked)).toEqual(Array(3).fill('CCS_ENGINE_UNREACHABLE'))
})

test.each([
  "SELECT length(repeat('x', 4000000000))",
  "SELECT length(repeat('x', 4000000000 + i)) FROM range(1) r(i)",
  "SELECT length(repeat('xx'::BLOB, 60000)::VARCHAR)",
  "SELECT length(lpad('a', 2000000000, 'x')), 1",
  "SELECT length(rpad('a', 2000000000, 'x')), 1",
  'SELECT len(list_resize([1], 4000000000))',
  'SELECT len(array_resize([1], 4000000000, 7))',
  'SELECT len(range(4000000000))',
  'SELECT len(generate_series(5, 4000000000))',
  'SELECT len(range(0, -4000000000, -1))',
  "SELECT len(generate_series(TIMESTAMP '1020-01-01', TIMESTAMP '2020-01-01', INTERVAL 1 SECOND))",
])('%s is refused before it takes memory', async (sql) => {
  const before = process.memoryUsage.rss()
  const { error } = await fail(sql)
  expect(error?.message).toContain('at most 10000 characters or elements')
  expect(process.memoryUsage.rss() - before).toBeLessThan(200 * 1024 * 1024)
})

test('the bounded functions answer as those of DuckDB', async () => {
  const sql = `SELECT repeat('ab', 2) AS a, repeat(NULL, 3) AS b, repeat([1], 2) AS c,
    lpad('7', 3, '0') AS d, rpad('7', 3, '.') AS e, list_resize([1], 2, 9) AS f,
    range(3) AS g, range(1, 3) AS h, generate_series(5, 1, -2) AS i, range(NULL) AS j,
    generate_series(DATE '2026-01-31', DATE '2026-03-31', INTERVAL 1 MONTH)[2] AS k,
    [x * 2 FOR x IN range(2)] AS l, array_resize([1], 2) AS m, repeat('x', NULL) AS n`
  expect((await run(sql)).rows).toEqual([
    {
      ...{ a: 'abab', b: null, c: [1, 1], d: '007', e: '7..', f: [1, 9], g: [0, 1, 2] },
      ...{ h: [1, 2], i: [5, 3, 1], j: null, k: '2026-02-28T00:00:00.000Z', l: [0, 2] },
      ...{ m: [1, null], n: null },
    },
  ])
})

describe('the published marts', () => {
  let data: string

  beforeAll(async () => {
    data = join(root, 'with-marts')
    const { root: folder, serve, info } = layOutMarts(data)
    mkdirSync(folder, { recursive: true })
    const duck = await openDuck({ path: serve })
    const connection = await duck.connect()
    await connection.run('CREATE TABLE days AS SELECT range AS day FROM range(5000)')
    connection.close()
    duck.close()
    writeFileSync(info, renderJson({ ...NO_MARTS, ok: true, builtMs: 1, models: ['days'] }))
  })

  const ask = async (sql: string, control?: QueryControl) => {
    const limits = { timeoutMs: 20_000, rowsMax: 100_000, concurrency: 2 }
    const marts = await openMartsQueries({ dataDir: data }, limits)
    try {
      const error = await marts.query(sql, control).catch((thrown: unknown) => thrown)
      // The connection is free again.
      expect((await marts.query('SELECT count(*) AS n FROM days')).rows).toEqual([{ n: 5000 }])
      return error
    } finally {
      await marts.close()
    }
  }

  test('an endless SELECT ends at its deadline, and at the limit of ccs.yml', async () => {
    const message = 'The query was not answered within 200 ms: ended.'
    expect(await ask(ENDLESS, { timeoutMs: 200 })).toMatchObject({
      code: 'CCS_QUERY_LIMIT',
      message,
    })
  })

  test('a SELECT that takes more than the memory of the marts ends', async () => {
    const sql = 'SELECT count(DISTINCT hash(range)) AS n FROM range(200000000)'
    expect(await ask(sql)).toMatchObject({
      code: 'CCS_QUERY_LIMIT',
      message: 'The query takes more than 256 MiB of memory: ended.',
    })
  })

  test('the row budget ends a SELECT while its rows are read', async () => {
    const message = 'The answer has more than 4,999 rows: ended.'
    expect(await ask('FROM days', { rowsMax: 4999 })).toMatchObject({
      code: 'CCS_QUERY_LIMIT',
      message,
    })
    expect(await ask('FROM days', { rowsMax: 5000 })).toMatchObject({ rows: { length: 5000 } })
    expect(await ask('FROM range(200000)')).toMatchObject({ code: 'CCS_QUERY_LIMIT' })
  })

  test('ccs query --marts takes both limits', async () => {
    const query = (...args: string[]) => runCcs(['query', '--marts', '--data', data, ...args])
    for (const args of [
      ['--max-rows', '10', 'FROM days'],
      ['--timeout', '200 ms', ENDLESS],
    ]) {
      const { code, stderr } = await query(...args)
      expect([code, stderr]).toEqual([2, expect.stringContaining('error[CCS_QUERY_LIMIT]')])
    }
  })
})
