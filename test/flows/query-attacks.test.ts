/** A running engine under attack by queries: intake, commits, status and the end go on. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ROOT, runCcs } from '../e2e/run-ccs.ts'
import { ENDLESS } from '../fixtures/endless.ts'

const BIN = path.join(ROOT, 'bin/run.js')
const GEN = ['--from', '2026-03-01', '--to', '2026-03-02', '--count', '300']

let data: string
let engine: ChildProcess | undefined

beforeEach(() => {
  data = mkdtempSync(path.join(tmpdir(), 'ccs-attack-'))
})
afterEach(() => {
  engine?.kill('SIGKILL')
  engine = undefined
  rmSync(data, { recursive: true, force: true })
})

async function startEngine(): Promise<string> {
  const { CCS_DATA_DIR, CCS_PROJECT_DIR, ...env } = process.env
  const args = [BIN, 'run', '--data', data, '--port', '0']
  engine = spawn(process.execPath, args, { cwd: ROOT, env, stdio: 'ignore' })
  const file = path.join(data, 'engine.json')
  for (let tries = 0; tries < 600; tries++) {
    if (existsSync(file)) return `http://127.0.0.1:${JSON.parse(readFileSync(file, 'utf8')).port}`
    await sleep(50)
  }
  throw new Error('the engine did not start')
}

async function post(url: string, route: string, body: unknown, signal?: AbortSignal) {
  const token = readFileSync(path.join(data, 'access-token'), 'utf8').trim()
  const response = await fetch(`${url}${route}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify(body),
    ...(signal ? { signal } : {}),
  })
  return (await response.json()) as {
    readonly counts?: { readonly records: number }
    readonly lagEvents?: number
    readonly rows?: readonly unknown[]
    readonly error?: { readonly code: string; readonly message: string }
  }
}

/** Waits until the engine has ingested so many records, then commits. */
async function commit(url: string, records: number) {
  for (let tries = 0; tries < 200; tries++) {
    const status = await (await fetch(`${url}/status`)).json()
    if (status.counts.records >= records) return post(url, '/commit', {})
    await sleep(100)
  }
  throw new Error('the engine does not ingest')
}

/** The processes of queries that the engine has now; on Linux. */
function findQueryProcesses(): readonly number[] {
  const children = `/proc/${engine?.pid}/task/${engine?.pid}/children`
  return readFileSync(children, 'utf8').trim().split(' ').filter(Boolean).map(Number)
}

/** Those of them that have not ended after `ms`. */
async function findLeft(pids: readonly number[], ms: number): Promise<readonly number[]> {
  const isThere = (pid: number) =>
    existsSync(`/proc/${pid}/cmdline`) &&
    readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('query-program')
  for (let waited = 0; waited < ms && pids.some(isThere); waited += 50) await sleep(50)
  return pids.filter(isThere)
}

/** Ends the engine as a service manager does; its exit code, and how long it took in ms. */
async function terminate() {
  const began = performance.now()
  const ended = engine && once(engine, 'exit')
  engine?.kill('SIGTERM')
  const [code] = (await ended) ?? []
  return { code, ms: performance.now() - began }
}

test('four endless SELECTs stop neither intake, commits, status nor the end', async () => {
  const url = await startEngine()
  const asked = [1, 2, 3, 4].map(() =>
    post(url, '/query', { sql: ENDLESS }).then(
      ({ error }) => error?.code,
      () => 'no answer',
    ),
  )
  await sleep(300)
  expect((await runCcs(['gen', '--data', data, ...GEN])).code).toBe(0)
  const began = performance.now()
  const committed = await commit(url, 300)
  const commitMs = performance.now() - began
  expect(committed).toMatchObject({ counts: { records: 300 }, lagEvents: 0 })
  const statusMs: number[] = []
  for (let at = 0; at < 10; at++) {
    const from = performance.now()
    await (await fetch(`${url}/status`)).json()
    statusMs.push(performance.now() - from)
  }
  // The median: on a busy machine one answer may have to wait for a core.
  expect(statusMs.toSorted((a, b) => a - b)[5]).toBeLessThan(1_000)
  expect(commitMs).toBeLessThan(20_000)
  const { code, ms } = await terminate()
  expect(code).toBe(0)
  expect(ms).toBeLessThan(10_000)
  expect(await Promise.all(asked)).toEqual(Array(4).fill('CCS_ENGINE_UNREACHABLE'))
}, 60_000)

const NEEDS_PROC = 'the processes of an engine are counted in /proc'

/** Ten gigabytes, if nobody stops it. */
const HUGE = "SELECT length(string_agg(repeat('x', 10000), '')) AS n FROM range(1000000)"

