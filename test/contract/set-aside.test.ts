/**
 * Events that keep the contract, but that a user's own model fails on: each is in events.dlq once,
 * with the model's name, DuckDB's message and its bytes, and all others count.
 */
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { runAudit } from '../../cli/app/audit.ts'
import { type OpenPipeline, openPipeline } from '../../cli/app/pipeline.ts'
import { openStore } from '../../cli/app/store.ts'
import { compileRecordDecoder } from '../../cli/domain/avro/record-decoder.ts'
import type { Event, RejectedEvent } from '../../cli/domain/events/contracts.ts'
import { compileRejectDecoder } from '../../cli/domain/gate/reject-codec.ts'
import { decodeKeyedRecord } from '../../cli/domain/log/keyed-record.ts'
import { readSchemaId } from '../../cli/domain/log/wire-header.ts'
import { ROOT } from '../e2e/run-ccs.ts'
import {
  appendEvents,
  findSetAsideFaults,
  makeEvent,
  makeFailingRig,
  openFailing,
  SOON_MS,
} from '../fixtures/failing-shop.ts'
import { recordsIn } from '../fixtures/pipeline-oracle.ts'
import { drain, type Rig } from '../fixtures/pipeline-rig.ts'

let rig: Rig
let root: string
let open: OpenPipeline
let notices: string[]

beforeAll(async () => {
  rig = await makeFailingRig()
})
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'ccs-set-aside-'))
  notices = []
  open = await openFailing(rig, root, notices)
})
afterEach(async () => {
  await open.close()
  await rm(root, { recursive: true, force: true })
})

async function readRejects(): Promise<readonly RejectedEvent[]> {
  const decode = compileRejectDecoder(rig.logic.dlqSchemas)
  const records = await recordsIn(open.store.log, 'events.dlq')
  return records.flatMap(({ bytes }) => decode(bytes) ?? [])
}

const rows = async (sql: string) => (await open.engine.query(sql, SOON_MS)).rows

/** Waits for something that the running pipeline does; the test's own limit ends the wait. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 10))
}

/** Events 0, 1, 2 …; those in `changes` are changed. */
const makeEvents = (count: number, changes: Readonly<Record<number, Partial<Event>>>) =>
  Array.from({ length: count }, (_, index) => makeEvent(index, changes[index]))

const SILVER = { search_term: 'many' }
const PARTIAL = { coupon: 'half' }
const FINAL = { page_title: 'Garden' }

const conversion = (text: string) =>
  expect.stringContaining(`Conversion Error: Could not convert string '${text}' to INT32`)

test.each([
  {
    what: 'one of Silver, one of Gold, and one that only shows in the final row',
    changes: { 3: SILVER, 50: PARTIAL, 99: FINAL },
    failing: { 3: 'silver.ratings', 50: 'gold.coupons', 99: 'gold.titles' },
  },
  {
    what: 'the first, its neighbours, and the last',
    changes: { 0: SILVER, 1: SILVER, 2: PARTIAL, 3: FINAL, 119: SILVER },
    failing: {
      ...{ 0: 'silver.ratings', 1: 'silver.ratings', 2: 'gold.coupons' },
      ...{ 3: 'gold.titles', 119: 'silver.ratings' },
    },
  },
  {
    what: 'the record whose addition makes a sum overflow, though each alone is fine',
    changes: { 10: { coupon: '2000000000' }, 20: { coupon: '147483647' }, 30: { coupon: '1' } },
    failing: { 30: 'gold.coupons' },
  },
])('set aside: $what', async ({ changes, failing }) => {
  await appendEvents(open, makeEvents(120, changes))
  await drain(open)
  const set = new Set(Object.keys(failing).map(Number))
  expect(await findSetAsideFaults(open, rig, root, set)).toEqual([])
  const rejects = await readRejects()
  expect(Object.fromEntries(rejects.map(({ offset, model }) => [offset, model]))).toEqual(failing)
  for (const { reason, model, message, topic, first_seen: seenMs } of rejects) {
    expect({ reason, topic, seenMs }).toEqual({
      ...{ reason: 'model_failed', topic: 'events.raw', seenMs: SOON_MS },
    })
    expect(message).toMatch(new RegExp(`^${model} fails on it: \\w+ Error: .*\\.$`))
  }
  expect(open.engine.counts).toMatchObject({
    ...{ records: 120, bronze: 120 - set.size, dlq: set.size, setAside: set.size, duplicates: 0 },
  })
  expect(await rows('SELECT sum(events) AS n FROM gold.coupons')).toEqual([{ n: 120 - set.size }])
  expect(await rows('SELECT sum(events) AS n FROM gold.titles')).toEqual([{ n: 120 - set.size }])
  expect(open.pipeline.state().stalled).toBeNull()
  await open.close()
  const audit = await runAudit(rig.project(root), { memoryLimitBytes: 256 * 1024 * 1024 })
  expect(audit.faults).toEqual([])
  expect(audit.models[0]).toMatchObject({ in: 120, out: 120 - set.size, dlq: set.size })
})

test('a batch in which every record fails is set aside as a whole', async () => {
  await appendEvents(
    open,
    makeEvents(60, {}).map((one) => ({ ...one, ...SILVER })),
  )
  await drain(open)
  expect(await findSetAsideFaults(open, rig, root, new Set(Array(60).keys()))).toEqual([])
  expect(await rows('SELECT * FROM silver.events')).toEqual([])
  expect(notices).toEqual([
    expect.stringMatching(/^60 records \(first events\.raw-0:0\) went to events\.dlq, as silver/),
  ])
})

