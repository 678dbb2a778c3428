/** A data directory whose log is compressed, by a command or by its engine: nothing else changes. */
import { cpSync, mkdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { openFolderStore } from '../../cli/adapters/backup/folder-store.ts'
import { diskFiles } from '../../cli/adapters/files/files.ts'
import { checkLog } from '../../cli/adapters/log/check-log.ts'
import { openLogFiles } from '../../cli/adapters/log/compress-log.ts'
import { systemClock } from '../../cli/adapters/process/system-clock.ts'
import { runAudit } from '../../cli/app/audit.ts'
import { restoreBackup } from '../../cli/app/backup/restore.ts'
import { takeProjectBackup } from '../../cli/app/backup/take.ts'
import { compressProjectLog } from '../../cli/app/compress-log.ts'
import { openStore } from '../../cli/app/store.ts'
import type { Clock } from '../../cli/domain/kernel/clock.ts'
import { compressIdle, planCompression } from '../../cli/domain/lake/compress-log.ts'
import { LogCompressor } from '../../cli/domain/pipeline/log-compressor.ts'
import {
  damage,
  fillShop,
  isOf,
  loadManifest,
  makeDamagedRig,
  readRows,
  repair,
} from '../fixtures/damaged-shop.ts'
import { FaultDisk, isCrash, SCRATCH } from '../fixtures/fault-files.ts'
import { listNumbers, selectShare } from '../fixtures/fault-share.ts'
import { dropStaleLocks, openRig, type Rig } from '../fixtures/pipeline-rig.ts'

let dir: string
let root: string
let rig: Rig
let wanted: Record<string, string>

beforeAll(async () => {
  dir = await mkdtemp(join(SCRATCH, 'ccs-compressed-shop-'))
  rig = await makeDamagedRig()
  await fillShop(rig, join(dir, 'whole'), 900)
  wanted = await readRows(rig, join(dir, 'whole'))
})
afterAll(() => rm(dir, { recursive: true, force: true }))
beforeEach(() => copyShop())
afterEach(() => rm(root, { recursive: true, force: true }))

function copyShop(): void {
  root = join(dir, 'data')
  cpSync(join(dir, 'whole'), root, { recursive: true, verbatimSymlinks: true })
}

const compress = () => compressProjectLog(rig.project(root), () => {})
const audit = () => runAudit(rig.project(root))
const format = () => /"format": (\d)/.exec(readFileSync(join(root, 'manifest.json'), 'utf8'))?.[1]

async function countCompressed(): Promise<number> {
  const reports = await checkLog(diskFiles(), join(root, 'log'), { committed: [] })
  expect(reports.flatMap((one) => one.damage)).toEqual([])
  return reports.reduce((sum, one) => sum + one.compressed, 0)
}

test('the command compresses all closed segments; an older ccs refuses the directory', async () => {
  const before = await loadManifest(root)
  expect([before.format, format()]).toEqual([1, '1'])
  const result = await compress()
  expect(result.segments).toBeGreaterThan(4)
  expect(result).toMatchObject({ damaged: 0 })
  expect(result.bytesAfter).toBeLessThan(result.bytesBefore / 2)
  expect(await countCompressed()).toBe(result.segments)
  const { format: now, compressedLog, serial, ...rest } = await loadManifest(root)
  expect([now, format(), compressedLog, serial]).toEqual([2, '2', true, before.serial + 1])
  expect({ ...rest, committedMs: 0 }).toMatchObject({ files: before.files, state: before.state })
  expect(await audit()).toMatchObject({ ok: true, faults: [], gaps: [] })
  expect(await readRows(rig, root)).toEqual(wanted)
  expect(await compress()).toMatchObject({ segments: 0 })
  expect((await loadManifest(root)).compressedLog).toBe(true)
})

test('a rebuild from a compressed log gives the same rows, and the log stays marked', async () => {
  await compress()
  await damage(root, isOf('silver.events'), 'changed')
  expect(await repair(rig, root)).toMatchObject({ ok: true, repair: { from: 'log', lost: 0 } })
  expect(await readRows(rig, root)).toEqual(wanted)
  expect(await audit()).toMatchObject({ ok: true, faults: [] })
  expect(await loadManifest(root)).toMatchObject({ compressedLog: true, format: 2 })
})

test('a backup does not copy a segment again that was compressed, and restores it', async () => {
  const place = openFolderStore(diskFiles(), join(root, 'place'))
  const run = { commitAgeMsMax: 0, onDamage: (text: string) => expect.unreachable(text) }
  const first = await takeProjectBackup(rig.project(root), place, run)
  await compress()
  const second = await takeProjectBackup(rig.project(root), place, run)
  expect(second.snapshot.log).toEqual(first.snapshot.log)
  const restored = join(root, 'restored')
  await restoreBackup(place, restored, {})
  expect(await runAudit(rig.project(restored))).toMatchObject({ ok: true, faults: [] })
  expect(await readRows(rig, restored)).toEqual(wanted)
})

test('only segments whose records are committed are compressed, and no small ones', () => {
  const segment = { topic: 'events.raw', partition: 0, from: 0, to: 10, bytes: 20_000 }
  const position = { topic: 'events.raw', partition: 0, nextOffset: 20, maxEventMs: null }
  const manifest = { positions: [position], dlqEnd: 5 }
  const later = { ...segment, from: 10, to: 21 }
  const small = { ...segment, bytes: 1_000 }
  const rejects = { ...segment, topic: 'events.dlq', to: 6 }
  const plan = planCompression(manifest, [segment, later, small, rejects])
  expect(plan).toEqual([segment])
})

/** Time passes only while somebody sleeps. */
class FastClock implements Clock {
  slept = 0
  nowMs = () => this.slept
  elapsedMs = () => this.slept
  cpuMs = () => 0
  sleep = async (ms: number) => {
    this.slept += ms
    await new Promise((resolve) => setImmediate(resolve))
  }
}

test('an idle engine compresses slowly, and commits go on beside it', async () => {
  const open = await openRig(rig, root)
  const stop = new AbortController()
  const clock = new FastClock()
  let isIdle = false
  try {
    const serial = (await loadManifest(root)).serial
    const { pipeline } = open
    const engine: ConstructorParameters<typeof LogCompressor>[0]['engine'] = {
      amend: (change) => pipeline.amend(change),
      runAlone: (work) => pipeline.runAlone(work),
      get manifest() {
        return pipeline.manifest
      },
      get isIdle() {
        return isIdle
      },
    }
    const files = openLogFiles(open.store)
    const onNotice = (text: string) => expect.unreachable(text)
    const alone: typeof pipeline.runAlone = (work) => pipeline.runAlone(work)
    const compressor = new LogCompressor({ clock, engine, files, onNotice, alone })
    const running = compressor.run(stop.signal)
    while (clock.slept < 120_000) await systemClock().sleep(5)
    expect(await countCompressed()).toBe(0)
    isIdle = true
    const plain = await files.listPlain()
    const bytes = plain.reduce((sum, one) => sum + one.bytes, 0)
    const before = clock.slept
    const count = plain.filter((one) => one.bytes > 16_384).length
    await expect.poll(countCompressed, { timeout: 10_000 }).toBe(count)
    // 16 MiB a second.
    expect(count).toBeGreaterThan(4)
    expect(clock.slept - before).toBeGreaterThanOrEqual((1000 * bytes) / 2 ** 24)
    await pipeline.commit()
    expect((await loadManifest(root)).serial).toBeGreaterThan(serial)
    stop.abort()
    await running
  } finally {
    stop.abort()
    await open.close()
  }
  expect(await readRows(rig, root)).toEqual(wanted)
  expect(await audit()).toMatchObject({ ok: true, faults: [] })
})

test('asked for it, a running engine compresses at once', async () => {
  const open = await openRig(rig, root)
  const [one, other] = await Promise.all([open.compressLog(), open.compressLog()])
  await open.close()
  expect(one.segments).toBeGreaterThan(4)
  expect(other.segments).toBe(0)
  expect(await countCompressed()).toBe(one.segments)
})

test('killed at any call, the log is whole, and never compressed unannounced', {
  timeout: 120_000,
}, async () => {
  const run = async (disk: FaultDisk) => {
    const store = await openStore(root, disk.files)
    try {
      await compressIdle(store, openLogFiles(store))
    } finally {
      await store.log.close()
    }
  }
  const dry = new FaultDisk(root, { seed: 0 })
  await run(dry)
  const result = await compress()
  expect(result.segments).toBe(0)
  for (const call of selectShare(listNumbers(dry.calls), 7)) {
    await rm(root, { recursive: true, force: true })
    copyShop()
    mkdirSync(join(root, 'locks'), { recursive: true })
    const disk = new FaultDisk(root, { seed: call })
    disk.crashAt(call, 'during')
    await run(disk).catch((error: unknown) => {
      if (!isCrash(error)) throw error
    })
    await disk.powerLoss()
    dropStaleLocks(root)
    const count = await countCompressed()
    if (count > 0) expect([format(), call]).toEqual(['2', call])
    await compress()
    expect(await countCompressed()).toBeGreaterThan(4)
  }
  expect(await readRows(rig, root)).toEqual(wanted)
})