test('beside endless SELECTs and a huge text, small queries, the page and commits go on', async ({
  skip,
}) => {
  skip(process.platform !== 'linux', NEEDS_PROC)
  const url = await startEngine()
  expect((await runCcs(['gen', '--data', data, ...GEN])).code).toBe(0)
  let ended = 0
  const asked = [ENDLESS, ENDLESS, ENDLESS, ENDLESS, HUGE].map((sql) =>
    post(url, '/query', { sql })
      .then(({ error }) => error, String)
      .finally(() => {
        if (sql === ENDLESS) ended++
      }),
  )
  await sleep(2_500)
  for (let at = 0; at < 3; at++) {
    const answer = await post(url, '/query', { sql: 'SELECT count(*) AS n FROM bronze.events' })
    expect(answer).toMatchObject({ rows: [{ n: 300 }] })
    const page = await (await fetch(`${url}/api/snapshot`)).json()
    expect(page.figures.now.rows).toHaveLength(1)
    expect((await post(url, '/commit', {})).counts?.records).toBe(300)
  }
  // Nothing waited for the endless ones, each of which has 30 seconds.
  expect(ended).toBeLessThan(4)
  const processes = findQueryProcesses()
  expect(processes.length).toBeGreaterThanOrEqual(2)
  const { code, ms } = await terminate()
  expect([code, ms < 10_000]).toEqual([0, true])
  const errors = await Promise.all(asked)
  expect(errors.slice(0, 4)).toMatchObject(Array(4).fill({ code: 'CCS_ENGINE_UNREACHABLE' }))
  expect(await findLeft(processes, 2_000)).toEqual([])
}, 90_000)

test('a text of ten gigabytes ends its process, and nothing else', async ({ skip }) => {
  skip(process.platform !== 'linux', NEEDS_PROC)
  const url = await startEngine()
  const { error } = await post(url, '/query', { sql: HUGE })
  expect(error?.code).toBe('CCS_QUERY_LIMIT')
  expect(error?.message).toContain('of memory: ended.')
  const memory = readFileSync(`/proc/${engine?.pid}/status`, 'utf8')
  expect(Number(/VmHWM:\s+(\d+)/.exec(memory)?.[1])).toBeLessThan(600 * 1024)
  expect((await post(url, '/query', { sql: 'SELECT 1 AS one' })).rows).toEqual([{ one: 1 }])
}, 60_000)

test('a crash of a query is one error for who asked; an engine killed leaves nothing', async ({
  skip,
}) => {
  skip(process.platform !== 'linux', NEEDS_PROC)
  const url = await startEngine()
  const asked = post(url, '/query', { sql: ENDLESS })
  await waitFor(() => findQueryProcesses().length === 1)
  await sleep(1_000)
  for (const pid of findQueryProcesses()) process.kill(pid, 'SIGSEGV')
  expect((await asked).error?.code).toBe('CCS_QUERY_CRASHED')
  expect((await post(url, '/query', { sql: 'SELECT 1 AS one' })).rows).toEqual([{ one: 1 }])
  post(url, '/query', { sql: ENDLESS }).catch(() => undefined)
  await sleep(1_000)
  const processes = findQueryProcesses()
  expect(processes.length).toBeGreaterThanOrEqual(1)
  const findHandedOver = () =>
    readdirSync(path.join(data, 'tmp')).filter((name) => name.startsWith('queries-'))
  expect(findHandedOver()).toHaveLength(1)
  engine?.kill('SIGKILL')
  expect(await findLeft(processes, 5_000)).toEqual([])
  // What it had handed over goes when the next one starts, before anybody asks something.
  rmSync(path.join(data, 'engine.json'))
  await startEngine()
  expect(findHandedOver()).toEqual([])
}, 60_000)

async function waitFor(isSo: () => boolean): Promise<void> {
  for (let tries = 0; tries < 200 && !isSo(); tries++) await sleep(50)
}

test('who goes away takes the query along; enable_logging is refused, and the next start works', async () => {
  const url = await startEngine()
  const gone = new AbortController()
  const left = [1, 2].map(() =>
    post(url, '/query', { sql: ENDLESS }, gone.signal).catch(() => 'gone'),
  )
  await sleep(300)
  gone.abort()
  expect(await Promise.all(left)).toEqual(['gone', 'gone'])
  const began = performance.now()
  expect((await post(url, '/query', { sql: 'SELECT 1 AS one' })).rows).toEqual([{ one: 1 }])
  expect(performance.now() - began).toBeLessThan(10_000)

  for (const call of [
    `enable_logging('QueryLog', storage='file', storage_path='${data}/lake')`,
    'enable_profiling()',
    'checkpoint()',
    'force_checkpoint()',
  ]) {
    const { error } = await post(url, '/query', { sql: `SELECT * FROM ${call}` })
    expect(error?.code).toBe('CCS_QUERY_INVALID')
    expect(error?.message).toMatch(/\(\) can’t be called here: it (writes|changes)/)
  }
  const log = await post(url, '/query', { sql: "SELECT write_log('x', level := 'info')" })
  expect(log.error?.message).toContain('write_log() can’t be called here')
  expect((await runCcs(['gen', '--data', data, ...GEN])).code).toBe(0)
  expect(await commit(url, 300)).toMatchObject({ counts: { records: 300 } })
  expect((await terminate()).code).toBe(0)
  const again = await runCcs(['run', '--once', '--data', data])
  expect(again.code, again.stderr).toBe(0)
}, 60_000)
