/**
 * Queries over topics that an engine fills: here a Kafka in memory, with what Flink would have
 * written at a moment. test/cluster/flink-live.test.ts asks the same of a real one.
 */
import { expect, test } from 'vitest'
import { printRecord } from '../../cli/engines/flink/plan/record.ts'
import type { Row } from '../fixtures/engine-topics.ts'
import { compareMoments, openTopicShop } from '../fixtures/topic-shop.ts'

const PAGE = 'shop.gold.top_pages_1h'
const page = (name: string, views: number, hour = 9): Row => {
  return { window_start: `2026-03-27T0${hour}:00:00.000Z`, page: name, views }
}

test('of each key the last row counts, and a tombstone removes it', async () => {
  const { topics, ask } = await openTopicShop()
  for (const views of [1, 2, 3]) topics.put(PAGE, page('/a', views))
  topics.put(PAGE, page('/b', 7))
  topics.put(PAGE, page('/c', 9))
  topics.put(PAGE, page('/c', 0), { isGone: true })
  const rows = () => ask('SELECT page, views FROM gold.top_pages_1h ORDER BY ALL')
  expect(await rows()).toEqual([
    { page: '/a', views: 3 },
    { page: '/b', views: 7 },
  ])
  topics.put(PAGE, page('/b', 0), { isGone: true })
  topics.put(PAGE, page('/c', 4))
  topics.put(PAGE, page('/a', 5))
  expect(await rows()).toEqual([
    { page: '/a', views: 5 },
    { page: '/c', views: 4 },
  ])
})

test('a query reads the topics of its models alone, and the next only what is new', async () => {
  const { topics, ask } = await openTopicShop()
  for (let at = 0; at < 2_500; at++) topics.put(PAGE, page(`/${at % 40}`, at))
  topics.put('shop.gold.revenue_daily', { shop_date: '2026-03-27', currency: 'EUR', revenue: '1' })
  expect(await ask('SELECT sum(views) AS s FROM gold.top_pages_1h')).toEqual([{ s: 99_180 }])
  expect(topics.readCount).toBe(2_500)
  topics.put(PAGE, page('/0', 0))
  await ask('SELECT * FROM gold.top_pages_1h')
  await ask('SELECT * FROM gold.top_pages_1h')
  expect(topics.readCount).toBe(2_501)
})

test('a topic that was deleted and created again is read from its beginning', async () => {
  const { topics, ask, logic } = await openTopicShop()
  topics.put(PAGE, page('/old', 1))
  const rows = () => ask('SELECT page FROM gold.top_pages_1h')
  expect(await rows()).toEqual([{ page: '/old' }])
  topics.create(PAGE, logic.columns.get('gold.top_pages_1h') ?? [], ['window_start', 'page'])
  topics.put(PAGE, page('/new', 1))
  expect(await rows()).toEqual([{ page: '/new' }])
  topics.delete(PAGE)
  await expect(rows()).rejects.toThrow('There is no topic shop.gold.top_pages_1h at')
})

test('a column that is not deployed is refused, and not taken for one without values', async () => {
  const { topics, ask, logic } = await openTopicShop()
  const columns = logic.columns.get('gold.top_pages_1h') ?? []
  const deployed = columns.filter(({ name }) => name !== 'views')
  topics.create(PAGE, deployed, ['window_start', 'page'])
  expect(await ask('SELECT * FROM gold.top_pages_1h')).toEqual([])
  topics.put(PAGE, page('/a', 1))
  await expect(ask('SELECT page FROM gold.top_pages_1h')).rejects.toMatchObject({
    code: 'CCS_PLAN_CHANGES',
    message: `gold.top_pages_1h has a column views, which no record of ${PAGE} has yet.`,
  })
})

