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
  test('receipts tell accepted, duplicate and rejected events apart; all are kept, filled and typed', async () => {
    const collector = await start(`collect: { origins: [${ORIGIN}] }`)
    const first = view({ anonymous_id: 'ann', colour: 'red' })
    const bad = { ...view(), event_type: 'purchase', order_id: 'A1', items: [], currency: 'EUR' }
    const list = await collector.post('/v1/events', [first, first, bad, 7])
    expect(list.status).toBe(202)
    expect(list.body).toMatchObject({ accepted: 1, duplicate: 1, rejected: 2 })
    expect(list.body.events).toEqual([
      { event_id: first.event_id, status: 'accepted', ignored: ['colour'] },
      { event_id: first.event_id, status: 'duplicate', ignored: ['colour'] },
      {
        ...{ event_id: bad.event_id, status: 'rejected', reason: 'missing_field' },
        message: 'A purchase needs items.',
      },
      {
        ...{ event_id: null, status: 'rejected', reason: 'wrong_type' },
        message: 'An event is an object; this is a number.',
      },
    ])

    const broken = await collector.post('/v1/events', '{"event_type": "page_v')
    expect(broken.status).toBe(400)
    expect(broken.body.events[0]).toMatchObject({ status: 'rejected', reason: 'invalid_json' })

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

    const url = `${ORIGIN}/p%C3%A4ge?utm_source=news&utm_medium=email&utm_campaign=May`
    for (const address of [url, `${ORIGIN}/land?gclid=x1`]) {
      const event = { event_type: 'page_view', page_url: address, anonymous_id: 'filled' }
      await collector.post('/ccs/in', event, fromPage())
    }
    const pixel = await fetch(`${collector.url}/ccs.gif?page_title=Home&anonymous_id=pixel`, {
      headers: { referer: `${ORIGIN}/home` },
    })
    expect((await pixel.arrayBuffer()).byteLength).toBe(43)
    expect(pixel.headers.get('content-type')).toBe('image/gif')

    // An id is recognised after a kill and a restart.
    collector.child.kill('SIGKILL')
    await collector.child.ended
    const again = await startCollector(project, data)
    expect((await again.post('/v1/events', first)).body).toMatchObject({
      accepted: 0,
      duplicate: 1,
    })
    await again.stop()

    const sql = `SELECT anonymous_id AS who, source, device, page, page_title AS title, utm_source AS utm,
      utm_medium AS medium, utm_campaign AS campaign, count(*) AS n,
      (SELECT count(*) FROM bronze.events) AS bronze FROM silver.events GROUP BY ALL ORDER BY who, page`
    const row = (who: string, more: object) => {
      const none = { title: null, utm: null, medium: null, campaign: null }
      return {
        who,
        source: 'server',
        device: 'desktop',
        page: '/',
        ...none,
        n: 1,
        bronze: 10,
        ...more,
      }
    }
    const phone = { source: 'web', device: 'mobile' }
    expect(await queryAfterRun(project, data, sql)).toEqual([
      row('a', {}),
      row('ann', {}),
      row('b', {}),
      row('c', { source: 'app', n: 2 }),
      row('filled', { ...phone, page: '/land', utm: 'google', medium: 'cpc' }),
      row('filled', {
        ...phone,
        page: '/p%C3%A4ge',
        utm: 'news',
        medium: 'email',
        campaign: 'May',
      }),
      row('pixel', { source: 'web', page: '/home', title: 'Home' }),
    ])
    const place = ['--project', project, '--data', data]
    const { stdout } = await runCcs(['dlq', 'ls', '--json', ...place])
    for (const reason of ['missing_field', 'wrong_type', 'invalid_json'])
      expect(stdout).toContain(reason)
    // What could be written as a record is mended and sent again.
    const patch = "items = [{sku: 'x', unit_price_minor: 100, quantity: 1, discount_minor: 0}]"
    const replay = ['dlq', 'replay', '--reason', 'missing_field', '--patch', patch]
    const replayed = await runCcs([...replay, '--json', ...place])
    expect(replayed.code, replayed.stderr + replayed.stdout).toBe(0)
    const orders = "SELECT order_id, revenue FROM silver.events WHERE event_type = 'purchase'"
    expect(await queryAfterRun(project, data, orders)).toEqual([
      { order_id: 'A1', revenue: '1.00' },
    ])
    const audit = await runCcs(['audit', ...place])
    expect(audit.code, audit.stdout).toBe(0)
  })
})

