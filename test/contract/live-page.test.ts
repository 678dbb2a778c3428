/** The live page's server over a real engine: its documents, its stream, one computation for all. */

import { mkdtemp, rm } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Access } from '../../cli/web/live/access.ts'
import { startServer } from '../../cli/web/live/server.ts'
import {
  createEventNow,
  createOrderNow,
  type LiveShop,
  openLiveShop,
} from '../fixtures/live-shop.ts'
import { noonZone } from '../fixtures/noon-project.ts'
import { openStalledClient, PageReader } from '../fixtures/page-reader.ts'
import { makeRig, type Rig } from '../fixtures/pipeline-rig.ts'

const IDS = [
  'campaigns',
  'cities',
  'devices',
  'funnel',
  'hours',
  'last_week',
  'latest_events',
  'latest_orders',
  'left_out',
  'minutes',
  'now',
  'order_sources',
  'today',
  'top_pages',
  'top_products',
]

/** Metrics about a day that does not end during the test. */
const TIMEZONE = noonZone()
/** Number of good events that the shop starts with. */
const EVENTS = 6

let dir: string
let rig: Rig
let shop: LiveShop

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ccs-live-page-'))
  rig = await makeRig(undefined, undefined, undefined, TIMEZONE)
  shop = await openLiveShop(rig, join(dir, 'shop'))
  await shop.appendBytes([Buffer.from('{"broken"'), Buffer.from([9, 9, 9])])
  await shop.append([
    createEventNow({ anonymous_id: 'v1', page: '/', utm_campaign: 'spring' }),
    createEventNow({ anonymous_id: 'v2', page: '/', device: 'mobile', geo_city: null }),
    createEventNow({ anonymous_id: 'robot', device: 'bot' }),
    createOrderNow('o1', { minor: 1050, currency: 'EUR' }),
    createOrderNow('o2', { minor: 2000, currency: 'EUR', visitor: 'v2' }),
    createOrderNow('o3', { minor: 99900, currency: 'SEK', visitor: 'v3' }),
  ])
  // On a busy machine the first metrics could be queried between two of these.
  await waitFor(async () => (await typedByHand('FROM silver.events')).length === EVENTS)
})

afterAll(async () => {
  await shop.close()
  await rm(dir, { recursive: true, force: true })
})

// biome-ignore lint/suspicious/noExplicitAny: documents of another process, checked by their shape
async function get(path: string, of = shop): Promise<any> {
  const response = await fetch(`${of.url}${path}`, { headers: of.headers })
  expect(response.status).toBe(200)
  return response.json()
}

/** The rows of a query, as somebody would type it. */
async function typedByHand(sql: string): Promise<readonly unknown[]> {
  const response = await fetch(`${shop.url}/query`, {
    method: 'POST',
    headers: { ...shop.headers, 'content-type': 'application/json' },
    body: JSON.stringify({ sql }),
  })
  return ((await response.json()) as { rows: readonly unknown[] }).rows
}

test('the snapshot has every metric, exact money and the pipeline’s state', async () => {
  const { at, shop: about, figures, health } = await get('/api/snapshot')
  expect(Object.keys(figures).sort()).toEqual(IDS)
  expect(Object.values(figures).flatMap((one) => (one as { error?: string }).error ?? [])).toEqual(
    [],
  )
  expect(about).toEqual({ name: 'shop', timezone: TIMEZONE, currency: 'EUR' })
  expect(Date.parse(at)).toBeGreaterThan(Date.now() - 60_000)
  expect(figures.now.rows).toEqual([
    { visitors_5m: 3, active_carts_10m: 0, active_checkouts_10m: 0 },
  ])
  expect(figures.today.rows).toMatchObject([
    {
      currency: 'EUR',
      // Two of them are in EUR; revenue and average are theirs.
      orders: 3,
      revenue: '30.50',
      net_revenue: '30.50',
      sessions: 3,
      aov: '15.25',
    },
  ])
  expect(figures.minutes.rows).toHaveLength(60)
  const sum = (column: string) =>
    figures.minutes.rows.reduce(
      (n: number, row: Record<string, unknown>) => n + Number(row[column]),
      0,
    )
  expect([sum('events'), sum('orders'), sum('revenue')]).toEqual([5, 3, 30.5])
  expect(figures.latest_orders.rows[0]).toMatchObject({ items: 'Earbuds', units: 1 })
  expect(figures.last_week.rows).toEqual([])
  expect(health).toMatchObject({
    running: true,
    records: 8,
    dlq: 2,
    stalled: null,
    marts: null,
    dlqByReason: { bad_magic: 2 },
  })
})

