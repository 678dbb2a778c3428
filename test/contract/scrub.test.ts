/** The scrub of a running engine: finds damage of log, lake and state, and the engine goes on. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { listLakeParts, openScrubProgress } from '../../cli/adapters/lake/scrub-lake.ts'
import { listSegmentParts } from '../../cli/adapters/log/scrub-log.ts'
import { systemClock } from '../../cli/adapters/process/system-clock.ts'
import type { OpenPipeline } from '../../cli/app/pipeline.ts'
import type { Clock } from '../../cli/domain/kernel/clock.ts'
import { displayPath } from '../../cli/domain/lake/damage.ts'
import { Scrub, type ScrubPart } from '../../cli/domain/lake/scrub.ts'
import { RecordBatch } from '../../cli/domain/log/record-batch.ts'
import { flipBit, listTargets } from '../fixtures/bit-flips.ts'
import { seededRandom } from '../fixtures/fault-files.ts'
import { APPEND_MS, drain, makeRecords, makeRig, openRig, RAW } from '../fixtures/pipeline-rig.ts'

const SEGMENT = 'log/events.raw-0/00000000000000000000.log'

let root: string
let open: OpenPipeline

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'ccs-scrub-'))
  const rig = await makeRig(['bronze.events', 'silver.events'])
  const { records } = await makeRecords(rig, 200, 3)
  open = await openRig(rig, root)
  const writer = await open.store.log.writer(RAW, 0, 'test')
  await writer.append(RecordBatch.of(records), APPEND_MS)
  await drain(open)
})
afterEach(async () => {
  await open.close()
  await rm(root, { recursive: true, force: true })
})

/** Time passes only while somebody sleeps; `slept` is how long that was, in ms. */
class FastClock implements Clock {
  slept = 0
  readonly #onSleep: () => void

  constructor(onSleep: () => void = () => {}) {
    this.#onSleep = onSleep
  }

  nowMs = () => APPEND_MS + this.slept
  elapsedMs = () => this.slept
  cpuMs = () => systemClock().cpuMs()
  sleep = async (ms: number) => {
    this.slept += ms
    this.#onSleep()
    await new Promise((resolve) => setImmediate(resolve))
  }
}

async function listParts(pace: (bytes: number) => Promise<void>): Promise<readonly ScrubPart[]> {
  const lake = await listLakeParts(open.store, pace)
  return [...lake, ...(await listSegmentParts(open.store, pace))]
}

/** Scrubs until `isDone`, which is asked whenever the scrub waits. */
async function scrubUntil(
  isDone: (scrub: Scrub) => boolean,
  { list = listParts, isIdle = (): boolean => true } = {},
): Promise<{ readonly scrub: Scrub; readonly notices: readonly string[]; readonly slept: number }> {
  const stop = new AbortController()
  const clock = new FastClock(() => isDone(scrub) && stop.abort())
  const notices: string[] = []
  const progress = openScrubProgress(open.store.files, root)
  const onNotice = (text: string) => void notices.push(text)
  const scrub = new Scrub({ clock, list, progress, isIdle, onNotice })
  await scrub.run(stop.signal)
  return { scrub, notices, slept: clock.slept }
}

/** For a clock that does not stop by itself: a pass and the pause after it. */
const afterOnePass = () => {
  let sleeps = 0
  let last = ''
  return () => {
    const text = (() => {
      try {
        return readFileSync(join(root, 'scrub.json'), 'utf8')
      } catch {
        return ''
      }
    })()
    if (text.includes('"cursor":""') && text === last) sleeps++
    last = text
    return sleeps > 1
  }
}

test('an intact data directory passes, slowly, and the status says when', async () => {
  const { scrub, notices, slept } = await scrubUntil(afterOnePass())
  expect(notices).toEqual([])
  const status = await scrub.status()
  expect(status).toMatchObject({ started: null, damaged: [] })
  expect(status.lastEnd).toMatch(/^2026-/)
  const parts = await listParts(async () => {})
  expect(parts.map(({ path }) => path)).toContain(SEGMENT)
  expect(slept).toBeGreaterThan(10_000)
})