describe('who a visitor is', () => {
  const settings = `collect:
  origins: [${ORIGIN}]
  headers: { address: x-real-ip, country: cf-ipcountry, city: cf-ipcity }
  bot_views_per_minute: 5
`

  test('a day’s id without consent, a cookie with it, a refusal by the browser, and bots by their rules', async () => {
    const collector = await start(settings)
    const post = (name: string, event: object, headers: Readonly<Record<string, string>> = {}) =>
      collector.post('/ccs/in', view({ page_title: name, ...event }), fromPage(headers))

    const place = { 'cf-ipcountry': 'de', 'cf-ipcity': 'K\u00c3\u00b6ln' }
    const one = await post('none', {}, place)
    expect(one.headers.get('set-cookie')).toBeNull()
    await post('none', {})
    await post('none', {}, { 'x-real-ip': '203.0.113.78' })
    await post('none', {}, { 'user-agent': 'Mozilla/5.0 other' })

    const given = { consent: true, anonymous_id: 'from-the-page-1' }
    const first = await post('consent', given)
    expect(first.headers.get('set-cookie')).toBe(
      'ccs_id=from-the-page-1; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax; Secure',
    )
    const known = { cookie: 'x=1; ccs_id=from-the-page-1' }
    const later = await post('consent', { consent: true, anonymous_id: 'another-id' }, known)
    expect(later.headers.get('set-cookie')).toBeNull()
    const ended = await post('refusal', { consent: false }, known)
    expect(ended.headers.get('set-cookie')).toContain('Max-Age=0')
    for (const header of ['sec-gpc', 'dnt']) {
      const answer = await post('refusal', given, { [header]: '1' })
      expect(answer.headers.get('set-cookie'), header).toBeNull()
    }

    await post('bot', {}, { 'user-agent': 'Mozilla/5.0 Googlebot/2.1' })
    await post('bot', { bot_hint: 'mine' }, { 'x-real-ip': '52.94.76.10' })
    const views = Array.from({ length: 20 }, () => view({ page_title: 'fast' }))
    await collector.post('/ccs/in', views, fromPage({ 'x-real-ip': '203.0.113.90' }))
    await collector.stop()

    // The day's key is kept for its owner only, and outlives a restart.
    const salt = path.join(project, '.ccs/collect/salt.json')
    expect(statSync(salt).mode & 0o777).toBe(0o600)
    const again = await startCollector(project, data)
    await again.post('/ccs/in', view({ page_title: 'none' }), fromPage())
    await again.stop()

    const sql = `SELECT page_title AS title, consent, count(*) AS n, count(DISTINCT anonymous_id) AS visitors,
      bool_and(anonymous_id LIKE 'd.%') AS daily, max(geo_country) AS country, max(geo_city) AS city
      FROM silver.events WHERE page_title NOT IN ('bot', 'fast') GROUP BY ALL ORDER BY title`
    const nowhere = { country: null, city: null }
    expect(await queryAfterRun(project, data, sql)).toEqual([
      { title: 'consent', consent: true, n: 2, visitors: 1, daily: false, ...nowhere },
      {
        ...{ title: 'none', consent: null, n: 5, visitors: 3, daily: true },
        ...{ country: 'DE', city: 'Köln' },
      },
      { title: 'refusal', consent: false, n: 3, visitors: 1, daily: true, ...nowhere },
    ])
    for (const file of filesBelow(data))
      expect(readFileSync(file).includes('203.0.113'), file).toBe(false)

    const bots = `SELECT bot_rule, count(*) AS n FROM silver.events
      WHERE page_title IN ('bot', 'fast') GROUP BY 1 ORDER BY 1`
    const rows = await query(project, data, bots)
    const n = (rule: string | null) => Number(rows.find((row) => row.bot_rule === rule)?.n ?? 0)
    expect([n('name'), n('data centre')]).toEqual([1, 1])
    // A minute may end between two of the views; then each part has five that are a person's.
    expect(n('rate')).toBeGreaterThanOrEqual(10)
    expect(n('rate') + n(null)).toBe(20)
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
