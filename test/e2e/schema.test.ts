/** Which changes of schemas are accepted and which are refused, with places and reasons. */
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ROOT, runCcs } from './run-ccs.ts'

let dir: string

beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'ccs-schema-'))
  for (const part of ['sql', 'schemas', 'ccs.yml'])
    cpSync(path.join(ROOT, part), path.join(dir, part), { recursive: true })
})

afterEach(() => rmSync(dir, { recursive: true, force: true }))

function ccs(...args: string[]) {
  return runCcs([...args, '--project', dir, '--data', path.join(dir, 'data')])
}

function edit(change: (text: string) => string, file = 'schemas/events.raw.avsc'): void {
  const before = readFileSync(path.join(dir, file), 'utf8')
  const after = change(before)
  expect(after).not.toBe(before)
  writeFileSync(path.join(dir, file), after)
}

/** Keeps the schema in force as the next version. */
function keep(): void {
  cpSync(
    path.join(dir, 'schemas/events.raw.avsc'),
    path.join(dir, 'schemas/history/events.raw/3.id99.avsc'),
  )
}

const withoutTitle = (text: string) => text.replace(/.*"name": "page_title".*\n/, '')
const withoutLogin = (text: string) =>
  text.replace(', "login"', '').replace(/,\s*"login": \["customer_id"\]/, '')
const withShelf = (text: string) =>
  text.replace(
    '{ "name": "coupon"',
    '{ "name": "shelf", "type": ["null", "string"], "default": null },\n    { "name": "coupon"',
  )

/** Paths of the fields that break in a mode, by topic. */
async function listBreaks(mode: string): Promise<Record<string, readonly string[]>> {
  const { topics } = JSON.parse((await ccs('schema', 'check', '--mode', mode, '--json')).stdout)
  const broken = topics.filter((one: { breaks: readonly unknown[] }) => one.breaks.length > 0)
  return Object.fromEntries(
    broken.map((one: { topic: string; breaks: readonly { path: string }[] }) => [
      one.topic,
      one.breaks.map(({ path: field }) => field),
    ]),
  )
}

/** An older reader of rejects does not know the reason model_failed. */
const NEW_REASON = { 'events.dlq': ['reason'] }

test("the project's own schemas read all records; only a reason of rejects is new", async () => {
  const { code, stdout, stderr } = await ccs('schema', 'check', '--json')
  expect(code, stderr).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({ ok: true, mode: 'BACKWARD_TRANSITIVE' })
  expect(await listBreaks('FULL_TRANSITIVE')).toEqual(NEW_REASON)
  const { topics } = JSON.parse((await ccs('schema', 'list', '--json')).stdout)
  const raw = topics.find((one: { topic: string }) => one.topic === 'events.raw')
  expect(raw).toMatchObject({
    subject: 'events.raw-value',
    versions: [
      { version: 1, id: 1 },
      { version: 2, id: 20, fingerprint: raw.fingerprint },
    ],
  })
  expect(raw.fields).toContainEqual({ path: 'items[].sku', type: 'string' })
})

test('a removed field that models read is a break; plan and deploy refuse it', async () => {
  edit(withoutTitle)
  const check = await ccs('schema', 'check')
  expect(check.code).toBe(5)
  expect(check.stdout).toContain('Field page_title is gone, but bronze.events may use it.')
  expect(check.stdout).toMatch(/schemas\/history\/events\.raw\/2\.id20\.avsc:\d+:\d+/)
  expect(check.stdout).toMatch(
    /bronze\.events \(sql\/bronze\/events\.sql:\d+:\d+\).*silver\.page_view/,
  )
  keep()
  for (const command of [['plan'], ['deploy', '--yes'], ['run', '--once']]) {
    const { code, stderr } = await ccs(...command)
    expect(code).toBe(5)
    expect(stderr).toContain('CCS_SCHEMA_BREAKS')
    expect(stderr).toContain('page_title')
  }
  expect(existsSync(path.join(dir, 'data'))).toBe(false)
})

