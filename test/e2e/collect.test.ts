/**
 * `ccs collect` as its senders and its operator see it: what each answer means, what is kept of
 * what came, who a visitor is, and what is refused. The built ccs over HTTP, and tables by `ccs run`.
 */
import { randomUUID } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { endAll, startNode } from '../fixtures/child.ts'
import {
  makeCollectProject,
  query,
  queryAfterRun,
  type RunningCollector,
  startCollector,
} from '../fixtures/collector.ts'
import { runCcs } from './run-ccs.ts'

const KEY = 'key-of-the-web-page'
const OTHER_KEY = 'next-key-of-the-page'
const ORIGIN = 'https://shop.example'
const ADDRESS = '203.0.113.77'
const PHONE =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1'

let dir: string
let project: string
let data: string

beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'ccs-collect-'))
  project = path.join(dir, 'project')
  data = path.join(dir, 'data')
})
afterEach(async () => {
  await endAll()
  rmSync(dir, { recursive: true, force: true })
})

async function start(settings = '', args: readonly string[] = []): Promise<RunningCollector> {
  makeCollectProject(project, settings)
  return startCollector(project, data, args)
}

const view = (more: object = {}) => {
  return {
    event_id: randomUUID(),
    event_ts: Date.now(),
    event_type: 'page_view',
    page: '/',
    ...more,
  }
}

const fromPage = (more: Readonly<Record<string, string>> = {}) => {
  return { origin: ORIGIN, 'user-agent': PHONE, 'x-real-ip': ADDRESS, ...more }
}