test('the topics are those of the job in force, as soon as another one is', async () => {
  let record: string | undefined
  let elapsedMs = 0
  const { topics, ask, logic } = await openTopicShop({
    loadRecord: async () => record,
    elapsedMs: () => elapsedMs,
  })
  const next = `${PAGE}.v2`
  topics.create(next, logic.columns.get('gold.top_pages_1h') ?? [], ['window_start', 'page'])
  topics.put(PAGE, page('/first', 1))
  topics.put(next, page('/second', 2))
  const rows = () => ask('SELECT page, views FROM gold.top_pages_1h')
  expect(await rows()).toEqual([{ page: '/first', views: 1 }])
  const sinks = [{ model: 'gold.top_pages_1h', topic: next, fingerprint: 'x' }]
  const deployed = { version: 2, name: 'ccs-v2-x', id: 'j2', sinks, plan: '{}' }
  record = printRecord({ deployed, inProgress: [] })
  elapsedMs += 10_000
  expect(await rows()).toEqual([{ page: '/second', views: 2 }])
})

test('values are exact: money, times, whole numbers, lists and texts', async () => {
  const { topics, ask } = await openTopicShop()
  const items = [{ sku: 's', name: 'ü "q"', category: null, brand: null, unit_price_minor: 1 }]
  topics.put('shop.silver.events', {
    ...{ event_id: 'e', event_type: 'purchase', event_time: '2026-03-27T00:00:00.001Z' },
    ...{ revenue: '-9999999999999999.99', is_bot: false, items, offset: 2 ** 40 },
    ...{ page: 'a\u0000b{"x":1}', event_date: '1969-12-31' },
  })
  const [row] = await ask(
    'SELECT revenue, event_time, "offset", items, page, event_date, coupon FROM silver.events',
  )
  expect(row).toMatchObject({
    ...{ revenue: '-9999999999999999.99', event_time: '2026-03-27T00:00:00.001Z' },
    ...{ offset: 2 ** 40, page: 'a\u0000b{"x":1}', event_date: '1969-12-31' },
    ...{ coupon: null, items: [{ sku: 's', name: 'ü "q"', unit_price_minor: 1, quantity: null }] },
  })
})

test('queries of topics obey the limits and rules of all queries', async () => {
  const { topics, ask, queries } = await openTopicShop({
    limits: { memoryLimitBytes: 20 * 1024 * 1024 },
  })
  await expect(ask('DROP TABLE gold.sessions')).rejects.toThrow('A query must be one SELECT.')
  await expect(ask("SELECT * FROM '/etc/passwd'")).rejects.toMatchObject({
    code: 'CCS_QUERY_INVALID',
  })
  await expect(ask('SELECT * FROM gold.nothing')).rejects.toThrow(/nothing/)
  const slow = 'SELECT count(*) FROM range(10000) a, range(10000) b, range(10000) c'
  await expect(queries.query(slow, { timeoutMs: 300 })).rejects.toMatchObject({
    code: 'CCS_QUERY_LIMIT',
  })
  const many = 'SELECT * FROM range(2000)'
  await expect(queries.query(many, { rowsMax: 1_000 })).rejects.toThrow('more than 1,000 rows')
  for (let at = 0; at < 40_000; at++)
    topics.put('shop.silver.events', { event_id: `${at}`.padStart(900, 'x') })
  await expect(ask('SELECT count(*) FROM silver.events')).rejects.toThrow(
    'The query and the topics that it reads take more than 20 MiB of memory.',
  )
  expect(await ask('SELECT count(*) AS n FROM gold.activity_1m')).toEqual([{ n: 0 }])
})

test('a record that is not of its schema ends the query with its place', async () => {
  const { topics, ask } = await openTopicShop()
  topics.put(PAGE, page('/a', 1), { partition: 0 })
  topics.putBytes(PAGE, Buffer.from('no avro'))
  await expect(ask('SELECT * FROM gold.top_pages_1h')).rejects.toThrow(
    'Record 1 of partition 0 of shop.gold.top_pages_1h has no Avro of the registry.',
  )
})

test('sessions are those of plain SQL in the middle of visits', async () => {
  const { closed, open } = await compareMoments(1, [42, 66])
  expect(closed).toBeGreaterThan(100)
  expect(open).toBeGreaterThan(10)
})