test('a file of a commit that has no place in the tree yet is not missing, nor is one replaced', async () => {
  const { store } = open
  const { lake, manifests, checked } = store
  const base = await manifests.load()
  const [known] = base?.files ?? []
  if (!base || !known) throw new Error('nothing was committed')
  const stage = await lake.stage('next')
  const path = join(stage, 'copy.parquet')
  writeFileSync(path, readFileSync(lake.path(known)))
  const { table, partition, rows } = known
  const sealed = await lake.seal([{ table, partition, path, rows }], 'next')
  const next = { ...base, serial: base.serial + 1, files: [...base.files, ...sealed] }
  await manifests.commit(next)
  const checkAll = async (parts: readonly ScrubPart[]) =>
    (await Promise.all(parts.map((part) => part.check()))).filter((fault) => fault !== undefined)
  // Named by the manifest, and still in the stage.
  const parts = await listParts(async () => {})
  expect(await checkAll(parts)).toEqual([])
  await lake.finalize(next)
  expect(await checkAll(parts)).toEqual([])
  // Replaced since the files were listed.
  const serial = base.serial + 2
  await manifests.commit({ ...next, serial, files: next.files.filter((one) => one !== known) })
  rmSync(lake.path(known))
  await lake.finalize({ ...next, serial, files: next.files.filter((one) => one !== known) })
  expect(await checkAll(parts)).toEqual([])
  for (const file of next.files) expect(checked.isDamaged(file)).toBe(false)
})

test('damage of log, lake and state is reported once, and gone after it was put right', async () => {
  const { store } = open
  const manifest = await store.manifests.load()
  const targets = manifest ? await listTargets(store, manifest) : []
  const random = seededRandom(5)
  const harmed = [
    targets.find(({ file }) => 'table' in file && file.table === 'silver.events'),
    targets.find(({ file }) => 'kind' in file),
  ].flatMap((one) => one ?? [])
  const restore = harmed.map((one) => flipBit(one, random))
  const segment = readFileSync(join(root, SEGMENT))
  writeFileSync(join(root, SEGMENT), segment.subarray(0, segment.length - 100))
  const names = harmed.map(({ file }) => displayPath(file))

  const first = await scrubUntil(afterOnePass())
  expect(first.notices).toHaveLength(3)
  for (const name of [...names, SEGMENT]) expect(first.notices.join('\n')).toContain(name)
  const { damaged } = await first.scrub.status()
  expect(damaged.map(({ file }) => file).sort()).toEqual(
    [SEGMENT, ...names.map((name) => (name.startsWith('state/') ? name : `lake/${name}`))].sort(),
  )
  // Nobody is served from the damaged file, and the engine goes on with others.
  const count = (table: string) => open.engine.query(`SELECT count(*) AS n FROM ${table}`, 0)
  await expect(count('silver.events')).rejects.toMatchObject({ code: 'CCS_LAKE_DAMAGED' })
  expect((await count('bronze.events')).rows).toHaveLength(1)

  for (const one of restore) one()
  writeFileSync(join(root, SEGMENT), segment)
  rmSync(join(root, 'scrub.json'))
  const second = await scrubUntil(afterOnePass())
  expect([second.notices, (await second.scrub.status()).damaged]).toEqual([[], []])
})

test('it goes on after a restart where it was, and waits while the engine has work', async () => {
  const checked: string[] = []
  const list = async (pace: (bytes: number) => Promise<void>) =>
    (await listParts(pace)).map((part) => ({
      ...part,
      check: async () => {
        const fault = await part.check()
        checked.push(part.path)
        return fault
      },
    }))
  await scrubUntil(() => checked.length === 2, { list })
  const before = [...checked].slice(0, 2)
  checked.splice(0)
  const { scrub } = await scrubUntil(() => checked.length === 1, { list })
  expect(before).not.toContain(checked[0])
  expect((await scrub.status()).started).not.toBeNull()

  checked.splice(0)
  let asked = 0
  await scrubUntil(() => asked > 20, { list, isIdle: () => ++asked < 0 })
  expect(checked).toEqual([])
})