describe('what became of each event', () => {
  test('accepted, duplicate and rejected events are told apart, and all are kept', async () => {
    const collector = await start()
    const first = view({ anonymous_id: 'ann' })
    const bad = { ...view(), event_type: 'purchase', order_id: 'A1', items: [], currency: 'EUR' }
    const { status, body } = await collector.post('/v1/events', [first, first, bad, 7])
    expect(status).toBe(202)
    expect(body).toMatchObject({ accepted: 1, duplicate: 1, rejected: 2 })
    expect(body.events).toEqual([
      { event_id: first.event_id, status: 'accepted' },
      { event_id: first.event_id, status: 'duplicate' },
      {
        event_id: bad.event_id,
        status: 'rejected',
        reason: 'missing_field',
        message: 'A purchase needs items.',
      },
      {
        event_id: null,
        status: 'rejected',
        reason: 'wrong_type',
        message: 'An event is an object; this is a number.',
      },
    ])
    await collector.stop()
    const counts =
      'SELECT (SELECT count(*) FROM bronze.events) AS bronze, count(*) AS silver FROM silver.events'
    expect(await queryAfterRun(project, data, counts)).toEqual([{ bronze: 2, silver: 1 }])
    const { stdout } = await runCcs(['dlq', 'ls', '--json', '--project', project, '--data', data])
    expect(stdout).toContain('missing_field')
    expect(stdout).toContain('wrong_type')
    const whole = await runCcs(['audit', '--project', project, '--data', data])
    expect(whole.code, whole.stdout).toBe(0)
  })

  test('a body that is no JSON is a 400, and its bytes are in events.dlq', async () => {
    const collector = await start()
    const { status, body } = await collector.post('/v1/events', '{"event_type": "page_v')
    expect(status).toBe(400)
    expect(body.events[0]).toMatchObject({ status: 'rejected', reason: 'invalid_json' })
    await collector.stop()
    const { stdout } = await runCcs(['dlq', 'ls', '--project', project, '--data', data])
    expect(stdout).toContain('invalid_json')
  })

  test('NDJSON, gzip, and members that hold for all events', async () => {
    const collector = await start()
    const lines = [view({ anonymous_id: 'a' }), view({ anonymous_id: 'b' })]
    const text = `${lines.map((one) => JSON.stringify(one)).join('\n')}\n{"broken\n`
    const nd = await collector.post('/v1/events', text, { 'content-type': 'application/x-ndjson' })
    expect(nd.body).toMatchObject({ accepted: 2, rejected: 1 })
    const shared = JSON.stringify({ anonymous_id: 'c', source: 'app', events: [view(), view()] })
    const packed = await fetch(`${collector.url}/v1/events`, {
      method: 'POST',
      body: gzipSync(shared),
      headers: { 'content-encoding': 'gzip' },
    })
    expect(await packed.json()).toMatchObject({ accepted: 2 })
    await collector.stop()
    const sql =
      'SELECT anonymous_id, source, count(*) AS n FROM silver.events GROUP BY ALL ORDER BY 1'
    expect(await queryAfterRun(project, data, sql)).toEqual([
      { anonymous_id: 'a', source: 'server', n: 1 },
      { anonymous_id: 'b', source: 'server', n: 1 },
      { anonymous_id: 'c', source: 'app', n: 2 },
    ])
  })

  test('an id is recognised after a restart, and members without a field are named', async () => {
    const collector = await start()
    const one = view({ colour: 'red' })
    const { body } = await collector.post('/v1/events', one)
    expect(body.events[0]).toEqual({
      event_id: one.event_id,
      status: 'accepted',
      ignored: ['colour'],
    })
    collector.child.kill('SIGKILL')
    await collector.child.ended
    const again = await startCollector(project, data)
    expect((await again.post('/v1/events', one)).body).toMatchObject({ accepted: 0, duplicate: 1 })
    await again.stop()
  })

  test('what the sender leaves out is filled: page, campaign, device, id and time', async () => {
    const collector = await start('collect: { origins: [https://shop.example] }')
    const url = `${ORIGIN}/p%C3%A4ge?utm_source=news&utm_medium=email&utm_campaign=May`
    const click = `${ORIGIN}/land?gclid=x1`
    const headers = fromPage()
    await collector.post('/ccs/in', { event_type: 'page_view', page_url: url }, headers)
    await collector.post('/ccs/in', { event_type: 'page_view', page_url: click }, headers)
    await collector.stop()
    const sql =
      'SELECT page, utm_source, utm_medium, utm_campaign, device, source FROM silver.events ORDER BY page'
    expect(await queryAfterRun(project, data, sql)).toEqual([
      {
        ...{ page: '/land', utm_source: 'google', utm_medium: 'cpc', utm_campaign: null },
        ...{ device: 'mobile', source: 'web' },
      },
      {
        ...{ page: '/p%C3%A4ge', utm_source: 'news', utm_medium: 'email', utm_campaign: 'May' },
        ...{ device: 'mobile', source: 'web' },
      },
    ])
  })

  test('the pixel answers with 43 bytes and counts a page view', async () => {
    const collector = await start('collect: { origins: [https://shop.example] }')
    const answer = await fetch(`${collector.url}/ccs.gif?page_title=Home`, {
      headers: { referer: `${ORIGIN}/home` },
    })
    expect((await answer.arrayBuffer()).byteLength).toBe(43)
    expect(answer.headers.get('content-type')).toBe('image/gif')
    await collector.stop()
    const sql = 'SELECT event_type, page, page_title, source FROM silver.events'
    expect(await queryAfterRun(project, data, sql)).toEqual([
      { event_type: 'page_view', page: '/home', page_title: 'Home', source: 'web' },
    ])
  })
})

