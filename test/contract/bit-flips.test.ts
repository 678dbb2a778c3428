/**
 * A flipped bit in a file of the lake or of the engine's state is always found, and no row of the
 * file is served. `npm run test:crash` asks a query after each of the thousand flips.
 */
import { rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { diskFiles } from '../../cli/adapters/files/files.ts'
import { CheckedFiles } from '../../cli/adapters/lake/checked-files.ts'
import type { Store } from '../../cli/adapters/lake/data-store.ts'
import { openStore } from '../../cli/app/store.ts'
import { displayPath } from '../../cli/domain/lake/damage.ts'
import type { Manifest } from '../../cli/domain/lake/manifest.ts'
import { verifyLake } from '../../cli/domain/lake/verify.ts'
import { RecordBatch } from '../../cli/domain/log/record-batch.ts'
import { answer, flipBit, listTargets, type Target } from '../fixtures/bit-flips.ts'
import { seededRandom } from '../fixtures/fault-files.ts'
import { listNumbers, selectShare } from '../fixtures/fault-share.ts'
import {
  APPEND_MS,
  drain,
  makeRecords,
  makeRig,
  openRig,
  RAW,
  type Rig,
} from '../fixtures/pipeline-rig.ts'

const FLIPS = 1_000
const MODELS = ['bronze.events', 'silver.events', 'silver.people', 'gold.activity_1m']

let root: string
let rig: Rig
let store: Store
let manifest: Manifest
let targets: readonly Target[]

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'ccs-bit-flips-'))
  rig = await makeRig(MODELS, { mergeSizeMin: 20, closedRowsMin: 1, sliceSize: 50_000 })
  const { records } = await makeRecords(rig, 1_500, 11)
  const open = await openRig(rig, root)
  const writer = await open.store.log.writer(RAW, 0, 'test')
  await writer.append(RecordBatch.of(records), APPEND_MS)
  await drain(open)
  await open.close()
  store = await openStore(root)
  const loaded = await store.manifests.load()
  if (!loaded) throw new Error('nothing was committed')
  manifest = loaded
  targets = await listTargets(store, manifest)
})

afterAll(async () => {
  await store.log.close()
  await rm(root, { recursive: true, force: true })
})

function sqlOf({ file }: Target): string {
  return `SELECT count(*) AS n FROM ${'table' in file ? file.table : 'silver.events'}`
}

async function findDamage(): Promise<readonly string[]> {
  const { lake } = store
  const { damaged } = await verifyLake({
    ...{ load: async () => manifest, lake, rows: async () => Number.NaN },
    stateDir: `${root}/state`,
  })
  return damaged.filter(({ fault }) => !fault.includes('rows')).map(({ file }) => file)
}

test('of a thousand flipped bits all are found, and none is served', async () => {
  const random = seededRandom(2026)
  const asked = new Set(selectShare(listNumbers(FLIPS), 40))
  const named = new Set<string>()
  for (const number of listNumbers(FLIPS)) {
    const target = targets[Math.floor(random() * targets.length)]
    if (!target) throw new Error('the lake has no file')
    const name = displayPath(target.file)
    named.add(name)
    const restore = flipBit(target, random)
    expect(await findDamage(), `flip ${number}`).toEqual([name])
    if (asked.has(number)) {
      const served = await answer(rig, root, sqlOf(target))
      const message = expect.stringContaining(name)
      expect(served, `flip ${number}`).toMatchObject({ code: 'CCS_LAKE_DAMAGED', message })
    }
    restore()
  }
  expect(named.size).toBe(targets.length)
  expect(await findDamage()).toEqual([])
  const table = 'silver.events'
  const rows = manifest.files.reduce((sum, one) => sum + (one.table === table ? one.rows : 0), 0)
  expect(await answer(rig, root, `SELECT count(*) AS n FROM ${table}`)).toEqual([{ n: rows }])
})

test('only tables with damaged files are not served', async () => {
  const target = targets.find(({ file }) => 'table' in file && file.table === 'bronze.events')
  if (!target) throw new Error('Bronze has no file')
  const restore = flipBit(target, seededRandom(1))
  const rows = await answer(rig, root, 'SELECT count(*) > 0 AS some FROM silver.events')
  expect(rows).toEqual([{ some: true }])
  restore()
})

test('a mark stands for an intact file until the file is changed, or a week is over', async () => {
  const [target] = targets
  if (!target || !('name' in target.file)) throw new Error('the lake has no file')
  const { file, path } = target
  let nowMs = APPEND_MS
  let reads = 0
  const open = () =>
    new CheckedFiles({
      ...{ files: diskFiles(), root, nowMs: () => nowMs, worthBytes: 0 },
      check: (wanted, at) => {
        reads++
        return store.lake.check(wanted, at)
      },
    })
  const first = open()
  expect(await first.check(file, path)).toBeUndefined()
  await first.saveMarks()
  expect(await open().check(file, path)).toBeUndefined()
  expect(reads).toBe(1)
  const restore = flipBit(target, seededRandom(3))
  expect(await open().check(file, path)).toBe('has other bytes than were written')
  restore()
  const second = open()
  expect(await second.check(file, path)).toBeUndefined()
  await second.saveMarks()
  expect(reads).toBe(3)
  nowMs += 8 * 86_400_000
  expect(await open().check(file, path)).toBeUndefined()
  expect(reads).toBe(4)
  rmSync(join(root, 'checked.json'))
})
