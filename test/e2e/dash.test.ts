/** `ccs dash`: the live page from its own process while engines come and go. */
import { type ChildProcess, spawn } from 'node:child_process'
import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { makeNoonProject } from '../fixtures/noon-project.ts'
import { PageReader } from '../fixtures/page-reader.ts'
import { ROOT, runCcs } from './run-ccs.ts'

const HOUR_MS = 3_600_000

let dir: string
const children: ChildProcess[] = []

beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'ccs-dash-'))
})

afterEach(async () => {
  await Promise.all(children.splice(0).map((child) => end(child, 'SIGKILL')))
  rmSync(dir, { recursive: true, force: true })
})

/** Starts ccs in the background; resolves with its output once that matches `sign`. */
async function start(args: readonly string[], sign: RegExp): Promise<[ChildProcess, string]> {
  const child = spawn(process.execPath, [path.join(ROOT, 'bin/run.js'), ...args, '--data', dir], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  children.push(child)
  let printed = ''
  await new Promise<void>((resolve, reject) => {
    const look = (text: Buffer) => {
      printed += text.toString('utf8')
      if (sign.test(printed)) resolve()
    }
    child.stdout.on('data', look)
    child.stderr.on('data', look)
    child.once('exit', () => reject(new Error(`ccs ${args.join(' ')} ended: ${printed}`)))
  })
  return [child, printed]
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
  child.kill(signal)
  return ended
}

test('the page works before the first engine, with one, after it, and with the next', async () => {
  const project = path.join(dir, 'project')
  makeNoonProject(project)
  const base = ['--project', project, '--port', '0']
  const startEngine = () => start(['run', ...base], /The engine answers at/)
  const [dash, printed] = await start(['dash', ...base], /http:\/\/127\.0\.0\.1:\d+/)
  const url = /http:\/\/127\.0\.0\.1:\d+/.exec(printed)?.[0] ?? ''
  const reader = new PageReader(url)
  try {
    const first = await reader.until(({ event }) => event === 'snapshot')
    expect(first.document.health).toMatchObject({ running: false, records: 0, freshnessMs: null })

    const [engine] = await startEngine()
    await reader.until(({ document }) => document.health.running)
    // Of the last hour: a busy machine makes fewer events as time passes.
    const [from, to] = [Date.now() - HOUR_MS, Date.now()].map((ms) => new Date(ms).toISOString())
    const hour = ['--from', String(from), '--to', String(to), '--count', '400']
    const made = await runCcs(['gen', ...hour, '--project', project, '--data', dir])
    expect(made.code, made.stderr).toBe(0)
    await reader.until(({ document }) => Number(document.health.records) >= 400)
    await reader.until(({ document }) => Number(document.figures.today?.rows[0]?.sessions ?? 0) > 0)

    expect(await end(engine, 'SIGTERM')).toBe(0)
    const gone = reader.messages.length
    await reader.until(
      (one) => !one.document.health.running && reader.messages.indexOf(one) >= gone,
    )
    // What was committed is still shown.
    const kept = await (await fetch(`${url}/api/snapshot`)).json()
    expect(kept.health.running).toBe(false)
    expect(kept.health.records).toBeGreaterThanOrEqual(400)
    expect(Number(kept.figures.today.rows[0].sessions)).toBeGreaterThan(0)

    const [next] = await startEngine()
    const back = reader.messages.length
    await reader.until((one) => one.document.health.running && reader.messages.indexOf(one) >= back)
    expect(await end(next, 'SIGTERM')).toBe(0)
  } finally {
    await reader.close()
  }
  expect(await end(dash, 'SIGTERM')).toBe(0)
})

test('a command that serves nothing loads no server', async () => {
  const loader = `data:text/javascript,${encodeURIComponent(
    "export async function load(url, context, next) { if (url.includes('hono')) process.stderr.write('LOADED ' + url + '\\n'); return next(url, context) }",
  )}`
  const register = `data:text/javascript,${encodeURIComponent(
    `import { register } from 'node:module'; register(${JSON.stringify(loader)})`,
  )}`
  for (const args of [['--version'], ['status', '--data', dir]]) {
    const { code, stderr } = await runCcs(args, { env: { NODE_OPTIONS: `--import="${register}"` } })
    expect(code, stderr).toBe(0)
    expect(stderr).not.toContain('LOADED')
  }
})

test('doctor names a broken metric with its place, and the engine still runs', async () => {
  const project = path.join(dir, 'project')
  for (const part of ['sql', 'schemas', 'ccs.yml'])
    cpSync(path.join(ROOT, part), path.join(project, part), { recursive: true })
  const file = path.join(project, 'sql/live/now.sql')
  writeFileSync(file, readFileSync(file, 'utf8').replace('FROM gold.sessions', 'FROM gold.sesions'))
  appendFileSync(path.join(project, 'sql/live/devices.sql'), '\nLIMIT')
  const base = ['--project', project, '--data', path.join(dir, 'data')]
  const doctor = await runCcs(['doctor', '--json', ...base])
  const faults = JSON.parse(doctor.stdout).checks.filter(
    ({ name }: { name: string }) => name === 'live page',
  )
  expect(faults.map(({ detail }: { detail: string }) => detail.split(' ')[0])).toEqual([
    expect.stringMatching(/^sql\/live\/devices\.sql:\d+:\d+:$/),
    expect.stringMatching(/^sql\/live\/now\.sql:\d+:\d+:$/),
  ])
  expect(doctor.code).toBe(5)
  expect((await runCcs(['run', '--once', ...base])).code).toBe(0)
})
