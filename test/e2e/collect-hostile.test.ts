/**
 * A thousand hostile requests to a running collector, one connection each: no crash, no file but
 * its own, each with its status; and what they brought is text on the live page and harmless in a
 * terminal.
 */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { findChromium, openPage, startBrowser } from '../fixtures/browser.js'
import { endAll, startNode } from '../fixtures/child.ts'
import { makeCollectProject, startCollector } from '../fixtures/collector.ts'
import { type HostileRequest, listHostileRequests, SCRIPTS } from '../fixtures/hostile-requests.ts'
import { runCcs } from './run-ccs.ts'

const AT_ONCE = 16
const ANSWER_MS = 30_000
const SETTINGS = `collect:
  origins: [https://shop.example]
  headers: { address: x-real-ip }
  secrets: { shopify: shop-secret-0123, woocommerce: shop-secret-0123 }
  rate: { network: 100000 }
`
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there.
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/

let dir: string
let project: string
let data: string
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'ccs-hostile-'))
  project = path.join(dir, 'project')
  data = path.join(dir, 'data')
})
afterEach(async () => {
  await endAll()
  rmSync(dir, { recursive: true, force: true })
})

test('a thousand hostile requests: each has its status, and nothing else happens', {
  timeout: 240_000,
}, async () => {
  makeCollectProject(project, SETTINGS)
  const before = filesOf(project)
  const collector = await startCollector(project, data, ['--shop'])
  const port = Number(new URL(collector.url).port)
  const requests = listHostileRequests()
  expect(requests.length).toBeGreaterThanOrEqual(1_000)
  const wrong: string[] = []
  const queue = [...requests]
  const work = async () => {
    for (let one = queue.shift(); one !== undefined; one = queue.shift()) {
      const status = await send(port, one)
      if (!one.statuses.includes(status)) wrong.push(`${one.name}: ${status}, not ${one.statuses}`)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  expect(wrong).toEqual([])
  const { status, body } = await collector.post('/v1/events', {
    event_type: 'page_view',
    page: '/',
  })
  expect([status, body.accepted]).toEqual([202, 1])
  expect(collector.child.output()).not.toContain('Error')
  await collector.stop()
  expect(await collector.child.ended).toBe(0)
  // Its own key of the day and nothing else.
  expect(filesOf(project).filter((one) => !before.includes(one))).toEqual([
    '.ccs/collect/salt.json',
  ])
  expect(readdirSync(data).sort()).toEqual(['collect.json', 'log'])
  expect(existsSync('/tmp/ccs-hostile')).toBe(false)
  const place = ['--project', project, '--data', data]
  const ran = await runCcs(['run', '--once', ...place], { timeoutMs: 120_000 })
  expect(ran.code, ran.stderr).toBe(0)
  for (const command of [['dlq', 'ls'], ['query', 'SELECT * FROM silver.events'], ['status']]) {
    const { code, stdout, stderr } = await runCcs([...command, ...place])
    expect(code, stderr).toBe(0)
    expect(CONTROLS.exec(stdout + stderr), command.join(' ')).toBeNull()
  }
})

test('scripts in every field are text on the live page', { timeout: 180_000 }, async (context) => {
  const executable = findChromium()
  context.skip(!executable, 'there is no Chromium: set CCS_CHROMIUM to one')
  makeCollectProject(project, 'collect: { port: 0 }')
  const place = ['--project', project, '--data', data]
  const up = startNode('bin/run.js', ['up', '--no-gen', '--collect', '--port', '0', ...place])
  await up.says(/takes events at http\S+\/v1\/events/)
  await up.says(/token=[\w-]{43}/)
  const url = /at (http:\/\/\S+)\/v1\/events/.exec(up.output())?.[1] ?? ''
  const page = /http:\/\/127\.0\.0\.1:\d+\/\?token=[\w-]{43}/.exec(up.output())?.[0] ?? ''
  const shown = SCRIPTS.filter((text) => !text.includes('\u0000'))
  for (const text of shown) {
    const texts = { page: `/${text}`, page_title: text, referrer: text, utm_source: text }
    const more = { utm_campaign: text, geo_city: text, search_term: text, customer_id: text }
    const items = [{ sku: text, name: text, unit_price_minor: 500, quantity: 1 }]
    const order = { event_type: 'purchase', order_id: text, currency: 'EUR', items }
    for (const event of [{ event_type: 'page_view' }, { event_type: 'view_item', items }, order]) {
      const body = JSON.stringify({ ...texts, ...more, ...event, anonymous_id: text })
      const answer = await fetch(`${url}/v1/events`, { method: 'POST', body })
      expect(await answer.json()).toMatchObject({ accepted: 1 })
    }
  }
  const browser = await startBrowser(String(executable))
  try {
    const watched = await openPage(browser)
    await watched.page.goto(page)
    await expect
      .poll(() => watched.page.locator('body').textContent(), { timeout: 60_000 })
      .toContain('<script>window.__hit=1</script>')
    expect(await watched.page.evaluate('window.__hit')).toBeUndefined()
    expect(await watched.page.locator('iframe, img[src="x"], svg[onload]').count()).toBe(0)
  } finally {
    await browser.close()
  }
})

function filesOf(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
}

/** The status of the answer; 0 for a connection that is closed without one. */
function send(port: number, { bytes, name, isCut }: HostileRequest): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1')
    let text = ''
    const timer = setTimeout(() => {
      socket.destroy()
      reject(new Error(`${name} was not answered within ${ANSWER_MS} ms`))
    }, ANSWER_MS)
    const end = () => {
      clearTimeout(timer)
      socket.destroy()
      resolve(Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0))
    }
    socket.on('data', (data) => {
      text += data.toString('latin1')
      if (text.includes('\r\n')) end()
    })
    socket.on('error', end).on('close', end)
    socket.write(bytes)
    // Half a request is no reason to wait for the rest.
    if (isCut) setTimeout(() => socket.end(), 200)
  })
}
