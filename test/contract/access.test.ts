/**
 * Who may ask a running engine for what, over real HTTP: totals without the token of the data
 * directory, single events, queries and orders only with it; and that the token goes nowhere else.
 */
import { mkdtempSync } from 'node:fs'
import { chmod, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import {
  accessTokenPath,
  openAccessToken,
  readAccessToken,
} from '../../cli/adapters/files/access-token.ts'
import { diskFiles } from '../../cli/adapters/files/files.ts'
import { openDash } from '../../cli/app/page.ts'
import { findEngine, publishEndpoint } from '../../cli/engines/embedded/query/engine-client.ts'
import {
  createEventNow,
  createOrderNow,
  type LiveShop,
  openLiveShop,
} from '../fixtures/live-shop.ts'
import { PageReader } from '../fixtures/page-reader.ts'
import { makeRig, type Rig } from '../fixtures/pipeline-rig.ts'

/** Texts that only a row of a single event or order has. */
const OF_PERSONS = ['visitor-of-the-test', 'order-of-the-test', '/page-of-the-test/']
const SETTLES = { timeout: 30_000, interval: 100 }

const dir = mkdtempSync(join(tmpdir(), 'ccs-access-'))
const root = join(dir, 'shop')
let rig: Rig
let shop: LiveShop
let token: string

beforeAll(async () => {
  rig = await makeRig()
  shop = await openLiveShop(rig, root)
  token = (await readAccessToken(root)) ?? ''
  await shop.append([
    createEventNow({ anonymous_id: 'visitor-of-the-test', page: '/page-of-the-test/' }),
    createOrderNow('order-of-the-test', { minor: 1234, currency: 'EUR' }),
  ])
  await vi.waitFor(async () => {
    const { counts } = await (await fetch(`${shop.url}/status`)).json()
    expect(counts.records).toBe(2)
  }, SETTLES)
})
afterAll(async () => {
  await shop?.close()
  await rm(dir, { recursive: true, force: true })
})

function ask(path: string, headers: Readonly<Record<string, string>> = {}, body?: object) {
  return fetch(`${shop.url}${path}`, {
    redirect: 'manual',
    method: body ? 'POST' : 'GET',
    headers: { ...headers, ...(body ? { 'content-type': 'application/json' } : {}) },
    ...(body ? { body: JSON.stringify(body) } : {}),
  })
}

/** The cookie of a browser that has opened the address with the token. */
async function takeCookie(): Promise<string> {
  const { headers } = await ask(`/?token=${token}`)
  return (headers.get('set-cookie') ?? '').split(';')[0] ?? ''
}

describe('without the token', () => {
  test('the snapshot has totals, and no row of an event or an order', async () => {
    const text = await (await ask('/api/snapshot')).text()
    const { figures, hidden } = JSON.parse(text)
    expect(hidden).toEqual(['latest_events', 'latest_orders'])
    expect(Object.keys(figures)).not.toEqual(expect.arrayContaining(['latest_orders']))
    expect(figures.today.rows).toMatchObject([{ orders: 1, revenue: '12.34' }])
    for (const own of ['visitor-of-the-test', 'order-of-the-test']) expect(text).not.toContain(own)
    const all = await (await ask('/api/snapshot', shop.headers)).text()
    expect(JSON.parse(all).hidden).toEqual([])
    for (const own of OF_PERSONS.slice(1)) expect(all).toContain(own)
  })

  test('neither has the stream, while that of a reader with the token has both', async () => {
    const [plain, full] = [new PageReader(shop.url), new PageReader(shop.url, shop.headers)]
    try {
      await shop.append([createOrderNow('order-of-the-test-2', { minor: 100, currency: 'EUR' })])
      const hasOrder = ({ document }: (typeof full.messages)[number]) =>
        JSON.stringify(document.figures.latest_orders ?? '').includes('order-of-the-test-2')
      await full.until(hasOrder)
      await plain.until(({ document }) => document.figures.today?.rows[0]?.orders === 2)
      expect(plain.messages[0]?.document.hidden).toEqual(['latest_events', 'latest_orders'])
      const said = JSON.stringify(plain.messages)
      expect(said).not.toMatch(/visitor-of-the-test|order-of-the-test/)
      expect(said).not.toContain('"latest_orders":{')
    } finally {
      await Promise.all([plain.close(), full.close()])
    }
  })

  test('totals, metrics, health and the page are answered', async () => {
    const paths = ['/', '/assets/page.js', '/status', '/metrics', '/healthz', '/api/stream']
    for (const path of [...paths, '/api/figures', '/api/day', '/api/usage']) {
      const { status, body } = await ask(path)
      expect(status, path).toBe(200)
      await body?.cancel()
    }
  })

  test('every POST is a 401 that says what and what next, and does nothing', async () => {
    const cookie = await takeCookie()
    const wrong = `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`
    const all: Readonly<Record<string, string>>[] = [
      {},
      { cookie },
      { authorization: `Bearer ${wrong}` },
      { authorization: 'Bearer ' },
      { authorization: `Basic ${token}` },
      { cookie: cookie.replace(/=.*/, `=${token}`) },
    ]
    const serial = async () => (await (await ask('/status')).json()).serial
    const before = await serial()
    for (const path of ['/query', '/commit', '/compact'])
      for (const headers of all) {
        const answer = await ask(path, headers, { sql: 'SELECT * FROM silver.orders' })
        expect(answer.status, `${path} ${JSON.stringify(headers)}`).toBe(401)
        const { error } = await answer.json()
        expect(error.code).toBe('CCS_ENGINE_DENIED')
        expect(error.message).toBe(`POST ${path} needs the token of the data directory.`)
        expect(error.hint).toMatch(/ccs up or ccs dash prints/)
        expect(JSON.stringify(error)).not.toContain(token)
      }
    expect(await serial()).toBe(before)
    expect((await ask('/query', shop.headers, { sql: 'SELECT 1 AS one' })).status).toBe(200)
  })

  test('the message of a metric whose query fails is hidden, for it may quote a row', async () => {
    const header = '/*\nkind: figure\ntitle: A\nevery: 1 second\naccess: anyone\n*/\n'
    const text = `${header}SELECT CAST(page AS INTEGER) AS n FROM silver.events`
    const project = rig.project(join(dir, 'failing'))
    const metrics = [{ file: 'sql/live/failing.sql', text }]
    const other = await openLiveShop(
      { ...rig, project: () => ({ ...project, metrics }) },
      project.dataDir,
    )
    try {
      await other.append([createEventNow({ page: '/page-of-the-test/' })])
      const read = async (headers = {}) => {
        const { figures } = await (await fetch(`${other.url}/api/snapshot`, { headers })).json()
        const about = await (await fetch(`${other.url}/api/figures`, { headers })).text()
        return `${figures.failing.error} ${about}`
      }
      await expect.poll(() => read(other.headers), SETTLES).toContain('/page-of-the-test/')
      expect(await read()).toContain('The page with the token says why.')
      expect(await read()).not.toContain('page-of-the-test')
    } finally {
      await other.close()
    }
  })
})

describe('the address with the token', () => {
  test('sets a cookie that lets the page read everything, and leads to the plain address', async () => {
    const answer = await ask(`/?token=${token}`)
    expect(answer.status).toBe(303)
    expect(answer.headers.get('location')).toBe('/')
    expect(answer.headers.get('referrer-policy')).toBe('no-referrer')
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(answer.headers.get('set-cookie')).toMatch(
      /^ccs_page_\d+=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/,
    )
    expect(JSON.stringify([...answer.headers])).not.toContain(token)
    const { hidden } = await (await ask('/api/snapshot', { cookie: await takeCookie() })).json()
    expect(hidden).toEqual([])
  })

  test('is a 401 with a wrong token, which the answer does not repeat', async () => {
    for (const wrong of ['', 'x', `${token}x`, token.slice(1)]) {
      const answer = await ask(`/?token=${wrong}`)
      expect(answer.status).toBe(401)
      expect(answer.headers.get('set-cookie')).toBeNull()
      const text = await answer.text()
      expect(JSON.parse(text).error.code).toBe('CCS_ENGINE_DENIED')
      if (wrong.length > 1) expect(text).not.toContain(wrong)
    }
  })

  test('the cookie of another port, or a changed one, shows totals only', async () => {
    const cookie = await takeCookie()
    for (const other of [cookie.replace(/page_\d+/, 'page_1'), `${cookie}x`, `x${cookie}`]) {
      const { hidden } = await (await ask('/api/snapshot', { cookie: other })).json()
      expect(hidden, other).toHaveLength(2)
    }
  })

  test('ccs dash shows the same with the same token', async () => {
    const dash = await openDash(shop.project, { port: 0 })
    try {
      expect(new URL(dash.pageUrl).searchParams.get('token')).toBe(token)
      const count = async (headers = {}) => {
        const document = await (await fetch(`${dash.url}/api/snapshot`, { headers })).json()
        return document.hidden.length
      }
      expect([await count(), await count(shop.headers)]).toEqual([2, 0])
    } finally {
      await dash.close()
    }
  })
})

describe('the file of the token', () => {
  test('is private whatever the umask, stays over restarts, and is one for all who start', async () => {
    const place = join(dir, 'files')
    const umask = process.umask(0)
    try {
      const [one, two] = await Promise.all([openAccessToken(place), openAccessToken(place)])
      expect(one).toMatch(/^[\w-]{43}$/)
      expect(two).toBe(one)
      expect((await stat(accessTokenPath(place))).mode & 0o777).toBe(0o600)
      expect(await openAccessToken(place)).toBe(one)
    } finally {
      process.umask(umask)
    }
  })

  test('is replaced if others could read it, or if it is no token', async () => {
    const place = join(dir, 'open')
    const first = await openAccessToken(place)
    await chmod(accessTokenPath(place), 0o644)
    const second = await openAccessToken(place)
    expect(second).not.toBe(first)
    await writeFile(accessTokenPath(place), 'short\n')
    const third = await openAccessToken(place)
    expect(third).toMatch(/^[\w-]{43}$/)
    expect((await stat(accessTokenPath(place))).mode & 0o777).toBe(0o600)
    expect((await readFile(accessTokenPath(place), 'utf8')).trim()).toBe(third)
  })
})

describe('a command that asks an engine', () => {
  const files = diskFiles()

  test('is answered, and told why not once the file has been changed', async () => {
    const client = await findEngine(files, root)
    expect((await client?.query('SELECT 1 AS one'))?.rows).toEqual([{ one: 1 }])
    await writeFile(accessTokenPath(root), `${'x'.repeat(43)}\n`)
    try {
      const other = await findEngine(files, root)
      const refused = other?.query('SELECT 1 AS one')
      await expect(refused).rejects.toMatchObject({
        code: 'CCS_ENGINE_DENIED',
        message: `The engine at ${shop.url} answers only who can read ${root}/access-token.`,
      })
      await expect(refused).rejects.toMatchObject({ hint: expect.stringMatching(/restart/) })
    } finally {
      await writeFile(accessTokenPath(root), `${token}\n`)
    }
  })

  test('is told by an engine that is newer than the command to use the same ccs', async () => {
    // The request of an older ccs, which sends no token and prints what the answer says.
    const { error } = await (await ask('/query', {}, { sql: 'SELECT 1' })).json()
    expect(`${error.message} ${error.hint}`).toMatch(/older ccs .* use the same ccs as the engine/)
  })

  test('sends the token to no server that can’t prove that it knows it, such as an older engine', async () => {
    const place = join(dir, 'old')
    const own = await openAccessToken(place)
    const heard: IncomingHttpHeaders[] = []
    const old = createServer((request, response) => {
      heard.push(request.headers)
      const document = request.url === '/status' ? { data: place } : { columns: [], rows: [] }
      response.setHeader('x-ccs-proof', 'made up')
      response.end(JSON.stringify(document))
    })
    await new Promise<void>((resolve) => old.listen(0, '127.0.0.1', resolve))
    try {
      const { port } = old.address() as { port: number } // it listens
      await publishEndpoint(files, place, port)
      const client = await findEngine(files, place)
      expect(await client?.query('SELECT 1')).toEqual({ columns: [], rows: [] })
      expect(heard).toHaveLength(2)
      expect(JSON.stringify(heard)).not.toContain(own)
      expect(heard.map(({ authorization }) => authorization)).toEqual([undefined, undefined])
    } finally {
      await new Promise((resolve) => old.close(resolve))
    }
  })
})
