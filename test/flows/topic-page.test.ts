/**
 * The page's metrics over topics that an engine fills: here a Kafka in memory, with what Flink would
 * have written at a moment.
 */
import { expect, test } from 'vitest'
import { CcsError } from '../../cli/domain/kernel/errors.ts'
import type { PageQueries } from '../../cli/engines/flink/query/page-queries.ts'
import { drawLongVisits } from '../fixtures/long-visits.ts'
import { PREFIX, TopicPage } from '../fixtures/topic-page.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const START = Date.parse('2026-03-27T00:00:00Z')
const NOON = Date.parse('2026-03-27T12:00:00Z')
const TOO_MANY = 'records of silver.events'

function drawUntil(hours: number) {
  return drawLongVisits(3, START).filter(({ appendMs }) => appendMs < START + hours * HOUR)
}

/** Reads all topics once, to their end. */
async function readOn(page: TopicPage, queries: PageQueries): Promise<void> {
  page.nowMs++
  for (let i = 0; i < 200 && queries.state.readMs !== page.nowMs; i++) await queries.catchUp()
  expect(queries.state).toMatchObject({ readMs: page.nowMs, fault: null })
}

async function ask(page: TopicPage, queries: PageQueries, id: string) {
  const sql = page.metrics.find((one) => one.id === id)?.sql ?? ''
  return queries.query(sql, page.nowMs)
}

/** Puts an event of `silver.events`; written when it happened unless said otherwise. */
function putEvent(page: TopicPage, id: string, eventMs: number, timeMs = eventMs): void {
  const at = new Date(eventMs).toISOString()
  const row = { event_id: id, event_type: 'page_view', event_time: at, event_date: at.slice(0, 10) }
  const more = { is_bot: false, late_ms: 0, anonymous_id: id, page: '/', geo_city: 'x'.repeat(900) }
  page.topics.put(`${PREFIX}silver.events`, { ...row, ...more }, { timeMs })
}

/** Puts a session that is over. */
function putSession(page: TopicPage, endMs: number): void {
  const at = new Date(endMs).toISOString()
  const row = { session_id: at, anonymous_id: at, session_start: at, session_end: at }
  page.topics.put(`${PREFIX}gold.sessions`, row, { timeMs: endMs })
}

async function expectPlainRows(page: TopicPage, queries: PageQueries): Promise<void> {
  for (const { id, sql } of page.metrics)
    expect({ id, ...(await ask(page, queries, id)) }).toMatchObject({
      id,
      rows: await page.expected(sql),
    })
}

test('every metric has the rows of plain SQL, as events come and sessions end', async () => {
  const page = await TopicPage.open()
  const queries = await page.openQueries()
  for (const hours of [30, 42.5]) {
    const events = drawUntil(hours)
    await page.fill(events, events.at(-1)?.appendMs ?? 0)
    await readOn(page, queries)
    await expectPlainRows(page, queries)
  }
})

test('after days without a record, the last sessions are found, and those under way', async () => {
  const page = await TopicPage.open()
  const events = drawUntil(30)
  await page.fill(events, events.at(-1)?.appendMs ?? 0)
  const queries = await page.openQueries()
  page.nowMs += 6 * DAY
  await readOn(page, queries)
  const sql = `SELECT session_id, session_end FROM gold.sessions
    WHERE session_end >= (SELECT max(session_end) FROM gold.sessions) - INTERVAL 20 HOURS
    ORDER BY ALL`
  const rows = await page.expected(sql)
  expect(rows.length).toBeGreaterThan(20)
  expect(await queries.query(sql, page.nowMs)).toMatchObject({ rows })
})

test('records are read once, and those before the time that metrics need never', async () => {
  const page = await TopicPage.open()
  page.nowMs = NOON
  for (let at = 0; at < 3_000; at++) putEvent(page, `old ${at}`, NOON - 200 * DAY + at)
  for (let at = 0; at < 40; at++) putEvent(page, `new ${at}`, NOON - at * 1_000)
  const queries = await page.openQueries()
  await readOn(page, queries)
  const first = page.topics.readCount
  // Once for the metrics, and once for the sessions under way, which no session of a topic ends.
  expect(first).toBe(40 + 3_040)
  expect(await ask(page, queries, 'latest_events')).toMatchObject({ rows: { length: 12 } })
  putEvent(page, 'newest', NOON)
  await readOn(page, queries)
  await readOn(page, queries)
  expect(page.topics.readCount).toBe(first + 2)
})

