/**
 * Retention over a simulated year beside a twin that keeps everything: the log stays as large as a
 * month, all adds up, and no number of any day differs. And crashes while a running engine prunes.
 */
import { cpSync, readdirSync, rmSync, statSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runAudit } from '../../cli/app/audit.ts'
import { pruneProjectLog } from '../../cli/app/log.ts'
import type { Retention } from '../../cli/domain/config/retention.ts'
import { runCcs } from '../e2e/run-ccs.ts'
import { AgingShop, DAY_MS } from '../fixtures/aging-shop.ts'
import { FaultDisk, isCrash, SCRATCH, type When } from '../fixtures/fault-files.ts'
import { sampleNumbers } from '../fixtures/fault-share.ts'
import { dropStaleLocks, makeRig, type Rig } from '../fixtures/pipeline-rig.ts'
import { readManifest } from '../fixtures/tamper.ts'

const MONTH_DAYS = 30
const MONTHS = 12
const RETENTION: Retention = { rawMs: MONTH_DAYS * DAY_MS, dlqMs: MONTH_DAYS * DAY_MS }
/** All that has a number of a day, and what dbt's marts are built from. */
const DAILY = [
  ...['gold.revenue_daily', 'gold.campaign_daily', 'gold.device_daily', 'gold.funnel_daily'],
  ...['gold.revenue_by_category_daily', 'gold.sessions'],
  ...['silver.orders', 'silver.order_items', 'silver.people', 'bronze.events'],
]

let dir: string
let rig: Rig

beforeAll(async () => {
  dir = await mkdtemp(join(SCRATCH, 'ccs-prune-year-'))
  rig = await makeRig()
})
afterAll(() => rm(dir, { recursive: true, force: true }))

/** Bytes and files of the log's segments. */
function measureLog(root: string): { readonly bytes: number; readonly segments: number } {
  const files = ['events.raw-0', 'events.dlq-0'].flatMap((partition) =>
    readdirSync(join(root, 'log', partition))
      .filter((name) => name.endsWith('.log'))
      .map((name) => statSync(join(root, 'log', partition, name)).size),
  )
  return { bytes: files.reduce((sum, bytes) => sum + bytes, 0), segments: files.length }
}

test('a year with a retention of 30 days', { timeout: 600_000 }, async () => {
  const shop = new AgingShop(rig, join(dir, 'pruned'), RETENTION)
  const twin = new AgingShop(rig, join(dir, 'twin'))
  const months: { bytes: number; segments: number }[] = []
  for (let month = 0; month < MONTHS; month++) {
    for (const one of [shop, twin]) {
      await one.appendAfter(month * MONTH_DAYS, MONTH_DAYS)
      await one.run()
    }
    months.push(measureLog(shop.root))
    if (month % 6 !== 5) continue
    const audit = await runAudit(shop.project)
    expect(audit).toMatchObject({ ok: true, faults: [], gaps: [] })
    // The last 31 days and the day at their border stay.
    expect(audit.log[0]?.pruned).toBe((month * MONTH_DAYS - 2) * 5)
    expect(audit.models[0]).toMatchObject({ in: (month + 1) * 150, remainder: 0 })
  }
  const [, second, ...later] = months
  for (const month of later) {
    expect(month.segments).toBe(second?.segments)
    expect(month.bytes).toBeLessThan(1.02 * (second?.bytes ?? 0))
  }
  expect(measureLog(twin.root).bytes).toBeGreaterThan(10 * (months.at(-1)?.bytes ?? 0))
  expect(await shop.rows(DAILY)).toEqual(await twin.rows(DAILY))
})

test('after a rebuild that may lose rows, rejects are written again and all adds up', {
  timeout: 120_000,
}, async () => {
  const days = { rawMs: 4 * DAY_MS, dlqMs: 2 * DAY_MS }
  const shop = new AgingShop(rig, join(dir, 'rebuilt'), days)
  await shop.appendAfter(0, 12)
  await shop.run()
  expect((await readManifest(shop.root)).pruned).toMatchObject({ rejects: 8 })
  const flags = ['--rebuild', '--yes', '--allow-destructive', '--data', shop.root]
  expect(await runCcs(['deploy', ...flags])).toMatchObject({ code: 0 })
  expect((await readManifest(shop.root)).pruned).toMatchObject({ rejects: 0 })
  const gaps = [{ from: 0, to: 30, why: 'given up' }]
  expect(await runAudit(shop.project)).toMatchObject({ ok: true, gaps, log: [{ pruned: 30 }] })
})

test('a crash at any file-system call of an engine that prunes after its commit', {
  timeout: 600_000,
}, async () => {
  const WAYS = [
    { when: 'before', end: 'kill' },
    { when: 'during', end: 'powerLoss' },
    { when: 'after', end: 'powerLoss' },
  ] as const satisfies readonly { when: When; end: 'powerLoss' | 'kill' }[]
  const days = { rawMs: 4 * DAY_MS, dlqMs: 6 * DAY_MS }
  const base = new AgingShop(rig, join(dir, 'base'))
  await base.appendAfter(0, 10)
  await base.run()
  await base.appendAfter(10, 4)
  const root = join(dir, 'case')
  const shop = new AgingShop(rig, root, days)
  const copy = () => {
    rmSync(root, { recursive: true, force: true })
    cpSync(base.root, root, { recursive: true, verbatimSymlinks: true })
  }
  copy()
  const dry = new FaultDisk(root, { seed: 0 })
  await shop.run(dry.files)
  const pruned = (await readManifest(root)).pruned
  const calls = dry.trace.length
  const from = dry.trace.findIndex((one) => one.startsWith('remove log/events.raw-0/'))
  expect([from > 0, pruned?.rejects]).toEqual([true, 6])
  const rows = await shop.rows(DAILY)
  let cases = 0
  // Its manifest is committed some calls before the first removal.
  for (const call of sampleNumbers(calls - from + 20, 8, 3).map((n) => from - 20 + n)) {
    const { when, end } = WAYS[cases++ % WAYS.length] ?? WAYS[0]
    copy()
    const disk = new FaultDisk(root, { seed: call })
    disk.crashAt(call, when)
    await shop.run(disk.files).catch((error: unknown) => {
      if (!isCrash(error)) throw error
    })
    const where = `${when} call ${call} of ${calls} (${disk.trace[call]}), ${end}`
    await disk[end]()
    dropStaleLocks(root)
    await shop.run()
    await pruneProjectLog(shop.project, async () => true)
    expect((await readManifest(root)).pruned, where).toEqual(pruned)
    expect(await runAudit(shop.project), where).toMatchObject({ ok: true, faults: [] })
    expect(await shop.rows(DAILY), where).toEqual(rows)
  }
})
