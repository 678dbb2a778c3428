/**
 * Closed Gold rows are in the lake. A partition that is added later, with older event times, has events
 * that are on time by their own watermark and belong to such rows: each event must count, and once.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { runAudit } from '../../cli/app/audit.ts'
import { compareTable } from '../../cli/domain/audit/compare-truth.ts'
import { RecordBatch } from '../../cli/domain/log/record-batch.ts'
import { FinalizedShop, RandomVisits, type ShopVisit } from '../fixtures/finalized-shop.ts'
import { seeded } from '../fixtures/gate-events.ts'
import {
  APPEND_MS,
  drain,
  makeRecords,
  makeRig,
  openRig,
  RAW,
  type Rig,
} from '../fixtures/pipeline-rig.ts'

const DAY = 24 * 60
const SEED = Number(process.env.CCS_SEED ?? 11)

let rig: Rig
let root: string
let shop: FinalizedShop

beforeAll(async () => {
  rig = await FinalizedShop.rig()
})
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'ccs-reopen-'))
  shop = new FinalizedShop(rig, root, seeded(SEED))
  await shop.start()
})
afterEach(async () => {
  await shop.stop()
  await rm(root, { recursive: true, force: true })
})

const at = (visitor: string, ...minutes: number[]): ShopVisit[] =>
  minutes.map((minute) => ({ minute, visitor }))

/** Ten days of a shop; all but the last have closed. */
const TEN_DAYS = at('ann', ...Array.from({ length: 40 }, (_, index) => (index * DAY) / 4))

const rebuilt = (table: string) => expect.stringContaining(`${table}: events for final rows`)

test('an event of a later partition counts in its closed window, day and session', async () => {
  await shop.appendAndCommit(0, TEN_DAYS)
  await shop.expectGold('before')
  for (const table of ['gold.activity_1m', 'gold.sessions', 'gold.revenue_daily'])
    expect(await shop.lakeFiles(table), table).not.toEqual([])
  await shop.appendAndCommit(1, at('ann', 0.5))
  await shop.expectGold('after')
  expect(shop.notices).toHaveLength(3)
  expect(shop.notices).toContainEqual(rebuilt('gold.activity_1m'))
  expect(shop.notices).toContainEqual(rebuilt('gold.sessions'))
  expect(shop.notices).toContainEqual(rebuilt('gold.revenue_daily'))
  await shop.stop()
  await shop.start()
  await shop.expectGold('from the disk')
})

test('a query between ingestion and commit sees each row once', async () => {
  await shop.appendAndCommit(0, TEN_DAYS)
  await shop.append(1, at('ann', 0.5))
  await shop.ingestAll()
  await shop.expectGold('not committed')
  await shop.append(1, at('ann', 1.5))
  await shop.ingestAll()
  await shop.expectGold('more, not committed')
  await shop.open.pipeline.commit()
  await shop.expectGold('committed')
  expect(shop.notices).toHaveLength(3)
  await shop.stop()
  await shop.start()
  await shop.expectGold('from the disk')
})

test('events that arrive while rows are closing belong to those rows', async () => {
  await shop.append(0, TEN_DAYS)
  await shop.ingestAll()
  const { engine, store } = shop.open
  const frozen = await engine.freeze()
  if (!frozen) throw new Error('nothing was frozen')
  await shop.append(1, at('ann', 0.5))
  await shop.ingestAll()
  await shop.expectGold('while rows close')
  const stage = await store.lake.stage('c1')
  const written = await engine.write(frozen, { stage, previous: [] })
  const files = await store.lake.seal(written.staged, 'c1')
  const { positions, counts } = frozen
  const manifest = {
    ...({ format: 1, serial: 1, generation: 1, committedMs: 0, dlqEnd: 0 } as const),
    ...{ positions, counts, files, state: written.state, models: [], schemas: [] },
  }
  await store.manifests.commit(manifest)
  await store.lake.finalize(manifest)
  await engine.release(frozen, written, manifest)
  expect(files.map(({ table }) => table)).toContain('gold.activity_1m')
  // As a query would do that had brought Gold up to date before the release.
  const connection = await engine.connectDelta()
  const doubled =
    'SELECT window_start FROM memory.gold.activity_1m GROUP BY ALL HAVING count(*) > 1'
  expect((await connection.all(doubled)).rows).toEqual([])
  connection.close()
  await shop.expectGold('after rows closed')
})

test('an event of a later partition joins two closed sessions', async () => {
  await shop.appendAndCommit(0, [
    ...at('ann', 0, 10, 60, 70),
    ...at('bob', ...TEN_DAYS.map((one) => one.minute + 100)),
  ])
  await shop.appendAndCommit(1, at('ann', 35))
  await shop.expectGold('after')
  const { rows } = await shop.open.engine.query(
    `SELECT events FROM gold.sessions WHERE anonymous_id = 'ann'`,
    0,
  )
  expect(rows).toEqual([{ events: 5 }])
})

test('a pause of exactly thirty minutes joins sessions, a millisecond more does not', async () => {
  await shop.appendAndCommit(0, [
    ...at('ann', 0),
    ...at('bob', ...TEN_DAYS.map((one) => one.minute + 100)),
  ])
  await shop.appendAndCommit(1, at('ann', 30 + 1 / 60_000))
  await shop.expectGold('a millisecond more')
  expect(shop.notices).not.toContainEqual(rebuilt('gold.sessions'))
  await shop.appendAndCommit(2, at('ann', 30))
  await shop.expectGold('exactly')
  expect(shop.notices).toContainEqual(rebuilt('gold.sessions'))
})