describe('who a visitor is', () => {
  const settings = `collect:
  origins: [${ORIGIN}]
  headers: { address: x-real-ip, country: cf-ipcountry, city: cf-ipcity }
`

  test('without consent there is no cookie, one id a day, and no address in any file', async () => {
    const collector = await start(settings)
    const place = { 'cf-ipcountry': 'de', 'cf-ipcity': 'K\u00c3\u00b6ln' }
    const one = await collector.post('/ccs/in', view(), fromPage(place))
    await collector.post('/ccs/in', view(), fromPage())
    await collector.post('/ccs/in', view(), fromPage({ 'x-real-ip': '203.0.113.78' }))
    await collector.post('/ccs/in', view(), fromPage({ 'user-agent': 'Mozilla/5.0 other' }))
    expect(one.headers.get('set-cookie')).toBeNull()
    await collector.stop()
    const sql = `SELECT count(DISTINCT anonymous_id) AS visitors, max(geo_country) AS country,
      max(geo_city) AS city FROM silver.events`
    expect(await queryAfterRun(project, data, sql)).toEqual([
      { visitors: 3, country: 'DE', city: 'Köln' },
    ])
    for (const file of filesBelow(data)) {
      const bytes = readFileSync(file)
      expect(bytes.includes('203.0.113'), file).toBe(false)
    }
  })

  test('with consent the answer sets a cookie that page scripts can’t read, and it counts', async () => {
    const collector = await start(settings)
    const given = view({ consent: true, anonymous_id: 'from-the-page-1' })
    const first = await collector.post('/ccs/in', given, fromPage())
    const cookie = first.headers.get('set-cookie') ?? ''
    expect(cookie).toMatch(
      /^ccs_id=from-the-page-1; Path=\/; Max-Age=31536000; HttpOnly; SameSite=Lax; Secure$/,
    )
    const later = await collector.post(
      '/ccs/in',
      view({ consent: true, anonymous_id: 'another-id' }),
      fromPage({ cookie: 'x=1; ccs_id=from-the-page-1' }),
    )
    expect(later.headers.get('set-cookie')).toBeNull()
    const refusal = view({ consent: false })
    const ended = await collector.post(
      '/ccs/in',
      refusal,
      fromPage({ cookie: 'ccs_id=from-the-page-1' }),
    )
    expect(ended.headers.get('set-cookie')).toContain('Max-Age=0')
    await collector.stop()
    const sql = `SELECT anonymous_id LIKE 'd.%' AS daily, consent, count(*) AS n FROM silver.events
      GROUP BY ALL ORDER BY 1`
    expect(await queryAfterRun(project, data, sql)).toEqual([
      { daily: false, consent: true, n: 2 },
      { daily: true, consent: false, n: 1 },
    ])
  })

  test.for(['sec-gpc', 'dnt'])('%s is a refusal, whatever the page says', async (header) => {
    const collector = await start(settings)
    const event = view({ consent: true, anonymous_id: 'from-the-page-1' })
    const answer = await collector.post('/ccs/in', event, fromPage({ [header]: '1' }))
    expect(answer.headers.get('set-cookie')).toBeNull()
    await collector.stop()
    const sql = "SELECT consent, anonymous_id LIKE 'd.%' AS daily FROM silver.events"
    expect(await queryAfterRun(project, data, sql)).toEqual([{ consent: false, daily: true }])
  })

  test('the day’s key lies in the project, for its owner only, and a restart keeps it', async () => {
    const collector = await start(settings)
    await collector.post('/ccs/in', view(), fromPage())
    await collector.stop()
    const again = await startCollector(project, data)
    await again.post('/ccs/in', view(), fromPage())
    await again.stop()
    const salt = path.join(project, '.ccs/collect/salt.json')
    expect(statSync(salt).mode & 0o777).toBe(0o600)
    const sql = 'SELECT count(DISTINCT anonymous_id) AS visitors FROM silver.events'
    expect(await queryAfterRun(project, data, sql)).toEqual([{ visitors: 1 }])
  })

  test('bots are flagged with the rule, counted and kept', async () => {
    const collector = await start(`${settings}  bot_views_per_minute: 5\n`)
    await collector.post('/ccs/in', view(), fromPage({ 'user-agent': 'Mozilla/5.0 Googlebot/2.1' }))
    const views = Array.from({ length: 20 }, () => view())
    const fast = fromPage({ 'x-real-ip': '203.0.113.90' })
    await collector.post('/ccs/in', views, fast)
    await collector.post('/ccs/in', view(), fromPage({ 'x-real-ip': '52.94.76.10' }))
    await collector.stop()
    const sql = `SELECT bot_rule, count(*) AS n FROM silver.events GROUP BY 1 ORDER BY 1 NULLS LAST`
    const rows = await queryAfterRun(project, data, sql)
    expect(rows).toContainEqual({ bot_rule: 'name', n: 1 })
    // A minute may end between two of the views; then each part has five that are a person's.
    const n = (rule: string | null) => Number(rows.find((one) => one.bot_rule === rule)?.n ?? 0)
    expect(n('rate')).toBeGreaterThanOrEqual(10)
    expect(n('rate') + n(null)).toBe(20)
    expect(n('data centre')).toBe(1)
  })
})