test('a metric and the same query typed by hand give the same rows', async () => {
  const figures: { id: string; sql: string; everyMs: number; title: string }[] =
    await get('/api/figures')
  expect(figures.map(({ id }) => id)).toEqual(IDS)
  const compare = async () => {
    const { figures: shown } = await get('/api/snapshot')
    const compared: Compared[] = []
    for (const { id, sql } of figures.filter((one) => one.id !== 'now'))
      compared.push({ id, typed: await typedByHand(sql), ...shown[id] })
    return compared
  }
  let compared = await compare()
  while (isMinuteBetween(compared)) {
    await new Promise((resolve) => setTimeout(resolve, 500))
    compared = await compare()
  }
  for (const { id, typed, rows } of compared) expect(typed, id).toEqual(rows)
})

interface Compared {
  readonly id: string
  readonly typed: unknown
  readonly rows: unknown
  readonly asOf: string
}

/** Metrics by minute and hour change with the clock; some are queried every half minute only. */
function isMinuteBetween(compared: readonly Compared[]): boolean {
  const minute = (ms: number) => Math.floor(ms / 60_000)
  return compared.some(
    ({ typed, rows, asOf }) =>
      !isDeepStrictEqual(typed, rows) && minute(Date.parse(asOf)) !== minute(Date.now()),
  )
}

test('an event reaches the stream within a second, in the metrics that it changes', async () => {
  const reader = new PageReader(shop.url, shop.headers)
  try {
    await reader.untilAll(IDS)
    expect(reader.messages[0]?.event).toBe('snapshot')
    // Wait until the costs of the first queries no longer count.
    await new Promise((resolve) => setTimeout(resolve, 2_500))
    const before = reader.messages.length
    const page = `/only-${Date.now()}`
    await shop.append([createEventNow({ anonymous_id: 'v9', page })])
    const appendedMs = Date.now()
    const message = await reader.until(({ document }) =>
      (document.figures.latest_events?.rows ?? []).some((row) => row.page === page),
    )
    expect(message.event).toBe('figures')
    expect(message.atMs - appendedMs).toBeLessThan(1_000 * slowness())
    // There were no orders.
    for (const { document } of reader.messages.slice(before))
      expect(Object.keys(document.figures)).not.toContain('latest_orders')
  } finally {
    await reader.close()
  }
})

/** How busy this machine is: a busy one can't keep to a second. */
function slowness(): number {
  const startMs = performance.now()
  let sum = 0
  for (let i = 0; i < 2e7; i++) sum += i % 7
  return sum > 0 ? Math.max(1, (performance.now() - startMs) / 25) : 1
}

test('fifty clients cost one computation, and no client costs nothing', async () => {
  const usage = () => get('/api/usage')
  const one = new PageReader(shop.url, shop.headers)
  await one.untilAll(IDS)
  const readers = Array.from({ length: 49 }, () => new PageReader(shop.url, shop.headers))
  try {
    await Promise.all(readers.map((reader) => reader.until(({ event }) => event === 'snapshot')))
    const from = (await usage()).asked
    const startMs = performance.now()
    await new Promise((resolve) => setTimeout(resolve, 3_000))
    const { pages, asked } = await usage()
    expect(pages).toBe(50)
    // Fifteen metrics, at most every three quarters of a second.
    expect(asked - from).toBeLessThanOrEqual(15 * Math.ceil((performance.now() - startMs) / 750))
    const texts = readers.map(({ messages }) => JSON.stringify(messages.at(-1)?.document.at))
    expect(new Set(texts).size).toBeLessThanOrEqual(2)
  } finally {
    await Promise.all([one, ...readers].map((reader) => reader.close()))
  }
  await waitFor(async () => (await usage()).pages === 0)
  await new Promise((resolve) => setTimeout(resolve, 1_500))
  const { asked } = await usage()
  await shop.append([createEventNow()])
  await new Promise((resolve) => setTimeout(resolve, 2_500))
  expect((await usage()).asked).toBe(asked)
})

test('a client that never reads delays no other', async () => {
  const port = Number(new URL(shop.url).port)
  const stalled = openStalledClient(port)
  const reader = new PageReader(shop.url, shop.headers)
  try {
    await reader.untilAll(IDS)
    const heard = reader.messages.length
    await expect.poll(() => reader.messages.length, { timeout: 30_000 }).toBeGreaterThan(heard + 2)
  } finally {
    stalled.destroy()
    await reader.close()
  }
})

test('a taken port is replaced by a free one, unless it was asked for', async () => {
  const port = Number(new URL(shop.url).port)
  const access = new Access('a token')
  await expect(
    startServer({ port, isPortRequired: true, access, routes: {} }),
  ).rejects.toMatchObject({
    code: 'CCS_PORT_TAKEN',
    exit: 2,
  })
  const other = await startServer({ port, access, routes: {} })
  expect(other.port).not.toBe(port)
  await other.close()
})