test('new records are tried together with what is committed already', async () => {
  await appendEvents(open, makeEvents(5, { 1: { coupon: '2147483647' } }))
  await drain(open)
  await open.close()
  open = await openFailing(rig, root)
  await appendEvents(open, [makeEvent(5, { coupon: '1' }), makeEvent(6)])
  await drain(open)
  expect(await findSetAsideFaults(open, rig, root, new Set([5]))).toEqual([])
  expect(await rows('SELECT coupons FROM gold.coupons')).toEqual([{ coupons: 2147483647 }])
})

describe('a sum that is only found too large when its day is final', () => {
  const LIMITS = { mergeSizeMin: 1, closedRowsMin: 1, sliceSize: 3 }
  const LATER_MS = SOON_MS + 3 * 86_400_000
  const later = makeEvent(99, { event_ts: LATER_MS, sent_ts: null, received_ts: null })
  const billions = (index: number) => makeEvent(index, { page_url: '2000000000' })

  beforeEach(async () => {
    await open.close()
    open = await openFailing({ ...rig, goldLimits: LIMITS }, root, notices)
    await appendEvents(open, [0, 1, 2].map(billions))
    await drain(open)
    await open.close()
    open = await openFailing({ ...rig, goldLimits: LIMITS }, root, notices)
  })

  test('sets aside the record with which the sum becomes too large', async () => {
    await appendEvents(open, [billions(3), billions(4), makeEvent(5)])
    await appendEvents(open, [later], LATER_MS)
    await drain(open)
    expect(await findSetAsideFaults(open, rig, root, new Set([4]))).toEqual([])
    expect(await rows('SELECT total FROM gold.totals ORDER BY day LIMIT 1')).toEqual([
      { total: '8000000000000000000' },
    ])
  })

  test('leaves the row where it is if all its records are committed, and says so', async () => {
    await appendEvents(open, [billions(3), billions(4)])
    await drain(open)
    await open.close()
    open = await openFailing({ ...rig, goldLimits: LIMITS }, root, notices)
    await appendEvents(open, [later], LATER_MS)
    await drain(open)
    expect(notices).toEqual([
      expect.stringMatching(
        /^gold\.totals can't compute rows that are final now, so they stay .*: Conversion Error: /,
      ),
    ])
    expect(await findSetAsideFaults(open, rig, root, new Set())).toEqual([])
    expect(await rows('SELECT events FROM gold.coupons ORDER BY day')).toEqual([
      { events: 5 },
      { events: 1 },
    ])
    await expect(rows('SELECT total FROM gold.totals')).rejects.toThrow(/Conversion Error/)
  })
})

test('copies of a failing event are set aside too; another event with its id counts', async () => {
  const event = makeEvent(1, SILVER)
  const repaired = { ...event, search_term: '3' }
  await appendEvents(open, [makeEvent(0), event, makeEvent(2), event, event, repaired, repaired])
  await drain(open)
  expect(notices).toHaveLength(1)
  expect((await readRejects()).map(({ offset }) => offset)).toEqual([1, 3, 4])
  expect(await rows('SELECT rating FROM silver.ratings')).toEqual([{ rating: 3 }])
  expect(open.engine.counts).toMatchObject({ bronze: 4, duplicates: 1, dlq: 3 })
})

test('a query that meets a failing record fails once; the next one has an answer', async () => {
  const stop = new AbortController()
  const running = open.pipeline.run(stop.signal, false)
  await appendEvents(open, makeEvents(10, { 4: PARTIAL }))
  await until(async () => open.engine.counts.records === 10)
  const ask = () => rows('SELECT events FROM gold.coupons')
  await expect(ask()).rejects.toThrow(/A model fails on a record: Conversion Error/)
  await until(async () => open.engine.counts.setAside === 1)
  expect(await ask()).toEqual([{ events: 9 }])
  stop.abort()
  await running
  expect((await readRejects())[0]?.message).toEqual(conversion('half'))
})

test('what was published of a failing record is corrected', async () => {
  await open.close()
  open = await openPipeline(rig.project(root), rig.logic, {
    ...{ owner: 'test', onNotice: (text: string) => notices.push(text), hasGoldTopics: true },
    store: await openStore(root),
  })
  const schema = readFileSync(join(ROOT, 'schemas/gold.activity_1m.avsc'), 'utf8')
  const readPublished = async () => {
    const [last] = (await recordsIn(open.store.log, 'gold.activity_1m')).slice(-1)
    const value = last && decodeKeyedRecord(last.bytes)?.value
    const decode = compileRecordDecoder<{ events: number }>(
      schema,
      (value && readSchemaId(Buffer.from(value))) ?? 0,
    )
    return value ? decode(value)?.events : undefined
  }
  const stop = new AbortController()
  const running = open.pipeline.run(stop.signal, false)
  await appendEvents(open, makeEvents(10, { 4: PARTIAL }))
  await until(async () => (await readPublished()) === 10)
  await expect(open.pipeline.commit()).rejects.toThrow(/Conversion Error/)
  await until(async () => open.engine.counts.setAside === 1)
  await until(async () => (await readPublished()) === 9)
  stop.abort()
  await running
  expect(await findSetAsideFaults(open, rig, root, new Set([4]))).toEqual([])
})

test('an error that no record explains ends the run as before', async () => {
  await appendEvents(open, makeEvents(3, {}))
  const broken = new Error('Conversion Error: of something else')
  open.engine.freeze = () => Promise.reject(broken)
  await expect(drain(open)).rejects.toBe(broken)
  expect(await readRejects()).toEqual([])
})
