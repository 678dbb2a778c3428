/**
 * Crashes at file system calls of publishing a lake: afterwards a reader finds the former snapshots
 * or the new ones, with all their files, and the next publication makes it whole. By default at a
 * seeded sample of the calls; with `npm run test:crash` at every call.
 */
import { cpSync, existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { publishOpenLake } from '../../cli/adapters/lake/formats/open-lake-folder.ts'
import { openStore } from '../../cli/app/store.ts'
import { OPEN_FORMATS } from '../../cli/domain/config/lake-s3.ts'
import { runCcs } from '../e2e/run-ccs.ts'
import { FaultDisk, isCrash, SCRATCH } from '../fixtures/fault-files.ts'
import { IS_WHOLE, sampleNumbers } from '../fixtures/fault-share.ts'
import { readDucklakeFiles, readIcebergTable } from '../fixtures/open-lake-reader.ts'

const SEED = Number(process.env.CCS_CRASH_SEED ?? 7)
const SAMPLE = 25
const TABLE = ['silver', 'orders'] as const
const NOW_MS = 1_770_000_000_000
const ENDS = ['powerLoss', 'kill'] as const

async function publish(root: string, disk: FaultDisk, nowMs: number): Promise<void> {
  const store = await openStore(root, disk.files)
  try {
    // Of the three snapshots the first is forgotten with the third.
    await publishOpenLake(store, { formats: OPEN_FORMATS, keepMs: 1_500, nowMs })
  } finally {
    await store.log.close().catch(() => undefined)
  }
}

/** The snapshots that both formats show; all of their files must be there. */
async function readSnapshots(root: string): Promise<readonly number[][]> {
  const catalog = `${root}/open-lake/catalog.ducklake`
  const ducklake = existsSync(catalog) ? await readDucklakeFiles(catalog, TABLE) : new Map()
  const iceberg =
    (await readIcebergTable(`${root}/open-lake/iceberg/${TABLE.join('.')}`)) ?? new Map()
  for (const files of [...ducklake.values(), ...iceberg.values()])
    for (const file of files) expect(existsSync(file), file).toBe(true)
  return [[...ducklake.keys()], [...iceberg.keys()]]
}

test('a crash at any call leaves the former version or the new one', {
  timeout: 3_600_000,
}, async () => {
  const dir = await mkdtemp(join(SCRATCH, 'ccs-open-lake-'))
  onTestFinished(() => rm(dir, { recursive: true, force: true }))
  const base = join(dir, 'base')
  const range = ['--from', '2026-03-01', '--to', '2026-03-03', '--partitions', '1']
  const ccs = async (...args: readonly string[]) => {
    const ran = await runCcs([...args, '--data', base])
    expect(ran.code, ran.stderr).toBe(0)
  }
  for (const at of [0, 1, 2]) {
    await ccs('gen', '--seed', `${at}`, '--count', '400', ...range)
    await ccs('run', '--once')
    if (at < 2) await publish(base, new FaultDisk(base, { seed: 0 }), NOW_MS + at * 1_000)
  }
  await ccs('lake', 'compact', '--files-max', '1')
  const former = await readSnapshots(base)
  expect(former).toEqual([
    [1, 2],
    [1, 2],
  ])

  const run = async (root: string, fault: ((disk: FaultDisk) => void) | undefined) => {
    cpSync(base, root, { recursive: true, verbatimSymlinks: true })
    const disk = new FaultDisk(root, { seed: SEED })
    fault?.(disk)
    await publish(root, disk, NOW_MS + 2_000).catch((error: unknown) => {
      if (!isCrash(error)) throw error
    })
    return disk
  }
  const whole = await run(join(dir, 'whole'), undefined)
  const after = await readSnapshots(join(dir, 'whole'))
  expect(after).toEqual([
    [2, 3],
    [2, 3],
  ])
  const calls = IS_WHOLE
    ? Array.from({ length: whole.calls }, (_, at) => at)
    : sampleNumbers(whole.calls, SAMPLE, SEED)
  for (const at of calls)
    for (const end of ENDS) {
      const root = join(dir, `at-${at}-${end}`)
      const disk = await run(root, (one) => one.crashAt(at, 'during'))
      await disk[end]()
      const found = await readSnapshots(root)
      for (const [index, snapshots] of found.entries())
        expect([former[index], after[index]], `call ${at}, ${end}`).toContainEqual(snapshots)
      await publish(root, disk, NOW_MS + 2_000)
      expect(await readSnapshots(root), `call ${at}, ${end}, again`).toEqual(after)
      await rm(root, { recursive: true, force: true })
    }
})
