/**
 * Publishing Gold: the copy, read to its end, equals Gold, after late events, rebuilds,
 * and crashes of process or machine. At a sample of the file system calls; at all of them
 * with `npm run test:crash`.
 */
import { cpSync, rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { FaultDisk, isCrash, SCRATCH, type When } from '../fixtures/fault-files.ts'
import { IS_WHOLE, sampleNumbers } from '../fixtures/fault-share.ts'
import { FinalizedShop, RandomVisits, type ShopVisit } from '../fixtures/finalized-shop.ts'
import { seeded } from '../fixtures/gate-events.ts'
import { drain, dropStaleLocks, type Rig } from '../fixtures/pipeline-rig.ts'
import { PublishingShop } from '../fixtures/publishing-shop.ts'

const SEED = Number(process.env.CCS_CRASH_SEED ?? 7)
/** Seed of a sequence of steps that covers all cases. */
const STORY = Number(process.env.CCS_SEED ?? 7)
const SAMPLE = 8
const DAY = 1_440

let dir: string
let rig: Rig
let shop: PublishingShop

beforeAll(async () => {
  rig = await FinalizedShop.rig()
})
beforeEach(async () => {
  dir = await mkdtemp(join(SCRATCH, 'ccs-publish-'))
  shop = new PublishingShop(rig, join(dir, 'shop'), seeded(SEED))
})
afterEach(async () => {
  await shop.stop()
})
afterAll(async () => {
  if (dir) await rm(dir, { recursive: true, force: true })
})

const at = (visitor: string, ...minutes: number[]): ShopVisit[] =>
  minutes.map((minute) => ({ minute, visitor }))

test('only changed rows are published; a merged session gets a tombstone', async () => {
  await shop.start()
  await shop.append(0, [...at('ann', 0, 50), ...at('bob', 60)])
  await shop.ingestAll()
  await shop.publish()
  await shop.expectPublished('at first')
  const before = (await shop.readPublished('gold.sessions')).length
  await shop.publish()
  expect((await shop.readPublished('gold.sessions')).length).toBe(before)
  // In a partition of its own and so not late: both visits of ann become one.
  await shop.append(1, at('ann', 25))
  await shop.ingestAll()
  await shop.publish()
  await shop.expectPublished('joined')
  const news = (await shop.readPublished('gold.sessions')).slice(before)
  expect(news.map(({ row }) => row?.anonymous_id ?? null)).toEqual(['ann', null])
  const key = news[1]?.key
  expect(key).toBe(`ann@${Date.parse('2026-01-01T00:50:00Z')}`)
})

test('rows are published when they become final, and again if they are reopened', async () => {
  await shop.start()
  const tenDays = at('ann', ...Array.from({ length: 40 }, (_, index) => (index * DAY) / 4))
  await shop.appendAndCommit(0, tenDays)
  expect(await shop.lakeFiles('gold.sessions')).not.toEqual([])
  await shop.publish()
  await shop.expectPublished('closed before they were published')
  const before = (await shop.readPublished('gold.sessions')).length
  await shop.appendAndCommit(0, at('ann', 11 * DAY))
  await shop.publish()
  await shop.expectPublished('one more')
  expect((await shop.readPublished('gold.sessions')).length).toBeLessThan(before + 4)
  await shop.appendAndCommit(1, [...at('ann', 0.5), ...at('ann', 345)])
  expect(shop.notices).toHaveLength(3)
  await shop.publish()
  await shop.expectPublished('rebuilt')
  await shop.stop()
  await shop.start()
  await shop.publish()
  await shop.expectPublished('after a restart')
})

test('a crash between a rebuild of Gold and its publishing leads to a comparison', async () => {
  await shop.start()
  await shop.appendAndCommit(
    0,
    at('ann', 0, 50, ...Array.from({ length: 16 }, (_, index) => 300 * (index + 1))),
  )
  await shop.publish()
  await shop.appendAndCommit(1, at('ann', 25))
  expect(shop.notices.join()).toContain('gold.sessions: events for final rows')
  await shop.stop()
  await shop.start()
  await shop.publish()
  await shop.expectPublished('joined')
  const gone = (await shop.readPublished('gold.sessions')).filter(({ row }) => !row)
  expect(gone.map(({ key }) => key)).toEqual([`ann@${Date.parse('2026-01-01T00:50:00Z')}`])
})

test('the copy equals Gold after any order of partitions, commits and restarts', async () => {
  const random = seeded(STORY)
  const story = new RandomVisits(random, 4)
  await shop.start()
  for (let round = 0; round < 30; round++) {
    const { partition, visits } = story.next(20)
    await shop.append(partition, visits)
    const commit =
      random() < 0.5 ? shop.ingestAll().then(() => shop.open.pipeline.commit()) : undefined
    if (random() < 0.5) await Promise.all([commit, shop.publish()])
    await commit
    if (random() < 0.5) {
      await shop.ingestAll()
      await shop.publish()
      await shop.expectPublished(`round ${round}, seed ${STORY}`)
    }
    if (random() < 0.25) {
      await shop.stop()
      await shop.start()
      await shop.ingestAll()
    }
  }
  await shop.publish()
  await shop.expectPublished(`at the end, seed ${STORY}`)
  expect(shop.notices.length).toBeGreaterThan(0)
})

test('a copy that cannot be written to only lags and catches up later', async () => {
  const disk = new FaultDisk(dir, { seed: SEED })
  await shop.start(disk.files)
  await shop.appendAndCommit(0, at('ann', 0, 100, 200))
  disk.failWith = ({ path }) => (/gold\.sessions-0.*log$/.test(path) ? 'ENOSPC' : undefined)
  for (const minute of [300, 2 * DAY]) {
    await expect(shop.publish()).rejects.toMatchObject({ code: 'CCS_DISK_FULL' })
    await shop.appendAndCommit(0, at('ann', minute))
  }
  disk.failWith = undefined
  await shop.publish()
  await shop.expectPublished('again')
})

test('after a lost or damaged journal, a comparison deletes stale rows', async () => {
  await shop.start()
  await shop.append(0, at('ann', 0, 50))
  await shop.ingestAll()
  await shop.publish()
  await shop.stop()
  rmSync(join(dir, 'shop/published.ndjson'))
  await shop.start()
  await shop.append(1, at('ann', 25))
  await shop.ingestAll()
  await shop.publish()
  await shop.expectPublished('joined after the journal was lost')
})

const WAYS = [
  { when: 'during', end: 'powerLoss' },
  { when: 'after', end: 'powerLoss' },
  { when: 'during', end: 'kill' },
] as const satisfies readonly { when: When; end: 'powerLoss' | 'kill' }[]

/** New rows, merged sessions, final rows and a rebuild, each published, some beside a commit. */
async function workload(publisher: PublishingShop, disk: FaultDisk): Promise<void> {
  await publisher.start(disk.files)
  await publisher.ingestAll()
  await publisher.publish()
  await publisher.append(0, [...at('bob', 5 * DAY, 5 * DAY + 50), ...at('eve', 5 * DAY + 51)])
  await publisher.ingestAll()
  await publisher.publish()
  await publisher.append(1, at('bob', 5 * DAY + 25))
  await publisher.ingestAll()
  await Promise.all([publisher.open.pipeline.commit(), publisher.publish()])
  await publisher.append(0, at('eve', 20 * DAY))
  await publisher.append(1, at('eve', 21 * DAY))
  await publisher.ingestAll()
  await publisher.open.pipeline.commit()
  await publisher.publish()
  await publisher.append(2, at('ann', 0.5, 301))
  await publisher.ingestAll()
  await publisher.open.pipeline.commit()
  await publisher.publish()
  await publisher.stop()
}

test('after a crash at any file system call, the next start completes the copy', {
  timeout: IS_WHOLE ? 7_200_000 : 300_000,
}, async () => {
  const base = join(dir, 'base')
  const first = new PublishingShop(rig, base, seeded(SEED))
  await first.start()
  await first.appendAndCommit(
    0,
    at('ann', 0, 50, ...Array.from({ length: 16 }, (_, index) => (index + 1) * 300)),
  )
  await first.publish()
  await first.stop()
  const root = join(dir, 'case')
  const copyOfBase = () => {
    rmSync(root, { recursive: true, force: true })
    cpSync(base, root, { recursive: true, verbatimSymlinks: true })
  }
  copyOfBase()
  const dry = new FaultDisk(root, { seed: 0 })
  // Seeds of their own: ids that the base has already would be duplicates.
  const trial = new PublishingShop(rig, root, seeded(SEED + 1))
  await workload(trial, dry)
  expect(trial.notices.length).toBeGreaterThan(0)
  const { trace } = dry
  const faults: string[] = []
  let cases = 0
  for (const call of sampleNumbers(trace.length, SAMPLE, SEED)) {
    const { when, end } = WAYS[cases++ % WAYS.length] ?? WAYS[0]
    copyOfBase()
    const disk = new FaultDisk(root, { seed: SEED * 100_000 + call })
    disk.crashAt(call, when)
    await crash(new PublishingShop(rig, root, seeded(SEED + 1)), disk)
    await disk[end]()
    dropStaleLocks(root)
    try {
      await recover(new PublishingShop(rig, root, seeded(SEED + 2)))
    } catch (error) {
      const where = `${when} call ${call} of ${trace.length} (${trace[call]}), ${end}, seed ${SEED}`
      faults.push(`${where}: ${error instanceof Error ? error.stack : error}`)
    }
  }
  console.log(`crashes: ${cases} cases over ${trace.length} call sites (seed ${SEED})`)
  expect(faults).toEqual([])
})

async function crash(publisher: PublishingShop, disk: FaultDisk): Promise<void> {
  try {
    await workload(publisher, disk)
  } catch (error) {
    if (!isCrash(error)) throw error
  } finally {
    // The engine's memory is lost with its process.
    await publisher.stop().catch(() => undefined)
  }
}

async function recover(publisher: PublishingShop): Promise<void> {
  await publisher.start()
  try {
    // Two published sessions merge before anything else is published.
    await publisher.append(3, [...at('ann', 25), ...at('bob', 5 * DAY + 25)])
    await drain(publisher.open)
    await publisher.publish()
    await publisher.expectPublished('after the crash')
  } finally {
    await publisher.stop()
  }
}