test('a later partition joins sessions to a run that is cut at midnights', async () => {
  const run = Array.from({ length: 70 }, (_, index) => index * 25)
  const gap = run.filter((minute) => minute < 800 || minute > 840)
  await shop.appendAndCommit(0, [
    ...at('ann', ...gap),
    ...at('bob', ...TEN_DAYS.map((one) => one.minute + 1800)),
  ])
  await shop.appendAndCommit(1, at('ann', 812))
  await shop.expectGold('after')
})

test.each([
  ['its end', /^ *max\(event_time\) *AS session_end,$/m],
  ['its visitor', /^ *anonymous_id,$/m],
])('a visit is found in the lake though the model does not show %s', async (_, column) => {
  const edit = (text: string) =>
    /kind: session/.test(text)
      ? text.replace(column, '').replace(/^.*"session_end >=.*$/m, '')
      : text
  const bare = new FinalizedShop(await FinalizedShop.rig(edit), join(root, 'bare'), seeded(SEED))
  await bare.start()
  try {
    const bob = at('bob', ...TEN_DAYS.map((one) => one.minute + 1800))
    const run = Array.from({ length: 50 }, (_, index) => index * 25)
    await bare.appendAndCommit(0, [...at('ann', ...run), ...bob])
    await bare.appendAndCommit(1, at('ann', 49 * 25 + 29))
    await bare.expectGold('after')
    expect(bare.notices).toContainEqual(rebuilt('gold.sessions'))
  } finally {
    await bare.stop()
  }
})

test('older events that belong to no closed row leave the lake unchanged', async () => {
  await shop.appendAndCommit(0, TEN_DAYS)
  const before = await shop.lakeFiles('gold.activity_1m')
  await shop.appendAndCommit(1, at('cid', -3 * DAY, -2 * DAY, -2 * DAY + 5))
  await shop.appendAndCommit(1, at('cid', -1.5 * DAY))
  await shop.expectGold('after')
  expect(shop.notices).toEqual([])
  expect((await shop.lakeFiles('gold.activity_1m')).slice(0, before.length)).toEqual(before)
})

test('an import rebuilds a model once, not with each commit', async () => {
  await shop.appendAndCommit(0, TEN_DAYS)
  for (let day = 1; day < 9; day++) {
    await shop.appendAndCommit(1, at('ann', day * DAY + 1, day * DAY + DAY / 4))
    await shop.expectGold(`day ${day}`)
  }
  expect(shop.notices).toHaveLength(3)
  const { positions = [] } = (await shop.open.store.manifests.load()) ?? {}
  expect(positions.map((one) => one.partition)).toEqual([0, 1])
  // What the import has passed has closed again.
  for (const table of ['gold.activity_1m', 'gold.sessions', 'gold.revenue_daily'])
    expect(await shop.lakeFiles(table), table).not.toEqual([])
  await shop.appendAndCommit(2, at('ann', 0.5))
  await shop.expectGold('a third partition')
  expect(shop.notices).toHaveLength(6)
})

test('rows closed by an older version of ccs are reopened', async () => {
  await shop.appendAndCommit(0, TEN_DAYS)
  const { manifests } = shop.open.store
  const manifest = await manifests.load()
  if (!manifest) throw new Error('no manifest')
  expect(manifest.state.some((file) => file.closedMs !== undefined)).toBe(true)
  const state = manifest.state.map(({ closedMs: _, ...file }) => file)
  await manifests.commit({ ...manifest, serial: manifest.serial + 1, state })
  await shop.stop()
  await shop.start()
  await shop.appendAndCommit(0, at('ann', 10 * DAY))
  expect(shop.notices).toEqual([])
  await shop.appendAndCommit(1, at('ann', 0.5))
  await shop.expectGold('after')
  expect(shop.notices).toHaveLength(3)
})

test('Gold equals Silver for any order of partitions, queries and restarts', async () => {
  const random = seeded(SEED)
  const story = new RandomVisits(random, 5)
  for (let round = 0; round < 24; round++) {
    const { partition, visits } = story.next(30)
    const where = `round ${round}, seed ${SEED}`
    await shop.append(partition, visits)
    if (random() < 0.4) {
      await shop.ingestAll()
      await shop.expectGold(`${where}, not committed`)
    }
    if (random() < 0.6) {
      await drainOrCommit(random() < 0.5)
      await shop.expectGold(where)
    }
    if (random() < 0.2) {
      await shop.stop()
      await shop.start()
    }
  }
  expect(shop.notices.length).toBeGreaterThan(0)
})

async function drainOrCommit(isAgain: boolean): Promise<void> {
  await shop.ingestAll()
  await shop.open.pipeline.commit()
  if (isAgain) await shop.open.pipeline.commit()
}

test('two dirty partitions, the second after the first has closed, give the truth', async () => {
  const whole = await makeRig(undefined, { mergeSizeMin: 1, closedRowsMin: 1, sliceSize: 3 })
  const { partitions, truth } = await makeRecords(whole, 3_000, SEED, 2)
  const side = join(root, 'two')
  const notices: string[] = []
  const open = await openRig(whole, side, undefined, (text) => notices.push(text))
  try {
    for (const [partition, records] of partitions.entries()) {
      const writer = await open.store.log.writer(RAW, partition, 'test')
      await writer.append(RecordBatch.of(records), APPEND_MS)
      await writer.close()
      await drain(open)
    }
    for (const { table, rows } of truth.tables) {
      const actual = await open.engine.query(`SELECT * FROM ${table.name}`, APPEND_MS)
      expect(compareTable(table, rows, actual.rows).mismatches, table.name).toBe(0)
    }
  } finally {
    await open.close()
  }
  expect(notices).toContainEqual(rebuilt('gold.activity_1m'))
  expect(await runAudit(whole.project(side))).toMatchObject({ ok: true, faults: [] })
})
