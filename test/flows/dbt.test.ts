/**
 * `ccs dbt` with the real dbt: what is published and when, what a failed, killed or second run
 * leaves behind, and what happens without Python.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { runCcs } from '../e2e/run-ccs.ts'
import { endAll, startNode } from '../fixtures/child.ts'
import {
  addEvents,
  explainMissingDbt,
  makeDbtProject,
  SHARED_DBT,
  writeDbt,
} from '../fixtures/dbt-project.ts'

const temp = mkdtempSync(path.join(tmpdir(), 'ccs-dbt-'))
const project = path.join(temp, 'shop')
const marts = path.join(project, 'data/marts')
const LOG = path.join(project, '.ccs/dbt/own/logs/dbt.log')
let problem: string | undefined

beforeAll(async () => {
  await makeDbtProject(project)
  problem = await explainMissingDbt(project)
  await addEvents(project, { from: '2026-11-10T00:00Z', to: '2026-11-12T00:00Z', count: 3000 })
}, 900_000)
afterEach(endAll)
afterAll(() => rmSync(temp, { recursive: true, force: true }))

/** The tests build on one another: one lake, one warehouse. */
function dbtTest(name: string, run: () => Promise<void>): void {
  test(name, { timeout: 300_000 }, async (context) => {
    context.skip(problem !== undefined, problem)
    await run()
  })
}

async function dbt(args: readonly string[], env: Readonly<Record<string, string>> = SHARED_DBT) {
  const all = ['dbt', ...args, '--project', project, '--json']
  const { code, stdout, stderr } = await runCcs(all, { env, timeoutMs: 240_000 })
  return { code, stderr, result: JSON.parse(stdout) }
}

async function ask(sql: string) {
  const { stdout } = await runCcs(['query', '--marts', sql, '--project', project, '--json'])
  return JSON.parse(stdout)
}

const COMMITTED = `SELECT count(*) AS orders, CAST(sum(revenue) AS VARCHAR) AS revenue FROM silver.orders`
const BUILT = `SELECT CAST(sum(orders) AS BIGINT) AS orders, CAST(sum(revenue) AS VARCHAR) AS revenue FROM orders_by_day`

async function committed() {
  const { stdout } = await runCcs(['query', COMMITTED, '--project', project, '--json'])
  return JSON.parse(stdout).rows
}

test('before the first build, the marts are missing and the next step is named', async () => {
  const { error } = await ask('SELECT 1')
  expect(error.code).toBe('CCS_MARTS_MISSING')
  expect(error.hint).toContain('ccs dbt build')
})

test('without Python there is one clear error with exit code 4; all else works', async () => {
  const env = { PATH: path.join(temp, 'nothing'), CCS_VENV: path.join(temp, 'no-venv') }
  const { code, result } = await dbt(['build'], env)
  expect(code).toBe(4)
  expect(result.error.code).toBe('CCS_PYTHON_MISSING')
  expect(result.error.message).toContain('Python 3.10 or newer')
  const query = await runCcs(['query', COMMITTED, '--project', project], { env })
  expect(query.code).toBe(0)
})

test('a foreign virtual environment is not overwritten', async () => {
  const dir = path.join(temp, 'mine')
  await makeDbtProject(dir)
  const { code, result } = await dbt(['build'], { CCS_VENV: dir })
  expect({ code, error: result.error.code }).toEqual({ code: 2, error: 'CCS_VENV_FOREIGN' })
  expect(existsSync(path.join(dir, 'ccs.yml'))).toBe(true)
})

dbtTest('a successful build publishes what is committed, including an empty table', async () => {
  const { code, result } = await dbt(['build'])
  expect(result).toMatchObject({ ok: true, published: true, nodes: { passed: 3, failed: 0 } })
  expect(code).toBe(0)
  expect((await ask(BUILT)).rows).toEqual(await committed())
  expect(readdirSync(path.join(marts, 'snapshot/silver'))).toContain('refunds')
  expect((await ask('SELECT * FROM seen')).rows).toEqual([
    { since: '', timezone: 'Europe/Berlin', is_full: true },
  ])
})

dbtTest('the next build starts with the earliest changed day', async () => {
  await addEvents(project, { from: '2026-11-11T12:00Z', to: '2026-11-13T00:00Z', count: 1500 })
  const { result } = await dbt(['build'])
  expect(result).toMatchObject({ ok: true, since: '2026-11-11', fullRefresh: false })
  expect((await ask(BUILT)).rows).toEqual(await committed())
  expect((await ask('SELECT since, is_full FROM seen')).rows).toEqual([
    { since: '2026-11-11', is_full: false },
  ])
})

