/** Changing models: what a plan says, what a deployment does to the rows, and that it can be cut off anywhere. */
import { spawn } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { ROOT, runCcs } from './run-ccs.ts'

const temp = mkdtempSync(path.join(tmpdir(), 'ccs-deploy-'))
const fresh = path.join(temp, 'fresh')
const dir = path.join(temp, 'shop')
const base = ['--project', dir, '--data', path.join(dir, 'data')]

beforeAll(async () => {
  for (const part of ['sql', 'schemas', 'ccs.yml'])
    cpSync(path.join(ROOT, part), path.join(dir, part), { recursive: true })
  const dirt = ['--late', '5%', '--duplicates', '5%', '--invalid', '2%']
  const days = ['--from', '2026-03-01', '--to', '2026-03-03', '--count', '8000']
  const made = await ccs('gen', ...days, ...dirt)
  expect(made.code, made.stderr).toBe(0)
  expect((await ccs('run', '--once')).code).toBe(0)
  renameSync(dir, fresh)
})
beforeEach(() => cpSync(fresh, dir, { recursive: true, verbatimSymlinks: true }))
afterEach(() => rmSync(dir, { recursive: true, force: true }))
afterAll(() => rmSync(temp, { recursive: true, force: true }))

function ccs(...args: string[]) {
  return runCcs([...args, ...base])
}

async function rows(sql: string): Promise<Record<string, unknown>[]> {
  const { stdout, stderr, code } = await ccs('query', sql, '--json')
  expect(code, stderr).toBe(0)
  return JSON.parse(stdout).rows
}

function takeFirefoxForBots(text: string): string {
  return text.replace(
    'bot_hint) IS NOT NULL',
    "bot_hint) IS NOT NULL OR coalesce(user_agent LIKE '%Firefox%', FALSE)",
  )
}

function edit(model: string, change: (text: string) => string): void {
  const file = path.join(dir, 'sql', model)
  const before = readFileSync(file, 'utf8')
  const after = change(before)
  expect(after).not.toBe(before)
  writeFileSync(file, after)
}

const addSearches = () =>
  edit('gold/activity_1m.sql', (text) =>
    text.replace(
      'AS cart_adds,',
      "AS cart_adds,\n  count(*) FILTER (WHERE event_type = 'search') AS searches,",
    ),
  )

async function audited(): Promise<void> {
  const audit = await ccs('audit', '--json')
  expect(audit.code, audit.stdout).toBe(0)
}

test('what is as deployed needs nothing, and blanks and comments are no change', async () => {
  edit('gold/activity_1m.sql', (text) => text.replace('-- The', '-- A remark.\n-- The'))
  const plan = await ccs('plan', '--json')
  expect(plan.code).toBe(0)
  expect(JSON.parse(plan.stdout)).toMatchObject({ changes: 0, effect: 'none' })
})

test('a changed Gold model is refused by run, built from Silver by deploy, and then exact', async () => {
  addSearches()
  const plan = await ccs('plan', '--json')
  expect(plan.code).toBe(3)
  expect(JSON.parse(plan.stdout)).toMatchObject({
    steps: [{ action: 'replace', name: 'gold.activity_1m', state: 'build from silver' }],
  })
  const run = await ccs('run', '--once')
  expect(run.code).toBe(3)
  expect(run.stderr).toContain('gold.activity_1m')
  expect((await ccs('deploy', '--yes')).code).toBe(0)
  expect((await ccs('plan')).code).toBe(0)
  const [gold] = await rows('SELECT sum(searches) AS n FROM gold.activity_1m')
  expect(Number(gold?.n)).toBeGreaterThan(0)
  await audited()
})

test('a changed Silver model is rebuilt from the log with all that reads it, and Bronze is what it was', async () => {
  const [before] = await rows(
    'SELECT count(*) AS n, count(DISTINCT event_id) AS ids FROM bronze.events',
  )
  edit('silver/events.sql', takeFirefoxForBots)
  expect((await ccs('deploy', '--yes')).code).toBe(0)
  const [bots] = await rows(
    'SELECT count(*) FILTER (WHERE NOT s.is_bot) AS n FROM silver.events s JOIN bronze.events b USING (topic, partition, "offset") WHERE b.user_agent LIKE \'%Firefox%\'',
  )
  expect(Number(bots?.n)).toBe(0)
  expect(
    await rows('SELECT count(*) AS n, count(DISTINCT event_id) AS ids FROM bronze.events'),
  ).toEqual([before])
  await audited()
  expect((await ccs('gen', '--eps', '1000', '--count', '200')).code).toBe(0)
  expect((await ccs('run', '--once')).code).toBe(0)
  await audited()
})

test('a removed model keeps its rows until somebody says that they may go', async () => {
  rmSync(path.join(dir, 'sql/gold/top_pages_1h.sql'))
  const refused = await ccs('deploy', '--yes')
  expect(refused.code).toBe(2)
  expect(refused.stderr).toContain('--allow-destructive')
  expect((await ccs('deploy', '--yes', '--allow-destructive')).code).toBe(0)
  expect((await ccs('plan')).code).toBe(0)
  expect((await ccs('query', 'SELECT * FROM gold.top_pages_1h')).code).toBe(2)
  await audited()
})

test('a deployment killed at any time leaves all old or all new, and the next one finishes', async () => {
  const old = await rows('SELECT count(*) AS n, sum(events) AS events FROM gold.activity_1m')
  edit('silver/events.sql', takeFirefoxForBots)
  for (const afterMs of [700, 1_100, 1_500, 1_900, 2_300]) {
    const child = spawn(
      process.execPath,
      [path.join(ROOT, 'bin/run.js'), 'deploy', '--yes', ...base],
      { stdio: 'ignore', cwd: ROOT },
    )
    const ended = new Promise((resolve) => child.once('close', resolve))
    setTimeout(() => child.kill('SIGKILL'), afterMs)
    await ended
    const plan = await ccs('plan', '--json')
    expect([0, 3]).toContain(plan.code)
    if (plan.code === 0) break
  }
  expect((await ccs('deploy', '--yes')).code).toBe(0)
  expect((await ccs('plan')).code).toBe(0)
  const now = await rows('SELECT count(*) AS n, sum(events) AS events FROM gold.activity_1m')
  expect(Number(now[0]?.events)).toBeLessThan(Number(old[0]?.events))
  await audited()
})

test('faults of several models come at once, with file, line and column, and nothing is written', async () => {
  edit('gold/top_pages_1h.sql', (text) =>
    text.replace(', event_time), page', ', event_time), pagee'),
  )
  edit('gold/revenue_daily.sql', (text) => text.replace('sum(refund_amount)', 'sum(refund_amont)'))
  const before = readFileSync(path.join(dir, 'data/manifest.json'), 'utf8')
  for (const command of [['plan'], ['deploy', '--yes'], ['run', '--once']]) {
    const { code, stderr } = await ccs(...command)
    expect(code).toBe(2)
    expect(stderr).toMatch(/sql\/gold\/top_pages_1h\.sql:\d+:\d+/)
    expect(stderr).toMatch(/sql\/gold\/revenue_daily\.sql:\d+:\d+/)
    expect(stderr).not.toContain('    at ')
  }
  expect(readFileSync(path.join(dir, 'data/manifest.json'), 'utf8')).toBe(before)
})
