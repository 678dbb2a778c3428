/** Backups by the command line: what is taken comes back, at any time, and damage is told. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { runCcs } from '../e2e/run-ccs.ts'
import { endAll, startNode } from '../fixtures/child.ts'

const DAY_MS = 86_400_000
const START_MS = Date.UTC(2026, 0, 1)

let dir: string
let data: string
let place: string
/** Between the first two thousand records and the rest. */
let between: string

const iso = (ms: number) => new Date(ms).toISOString()

async function ccs(args: readonly string[], where = data) {
  const ran = await runCcs([...args, '--data', where])
  return { ...ran, json: () => JSON.parse(ran.stdout) as Record<string, unknown> }
}

async function gen(day: number, count: number) {
  const [from, to] = [START_MS + day * DAY_MS, START_MS + (day + 1) * DAY_MS].map(iso)
  const range = ['--from', String(from), '--to', String(to), '--count', String(count)]
  expect((await ccs(['gen', '--seed', String(day + 1), ...range])).code).toBe(0)
}

async function countEvents(where: string): Promise<number> {
  const { stdout } = await ccs(
    ['query', 'SELECT count(*) AS n FROM silver.events', '--json'],
    where,
  )
  return Number(JSON.parse(stdout).rows[0].n)
}

async function restore(name: string, ...more: readonly string[]) {
  const target = path.join(dir, name)
  const ran = await ccs(['restore', place, '--json', ...more], target)
  return { target, ran }
}

beforeAll(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'ccs-backup-'))
  data = path.join(dir, 'data')
  place = path.join(dir, 'place')
  await gen(0, 2_000)
  expect((await ccs(['run', '--once'])).code).toBe(0)
  expect((await ccs(['backup', place])).code).toBe(0)
  between = iso(Date.now())
  await gen(1, 1_000)
  expect((await ccs(['backup', place])).code).toBe(0)
})
afterEach(() => endAll())
afterAll(() => rmSync(dir, { recursive: true, force: true }))

test('a second backup copies only what is new', async () => {
  const again = (await ccs(['backup', place, '--json'])).json()
  // The manifest and the snapshot; everything else is there.
  expect(again).toMatchObject({ serial: 1, damage: [], copiedObjects: 2 })
})

test('the newest backup comes back whole, audits, and takes in the rest of its log', async () => {
  const { target, ran } = await restore('newest')
  expect(ran.code).toBe(0)
  expect(ran.json()).toMatchObject({ serial: 1, until: null, partitions: [{ end: 3_000 }] })
  expect(await countEvents(target)).toBe(2_000)
  expect((await ccs(['audit'], target)).code).toBe(0)
  expect((await ccs(['run', '--once'], target)).code).toBe(0)
  expect(await countEvents(target)).toBe(3_000)
  expect((await ccs(['audit'], target)).code).toBe(0)
  for (const check of ['lake', 'log']) expect((await ccs([check, 'verify'], target)).code).toBe(0)
})

test('the state of a time has what was appended before it, and goes on from there', async () => {
  const { target, ran } = await restore('before', '--to', between)
  expect(ran.json()).toMatchObject({ until: between, partitions: [{ end: 2_000 }] })
  expect((await ccs(['run', '--once'], target)).code).toBe(0)
  expect(await countEvents(target)).toBe(2_000)
  expect((await ccs(['audit'], target)).code).toBe(0)
})

test('a time before the first commit gives the log alone, from which rows are made', async () => {
  const { target, ran } = await restore('log-alone', '--to', '2020-01-01')
  expect(ran.json()).toMatchObject({ serial: null, partitions: [{ end: 0 }] })
  expect((await ccs(['run', '--once'], target)).code).toBe(0)
})

test('`backup verify` restores, audits and leaves nothing behind', async () => {
  const verified = await ccs(['backup', 'verify', place, '--json'])
  expect(verified.json()).toMatchObject({ ok: true, audit: { ok: true, serial: 1 } })
  expect(readdirSync(path.join(data, 'tmp'))).toEqual([])
})

test('a directory with files is never overwritten', async () => {
  const ran = await ccs(['restore', place])
  expect(ran.code).toBe(2)
  expect(ran.stderr).toContain('is not empty')
})

test('a place without a backup is told', async () => {
  const ran = await ccs(['restore', path.join(dir, 'elsewhere')], path.join(dir, 'nothing'))
  expect(ran.code).toBe(5)
  expect(ran.stderr).toContain('There is no backup in')
})

test('one flipped bit anywhere in the backup stops the restore, which leaves no directory', async () => {
  const names = readdirSync(place, { recursive: true, encoding: 'utf8', withFileTypes: true })
  const files = names
    .filter((one) => one.isFile())
    .map((one) => path.join(one.parentPath, one.name))
  const newest =
    files
      .filter((one) => one.includes('/snapshots/'))
      .sort()
      .at(-1) ?? ''
  const picked = [
    newest,
    ...['/manifests/', '/log/', '/lake/', '/state/'].flatMap((part) => {
      // The objects of the newest backup: its commit, and the last chunks of its log.
      const some = files.filter((one) => one.includes(part)).sort()
      return some.slice(-1)
    }),
  ]
  for (const [index, file] of picked.entries()) {
    const bytes = readFileSync(file)
    const damaged = Buffer.from(bytes)
    const at = Math.floor(bytes.length / 2)
    damaged.writeUInt8((damaged[at] ?? 0) ^ 4, at)
    writeFileSync(file, damaged)
    const { target, ran } = await restore(`flipped-${index}`)
    writeFileSync(file, bytes)
    expect(ran.code, file).toBe(5)
    expect(() => readdirSync(target), file).toThrow('ENOENT')
  }
  expect((await restore('intact-again')).ran.code).toBe(0)
})

test('old backups are pruned with what only they had; the newest still restores', async () => {
  const other = path.join(dir, 'pruned')
  for (let n = 0; n < 3; n++) expect((await ccs(['backup', other])).code).toBe(0)
  const asked = await ccs(['backup', 'prune', other, '--keep', '1ms', '--json'])
  expect(asked.code).toBe(3)
  expect(asked.json()).toMatchObject({ backups: 2, kept: 1, applied: false })
  const done = await ccs(['backup', 'prune', other, '--keep', '1ms', '--yes', '--json'])
  expect(done.json()).toMatchObject({ backups: 2, kept: 1, applied: true })
  expect((await ccs(['backup', 'ls', other, '--json'])).json()).toMatchObject({ backups: [{}] })
  expect((await ccs(['backup', 'verify', other])).code).toBe(0)
})

test('a running engine keeps backups as ccs.yml asks; the place is relative to the project', async () => {
  const project = path.join(dir, 'project')
  expect((await runCcs(['init', project])).code).toBe(0)
  const config = path.join(project, 'ccs.yml')
  writeFileSync(
    config,
    `${readFileSync(config, 'utf8')}\nbackup: { to: kept, every: 10 seconds }\n`,
  )
  const own = path.join(dir, 'own')
  const engine = startNode('bin/run.js', [
    'run',
    '--port',
    '0',
    '--project',
    project,
    '--data',
    own,
  ])
  const list = async () =>
    (await runCcs(['backup', 'ls', '--json', '--project', project, '--data', own])).stdout
  await expect.poll(list, { timeout: 60_000, interval: 500 }).toContain('"snapshot": "snapshots/')
  engine.kill('SIGTERM')
  expect(await engine.ended).toBe(0)
  expect(readdirSync(path.join(project, 'kept'))).toContain('snapshots')
})
