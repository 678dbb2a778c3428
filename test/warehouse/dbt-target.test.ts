/**
 * `ccs dbt` with a server as dbt's target, here PostgreSQL: what it needs and what it doesn't, what
 * it says when the server can't be used, and that no password is ever written down.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runCcs } from '../e2e/run-ccs.ts'
import { SHARED_DBT, writeDbt } from '../fixtures/dbt-project.ts'
import { type PostgresServer, startPostgres } from '../fixtures/postgres.ts'
import {
  loginVariables,
  provideWarehousePython,
  runScript,
  WAREHOUSE_VENV,
} from '../fixtures/warehouse.ts'

const temp = mkdtempSync(path.join(tmpdir(), 'ccs-dbt-target-'))
const project = path.join(temp, 'shop')
const CANARY = 'canary-password-7f3a91'
let server: PostgresServer | undefined
let python = ''
let problem: string | undefined
let said = ''

beforeAll(async () => {
  const [found, started] = await Promise.all([provideWarehousePython(), startPostgres()])
  if (typeof found === 'string') python = found
  else problem = found.lacks
  mkdirSync(path.join(temp, 'venv-redshift'))
  for (const part of ['bin', 'lib', 'pyvenv.cfg'])
    symlinkSync(path.join(WAREHOUSE_VENV, part), path.join(temp, 'venv-redshift', part))
  if (typeof started === 'string') problem = started
  else server = started
  expect((await runCcs(['init', project])).code).toBe(0)
  for (const part of ['models', 'tests', 'seeds'])
    rmSync(path.join(project, 'dbt', part), { recursive: true })
  writeDbt(project, 'models/orders.sql', 'select 1 as n from {{ source("lake", "orders") }}')
  writeDbt(project, 'models/refunds.sql', 'select 1 as n from {{ source("lake", "refunds") }}')
  writeDbt(project, 'models/sources.yml', SOURCES)
}, 900_000)
afterAll(async () => {
  await server?.stop()
  rmSync(temp, { recursive: true, force: true })
})

const SOURCES = `
sources:
  - name: lake
    schema: silver
    tables: [{ name: orders }, { name: refunds }]
`

type Env = Readonly<Record<string, string>>

/** Of a project that has no lake: its data directory is made by nothing but dbt's lock. */
async function dbt(args: readonly string[], env: Env = {}) {
  const all = ['dbt', ...args, '--project', project, '--json']
  const options = { env: { ...SHARED_DBT, ...env }, timeoutMs: 600_000 }
  const { code, stdout, stderr } = await runCcs(all, options)
  said += stdout + stderr
  return { code, result: JSON.parse(stdout) }
}

/** As the server knows it, or with changes. */
function login(changes: Env = {}): Env {
  if (!server) throw new Error('There is no server.')
  return { ...loginVariables(server), ...changes }
}

/** With the environment of these tests as one for the target redshift that somebody made. */
const REDSHIFT = {
  ...{ CCS_VENV: path.join(temp, 'venv'), RS_DB: 'dev', RS_USER: 'ann', RS_PWD: CANARY },
}

function serverTest(name: string, run: () => Promise<void>): void {
  test(name, { timeout: 900_000 }, async (context) => {
    context.skip(problem !== undefined, problem)
    await run()
  })
}

test('without a login each missing variable is named, and nothing is installed', async () => {
  const redshift = await dbt(['build', '--target', 'redshift'], { RS_HOST: 'x', RS_PWD: CANARY })
  expect(redshift).toMatchObject({ code: 2, result: { error: { code: 'CCS_USAGE_INVALID' } } })
  expect(redshift.result.error.message).toBe('Redshift needs RS_DB, RS_USER.')
  const postgres = await dbt(['build', '-t', 'postgres'])
  expect(postgres.result.error.message).toBe('PostgreSQL needs PGHOST, PGDATABASE, PGUSER.')
})