test('a removed symbol is a break at the enum, with what may use it', async () => {
  edit(withoutLogin)
  keep()
  const { code, stdout } = await ccs('schema', 'check', '--json')
  expect(code).toBe(5)
  const result = JSON.parse(stdout)
  const raw = result.topics.find((one: { topic: string }) => one.topic === 'events.raw')
  expect(result.ok).toBe(false)
  expect(raw.breaks).toMatchObject([
    {
      rule: 'symbol',
      path: 'event_type',
      message: 'Field event_type: login is unknown to the reader.',
      versions: [1, 2],
      location: { file: 'schemas/events.raw.avsc', line: 22 },
    },
  ])
  const uses = raw.breaks[0].uses.map((one: { name: string }) => one.name)
  expect(uses).toEqual(expect.arrayContaining(['gold.sessions', 'live.latest_events']))
  const plan = await ccs('plan', '--json')
  expect(plan.code).toBe(5)
  expect(JSON.parse(plan.stdout).error).toMatchObject({
    code: 'CCS_SCHEMA_BREAKS',
    location: { line: 22 },
  })
})

test('an additive change is accepted, also while there are events', async () => {
  expect((await ccs('gen', '--eps', '1000', '--count', '200')).code).toBe(0)
  expect((await ccs('run', '--once')).code).toBe(0)
  edit(withShelf)
  const unkept = await ccs('schema', 'check')
  expect(unkept.code, unkept.stderr).toBe(0)
  expect(unkept.stdout).toMatch(
    /cp schemas\/events\.raw\.avsc schemas\/history\/events\.raw\/3\.id21\.avsc/,
  )
  const diff = await ccs('schema', 'diff', 'events.raw', '--json')
  expect(JSON.parse(diff.stdout)).toMatchObject({
    topics: [
      {
        topic: 'events.raw',
        from: 2,
        changes: [{ path: 'shelf', change: 'added', category: 'additive' }],
      },
    ],
  })
  keep()
  expect(await listBreaks('FULL_TRANSITIVE')).toEqual(NEW_REASON)
  expect((await ccs('plan')).code).toBe(3)
  expect((await ccs('deploy', '--yes')).code).toBe(0)
  expect((await ccs('gen', '--eps', '1000', '--count', '100')).code).toBe(0)
  expect((await ccs('run', '--once')).code).toBe(0)
  const { stdout } = await ccs('query', 'SELECT count(*) AS n FROM bronze.events', '--json')
  expect(JSON.parse(stdout).rows).toEqual([{ n: 300 }])
})

test('removing an unused field is accepted; a wrong mode or topic is an error', async () => {
  edit(withShelf)
  cpSync(
    path.join(dir, 'schemas/events.raw.avsc'),
    path.join(dir, 'schemas/history/events.raw/3.id99.avsc'),
  )
  edit((text) => text.replace(/.*"name": "shelf".*\n/, ''))
  const check = await ccs('schema', 'check')
  expect(check.code, check.stdout).toBe(0)
  expect((await ccs('schema', 'check', '--mode', 'SIDEWAYS')).code).toBe(2)
  const diff = await ccs('schema', 'diff', 'events.row')
  expect(diff.code).toBe(2)
  expect(diff.stderr).toContain('events.raw')
})

test('the generated types match the schemas, and are written only if changed', async () => {
  const out = path.join(dir, 'contracts.ts')
  const first = await ccs('schema', 'types', '--out', out, '--json')
  expect(JSON.parse(first.stdout)).toMatchObject({
    topics: ['events.raw', 'events.dlq'],
    changed: true,
  })
  expect(readFileSync(out, 'utf8')).toBe(
    readFileSync(path.join(ROOT, 'cli/domain/events/contracts.ts'), 'utf8'),
  )
  expect(JSON.parse((await ccs('schema', 'types', '--out', out, '--json')).stdout).changed).toBe(
    false,
  )
  expect((await ccs('schema', 'types', 'silver.orders')).stdout).toContain(
    'export interface SilverOrders {',
  )
})
