/** A running engine under attack by queries: intake, commits, status and the end go on. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ROOT, runCcs } from './run-ccs.ts'

const BIN = path.join(ROOT, 'bin/run.js')
const ENDLESS = 'SELECT count(*) FROM range(1000000000) a, range(1000000000) b'
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