describe('what is refused', () => {
  const settings = `collect:
  origins: [${ORIGIN}]
  keys: { web: [${KEY}, ${OTHER_KEY}] }
  headers: { address: x-real-ip }
  request_bytes_max: 20 KiB
  rate: { key: 50, network: 2 }
`

  test('keys, pages, sizes and rates', async () => {
    const collector = await start(settings)
    const post = (body: unknown, headers: Readonly<Record<string, string>> = {}) =>
      collector.post('/v1/events', body, headers)
    const bearer = { authorization: `Bearer ${KEY}` }
    expect((await post(view())).status).toBe(401)
    expect((await post(view(), { authorization: 'Bearer wrong' })).status).toBe(401)
    expect((await post(view(), bearer)).status).toBe(202)
    const basic = `Basic ${Buffer.from(`${OTHER_KEY}:`).toString('base64')}`
    expect((await post(view(), { authorization: basic })).status).toBe(202)
    expect((await collector.post(`/ccs/in?key=${KEY}`, view(), { origin: ORIGIN })).status).toBe(
      202,
    )
    const foreign = await post(view(), { ...bearer, origin: 'https://evil.example' })
    expect(foreign.status).toBe(403)
    expect(foreign.headers.get('access-control-allow-origin')).toBeNull()
    const large = await post([view({ page_title: 'x'.repeat(30_000) })], bearer)
    expect(large.status).toBe(413)
    expect(Number(large.headers.get('retry-after'))).toBeGreaterThan(0)
    expect((await post(view(), { ...bearer, 'content-encoding': 'br' })).status).toBe(415)
    const many = Array.from({ length: 30 }, () => view())
    const page = { ...bearer, ...fromPage() }
    const statuses = [await post(many, page), await post(many, page)].map(({ status }) => status)
    expect(statuses).toEqual([202, 429])
    const refused = await post(many, page)
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect((await fetch(`${collector.url}/v1/nothing`)).status).toBe(404)
    await collector.stop()
  })

  test('a page of a listed origin may ask before it sends, and no other', async () => {
    const collector = await start(settings)
    const ask = (origin: string) =>
      fetch(`${collector.url}/v1/events`, { method: 'OPTIONS', headers: { origin } })
    const allowed = await ask(ORIGIN)
    expect(allowed.status).toBe(204)
    expect(allowed.headers.get('access-control-allow-origin')).toBe(ORIGIN)
    expect((await ask('https://evil.example')).status).toBe(403)
    await collector.stop()
  })

  test('it does not listen for others without keys and pages', async () => {
    makeCollectProject(project, 'collect: { host: 0.0.0.0 }')
    const ran = await runCcs(['collect', '--project', project, '--data', data, '--for', '1s'])
    expect(ran.code).toBe(2)
    expect(ran.stderr).toContain('without write keys (collect.keys) and the pages that may send')
  })

  test('a second collector of the same data is refused', async () => {
    const collector = await start()
    const ran = await runCcs(['collect', '--project', project, '--data', data, '--port', '0'])
    expect(ran.code).toBe(1)
    expect(ran.stderr).toContain('CCS_LOG_LOCKED')
    await collector.stop()
  })
})

describe('beside a running engine', () => {
  test('ccs up --collect: an event is in answers within a second, and in the figures', async () => {
    makeCollectProject(project, 'collect: { port: 0 }')
    const up = startNode('bin/run.js', [
      ...['up', '--no-gen', '--collect', '--port', '0', '--project', project, '--data', data],
    ])
    await up.says(/takes events at http\S+\/v1\/events/)
    await up.says(/ccs is up/)
    const url = /at (http:\/\/\S+)\/v1\/events/.exec(up.output())?.[1] ?? ''
    const page = /(http:\/\/127\.0\.0\.1:\d+)\s+the live page/.exec(up.output())?.[1] ?? ''
    const post = (body: unknown) =>
      fetch(`${url}/v1/events`, { method: 'POST', body: JSON.stringify(body) })
    const event = view({ anonymous_id: 'ann' })
    expect((await post(event)).status).toBe(202)
    const sentMs = Date.now()
    const sql = `SELECT count(*) AS n FROM silver.events WHERE event_id = '${event.event_id}'`
    expect(await query(project, data, sql)).toEqual([{ n: 1 }])
    expect(Date.now() - sentMs).toBeLessThan(30_000)
    for (let i = 0; i < 30; i++) await post({ event_type: 'page_view', page: '/' })
    await expect
      .poll(async () => (await fetch(`${page}/metrics`)).text(), { timeout: 20_000 })
      .toMatch(/ccs_collect_events_total\{sender="anyone",outcome="accepted"\} 31/)
    const doctor = await runCcs(['doctor', '--project', project, '--data', data])
    expect(doctor.stdout).toContain('anyone: 30 of 31 events have no event_id')
    up.kill('SIGTERM')
    expect(await up.ended).toBe(0)
    expect(await query(project, data, 'SELECT count(*) AS n FROM silver.events')).toEqual([
      { n: 31 },
    ])
  })
})

function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
}
