/** `ccs sql` with scripts from stdin and with a person at a terminal. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Ran, ROOT, runCcs } from './run-ccs.ts'

let dir: string
let data: string

beforeAll(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'ccs-sql-'))
  data = path.join(dir, 'data')
  // A project of its own, because the history of typed lines is stored beside it.
  for (const name of ['ccs.yml', 'sql', 'schemas'])
    symlinkSync(path.join(ROOT, name), path.join(dir, name))
  const when = ['--from', '2026-03-01', '--to', '2026-03-02', '--count', '500']
  expect((await runCcs(['gen', '--data', data, ...when])).code).toBe(0)
  expect((await runCcs(['run', '--once', '--data', data])).code).toBe(0)
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

const BIN = path.join(ROOT, 'bin/run.js')

function start(command: string, args: readonly string[]): ChildProcess {
  return spawn(command, args, {
    env: { ...process.env, CCS_PROJECT_DIR: dir, CCS_DATA_DIR: data, TERM: 'dumb' },
    timeout: 120_000,
    killSignal: 'SIGKILL',
  })
}

function script(text: string, ...args: string[]): Promise<Ran> {
  const child = start(process.execPath, [BIN, 'sql', ...args])
  const ran = ended(child)
  child.stdin?.end(text)
  return ran
}

function ended(child: ChildProcess): Promise<Ran> {
  let stdout = ''
  let stderr = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, stdout, stderr }))
  })
}

test('a script prints a table per statement, and models with their columns', async () => {
  const { code, stdout, stderr } = await script(
    'SELECT count(*) AS events,\n  1.50::DECIMAL(9, 2) AS price -- a ; here\nFROM silver.events;\n\\d gold.activity_1m\n\\d',
  )
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const lines = stdout.split('\n')
  expect(lines.slice(0, 2)).toEqual(['events  price', '   500   1.50'])
  expect(lines).toContain('window_start  TIMESTAMP')
  // In a file or a pipe nothing is cut.
  expect(lines.find((line) => line.startsWith('silver.orders '))).toMatch(
    /event_id, order_id.*late_ms, event_date$/,
  )
})

test('--json and \\json print a document per line, also for errors', async () => {
  const { code, stdout } = await script(
    "SELECT 1 AS one;\n\\table\nSELECT 2 AS two;\n\\json\nSELECT ';' AS three;\n\\d silver.refunds\n SELECT nope;",
    '--json',
  )
  expect(code).toBe(2)
  const [one, head, two, three, described, fault, end] = stdout.split('\n')
  expect(JSON.parse(one ?? '')).toMatchObject({ from: 'lake', rows: [{ one: 1 }] })
  expect([head, two]).toEqual(['two', '  2'])
  expect(JSON.parse(three ?? '')).toMatchObject({ rows: [{ three: ';' }] })
  expect(JSON.parse(described ?? '').tables[0].columns).toContainEqual({
    name: 'refund_amount',
    type: 'DECIMAL(18,2)',
  })
  expect(JSON.parse(fault ?? '').error).toMatchObject({
    code: 'CCS_QUERY_INVALID',
    location: { file: '<stdin>', line: 7 },
  })
  expect(end).toBe('')
})

test('a script ends at its first error, with its exit code and place', async () => {
  const { code, stdout, stderr } = await script(
    'SELECT 1 AS one;\nSELECT 2 AS two; \\nope\nSELECT 3;',
  )
  expect(code).toBe(2)
  expect(stdout).toBe('one\n  1\ntwo\n  2\n')
  expect(stderr).toContain('There is no command \\nope.')
  expect(stderr).toContain('<stdin>:2')
  expect(await script('')).toEqual({ code: 0, stdout: '', stderr: '' })
  expect(await script('\\q\nSELECT nope;')).toMatchObject({ code: 0, stdout: '' })
})

const ENDLESS = 'SELECT count(*) AS n FROM range(100000000000) a, range(1000000) b;'

test('in a terminal, errors do not end it, Ctrl-C cancels and Ctrl-D quits', async (context) => {
  if (spawnSync('script', ['--version']).status !== 0)
    return context.skip('needs script(1) of util-linux for a terminal')
  const child = start('script', [
    '-qec',
    `stty cols 80; "${process.execPath}" "${BIN}" sql`,
    '/dev/null',
  ])
  const ran = ended(child)
  let seen = ''
  child.stdout?.on('data', (text: string) => {
    seen += text
  })
  /** Types a text once `before` has been printed since the last call. */
  const type = async (before: string | RegExp, text: string) => {
    await expect.poll(() => seen, { timeout: 60_000 }).toMatch(before)
    seen = ''
    child.stdin?.write(text)
  }
  try {
    await type('local> ', 'SELECT 41 + 1\n')
    await type('-> ', 'AS answer;\n')
    await type(/answer[\s\S]*42[\s\S]*1 row[\s\S]*local> /, 'SELECT nope;\n')
    await type(/CCS_QUERY_INVALID[\s\S]*local> /, 'SELECT forget\n')
    await type('-> ', '\u0003')
    await type(/\^C[\s\S]*local> /, `${ENDLESS}\n`)
    // The query must have begun before it can be cancelled.
    await type('range', '')
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    child.stdin?.write('\u0003')
    await type(/Cancelled\.[\s\S]*local> /, 'SELECT 7 AS seven;\n')
    await type(/seven[\s\S]*local> /, '\u0004')
    expect((await ran).code).toBe(0)
  } finally {
    child.kill('SIGKILL')
  }
  const kept = readFileSync(path.join(dir, '.ccs/sql-history'), 'utf8').split('\n')
  expect(kept.slice(0, 2)).toEqual(['SELECT 41 + 1', 'AS answer;'])
  expect(kept).toContain('SELECT 7 AS seven;')
})
