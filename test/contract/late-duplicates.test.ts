/**
 * An event that comes again counts once, however long ago the first arrival was, whatever other
 * partitions did in between, and also after a crash.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { compactRunning } from '../../cli/app/lake.ts'
import type { OpenPipeline } from '../../cli/app/pipeline.ts'
import { compileEncoder } from '../../cli/domain/avro/encoder.ts'
import type { Event } from '../../cli/domain/events/contracts.ts'
import { RecordBatch } from '../../cli/domain/log/record-batch.ts'
import { seeded } from '../fixtures/gate-events.ts'
import { drain, makeRig, openRig, RAW, type Rig } from '../fixtures/pipeline-rig.ts'
import { deriveUuid, shopEvent, shopOrder } from '../fixtures/shop-events.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const START = Date.parse('2026-03-01T10:00:00Z')
const APPENDED = START + 365 * DAY

let rig: Rig
let root: string
let open: OpenPipeline

beforeAll(async () => {
  rig = await makeRig(['bronze.events', 'silver.events', 'silver.orders'])
})
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'ccs-again-'))
  open = await openRig(rig, root)
})
afterEach(async () => {
  await open.close()
  await rm(root, { recursive: true, force: true })
})

async function append(partition: number, events: readonly Event[]): Promise<void> {
  const schema = rig.logic.rawSchemas.at(-1)
  if (!schema) throw new Error('events.raw has no schema')
  const encode = compileEncoder<Event>(schema.schema, schema.id)
  const writer = await open.store.log.writer(RAW, partition, 'test')
  const batch = new RecordBatch(1024)
  for (const event of events) encode(batch, event)
  await writer.append(batch, APPENDED)
  await writer.close()
}

async function ingestAll(): Promise<void> {
  const { engine, store } = open
  for (const partition of await store.log.partitions(RAW)) {
    const from = engine.positions.find((one) => one.partition === partition)?.nextOffset ?? 0
    const reader = await store.log.reader(RAW, partition, from)
    for (;;) {
      const frames = await reader.read(1024)
      if (frames.length === 0) break
      await engine.ingest(frames)
    }
    await reader.close()
  }
}

async function reopen(): Promise<void> {
  await open.close()
  open = await openRig(rig, root)
}

const commit = async (): Promise<void> => {
  await drain(open)
  await reopen()
}

/** Each of the ids is in Silver once, and all other arrivals are counted as duplicates. */
async function expectOnce(ids: readonly string[]): Promise<void> {
  const { rows } = await open.engine.query('SELECT event_id FROM silver.events ORDER BY 1', START)
  expect(rows.map((row) => row.event_id)).toEqual([...new Set(ids)].map(deriveUuid).sort())
  const { bronze, duplicates } = open.engine.counts
  expect(bronze - duplicates).toBe(rows.length)
}

const shop = (id: string, hours: number): Event => shopEvent(id, START + hours * HOUR)

test('an order that comes again three days later counts once', async () => {
  const order = shopOrder('1', START, 1990)
  const expectOrder = async () => {
    const { rows } = await open.engine.query('SELECT revenue FROM silver.orders', START)
    expect(rows).toEqual([{ revenue: '19.90' }])
  }
  const events = [order, shop('2', 24), shop('3', 48), shop('4', 74), order]
  await append(1, [...events, shop('5', 170)])
  await ingestAll()
  await expectOnce(['1', '2', '3', '4', '5'])
  await expectOrder()
  await commit()
  await expectOnce(['1', '2', '3', '4', '5'])
  await append(1, [order, shop('2', 24), shop('6', 172), shop('6', 172)])
  await append(2, [order, shop('3', 48)])
  await ingestAll()
  await expectOnce(['1', '2', '3', '4', '5', '6'])
  await commit()
  await append(1, [shop('2', 24)])
  await compactRunning(open, { filesMax: 1, openFilesMax: 1 })
  await ingestAll()
  await expectOnce(['1', '2', '3', '4', '5', '6'])
  await expectOrder()
})

test.each(['uncommitted', 'committed'])(
  'an arrival that repeats an order, and so is in no table of Silver, still has the event id (%s)',
  async (state) => {
    const order = shopOrder('1', START, 1990)
    // The second purchase of the order has an id of its own, which a third event repeats.
    const again = { ...shopOrder('2', START + HOUR, 1990), order_id: order.order_id }
    const refund: Event = { ...again, event_type: 'refund', order_id: 'another' }
    await append(0, [order, again, shop('3', 120)])
    if (state === 'committed') await commit()
    await append(0, [refund])
    await ingestAll()
    await expectOnce(['1', '3'])
    await commit()
    await expectOnce(['1', '3'])
  },
)

test('also if another partition jumped days ahead between its two arrivals', async () => {
  await append(0, [shop('a', 0), shop('b', 1)])
  await ingestAll()
  await append(1, [shop('ahead', 120)])
  await ingestAll()
  await append(0, [shop('a', 0), shop('c', 2), shop('c', 2)])
  await ingestAll()
  await expectOnce(['a', 'b', 'c', 'ahead'])
})

test('also if its corrected time differs and crosses midnight', async () => {
  await append(0, [shop('a', 13.99), shop('b', 100)])
  await commit()
  await append(0, [shop('a', 14.01)])
  await ingestAll()
  await expectOnce(['a', 'b'])
})

test('whatever the order of times, partitions, commits and crashes', async () => {
  const random = seeded(Number(process.env.CCS_SEED ?? 3))
  const below = (count: number) => Math.floor(random() * count)
  const sent: string[] = []
  for (let round = 0; round < 12; round++) {
    for (let partition = 0; partition < 3; partition++) {
      const events = Array.from({ length: 30 }, () => {
        const day = below(40)
        return { id: `${day}-${below(8)}`, day }
      })
      sent.push(...events.map(({ id }) => id))
      await append(
        partition,
        events.map(({ id, day }) => shop(id, day * 24)),
      )
    }
    const step = below(3)
    if (step === 0) await drain(open)
    else await ingestAll()
    if (step === 1) await reopen()
    else if (step === 0) await reopen()
  }
  await ingestAll()
  await expectOnce(sent)
  await commit()
  await expectOnce(sent)
})
