/**
 * Each run of `ccs import` is a history of its own: its events are on time although the partition
 * has newer ones from an earlier run, and once it is done it keeps no row of others open.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { ImportLedger } from '../../cli/domain/ingest/import-ledger.ts'
import { FinalizedShop, type ShopVisit } from '../fixtures/finalized-shop.ts'
import { seeded } from '../fixtures/gate-events.ts'
import { RAW, type Rig } from '../fixtures/pipeline-rig.ts'

const DAY = 24 * 60
const IMPORTS = 1

let rig: Rig
let root: string
let shop: FinalizedShop

beforeAll(async () => {
  rig = await FinalizedShop.rig()
})
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'ccs-runs-'))
  shop = new FinalizedShop(rig, root, seeded(5))
  await shop.start()
})
afterEach(async () => {
  await shop.stop()
  await rm(root, { recursive: true, force: true })
})

/** One visit a quarter of a day, from day `from` up to, not including, day `to`. */
const days = (visitor: string, from: number, to: number): ShopVisit[] =>
  Array.from({ length: (to - from) * 4 }, (_, i) => ({
    minute: from * DAY + (i * DAY) / 4,
    visitor,
  }))

/** Appends the visits as a run of `ccs import` would. */
async function importRun(visits: readonly ShopVisit[], isDone = true): Promise<void> {
  const { log } = shop.open.store
  const { end } = await log.range(RAW, IMPORTS)
  const ledger = await ImportLedger.open(log, 'test', 0)
  await ledger.write({
    ...{ file: `file at ${end}`, mapping: '', name: '', atMs: 0, line: 1, rows: 1, isDone },
    ...{ topic: RAW, dlqTopic: 'events.dlq', partition: IMPORTS, rejectsEnd: 0 },
    ...{ runStart: end, eventsEnd: end + visits.length },
  })
  await ledger.close()
  await shop.append(IMPORTS, visits)
}

const commit = () => shop.appendAndCommit(0, [])

test('a second import of older files is on time, and Gold has all of it', async () => {
  await importRun(days('ann', 60, 70))
  await commit()
  await importRun(days('ann', 30, 40))
  await importRun(days('bob', 0, 10))
  await commit()
  await shop.expectGold('after three runs')
  // Closed rows are met again: the same visitor, minute and day.
  await importRun(days('ann', 35, 36).map((one) => ({ ...one, minute: one.minute + 20 })))
  await commit()
  await shop.expectGold('after a run into closed days')
  expect(shop.open.engine.counts.late).toBe(0)
})

test('an import that is done keeps no row of the live shop open', async () => {
  await shop.appendAndCommit(0, days('live', 100, 110))
  await importRun(days('old', 0, 3), false)
  await commit()
  await shop.appendAndCommit(0, days('live', 110, 120))
  const before = (await shop.lakeFiles('gold.activity_1m')).length
  await importRun(days('old', 3, 6))
  await shop.appendAndCommit(0, days('live', 120, 130))
  expect((await shop.lakeFiles('gold.activity_1m')).length).toBeGreaterThan(before)
  await shop.expectGold('with closed rows')
  await shop.stop()
  await shop.start()
  await shop.appendAndCommit(0, days('live', 130, 131))
  await shop.expectGold('after a restart')
  const minute = { minute: 119.75 * DAY, visitor: 'old' }
  await importRun([minute])
  await shop.appendAndCommit(0, days('live', 131, 132))
  await shop.expectGold('after an import into a day that the live shop had closed')
})

test('the same rows follow from the log alone', async () => {
  await importRun(days('ann', 60, 70))
  await commit()
  await importRun(days('ann', 30, 40))
  await commit()
  const rows = async () => {
    const { engine } = shop.open
    const sql = 'SELECT * FROM silver.events ORDER BY ALL'
    return (await engine.query(sql, 0)).rows
  }
  const before = await rows()
  await shop.stop()
  for (const name of ['lake', 'lake-1', 'state', 'manifest.json', 'stage'])
    await rm(join(root, name), { recursive: true, force: true })
  await shop.start()
  await commit()
  expect(await rows()).toEqual(before)
})