test('of a topic that was written anew, what is too old for the metrics takes no memory', async () => {
  const page = await TopicPage.open()
  page.nowMs = NOON
  for (let at = 0; at < 24_000; at++) putEvent(page, `${at}`, NOON - 100 * DAY, NOON)
  putEvent(page, 'new', NOON - 1_000, NOON)
  putSession(page, NOON)
  const queries = await page.openQueries({ memoryLimitBytes: 20 * 1024 * 1024 })
  await readOn(page, queries)
  expect(await ask(page, queries, 'latest_events')).toMatchObject({ rows: { length: 1 } })
})

test('a metric that needs too many records says so, and the others have their rows', async () => {
  const page = await TopicPage.open()
  page.nowMs = NOON
  for (let at = 0; at < 900; at++) putEvent(page, `week ${at}`, NOON - 7 * DAY + at)
  for (let at = 0; at < 100; at++) putEvent(page, `now ${at}`, NOON - 60_000 + at)
  putSession(page, NOON)
  const queries = await page.openQueries({ recordsMax: 500 })
  await readOn(page, queries)
  expect(await ask(page, queries, 'latest_events')).toMatchObject({ rows: { length: 12 } })
  const excess = `1,000 ${TOO_MANY} since 2026-03-18T10:00Z, and the page reads at most 500`
  expect(await ask(page, queries, 'last_week')).toEqual({
    absent: `Not shown on this target: it needs ${excess} of a topic.`,
    isPassing: false,
  })
})

test('a topic that is missing is said, and read as soon as it is there', async () => {
  const page = await TopicPage.open()
  page.nowMs = NOON
  const topic = `${PREFIX}gold.top_pages_1h`
  page.topics.delete(topic)
  const queries = await page.openQueries()
  expect(await ask(page, queries, 'top_pages')).toMatchObject({ isPassing: true })
  await readOn(page, queries)
  const { absent } = (await ask(page, queries, 'top_pages')) as { absent: string }
  expect(absent).toContain(`There is no topic ${topic} at`)
  expect(await ask(page, queries, 'devices')).toMatchObject({ rows: [] })
  const columns = page.logic.columns.get('gold.top_pages_1h') ?? []
  page.topics.create(topic, columns, ['window_start', 'page'])
  const window = new Date(NOON).toISOString()
  page.topics.put(topic, { window_start: window, page: '/a', views: 3 }, { timeMs: NOON })
  page.elapsedMs += 10_000
  await readOn(page, queries)
  expect(await ask(page, queries, 'top_pages')).toMatchObject({ rows: [{ page: '/a', views: 3 }] })
})

test('while Kafka is away, rows stay and the state says why; then reading goes on', async () => {
  const page = await TopicPage.open()
  page.nowMs = NOON
  putEvent(page, 'first', NOON - 1_000)
  const queries = await page.openQueries()
  await readOn(page, queries)
  const [{ inspect }, readMs] = [page.topics, queries.state.readMs]
  page.topics.inspect = async () => {
    throw new CcsError('CCS_KAFKA_UNREACHABLE', 'No broker answers at 127.0.0.1:9092.')
  }
  page.nowMs += 1_000
  await queries.catchUp()
  const fault = 'No broker answers at 127.0.0.1:9092.'
  expect(queries.state).toMatchObject({ fault, readMs, newestMs: NOON - 1_000 })
  // The board keeps the rows that it has.
  expect(await ask(page, queries, 'latest_events')).toEqual({ absent: fault, isPassing: true })
  page.topics.inspect = inspect
  putEvent(page, 'second', NOON)
  await readOn(page, queries)
  expect(await ask(page, queries, 'latest_events')).toMatchObject({ rows: { length: 2 } })
})

test('what metrics need no more is removed as time passes', async () => {
  const page = await TopicPage.open()
  page.nowMs = NOON
  for (let at = 0; at < 20; at++) putEvent(page, `${at}`, NOON - at * 1_000)
  const queries = await page.openQueries()
  await readOn(page, queries)
  const count = async () => {
    const answer = await queries.query('SELECT count(*) AS n FROM silver.events', 0)
    return 'rows' in answer ? answer.rows : answer
  }
  expect(await count()).toEqual([{ n: 20 }])
  page.nowMs += 12 * DAY
  page.elapsedMs += HOUR
  await readOn(page, queries)
  expect(await count()).toEqual([{ n: 0 }])
})
