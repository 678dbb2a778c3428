/**
 * Crashes at file-system calls of a commit that rebuilds Gold and removes its earlier files from the lake:
 * by default at some of the calls, with `npm run test:crash` at every one.
 */
import { cpSync, rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { FaultDisk, isCrash, SCRATCH, type When } from '../fixtures/fault-files.ts'
import { IS_WHOLE, sampleNumbers } from '../fixtures/fault-share.ts'
import { FinalizedShop } from '../fixtures/finalized-shop.ts'
import { seeded } from '../fixtures/gate-events.ts'
import { drain, dropStaleLocks, type Rig } from '../fixtures/pipeline-rig.ts'

const SEED = Number(process.env.CCS_CRASH_SEED ?? 7)
/** Call sites that the default run visits. */
const SAMPLE = 6
const WAYS = [
  { when: 'during', end: 'powerLoss' },
  { when: 'after', end: 'powerLoss' },
  { when: 'during', end: 'kill' },
] as const satisfies readonly { when: When; end: 'powerLoss' | 'kill' }[]
const EVENTS = 30

let dir: string
let rig: Rig

/** `base` is a shop with closed rows, and a partition in the log that the engine has not read yet. */
beforeAll(async () => {
  dir = await mkdtemp(join(SCRATCH, 'ccs-reopen-crash-'))
  rig = await FinalizedShop.rig()
  const shop = new FinalizedShop(rig, join(dir, 'base'), seeded(SEED))
  await shop.start()
  const visitor = 'ann'
  const visits = Array.from({ length: EVENTS }, (_, index) => ({ minute: index * 300, visitor }))
  await shop.appendAndCommit(0, visits)
  await shop.append(1, [{ minute: 0.5, visitor }])
  await shop.stop()
})

afterAll(async () => {
  await rm(dir, { recursive: true, force: true })
})

function copyOfBase(): string {
  const root = join(dir, 'case')
  rmSync(root, { recursive: true, force: true })
  cpSync(join(dir, 'base'), root, { recursive: true, verbatimSymlinks: true })
  return root
}

async function workload(shop: FinalizedShop, disk: FaultDisk): Promise<void> {
  await shop.start(disk.files)
  await drain(shop.open)
  await shop.stop()
}

async function crash(shop: FinalizedShop, disk: FaultDisk): Promise<void> {
  try {
    await workload(shop, disk)
  } catch (error) {
    if (!isCrash(error)) throw error
  } finally {
    // A real crash would end the engine's memory with its process.
    await shop.stop().catch(() => undefined)
  }
}

async function recover(root: string): Promise<void> {
  const shop = new FinalizedShop(rig, root, seeded(SEED))
  await shop.start()
  try {
    await drain(shop.open)
    const silver = await shop.open.engine.query('SELECT count(*) AS n FROM silver.people', 0)
    expect(silver.rows).toEqual([{ n: EVENTS + 1 }])
    await shop.expectGold('after the crash')
  } finally {
    await shop.stop()
  }
}

test('a crash at any file-system call of a rebuild neither loses nor doubles events', {
  timeout: IS_WHOLE ? 3_600_000 : 180_000,
}, async () => {
  const dry = copyOfBase()
  const { trace, shop } = await countCalls(dry)
  expect(shop.notices).toHaveLength(3)
  const faults: string[] = []
  let cases = 0
  for (const call of sampleNumbers(trace.length, SAMPLE, SEED)) {
    const { when, end } = WAYS[cases++ % WAYS.length] ?? WAYS[0]
    const root = copyOfBase()
    const disk = new FaultDisk(root, { seed: SEED * 100_000 + call })
    disk.crashAt(call, when)
    await crash(new FinalizedShop(rig, root, seeded(SEED)), disk)
    const where = `${when} call ${call} of ${trace.length} (${disk.trace[call]}), ${end}, seed ${SEED}`
    await disk[end]()
    dropStaleLocks(root)
    try {
      await recover(root)
    } catch (error) {
      faults.push(`${where}: ${error instanceof Error ? error.stack : error}`)
    }
  }
  console.log(`crashes: ${cases} cases over ${trace.length} call sites (seed ${SEED})`)
  expect(faults).toEqual([])
})

async function countCalls(root: string) {
  const disk = new FaultDisk(root, { seed: 0 })
  const shop = new FinalizedShop(rig, root, seeded(SEED))
  await workload(shop, disk)
  return { trace: disk.trace, shop }
}
