/**
 * Retention of the log on real files: what is removed, that all checks know of it, that nothing
 * else may be missing, and that a crash at any call leaves a log that the next run prunes further.
 */
import { cpSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { diskFiles } from '../../cli/adapters/files/files.ts'
import { takeEngineLock } from '../../cli/adapters/lake/engine-lock.ts'
import { checkLog } from '../../cli/adapters/log/check-log.ts'
import { openPruneFiles } from '../../cli/adapters/log/prune-log.ts'
import { listSegmentParts } from '../../cli/adapters/log/scrub-log.ts'
import { runAudit } from '../../cli/app/audit.ts'
import { checkProjectLog, pruneProjectLog } from '../../cli/app/log.ts'
import { openServer } from '../../cli/app/page.ts'
import { openPipeline } from '../../cli/app/pipeline.ts'
import type { Retention } from '../../cli/domain/config/retention.ts'
import { listCommittedEnds } from '../../cli/domain/lake/committed-ends.ts'
import { pruneIdle } from '../../cli/domain/lake/prune.ts'
import { RAW_TOPIC } from '../../cli/domain/log/topics.ts'
import { describeLogLoss, findLogLoss } from '../../cli/engines/embedded/log-loss.ts'
import { runCcs } from '../e2e/run-ccs.ts'
import { AgingShop, DAY_MS, DAY_RECORDS } from '../fixtures/aging-shop.ts'
import { FaultDisk, isCrash, SCRATCH, type When } from '../fixtures/fault-files.ts'
import { listNumbers, selectShare } from '../fixtures/fault-share.ts'
import { dropStaleLocks, makeRig, type Rig } from '../fixtures/pipeline-rig.ts'
import { readManifest, tamperFile } from '../fixtures/tamper.ts'

const DAYS = 12
const FOREVER: Retention = { rawMs: null, dlqMs: null }
/** The segment of the first of twelve days goes. */
const NINE_DAYS: Retention = { rawMs: 9 * DAY_MS, dlqMs: null }
const FOUR_DAYS: Retention = { rawMs: 4 * DAY_MS, dlqMs: 6 * DAY_MS }
const GOLD = ['gold.revenue_daily', 'gold.sessions', 'silver.orders', 'bronze.events']

let dir: string
let rig: Rig

/** `base`: twelve days, all committed. */
beforeAll(async () => {
  dir = await mkdtemp(join(SCRATCH, 'ccs-prune-'))
  rig = await makeRig()
  const shop = new AgingShop(rig, join(dir, 'base'))
  await shop.appendAfter(0, DAYS)
  await shop.run()
})
afterAll(() => rm(dir, { recursive: true, force: true }))
afterEach(() => rmSync(join(dir, 'case'), { recursive: true, force: true }))

function copyOfBase(retention: Retention): AgingShop {
  const root = join(dir, 'case')
  rmSync(root, { recursive: true, force: true })
  cpSync(join(dir, 'base'), root, { recursive: true, verbatimSymlinks: true })
  return new AgingShop(rig, root, retention)
}

function segments(root: string, topic: string): readonly number[] {
  return readdirSync(join(root, 'log', `${topic}-0`))
    .filter((name) => name.endsWith('.log'))
    .map((name) => Number.parseInt(name, 10))
}

const prune = ({ project }: AgingShop) => pruneProjectLog(project, async () => true)

describe('ccs prune', { timeout: 120_000 }, () => {
  test('without retention there is nothing to remove, and nobody is asked', async () => {
    const shop = copyOfBase(FOREVER)
    const result = await pruneProjectLog(shop.project, () => expect.unreachable())
    expect(result).toMatchObject({ applied: false, records: 0, partitions: [] })
    expect(await readManifest(shop.root)).not.toHaveProperty('pruned')
  })

  test('a plan that is not confirmed changes nothing', async () => {
    const shop = copyOfBase(FOUR_DAYS)
    const before = readFileSync(join(shop.root, 'manifest.json'))
    const plan = await pruneProjectLog(shop.project, async () => false)
    expect(plan).toMatchObject({ applied: false, records: 6 * DAY_RECORDS + 4 })
    expect(readFileSync(join(shop.root, 'manifest.json'))).toEqual(before)
    expect(segments(shop.root, 'events.raw')).toHaveLength(DAYS)
  })

  test('segments go, rows stay; audit and verify say how many records, and are content', async () => {
    const shop = copyOfBase(FOUR_DAYS)
    const before = await shop.rows(GOLD)
    const result = await prune(shop)
    const raw = { topic: 'events.raw', from: 0, to: 30, segments: 6, records: 30, keptSegments: 6 }
    const dlq = { topic: 'events.dlq', from: 0, to: 4, segments: 4, records: 4, keptSegments: 8 }
    expect(result).toMatchObject({ applied: true, records: 34, partitions: [raw, dlq] })
    expect(segments(shop.root, 'events.raw')).toEqual([30, 35, 40, 45, 50, 55])
    expect(segments(shop.root, 'events.dlq')).toEqual([4, 5, 6, 7, 8, 9, 10, 11])
    const audit = await runAudit(shop.project)
    expect(audit).toMatchObject({ ok: true, faults: [], log: [{ start: 30, pruned: 30 }] })
    const accounts = { in: 60, out: 48, dlq: DAYS, remainder: 0 }
    expect(audit.models[0]).toMatchObject({ model: 'bronze.events', ...accounts })
    expect(await checkProjectLog(shop.project, () => {})).toMatchObject({
      ok: true,
      partitions: [
        { topic: 'events.dlq', start: 4, pruned: 4, damage: [] },
        { topic: 'events.raw', start: 30, pruned: 30, damage: [] },
      ],
    })
    expect(await shop.rows(GOLD)).toEqual(before)
    expect(await prune(shop)).toMatchObject({ applied: false, records: 0 })
  })

  test('a scrub that had listed the removed segments finds no damage', async () => {
    const shop = copyOfBase(FOUR_DAYS)
    const store = await shop.store()
    const parts = await listSegmentParts(store, async () => {})
    await prune(shop)
    const faults = await Promise.all(parts.map((part) => part.check()))
    expect(faults.filter((fault) => fault !== undefined)).toEqual([])
    expect(parts.length).toBeGreaterThan(20)
    await store.log.close()
  })

  test('later days are ingested and pruned as before', async () => {
    const shop = copyOfBase(FOUR_DAYS)
    const later = new AgingShop(rig, shop.root, FOUR_DAYS)
    await prune(shop)
    await later.appendAfter(DAYS, 3)
    await later.run()
    expect(later.notices).toHaveLength(1)
    expect(later.notices[0]).toMatch(
      /^Retention removed 18 records \(.* KiB\) from the log: events.raw-0 begins with 45, events.dlq-0 begins with 7\.$/,
    )
    expect((await readManifest(shop.root)).pruned).toEqual({
      records: [
        { topic: 'events.raw', partition: 0, from: 0, to: 45 },
        { topic: 'events.dlq', partition: 0, from: 0, to: 7 },
      ],
      rejects: 7,
    })
    expect(await runAudit(shop.project)).toMatchObject({ ok: true, log: [{ pruned: 45 }] })
  })

  test('records that are not committed stay, however old they are', async () => {
    const shop = copyOfBase(FOREVER)
    await shop.appendAfter(DAYS, 40)
    const short = new AgingShop(rig, shop.root, FOUR_DAYS)
    const [raw] = (await prune(short)).partitions
    expect(raw).toMatchObject({ topic: 'events.raw', to: 60, waiting: 34 })
    expect(segments(shop.root, 'events.raw')[0]).toBe(60)
  })

  test('a partition without new records is emptied, unless somebody writes to it', async () => {
    const shop = copyOfBase(FOUR_DAYS)
    await shop.appendAfter(DAYS, 2, 1)
    await shop.appendAfter(DAYS + 2, 8)
    const whole = new AgingShop(rig, shop.root)
    await whole.run()
    const before = await shop.rows(GOLD)
    const store = await shop.store()
    const writer = await store.log.writer(RAW_TOPIC, 1, 'test')
    const kept = { partition: 1, to: 5, records: 5, keptSegments: 1 }
    const held = await prune(shop)
    expect(held.partitions.find((one) => one.partition === 1)).toMatchObject(kept)
    await writer.close()
    await store.log.close()
    const rest = { partition: 1, from: 5, to: 10, records: 5, keptSegments: 1, keptBytes: 0 }
    const result = await prune(shop)
    expect(result.partitions.find((one) => one.partition === 1)).toMatchObject(rest)
    const names = readdirSync(join(shop.root, 'log', `${RAW_TOPIC}-1`))
    expect(names.filter((name) => name.endsWith('.log'))).toEqual(['00000000000000000010.log'])
    const logs = [
      { partition: 0, pruned: 70 },
      { partition: 1, start: 10, end: 10, pruned: 10 },
    ]
    expect(await runAudit(shop.project)).toMatchObject({ ok: true, faults: [], log: logs })
    expect(await prune(shop)).toMatchObject({ applied: false, records: 0 })
    expect(await shop.rows(GOLD)).toEqual(before)
    await shop.appendAfter(DAYS + 10, 1, 1)
    await whole.run()
    const after = [{ partition: 0 }, { partition: 1, start: 10, end: 15, pruned: 10 }]
    expect(await runAudit(shop.project)).toMatchObject({ ok: true, faults: [], log: after })
  })

  test('beside a running engine the engine does it, also while the log is written', async () => {
    const shop = copyOfBase(FOREVER)
    const engine = new AgingShop(rig, shop.root)
    const store = await engine.store()
    const opening = { owner: 'test', onNotice: () => {}, store }
    const open = await openPipeline(engine.project, rig.logic, opening)
    const stop = new AbortController()
    const running = open.pipeline.run(stop.signal, false)
    const server = await openServer(engine.project, open, { port: 0 })
    try {
      const short = new AgingShop(rig, shop.root, FOUR_DAYS)
      await short.appendAfter(DAYS, 2)
      const read = () => open.engine.positions[0]?.nextOffset
      await expect.poll(read, { timeout: 60_000 }).toBe(70)
      await open.pipeline.commit()
      expect(await prune(short)).toMatchObject({ applied: true, records: 40 + 6 })
      expect(open.pipeline.manifest?.pruned?.rejects).toBe(6)
      expect(segments(shop.root, 'events.raw')[0]).toBe(40)
      const audit = await runAudit(short.project)
      expect(audit).toMatchObject({ ok: true, log: [{ start: 40, pruned: 40, end: 70 }] })
    } finally {
      stop.abort()
      await running
      await server.close()
      await open.close()
    }
  })

  test('a rebuild is refused with the numbers, and possible after a repair', async () => {
    const shop = copyOfBase(NINE_DAYS)
    const before = await shop.rows(GOLD)
    expect(await prune(shop)).toMatchObject({ records: 5 })
    const data = ['--data', shop.root]
    const refused = await runCcs(['deploy', '--rebuild', '--yes', ...data])
    expect(refused.code).toBe(2)
    expect(refused.stderr).toContain(
      'This would delete 4 events (of 2024-01-01 to 2024-01-01) that Bronze has and the log no ' +
        'longer has: events.raw-0, records 0 to 4.',
    )
    expect(refused.stderr).toContain('To put them back into the log: ccs log repair --pruned.')
    const other = await runCcs(['log', 'repair', '--yes', ...data])
    expect(other.stdout).toContain('Nothing to repair')
    expect(segments(shop.root, 'events.raw')[0]).toBe(5)
    const flags = ['--pruned', '--yes', ...data]
    expect(await runCcs(['log', 'repair', ...flags])).toMatchObject({ code: 0 })
    expect(await runCcs(['deploy', '--rebuild', '--yes', ...data])).toMatchObject({ code: 0 })
    expect(await shop.rows(GOLD)).toEqual(before)
    const whole = { ok: true, gaps: [], log: [{ start: 0, pruned: 0 }] }
    expect(await runAudit(shop.project)).toMatchObject(whole)
  })
})

test('status says how long the disk lasts, beside the commit', async () => {
  const shop = copyOfBase(FOREVER)
  const { code, stdout } = await runCcs(['status', '--json', '--data', shop.root])
  const { disk } = JSON.parse(stdout)
  expect([code, disk.bytesPerDay, disk.fullInDays]).toEqual([0, 0, null])
  expect([disk.freeBytes, disk.logBytes, disk.lakeBytes].every((one) => one > 0)).toBe(true)
  const shown = await runCcs(['status', '--data', shop.root])
  expect(shown.stdout).toMatch(/\ndisk +.* free, log and lake grow by 0 B a day\n/)
})

describe('what retention did not remove is still a loss', { timeout: 120_000 }, () => {
  test('a reject that was deleted by hand', async () => {
    const shop = copyOfBase(FOUR_DAYS)
    await prune(shop)
    rmSync(join(shop.root, 'log/events.dlq-0', `${'4'.padStart(20, '0')}.log`))
    const check =
      'neither in Bronze nor rejected, and gone from the log; ' +
      'events.dlq itself has lost 5 rejects, 4 of them by retention'
    expect(await runAudit(shop.project)).toMatchObject({ ok: false, faults: [{ check, count: 5 }] })
  })

  test('a segment of events.raw that was deleted by hand, before and after pruning', async () => {
    const shop = copyOfBase(FOUR_DAYS)
    rmSync(join(shop.root, 'log/events.raw-0', `${'0'.padStart(20, '0')}.log`))
    await prune(shop)
    rmSync(join(shop.root, 'log/events.raw-0', `${'30'.padStart(20, '0')}.log`))
    const audit = await runCcs(['audit', '--data', shop.root])
    expect([audit.code, audit.stdout]).toEqual([
      0,
      expect.stringContaining('Another 10 records before that were not removed by retention'),
    ])
    rmSync(join(shop.root, 'log/events.raw-0', `${'40'.padStart(20, '0')}.log`))
    expect(await runAudit(shop.project)).toMatchObject({ ok: false, log: [{ pruned: 25 }] })
  })
})

test('events of a damaged file of Bronze are not counted as what the log has lost', async () => {
  const shop = copyOfBase(FOREVER)
  rmSync(join(shop.root, 'log/events.raw-0', `${'0'.padStart(20, '0')}.log`))
  const manifest = await readManifest(shop.root)
  const lost = async () => {
    const store = await shop.store()
    const loss = await findLogLoss(store, RAW_TOPIC, manifest).finally(() => store.log.close())
    return loss && { events: loss.events, says: describeLogLoss(loss) }
  }
  expect(await lost()).toEqual({ events: 4, says: expect.stringMatching(/^4 events \(of /) })
  // DuckDB can read the file: its rows are others.
  const change = 'SELECT * REPLACE ("offset" + 100 AS "offset") FROM stored'
  await tamperFile(shop.root, { table: 'bronze.events', where: '"offset" = 0', change })
  expect(await lost()).toEqual({ events: null, says: expect.stringMatching(/^an unknown number/) })
})

describe('a crash at any file-system call', () => {
  const WAYS = [
    { when: 'before', end: 'kill' },
    { when: 'during', end: 'powerLoss' },
    { when: 'after', end: 'powerLoss' },
    { when: 'after', end: 'kill' },
  ] as const satisfies readonly { when: When; end: 'powerLoss' | 'kill' }[]

  /** As `ccs prune` without an engine. */
  async function workload(shop: AgingShop, files = diskFiles()): Promise<void> {
    const store = await shop.store(files)
    const ports = openPruneFiles(store)
    try {
      const lock = await takeEngineLock(store, 'test')
      await pruneIdle(store, ports, FOUR_DAYS)
      await lock.release()
    } finally {
      await store.log.close().catch(() => undefined)
    }
  }

  /** No record is missing but those that the manifest names. */
  async function expectWhole(root: string, where: string): Promise<void> {
    const manifest = await readManifest(root)
    const committed = listCommittedEnds(manifest)
    const reports = await checkLog(diskFiles(), join(root, 'log'), { committed })
    for (const { topic, start, damage } of reports) {
      expect(damage, where).toEqual([])
      const removed = manifest.pruned?.records.find((one) => one.topic === topic)
      expect(start <= (removed?.to ?? 0), `${where}: ${topic} begins with ${start}`).toBe(true)
    }
  }

  test('leaves a whole log, and the next run removes the rest', { timeout: 300_000 }, async () => {
    const shop = copyOfBase(FOUR_DAYS)
    const dry = new FaultDisk(shop.root, { seed: 0 })
    await workload(shop, dry.files)
    const pruned = (await readManifest(shop.root)).pruned
    const left = ['events.raw', 'events.dlq'].map((topic) => segments(shop.root, topic))
    expect(left.map(({ length }) => length)).toEqual([6, 8])
    const calls = dry.trace.length
    expect(calls).toBeGreaterThan(60)
    for (const call of selectShare(listNumbers(calls), 7))
      for (const { when, end } of selectShare(WAYS, WAYS.length, call)) {
        copyOfBase(FOUR_DAYS)
        const disk = new FaultDisk(shop.root, { seed: call })
        disk.crashAt(call, when)
        await workload(shop, disk.files).catch((error: unknown) => {
          if (!isCrash(error)) throw error
        })
        const where = `${when} call ${call} of ${calls} (${disk.trace[call]}), ${end}`
        await disk[end]()
        dropStaleLocks(shop.root)
        await expectWhole(shop.root, where)
        await workload(shop)
        expect((await readManifest(shop.root)).pruned, where).toEqual(pruned)
        const now = ['events.raw', 'events.dlq'].map((topic) => segments(shop.root, topic))
        expect(now, where).toEqual(left)
      }
  })
})
