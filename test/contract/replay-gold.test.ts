/**
 * Replayed events in a whole pipeline: they are in Bronze, Silver and Gold as if they had been
 * valid at once, the accounts add up, and a finished replay keeps no row open.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { runAudit } from '../../cli/app/audit.ts'
import type { OpenPipeline } from '../../cli/app/pipeline.ts'
import { RecordBatch } from '../../cli/domain/log/record-batch.ts'
import { FinalizedShop } from '../fixtures/finalized-shop.ts'
import { seeded } from '../fixtures/gate-events.ts'
import { APPEND_MS, drain, makeRecords, makeRig, openRig, RAW } from '../fixtures/pipeline-rig.ts'
import { ReplayShop } from '../fixtures/replay-shop.ts'

let root: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'ccs-replay-'))
})
afterEach(() => rm(root, { recursive: true, force: true }))

async function count(open: OpenPipeline, sql: string): Promise<number> {
  const { rows } = await open.engine.query(`SELECT (${sql})::INTEGER AS n`, APPEND_MS)
  return Number(rows[0]?.n)
}

test('Gold includes replayed events, and the audit passes', async () => {
  const rig = await makeRig()
  const shop = new ReplayShop(rig, root)
  const { records } = await makeRecords(rig, 4_000, 7)
  const log = shop.log()
  const writer = await log.writer(RAW, 0, 'test')
  await writer.append(RecordBatch.of(records), APPEND_MS)
  await log.close()
  const run = async <T>(ask: (open: OpenPipeline) => Promise<T>): Promise<T> => {
    const open = await openRig(rig, root)
    try {
      await drain(open)
      return await ask(open)
    } finally {
      await open.close()
    }
  }
  const figures = (open: OpenPipeline) =>
    Promise.all([
      count(open, 'SELECT count(*) FROM bronze.events'),
      count(open, 'SELECT count(*) FROM silver.cart_event'),
      count(open, 'SELECT sum(events) FROM gold.activity_1m'),
      open.engine.query('SELECT * FROM gold.sessions ORDER BY ALL', APPEND_MS),
    ] as const)
  const before = await run(figures)
  const where = "kind LIKE '%quantity%'"
  const { replayed, rejected } = await shop.replay({ where })
  expect(replayed).toBeGreaterThan(5)
  expect(rejected).toBe(0)
  const after = await run(figures)
  expect(after[0] - before[0]).toBe(replayed)
  expect(after[1] - before[1]).toBe(replayed)
  const bots = await run((open) =>
    count(open, `SELECT count(*) FROM silver.events WHERE is_bot AND "partition" >= 1024`),
  )
  expect(after[2] - before[2]).toBe(replayed - bots)
  expect(after[3].rows).not.toEqual(before[3].rows)
  const late = await run((open) =>
    count(open, 'SELECT count(*) FROM silver.events WHERE late_ms > 0 AND "partition" >= 1024'),
  )
  expect(late).toBe(0)
  const report = await runAudit(shop.project)
  expect(report.faults).toEqual([])
  expect(report.ok).toBe(true)
  const bronze = report.models.find(({ model }) => model === 'bronze.events')
  expect(bronze).toMatchObject({ in: 4_000 + replayed, dlq: 4_000 - before[0], remainder: 0 })
})

test('a replay into closed days counts there and keeps no later row open', async () => {
  const rig = await FinalizedShop.rig()
  const shop = new FinalizedShop(rig, root, seeded(3))
  const minutes = Array.from({ length: 40 }, (_, index) => index * 360)
  const visits = (...some: number[]) => some.map((minute) => ({ minute, visitor: 'ann' }))
  await shop.start()
  try {
    await shop.appendAndCommit(0, visits(...minutes))
    const { watermarkMs } = shop.open.engine
    await shop.appendAndCommit(1024, visits(0.5))
    await shop.expectGold('after a replay')
    expect(shop.open.engine.watermarkMs).toBe(watermarkMs)
    await shop.appendAndCommit(0, visits(20_000, 40_000))
    await shop.expectGold('later')
    const open = await shop.open.engine.query('SELECT count(*) AS n FROM gold.sessions', APPEND_MS)
    const files = await shop.lakeFiles('gold.sessions')
    const closed = files.reduce((sum, { rows }) => sum + rows, 0)
    expect(Number(open.rows[0]?.n) - closed).toBeLessThanOrEqual(1)
    await shop.appendAndCommit(1024, visits(0.7))
    await shop.expectGold('after another')
    await shop.stop()
    await shop.start()
    await shop.expectGold('from the disk')
  } finally {
    await shop.stop()
  }
})