dbtTest('a failing model is named with its file, and the last good marts stay', async () => {
  const before = readFileSync(path.join(marts, 'serve.duckdb'))
  writeDbt(project, 'models/broken.sql', 'SELECT nope FROM {{ ref("orders_by_day") }}')
  const { code, result } = await dbt(['build'])
  rmSync(path.join(project, 'dbt/models/broken.sql'))
  expect(code).toBe(5)
  expect(result).toMatchObject({ ok: false, published: false, nodes: { failed: 1 } })
  const [failure] = result.failures
  expect(failure).toMatchObject({ kind: 'model', name: 'broken', file: 'dbt/models/broken.sql' })
  expect(failure.message).toContain('nope')
  expect(readFileSync(path.join(marts, 'serve.duckdb')).equals(before)).toBe(true)
  const info = JSON.parse(readFileSync(path.join(marts, 'marts.json'), 'utf8'))
  expect(info).toMatchObject({ ok: false, lastRun: { ok: false, failed: ['broken'] } })
})

dbtTest('if ccs is killed, dbt ends too, and the next build is complete', async () => {
  writeDbt(
    project,
    'models/slow.sql',
    `{{ config(materialized='table') }}\nSELECT count(*) AS n FROM range(40000000000) a(x) WHERE x % 7 = 3`,
  )
  const args = ['dbt', 'build', '--project', project]
  const length = readFileSync(LOG).length
  const child = startNode('bin/run.js', args, SHARED_DBT)
  await until(() => /START sql table model \S+slow/.test(readFileSync(LOG, 'utf8').slice(length)))
  child.kill('SIGKILL')
  await child.ended
  rmSync(path.join(project, 'dbt/models/slow.sql'))
  const { result } = await dbt(['build'])
  expect(result).toMatchObject({ ok: true, published: true })
  expect((await ask(BUILT)).rows).toEqual(await committed())
  // The previous snapshot and the current one, none of the killed run.
  expect(readdirSync(marts).filter((name) => /^snapshot-/.test(name)).length).toBeLessThan(3)
})

dbtTest('a second build waits for the first and names it', async () => {
  const args = ['dbt', 'build', '--project', project]
  const both = [
    startNode('bin/run.js', args, SHARED_DBT),
    startNode('bin/run.js', args, SHARED_DBT),
  ]
  expect(await Promise.all(both.map((one) => one.ended))).toEqual([0, 0])
  const text = both.map((one) => one.output()).join('')
  expect(text).toMatch(/ccs dbt build \(pid \d+\) runs dbt on this data; waiting/)
})

dbtTest('SIGINT ends dbt, keeps the marts and frees the lock', async () => {
  const before = readFileSync(path.join(marts, 'marts.json'), 'utf8')
  const length = readFileSync(LOG).length
  const child = startNode('bin/run.js', ['dbt', 'build', '--project', project], SHARED_DBT)
  await until(() => readFileSync(LOG, 'utf8').slice(length).includes('Running with dbt'))
  child.kill('SIGINT')
  expect(await child.ended).toBe(1)
  expect(child.output()).toContain('Stopped. The published marts are unchanged.')
  expect(readFileSync(path.join(marts, 'marts.json'), 'utf8')).toBe(before)
  const locks = path.join(project, 'data/locks')
  const held = readdirSync(locks).filter(
    (name) => name.startsWith('dbt-') && readFileSync(path.join(locks, name)).length > 0,
  )
  expect(held).toEqual([])
})

dbtTest('ccs up builds the marts by itself as soon as rows are committed', async () => {
  const data = path.join(temp, 'fresh')
  const args = ['up', '--project', project, '--data', data, '--port', '0', '--eps', '200']
  const up = startNode('bin/run.js', args, { ...SHARED_DBT, CCS_DBT: 'true' })
  await up.says(/The daily marts are built/, 240_000)
  const { stdout } = await runCcs(['query', '--marts', BUILT, '--data', data, '--project', project])
  expect(stdout).toContain('orders')
  up.kill('SIGINT')
  expect(await up.ended).toBe(0)
})

async function until(isSo: () => boolean): Promise<void> {
  for (let round = 0; round < 2400; round++) {
    if (isSo()) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error('It never came to that.')
}