serverTest('tables of Silver that are missing are one sentence', async () => {
  const { code, result } = await dbt(['build', '--target', 'postgres'], login())
  expect(code).toBe(5)
  expect(result.error.code).toBe('CCS_SILVER_MISSING')
  expect(result.error.message).toBe('PostgreSQL lacks orders, refunds in the schema silver.')
})

serverTest('a login that is refused is one sentence, without what was tried', async () => {
  const env = login({ PGPASSWORD: CANARY })
  const { code, result } = await dbt(['build', '--target', 'postgres'], env)
  expect({ code, error: result.error.code }).toEqual({ code: 4, error: 'CCS_WAREHOUSE_REFUSED' })
  expect(result.error.message).toBe('PostgreSQL refuses the login.')
})

serverTest('a server that is not there is one sentence', async () => {
  const env = login({ PGPORT: '1', PGPASSWORD: CANARY })
  const postgres = await dbt(['build', '--target', 'postgres'], env)
  expect(postgres.code).toBe(4)
  expect(postgres.result.error.message).toBe('PostgreSQL can’t be reached.')
  const there = { ...REDSHIFT, RS_HOST: '127.0.0.1', RS_PORT: '1' }
  const redshift = await dbt(['build', '--target', 'redshift'], there)
  expect(redshift.code).toBe(4)
  expect(redshift.result.error).toMatchObject({ code: 'CCS_WAREHOUSE_UNREACHABLE' })
  expect(redshift.result.error.message).toBe('Redshift can’t be reached.')
})

serverTest('a build on the server needs no lake, and publishes nothing here', async () => {
  const lake = path.join(temp, 'lake')
  await makeSilver(lake)
  await runScript(python, ['load_silver.py', lake, 'silver'], { env: login() })
  const { code, result } = await dbt(['build', '--target', 'postgres'], login())
  expect(code).toBe(0)
  expect(result).toMatchObject({
    ...{ ok: true, published: false, serial: null, since: null, marts: null },
    nodes: { failed: 0, skipped: 0 },
  })
  expect(readdirSync(path.join(project, 'data'))).toEqual(['locks'])
  const shown = await dbt(
    ['show', '--inline', 'select count(*) from marts.orders', '-t', 'postgres'],
    login(),
  )
  expect(shown.code).toBe(0)
})

serverTest('a model that fails there is named as elsewhere', async () => {
  writeDbt(project, 'models/broken.sql', 'select nope from {{ ref("orders") }}')
  const { code, result } = await dbt(['build', '--target', 'postgres'], login())
  rmSync(path.join(project, 'dbt/models/broken.sql'))
  expect(code).toBe(5)
  expect(result.failures[0]).toMatchObject({ name: 'broken', file: 'dbt/models/broken.sql' })
})

serverTest('no password is in what was printed, logged or stored', async () => {
  await dbt(['debug', '--target', 'postgres'], login())
  await dbt(['docs', 'generate', '--target', 'postgres'], login())
  const texts = [said, ...listFiles(project).map((file) => readFileSync(file, 'latin1'))]
  expect(texts.length).toBeGreaterThan(20)
  for (const secret of [CANARY, server?.password ?? ''])
    expect(texts.filter((text) => text.includes(secret)).length).toBe(0)
})

function listFiles(dir: string): readonly string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
}

/** Two tables of Silver with one row. */
async function makeSilver(lake: string): Promise<void> {
  const { DuckDBInstance } = await import('@duckdb/node-api')
  const { mkdir } = await import('node:fs/promises')
  const db = await (await DuckDBInstance.create(':memory:')).connect()
  for (const table of ['orders', 'refunds']) {
    const dir = path.join(lake, 'silver', table, 'event_date=2026-03-01')
    await mkdir(dir, { recursive: true })
    await db.run(`COPY (SELECT 'a' AS event_id, '' AS empty, NULL::VARCHAR AS none, TRUE AS yes,
      TIMESTAMP '2026-03-01 10:00:00.123' AS event_time) TO '${dir}/1.parquet'`)
  }
  db.closeSync()
}
