/**
 * sql/live/order_sources.sql over a real engine with a fixed clock: which of the day's orders the
 * browser reported, which only the shop system, and which only the browser.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import type { OpenPipeline } from '../../cli/app/pipeline.ts'
import { compileEncoder } from '../../cli/domain/avro/encoder.ts'
import type { Event } from '../../cli/domain/events/contracts.ts'
import { parseMetrics } from '../../cli/domain/live/metric.ts'
import { RecordBatch } from '../../cli/domain/log/record-batch.ts'
import { loadProject } from '../../cli/project.ts'
import { ROOT } from '../e2e/run-ccs.ts'
import { seeded } from '../fixtures/gate-events.ts'
import { drain, makeRig, openRig, RAW, type Rig } from '../fixtures/pipeline-rig.ts'
import { shopEvent, shopOrder } from '../fixtures/shop-events.ts'

const HOUR = 3_600_000
/** The shop's clock is UTC+2 then. */
const MIDNIGHT = Date.parse('2026-06-10T22:00:00Z')
const NOW = MIDNIGHT + 15 * HOUR

type Source = Event['source']

let rig: Rig
let sql: string
let root: string
let open: OpenPipeline

beforeAll(async () => {
  const models = ['bronze.events', 'silver.events', 'silver.orders']
  rig = await makeRig(models, undefined, undefined, 'Europe/Berlin')
  const { metrics } = parseMetrics((await loadProject(ROOT, { env: {} })).metrics)
  sql = metrics.find(({ id }) => id === 'order_sources')?.sql ?? ''
})
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'ccs-order-sources-'))
  open = await openRig(rig, root)
})
afterEach(async () => {
  await open.close()
  await rm(root, { recursive: true, force: true })
})

async function ingest(events: readonly Event[]): Promise<void> {
  const schema = rig.logic.rawSchemas.at(-1)
  if (!schema) throw new Error('events.raw has no schema')
  const encode = compileEncoder<Event>(schema.schema, schema.id)
  const writer = await open.store.log.writer(RAW, 0, 'test')
  const batch = new RecordBatch(1024)
  for (const event of events) encode(batch, event)
  await writer.append(batch, NOW)
  await writer.close()
  await drain(open)
}

let reports = 0

/** One report of an order; each has an id of its own. */
function report(orderId: string, source: Source, atMs = NOW - HOUR, more = {}): Event {
  const { event_id } = shopEvent(`report ${reports++}`, atMs)
  return { ...shopOrder(orderId, atMs, 1_000), event_id, order_id: orderId, source, ...more }
}

const ask = async () => (await open.engine.query(sql, NOW)).rows

test('the loss is what only the shop system reported, in either order of arrival', async () => {
  await ingest([
    ...[report('both', 'web'), report('both', 'server')],
    ...[report('webhook first', 'server'), report('webhook first', 'app')],
    report('hidden', 'server'),
    ...[report('twice', 'web'), report('twice', 'web'), report('twice', 'server')],
    ...[report('no webhook', 'web'), report('imported', 'import')],
  ])
  expect(await ask()).toEqual([
    {
      orders: 5,
      by_browser: 4,
      by_shop_system: 4,
      only_shop_system: 1,
      only_browser: 1,
      loss_rate: 0.2,
    },
  ])
})

test('an order counts on the shop day of its first report; bots have none', async () => {
  await ingest([
    // The thank-you page before midnight, the webhook after it, and the other way round.
    ...[report('late', 'web', MIDNIGHT - 1_000), report('late', 'server', MIDNIGHT + 1_000)],
    ...[report('early', 'server', MIDNIGHT), report('early', 'web', MIDNIGHT - 1_000)],
    ...[report('bot', 'web', NOW - HOUR, { bot_hint: 'rate' }), report('bot', 'server')],
  ])
  expect(await ask()).toMatchObject([{ orders: 1, only_shop_system: 0, only_browser: 0 }])
})

test.each<readonly [string, Source]>([
  ['browsers', 'web'],
  ['the shop system', 'server'],
])('where only %s report orders there is no row', async (_who, source) => {
  await ingest([report('1', source), report('2', source), shopEvent('view', NOW - HOUR)])
  expect(await ask()).toEqual([])
})

test('no order today gives no row, although both ways were used yesterday', async () => {
  const yesterday = MIDNIGHT - 2 * HOUR
  await ingest([report('1', 'web', yesterday), report('2', 'server', yesterday)])
  expect(await ask()).toEqual([])
})

test('of five hundred orders by both ways, every number is that of a plain count', async () => {
  const random = seeded(16)
  const counts = { orders: 0, only_shop_system: 0, only_browser: 0 }
  const deliveries: { readonly at: number; readonly event: Event }[] = []
  for (let order = 0; order < 500; order++) {
    const [isHidden, isMissed] = [random() < 0.2, random() < 0.05]
    const placedMs = MIDNIGHT - 5 * HOUR + random() * 20 * HOUR
    const browser = Array.from({ length: isHidden ? 0 : 1 + Math.floor(random() * 3) }, () =>
      report(`${order}`, random() < 0.5 ? 'web' : 'app', Math.round(placedMs)),
    )
    const webhooks =
      isMissed && !isHidden ? [] : [report(`${order}`, 'server', Math.round(placedMs))]
    for (const event of [...browser, ...webhooks]) deliveries.push({ at: random(), event })
    if (placedMs < MIDNIGHT) continue
    counts.orders++
    if (browser.length === 0) counts.only_shop_system++
    if (webhooks.length === 0) counts.only_browser++
  }
  await ingest(deliveries.sort((a, b) => a.at - b.at).map(({ event }) => event))
  expect(counts.only_shop_system).toBeGreaterThan(20)
  expect(await ask()).toMatchObject([
    { ...counts, loss_rate: counts.only_shop_system / counts.orders },
  ])
})