test('a page of another origin gets the files of the page, and nothing else', async () => {
  const { port } = new URL(shop.url)
  const ask = async (path: string, origin: string | undefined, method = 'GET') => {
    const headers = {
      ...shop.headers,
      ...(origin === undefined ? {} : { origin }),
      ...(method === 'POST' ? { 'content-type': 'application/json' } : {}),
    }
    const body = method === 'POST' ? '{"sql":"SELECT 1 AS one"}' : null
    const { status } = await fetch(`${shop.url}${path}`, { method, headers, body })
    return status
  }
  const foreign = ['https://evil.example', 'null', `http://127.0.0.1:${Number(port) + 1}`, '']
  for (const origin of foreign) {
    for (const path of ['/api/snapshot', '/api/stream', '/status', '/nothing'])
      expect(await ask(path, origin), `${path} for ${origin}`).toBe(403)
    for (const path of ['/query', '/commit', '/compact', '/', '/assets/page.js'])
      expect(await ask(path, origin, 'POST'), `${path} for ${origin}`).toBe(403)
    expect(await ask('/', origin)).toBe(200)
  }
  for (const origin of [`http://127.0.0.1:${port}`, `http://localhost:${port}`, undefined]) {
    expect(await ask('/api/snapshot', origin)).toBe(200)
    expect(await ask('/query', origin, 'POST')).toBe(200)
  }
})

test('a foreign host, a wrong content type, a large and an empty body are rejected', async () => {
  const { port } = new URL(shop.url)
  const status = await new Promise((resolve, reject) => {
    const headers = { host: `evil.example:${port}` }
    request({ host: '127.0.0.1', port, path: '/api/snapshot', headers }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
      .on('error', reject)
      .end()
  })
  expect(status).toBe(403)
  const post = (type: string, body: string) =>
    fetch(`${shop.url}/query`, {
      method: 'POST',
      headers: { ...shop.headers, 'content-type': type },
      body,
    })
  expect((await post('text/plain', '{"sql":"SELECT 1"}')).status).toBe(415)
  expect((await post('application/json', `"${'x'.repeat(1024 * 1024)}"`)).status).toBe(413)
  expect((await post('application/json', '{')).status).toBe(400)
  expect((await fetch(`${shop.url}/assets/..%2f..%2fserver.ts`)).status).toBe(404)
  expect((await fetch(`${shop.url}/nothing`)).status).toBe(404)
})

test('the page may load nothing from elsewhere, and is sent only once', async () => {
  const page = await fetch(`${shop.url}/`)
  expect(page.headers.get('content-security-policy')).toContain("default-src 'self'")
  expect(page.headers.get('x-content-type-options')).toBe('nosniff')
  expect(page.headers.get('referrer-policy')).toBe('no-referrer')
  const html = await page.text()
  const own = [...html.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(([, file]) => file ?? '')
  expect(own.length).toBeGreaterThan(1)
  for (const file of own) {
    const first = await fetch(`${shop.url}${file}`)
    expect(first.status, file).toBe(200)
    const headers = { 'if-none-match': first.headers.get('etag') ?? '' }
    expect((await fetch(`${shop.url}${file}`, { headers })).status, file).toBe(304)
  }
})

test('without marts, Close of day says why', async () => {
  const day = await get('/api/day')
  expect(day).toMatchObject({ date: null, days: [], sentences: [] })
  expect(day.reason).toContain('not built yet')
})

test('a broken metric affects no other, and its error has the place', async () => {
  const project = rig.project(join(dir, 'broken'))
  const header = '/*\nkind: figure\ntitle: A\nevery: 1 second\n*/\n'
  const figures = [
    { file: 'sql/live/wrong.sql', text: `${header}SELECT 1 AS a,\n  nope\nFROM gold.sessions` },
    { file: 'sql/live/headless.sql', text: 'SELECT 1' },
    { file: 'sql/live/good.sql', text: `${header}SELECT 7 AS n` },
  ]
  const other = await openLiveShop(
    { ...rig, project: () => ({ ...project, metrics: figures }) },
    project.dataDir,
  )
  try {
    const { figures: shown } = await get('/api/snapshot', other)
    expect(shown.good.rows).toEqual([{ n: 7 }])
    expect(shown.wrong).toMatchObject({ rows: [] })
    expect(shown.wrong.error).toMatch(/^sql\/live\/wrong\.sql:7: .*nope/)
    expect(shown.headless.error).toMatch(/^sql\/live\/headless\.sql:1:1: /)
    const about: { id: string; error?: string }[] = await get('/api/figures', other)
    expect(about.filter(({ error }) => error).map(({ id }) => id)).toEqual(['headless', 'wrong'])
  } finally {
    await other.close()
  }
})

test('an engine that stops ends its streams', async () => {
  const other = await openLiveShop(rig, join(dir, 'ending'))
  const reader = new PageReader(other.url, other.headers)
  await reader.until(({ event }) => event === 'snapshot')
  await other.close()
  expect(await reader.ended.then(() => 'ended')).toBe('ended')
  await expect(fetch(`${other.url}/api/usage`)).rejects.toThrow('fetch failed')
})

async function waitFor(isSo: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 300; i++) {
    if (await isSo()) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error('It did not come true within 30 s.')
}
