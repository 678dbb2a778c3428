/**
 * Crashes at file system calls of a pipeline that sets records aside, some of them while it starts
 * over: after the next start the same records are in events.dlq once, and all others in the lake.
 * By default at a seeded sample of the calls; with `npm run test:crash` at every call.
 */
import { mkdirSync, rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { OpenPipeline } from '../../cli/app/pipeline.ts'
import {
  appendEvents,
  findSetAsideFaults,
  makeEvent,
  makeFailingRig,
  openFailing,
} from '../fixtures/failing-shop.ts'
import { FaultDisk, isCrash, SCRATCH, type When } from '../fixtures/fault-files.ts'
import { IS_WHOLE, sampleNumbers } from '../fixtures/fault-share.ts'
import { drain, dropStaleLocks, queryRows, RAW, type Rig } from '../fixtures/pipeline-rig.ts'

const SEED = Number(process.env.CCS_CRASH_SEED ?? 3)
/** Number of calls that the default run visits. */
const SAMPLE = 8
const WAYS = [
  { when: 'during', end: 'powerLoss' },
  { when: 'after', end: 'kill' },
] as const satisfies readonly { when: When; end: 'powerLoss' | 'kill' }[]

/** Two rounds, each appended and committed; a crash may come between any two calls. */
const ROUNDS = [
  { 1: { search_term: 'many' }, 7: { coupon: 'half' }, 8: { coupon: '2147483647' } },
  { 2: { coupon: '1' }, 3: { page_title: 'Garden' }, 4: { search_term: '4' } },
].map((changes: Readonly<Record<number, object>>, round) =>
  Array.from({ length: 10 }, (_, index) => makeEvent(10 * round + index, changes[index])),
)
const FAILING = new Set([1, 7, 12, 13])
const GOLD = ['gold.coupons', 'gold.titles', 'silver.ratings']

let dir: string
let rig: Rig

beforeAll(async () => {
  dir = await mkdtemp(join(SCRATCH, 'ccs-set-aside-crash-'))
  rig = await makeFailingRig()
})
afterAll(async () => {
  await rm(dir, { recursive: true, force: true })
})

interface Life {
  open: OpenPipeline | undefined
}

/** Appends what the log lacks of both rounds, and commits after each. */
async function workload(root: string, life: Life, disk?: FaultDisk): Promise<void> {
  for (const [round, events] of ROUNDS.entries()) {
    life.open = await openFailing(rig, root, [], disk?.files)
    const { end } = await life.open.store.log.range(RAW, 0)
    if (end <= 10 * round) await appendEvents(life.open, events)
    await drain(life.open)
    await life.open.close()
    life.open = undefined
  }
}

async function crash(root: string, disk: FaultDisk): Promise<void> {
  const life: Life = { open: undefined }
  try {
    await workload(root, life, disk)
  } catch (error) {
    if (!isCrash(error)) throw error
  } finally {
    // The engine's memory is lost with its process.
    await life.open?.engine.close().catch(() => undefined)
  }
}

test('after a crash at any file system call, the same records are set aside once', {
  timeout: IS_WHOLE ? 3_600_000 : 180_000,
}, async () => {
  const dry = join(dir, 'dry')
  mkdirSync(dry)
  const counting = new FaultDisk(dry, { seed: 0 })
  await workload(dry, { open: undefined }, counting)
  const trace = counting.trace
  const last = await openFailing(rig, dry)
  const wanted = await queryRows(last, GOLD)
  expect(await findSetAsideFaults(last, rig, dry, FAILING)).toEqual([])
  await last.close()
  const faults: string[] = []
  let cases = 0
  for (const call of sampleNumbers(trace.length, SAMPLE, SEED)) {
    const { when, end } = WAYS[cases++ % WAYS.length] ?? WAYS[0]
    const root = join(dir, 'case')
    rmSync(root, { recursive: true, force: true })
    mkdirSync(root)
    const disk = new FaultDisk(root, { seed: SEED * 100_000 + call })
    disk.crashAt(call, when)
    await crash(root, disk)
    await disk[end]()
    dropStaleLocks(root)
    const life: Life = { open: undefined }
    await workload(root, life)
    const open = await openFailing(rig, root)
    const found = await findSetAsideFaults(open, rig, root, FAILING)
    const rows = await queryRows(open, GOLD)
    await open.close()
    const wrong = GOLD.filter((table) => rows[table] !== wanted[table])
    const where = `${when} call ${call} of ${trace.length} (${trace[call]}), ${end}, seed ${SEED}`
    faults.push(
      ...[...found, ...wrong.map((table) => `${table} is wrong`)].map((one) => `${where}: ${one}`),
    )
  }
  console.log(`set-aside crashes: ${cases} cases over ${trace.length} calls (seed ${SEED})`)
  expect(faults).toEqual([])
})
