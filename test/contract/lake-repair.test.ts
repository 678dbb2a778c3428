/** `ccs lake verify --repair`: damaged files are made again, and what is lost is said and counted. */
import { cpSync, readdirSync, rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { runAudit } from '../../cli/app/audit.ts'
import {
  damage,
  fillShop,
  isOf,
  loadManifest,
  makeDamagedRig,
  readRows,
  repair,
} from '../fixtures/damaged-shop.ts'
import { SCRATCH } from '../fixtures/fault-files.ts'
import type { Rig } from '../fixtures/pipeline-rig.ts'

const RECORDS = 900

let dir: string
let root: string
let rig: Rig
let wanted: Record<string, string>

beforeAll(async () => {
  dir = await mkdtemp(join(SCRATCH, 'ccs-lake-repair-'))
  rig = await makeDamagedRig()
  await fillShop(rig, join(dir, 'whole'), RECORDS)
  wanted = await readRows(rig, join(dir, 'whole'))
})
afterAll(() => rm(dir, { recursive: true, force: true }))
beforeEach(() => {
  root = join(dir, 'data')
  cpSync(join(dir, 'whole'), root, { recursive: true, verbatimSymlinks: true })
})
afterEach(() => rm(root, { recursive: true, force: true }))

const audit = () => runAudit(rig.project(root))

test('an intact lake is left alone', async () => {
  const before = await loadManifest(root)
  expect(await repair(rig, root)).toMatchObject({ ok: true, damaged: [], repair: null })
  expect(await loadManifest(root)).toEqual(before)
})

test('Bronze, Silver and state are rebuilt from a whole log: the same rows', async () => {
  await damage(root, isOf('bronze.events'), 'deleted')
  await damage(root, isOf('silver.events'), 'changed')
  await damage(root, (file) => 'kind' in file && file.kind === 'seen', 'changed')
  const result = await repair(rig, root)
  expect(result).toMatchObject({ ok: true, damaged: [], repair: { applied: true, from: 'log' } })
  expect(result.repair).toMatchObject({ lost: 0, lostDays: [], models: [] })
  expect(await readRows(rig, root)).toEqual(wanted)
  expect(await audit()).toMatchObject({ ok: true, faults: [], gaps: [] })
})

test('damaged Gold is computed again from Silver, and nothing else is touched', async () => {
  const { files } = await loadManifest(root)
  await damage(root, isOf('gold.activity_1m'), 'deleted')
  await damage(root, (file) => 'kind' in file && file.kind === 'gold', 'changed')
  const models = ['gold.activity_1m']
  expect((await repair(rig, root)).repair).toMatchObject({ applied: true, from: 'silver', models })
  const isStored = ({ table }: { readonly table: string }) => !table.startsWith('gold.')
  expect((await loadManifest(root)).files.filter(isStored)).toEqual(files.filter(isStored))
  expect(await readRows(rig, root)).toEqual(wanted)
  expect(await audit()).toMatchObject({ ok: true, faults: [] })
})

test('records that only a damaged file of Bronze had are given up by name, and counted', async () => {
  const log = join(root, 'log/events.raw-0')
  const segments = readdirSync(log).filter((name) => name.endsWith('.log'))
  rmSync(join(log, segments.sort()[0] ?? ''))
  const before = await loadManifest(root)
  for (const { name } of before.files.filter(isOf('bronze.events')))
    await damage(root, (file) => 'name' in file && file.name === name, 'changed')
  const refused = { code: 'CCS_LAKE_DAMAGED', message: expect.stringMatching(/give up \d+ commi/) }
  await expect(repair(rig, root)).rejects.toMatchObject(refused)
  expect(await loadManifest(root)).toEqual(before)

  const { repair: done } = await repair(rig, root, { mayLoseRows: true })
  const { lost = 0, lostDays = [], log: parts = [] } = done ?? {}
  expect(lost).toBeGreaterThan(0)
  expect(lostDays.length).toBeGreaterThan(0)
  const after = await audit()
  expect(after).toMatchObject({ ok: true, faults: [] })
  const given = after.log.reduce((sum, one) => sum + one.lost, 0)
  const gaps = after.gaps.reduce((sum, { from, to }) => sum + to - from, 0)
  expect(given + gaps).toBe(lost)
  expect(parts.length === 0 ? gaps : given).toBe(lost)
  expect((await loadManifest(root)).counts.records).toBe(before.counts.records - lost)
})
