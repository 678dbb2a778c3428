/**
 * Crashes at file system calls of a small but complete pipeline: log, intake, checkpoint, manifest,
 * moving of files, compaction. By default at a seeded sample of the calls; with `npm run
 * test:crash` at every call, with every write torn in three ways.
 */
import { mkdirSync, rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { compactRunning } from '../../cli/app/lake.ts'
import type { OpenPipeline } from '../../cli/app/pipeline.ts'
import { compareTable } from '../../cli/domain/audit/compare-truth.ts'
import { RecordBatch } from '../../cli/domain/log/record-batch.ts'
import { FaultDisk, isCrash, SCRATCH, type When } from '../fixtures/fault-files.ts'
import { IS_WHOLE, sampleNumbers } from '../fixtures/fault-share.ts'
import { computeExpected, findFaults, readFound } from '../fixtures/pipeline-oracle.ts'
import {
  APPEND_MS,
  drain,
  dropStaleLocks,
  makeRecords,
  makeRig,
  openRig,
  queryRows,
  RAW,
  type RecordStream,
  type Rig,
} from '../fixtures/pipeline-rig.ts'

const SEED = Number(process.env.CCS_CRASH_SEED ?? 7)
/** Number of calls that the default run visits. */
const SAMPLE = 12
const MODELS = [
  'bronze.events',
  'silver.events',
  'silver.people',
  'silver.orders',
  'gold.activity_1m',
  'gold.sessions',
]
const GOLD = ['gold.activity_1m', 'gold.sessions']
const RECORDS = 400
const CHUNK = 40
const WAYS = [
  { when: 'during', end: 'powerLoss' },
  { when: 'after', end: 'powerLoss' },
  { when: 'during', end: 'kill' },
] as const satisfies readonly { when: When; end: 'powerLoss' | 'kill' }[]

let dir: string
let rig: Rig
let stream: RecordStream

beforeAll(async () => {
  dir = await mkdtemp(join(SCRATCH, 'ccs-pipeline-crash-'))
  rig = await makeRig(MODELS)
  stream = await makeRecords(rig, RECORDS, SEED)
})

afterAll(async () => {
  await rm(dir, { recursive: true, force: true })
})

interface Life {
  acknowledged: number
  open: OpenPipeline | undefined
}

/** Appends the stream from `life.acknowledged` to `to`. */
async function append(open: OpenPipeline, life: Life, to: number): Promise<void> {
  const writer = await open.store.log.writer(RAW, 0, 'test')
  while (life.acknowledged < to) {
    const some = stream.records.slice(life.acknowledged, Math.min(to, life.acknowledged + CHUNK))
    expect(await writer.append(RecordBatch.of(some), APPEND_MS)).toBe(life.acknowledged)
    life.acknowledged += some.length
  }
  await writer.close()
}

/** Two commits, a compaction, a restart and a third commit. */
async function workload(disk: FaultDisk, root: string, life: Life): Promise<void> {
  life.open = await openRig(rig, root, disk.files)
  await append(life.open, life, RECORDS * 0.3)
  await drain(life.open)
  await append(life.open, life, RECORDS * 0.6)
  await drain(life.open)
  const compacted = await compactRunning(life.open, { filesMax: 1, openFilesMax: 1 })
  expect(compacted.partitions).toBeGreaterThan(0)
  await life.open.close()
  life.open = await openRig(rig, root, disk.files)
  await append(life.open, life, RECORDS * 0.8)
  await drain(life.open)
  await life.open.close()
  life.open = undefined
}

async function crash(disk: FaultDisk, root: string, life: Life): Promise<void> {
  try {
    await workload(disk, root, life)
  } catch (error) {
    if (!isCrash(error)) throw error
  } finally {
    // The engine's memory is lost with its process.
    await life.open?.engine.close().catch(() => undefined)
  }
}

/**
 * Reopens after the crash; rows must equal those of the log and, after the
 * rest of the stream, its Gold.
 */
async function recover(
  root: string,
  life: Life,
  wanted: Record<string, string>,
): Promise<string[]> {
  const dlqSchemas = rig.logic.dlqSchemas
  const open = await openRig(rig, root)
  try {
    const { end } = await open.store.log.range(RAW, 0)
    if (end < life.acknowledged) return [`${life.acknowledged} acknowledged, ${end} in the log`]
    await drain(open)
    const compare = async () =>
      findFaults(
        await computeExpected(open.store.log, rig.logic.rawSchemas),
        await readFound(root, dlqSchemas),
      )
    const faults = await compare()
    if (faults.length > 0) return faults
    life.acknowledged = end
    await append(open, life, RECORDS)
    await drain(open)
    const gold = await queryRows(open, GOLD)
    const wrong = GOLD.filter((table) => gold[table] !== wanted[table])
    return [...(await compare()), ...wrong.map((table) => `${table} is not the log's`)]
  } finally {
    await open.close()
  }
}

/** Gold of the whole stream without a crash, checked against the generator's expected results. */
async function cleanGold(): Promise<Record<string, string>> {
  const root = join(dir, 'clean')
  mkdirSync(root)
  const open = await openRig(rig, root)
  try {
    await append(open, { acknowledged: 0, open }, RECORDS)
    await drain(open)
    for (const { table, rows } of stream.truth.tables.filter((one) =>
      GOLD.includes(one.table.name),
    )) {
      const actual = await open.engine.query(`SELECT * FROM ${table.name}`, APPEND_MS)
      expect(compareTable(table, rows, actual.rows).mismatches, table.name).toBe(0)
    }
    return await queryRows(open, GOLD)
  } finally {
    await open.close()
  }
}

async function countCalls(): Promise<readonly string[]> {
  const root = join(dir, 'dry')
  mkdirSync(root)
  const disk = new FaultDisk(root, { seed: 0 })
  await workload(disk, root, { acknowledged: 0, open: undefined })
  return disk.trace
}

test('after a crash at any file system call, the pipeline loses and doubles nothing', {
  timeout: IS_WHOLE ? 7_200_000 : 180_000,
}, async () => {
  const wanted = await cleanGold()
  const trace = await countCalls()
  const sites = trace.length
  expect(sites).toBeGreaterThan(300)
  const faults: string[] = []
  let cases = 0
  for (const call of sampleNumbers(sites, SAMPLE, SEED)) {
    // Only writes can be torn; other calls crash in one way, as the next call would show the same.
    const isWrite = /^(write|writeFile) /.test(trace[call] ?? '')
    const ways = IS_WHOLE && isWrite ? WAYS : [WAYS[cases % WAYS.length] ?? WAYS[0]]
    for (const { when, end } of ways) {
      const root = join(dir, 'case')
      rmSync(root, { recursive: true, force: true })
      mkdirSync(root)
      const disk = new FaultDisk(root, { seed: SEED * 100_000 + call })
      const life: Life = { acknowledged: 0, open: undefined }
      disk.crashAt(call, when)
      await crash(disk, root, life)
      const where = `${when} call ${call} of ${sites} (${disk.trace[call]}), ${end}, seed ${SEED}`
      await disk[end]()
      dropStaleLocks(root)
      try {
        const found = await recover(root, life, wanted)
        faults.push(...found.map((fault) => `${where}: ${fault}`))
      } catch (error) {
        faults.push(`${where}: ${error instanceof Error ? error.stack : error}`)
      }
      cases++
      if (cases % 100 === 0) console.log(`${cases} crashes, at call ${call} of ${sites}`)
    }
  }
  console.log(
    `crashes: ${cases} cases over ${sites} call sites (seed ${SEED}), ${faults.length} faults`,
  )
  expect(faults).toEqual([])
})
