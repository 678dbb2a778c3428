/**
 * The live page in a real browser over a real `ccs up`: it fills at once, agrees with `ccs query`,
 * shows an event within a second, survives a restart, and is accessible.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, loadavg, tmpdir } from 'node:os'
import path from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { openStore } from '../../cli/app/store.ts'
import { RecordBatch } from '../../cli/domain/log/record-batch.ts'
import { RAW_TOPIC } from '../../cli/domain/log/topics.ts'
import { findChromium, openPage, startBrowser, type WatchedPage } from '../fixtures/browser.js'
import { type Child, endAll, startNode } from '../fixtures/child.ts'
import { findFaintTexts } from '../fixtures/contrast.ts'
import { encodeKeptRecord, goodEvent, seeded } from '../fixtures/gate-events.ts'
import { makeNoonProject } from '../fixtures/noon-project.ts'
import { type Ran, runCcs } from './run-ccs.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const EVENTS = 12_000
const TRIES = 3
const TOKEN_URL = /http:\/\/127\.0\.0\.1:\d+\/\?token=([\w-]{43})/
const SETTLES = { timeout: 30_000, interval: 100 }
/** Runnable processes per core: above this, time limits say nothing about ccs. */
const LOAD_MAX = 1.5
const NO_BROWSER = 'there is no Chromium: set CCS_CHROMIUM to one'

const executable = findChromium()
let dir: string
let project: string
let data: string
let browser: Browser
let engine: Child
let isUp = false
let url: string
/** The address with the token, which shows single orders and events too. */
let fullUrl: string

beforeAll(async () => {
  if (!executable) return
  dir = mkdtempSync(path.join(tmpdir(), 'ccs-page-'))
  project = path.join(dir, 'project')
  makeNoonProject(project)
  data = path.join(dir, 'data')
  await fill(data, { fromMs: Date.now() - 8 * DAY_MS, toMs: Date.now(), events: EVENTS })
  browser = await startBrowser(executable)
  await startEngine('0')
})
afterEach(async () => {
  for (const context of browser?.contexts() ?? []) await context.close()
})
afterAll(async () => {
  await browser?.close()
  await endAll()
  if (dir) rmSync(dir, { recursive: true, force: true })
})

type Skip = (condition: boolean, note: string) => void

/** The tests share one engine; without a browser there is none. */
function pageTest(name: string, run: (skip: Skip) => Promise<void>): void {
  test(name, async (context) => {
    context.skip(!executable, NO_BROWSER)
    if (!isUp) await startEngine('0') // an earlier test failed halfway
    await run((condition, note) => context.skip(condition, note))
  })
}

async function fill(
  where: string,
  of: { readonly fromMs: number; readonly toMs: number; readonly events: number },
): Promise<void> {
  const [from, to] = [of.fromMs, of.toMs].map((ms) => new Date(ms).toISOString())
  const range = ['--from', String(from), '--to', String(to), '--count', String(of.events)]
  expect((await ccs(['gen', ...range], where)).code).toBe(0)
  expect((await ccs(['run', '--once'], where)).code).toBe(0)
}

function ccs(args: readonly string[], where = data): Promise<Ran> {
  return runCcs([...args, '--project', project, '--data', where])
}

/** Without the generator and the marts. */
function up(port: string, where: string): Child {
  const args = ['up', '--no-gen', '--no-dbt', '--port', port, '--project', project, '--data', where]
  return startNode('bin/run.js', args)
}

async function startEngine(port: string): Promise<void> {
  engine = up(port, data)
  isUp = true
  const started = engine
  void started.ended.finally(() => {
    if (engine === started) isUp = false
  })
  await engine.says(/http:\/\/127\.0\.0\.1:\d+/)
  await engine.says(TOKEN_URL)
  url = /http:\/\/127\.0\.0\.1:\d+/.exec(engine.output())?.[0] ?? ''
  fullUrl = TOKEN_URL.exec(engine.output())?.[0] ?? ''
}

/** Opens the page and waits until every part is filled. */
async function openFilled(looks?: Parameters<typeof openPage>[1]): Promise<WatchedPage> {
  const watched = await openPage(browser, looks)
  await watched.page.goto(fullUrl)
  await filled(watched.page)
  return watched
}

const PARTS = ['#funnel li data', '#devices data', '#products data', '#campaigns data']
const MORE_PARTS = ['#cities data', '#latest-orders data', '#plots canvas', '#health b']

async function filled(page: Page): Promise<void> {
  for (const part of [...PARTS, ...MORE_PARTS]) await page.waitForSelector(part)
  await page.waitForFunction(() =>
    [...document.querySelectorAll<HTMLDataElement>('#strip .figure-number > data')].every(
      ({ value }) => value !== '',
    ),
  )
}

async function stateOf(page: Page, state: string, withinMs = 15_000): Promise<void> {
  await page.waitForSelector(`html[data-state="${state}"]`, { timeout: withinMs })
}

/**
 * The best of several tries must be below the limit, because a machine is busy now and then. On one
 * that is busy all the time the test is skipped with that reason, after everything else was checked.
 */
async function bestBelow(limitMs: number, skip: Skip, run: () => Promise<number>): Promise<void> {
  let bestMs = Number.POSITIVE_INFINITY
  for (let i = 0; i < TRIES && bestMs >= limitMs; i++) bestMs = Math.min(bestMs, await run())
  const load = (loadavg()[0] ?? 0) / availableParallelism()
  const isBusy = load > LOAD_MAX
  skip(isBusy && bestMs >= limitMs, `took ${bestMs} ms, but the load is ${load.toFixed(1)} a core`)
  expect(bestMs).toBeLessThan(limitMs)
}

/** The rows of a metric, by `ccs query`. */
async function ask(id: string) {
  const figures = await (await fetch(`${url}/api/figures`)).json()
  const { sql } = figures.find((one: { id: string }) => one.id === id)
  const { stdout } = await ccs(['query', sql, '--json'])
  return JSON.parse(stdout).rows
}

/** The exact values behind the displayed numbers. */
function valuesOf(page: Page, selector: string): Promise<string[]> {
  return page.$$eval(selector, (nodes) => nodes.map((node) => (node as HTMLDataElement).value))
}

function text(value: unknown): string {
  return value === null || value === undefined ? '' : String(value)
}

pageTest(
  'the page is filled within two seconds of `ccs up`, without any other host',
  async (skip) => {
    await bestBelow(2_000, skip, async () => {
      engine.kill('SIGTERM')
      await engine.ended
      const { page, complaints, hosts } = await openPage(browser)
      await startEngine('0')
      const upMs = Date.now()
      await page.goto(fullUrl)
      await filled(page)
      const ms = Date.now() - upMs
      expect(complaints).toEqual([])
      expect([...hosts]).toEqual([new URL(url).host])
      await page.close()
      return ms
    })
  },
)

pageTest('the numbers equal those of `ccs query` at the same instant', async () => {
  const { page } = await openFilled()
  const values = (selector: string) => valuesOf(page, selector)
  // Nothing is written, so daily counts don't change; those by minute are repeated until equal.
  const [today] = await ask('today')
  await expect
    .poll(() => values('#strip .figure:nth-child(n+3) .figure-number > data'), SETTLES)
    .toEqual([today.orders, today.revenue, today.conversion_rate].map(text))
  const funnel: { sessions: unknown; rate_from_previous: unknown }[] = await ask('funnel')
  const steps = funnel.flatMap((row) => [text(row.sessions), text(row.rate_from_previous)])
  await expect.poll(() => values('#funnel data'), SETTLES).toEqual(steps)
  const orders: { total: unknown }[] = await ask('latest_orders')
  const totals = orders.map(({ total }) => text(total))
  await expect.poll(() => values('#latest-orders data'), SETTLES).toEqual(totals)
  await expect
    .poll(async () => {
      const before = await values('#strip .figure:nth-child(-n+2) data')
      const [now] = await ask('now')
      const same = [now.visitors_5m, now.active_carts_10m, now.active_checkouts_10m].map(text)
      return JSON.stringify(before) === JSON.stringify(same)
    }, SETTLES)
    .toBe(true)
})

pageTest('an appended event is shown within a second', async (skip) => {
  const { page } = await openFilled()
  const { log } = await openStore(data)
  const random = seeded(7)
  try {
    const writer = await log.writer(RAW_TOPIC, 0, 'test')
    try {
      await bestBelow(1_000, skip, async () => {
        const orderId = `seen-${Math.floor(random() * 1e9)}`
        const when = { event_ts: Date.now(), sent_ts: null, received_ts: null }
        const who = { device: 'mobile', source: 'web', user_agent: null, bot_hint: null } as const
        const line = { sku: 'SH-1', name: orderId, category: null, brand: null, quantity: 1 }
        const event = {
          ...goodEvent(random),
          ...when,
          ...who,
          currency: 'EUR',
          event_type: 'purchase' as const,
          order_id: orderId,
          discount_minor: null,
          items: [{ ...line, unit_price_minor: 1_234, discount_minor: 0 }],
        }
        const isShown = page.waitForFunction(
          (name) => document.querySelector('#latest-orders')?.textContent?.includes(name),
          orderId,
          { polling: 20 },
        )
        const fromMs = Date.now()
        await writer.append(RecordBatch.of([encodeKeptRecord(event)]), fromMs)
        await isShown
        return Date.now() - fromMs
      })
    } finally {
      await writer.close()
    }
  } finally {
    await log.close()
  }
})

pageTest('a page whose engine stops says so, and recovers when it is back', async () => {
  const { page } = await openFilled()
  const ordersNow = () => valuesOf(page, '#strip .figure:nth-child(3) data')
  const [{ orders }] = await ask('today')
  await expect.poll(ordersNow, SETTLES).toEqual([text(orders)])
  const { port } = new URL(url)
  engine.kill('SIGTERM')
  await engine.ended
  await stateOf(page, 'gone')
  expect(await page.textContent('#banner')).toContain('The engine does not answer.')
  expect(await ordersNow()).toEqual([text(orders)])
  await startEngine(port)
  await stateOf(page, 'live')
  expect(await page.isVisible('#banner')).toBe(false)
  await filled(page)
})

pageTest(
  'a page whose engine hangs is stale after five seconds, and live again later',
  async () => {
    const { page } = await openFilled()
    engine.kill('SIGSTOP')
    const silentMs = Date.now()
    try {
      await stateOf(page, 'stale')
      expect(Date.now() - silentMs).toBeGreaterThan(3_000)
      expect(await page.textContent('#banner')).toContain('The engine has sent nothing')
    } finally {
      engine.kill('SIGCONT')
    }
    await stateOf(page, 'live')
  },
)

pageTest('the plain address shows the totals and no order or event, and says how to', async () => {
  const { page, complaints } = await openPage(browser)
  await page.goto(url)
  for (const part of PARTS) await page.waitForSelector(part)
  await page.waitForSelector('#latest-orders .hidden-rows')
  await page.waitForSelector('#latest-events .hidden-rows')
  const [today] = await ask('today')
  const orders = () => valuesOf(page, '#strip .figure:nth-child(3) .figure-number > data')
  await expect.poll(orders, SETTLES).toEqual([text(today.orders)])
  expect(await page.textContent('#latest-orders')).toBe(
    'Single orders and events are shown at the address with the token: ' +
      'ccs up and ccs dash print it.',
  )
  const rows: { order_id: string }[] = await ask('latest_orders')
  // Those of another test are also the names of products, whose totals the page shows.
  const ids = rows.map(({ order_id }) => order_id).filter((id) => !id.startsWith('seen-'))
  expect(ids.length).toBeGreaterThan(0)
  const shown = await page.content()
  for (const id of ids) expect(shown.includes(id), id).toBe(false)
  await page.click('[data-opens="latest_orders"]')
  await page.waitForSelector('dialog[open] code')
  expect(await page.textContent('dialog .age')).toContain('at the address with the token')
  expect(await page.$$eval('dialog details tbody tr', (found) => found.length)).toBe(0)
  await page.keyboard.press('Escape')
  const size = await page.evaluate(() => {
    const { scrollWidth, scrollHeight } = document.documentElement
    return { scrollWidth, scrollHeight }
  })
  expect(size).toEqual({ scrollWidth: 1440, scrollHeight: 900 })
  expect(await page.evaluate(findFaintTexts)).toEqual([])
  expect(complaints).toEqual([])
})

pageTest('the token shows everything, and is sent and written nowhere else', async () => {
  const token = TOKEN_URL.exec(fullUrl)?.[1] ?? ''
  const { page, complaints } = await openPage(browser)
  const sent: string[] = []
  page.on('request', async (request) => {
    sent.push(`${request.url()} ${JSON.stringify(await request.allHeaders())}`)
  })
  await page.goto(fullUrl)
  expect(page.url()).toBe(`${url}/`)
  await filled(page)
  expect(await page.locator('#latest-events tr').count()).toBeGreaterThan(0)
  const [first, ...others] = sent
  expect(first).toContain(token)
  expect(others.length).toBeGreaterThan(5)
  expect(others.filter((one) => one.includes(token) || one.includes('"referer"'))).toEqual([])
  expect(await page.evaluate(() => `${document.cookie}${document.referrer}`)).toBe('')
  expect(await page.content()).not.toContain(token)
  expect(complaints).toEqual([])
  expect(engine.output().split(token)).toHaveLength(2)
  const wrong = await page.goto(fullUrl.slice(0, -3))
  expect(wrong?.status()).toBe(401)
  const answer = (await page.textContent('body')) ?? ''
  expect(JSON.parse(answer).error).toMatchObject({ code: 'CCS_ENGINE_DENIED' })
  expect(answer).not.toContain(token.slice(0, -3))
})

pageTest('a phone never scrolls sideways, and 1440 × 900 needs no scrolling', async () => {
  const sizes = (page: Page) =>
    page.evaluate(() => {
      const { scrollWidth, scrollHeight } = document.documentElement
      return { scrollWidth, scrollHeight }
    })
  const desk = await openFilled()
  expect(await sizes(desk.page)).toEqual({ scrollWidth: 1440, scrollHeight: 900 })
  const phone = await openFilled({ width: 390, height: 844 })
  expect((await sizes(phone.page)).scrollWidth).toBe(390)
  await phone.page.click('text=Close of day')
  await phone.page.waitForSelector('#day-view:not([hidden]) > *')
  expect((await sizes(phone.page)).scrollWidth).toBe(390)
})

pageTest('by keyboard: Tab reaches a number, Enter opens its SQL, Escape closes', async () => {
  const { page } = await openFilled()
  const opens = () =>
    page.evaluate(() => (document.activeElement as HTMLElement | null)?.dataset['opens'])
  const reached = new Set<string>()
  let revenue = 0
  for (let i = 0; i < 40; i++) {
    await page.keyboard.press('Tab')
    const id = await opens()
    if (id) reached.add(id)
    if (id === 'health') break
    if (id === 'today') revenue = i
  }
  expect(revenue).toBeGreaterThan(0)
  expect([...reached].sort()).toEqual(
    [
      ...['campaigns', 'cities', 'devices', 'funnel', 'health', 'latest_events', 'latest_orders'],
      ...['minutes', 'now', 'today', 'top_pages', 'top_products'],
    ].sort(),
  )
  await page.focus('#strip [data-opens="today"]')
  await page.keyboard.press('Shift+Tab')
  await page.keyboard.press('Tab')
  const outline = await page.evaluate(
    () => getComputedStyle(document.activeElement as Element).outlineStyle,
  )
  expect(outline).toBe('solid')
  await page.keyboard.press('Enter')
  await page.waitForSelector('dialog[open]')
  const shown = await page.textContent('dialog')
  const figures = await (await fetch(`${url}/api/figures`)).json()
  const { sql } = figures.find(({ id }: { id: string }) => id === 'today')
  expect(shown).toContain(sql.trim())
  expect(shown).toMatch(/As of .+ ago, computed every 1 s/)
  await page.keyboard.press('Escape')
  await page.waitForSelector('dialog:not([open])', { state: 'attached' })
  expect(await opens()).toBe('today')
})

pageTest('the command in the dialog prints the same rows', async () => {
  const { page } = await openFilled()
  await page.click('[data-opens="funnel"]')
  const command = await page.textContent('dialog .code:nth-of-type(2) code')
  const sql = execFileSync('sh', ['-c', `ccs() { printf '%s' "$2"; }; ${command}`], {
    encoding: 'utf8',
  })
  const { stdout } = await ccs(['query', sql, '--json'])
  const shown = await page.$$eval('#funnel li data:nth-of-type(1)', (nodes) =>
    nodes.map((node) => Number((node as HTMLDataElement).value)),
  )
  expect(JSON.parse(stdout).rows.map((row: { sessions: number }) => row.sessions)).toEqual(shown)
})

pageTest('all text has AA contrast, in both themes and in every state', async () => {
  for (const colorScheme of ['light', 'dark'] as const) {
    const { page } = await openFilled({ colorScheme })
    const faint = async (what: string) =>
      (await page.evaluate(findFaintTexts)).map(
        (one) => `${colorScheme}, ${what}: ${JSON.stringify(one)}`,
      )
    expect(await faint('live')).toEqual([])
    await page.click('[data-opens="minutes"]')
    await page.waitForSelector('dialog[open] code')
    await page.click('dialog summary')
    expect(await faint('dialog')).toEqual([])
    await page.keyboard.press('Escape')
    await page.evaluate(() => {
      document.documentElement.dataset['state'] = 'stale'
      document.querySelector('#health')?.classList.add('loud')
      document.querySelector<HTMLElement>('#banner')?.removeAttribute('hidden')
    })
    expect(await faint('stale and loud')).toEqual([])
    await page.close()
  }
})

pageTest('without marts, Close of day says why, and every element has a name', async () => {
  const { page } = await openFilled()
  const unnamed = await page.$$eval('button, a, section, nav, dialog[open]', (nodes) =>
    nodes
      .filter((node) => {
        const by = node.getAttribute('aria-labelledby')
        const label =
          node.getAttribute('aria-label') ?? (by && document.getElementById(by)?.textContent)
        return !((label || node.textContent) ?? '').trim()
      })
      .map((node) => node.outerHTML.slice(0, 80)),
  )
  expect(unnamed).toEqual([])
  expect(await page.$$eval('h1:not([hidden] *)', (nodes) => nodes.length)).toBe(1)
  await page.click('text=Close of day')
  await page.waitForSelector('#day-view .empty p')
  const { reason } = await (await fetch(`${url}/api/day`)).json()
  expect(await page.textContent('#day-view .empty p')).toBe(reason.replaceAll('`', ''))
})

pageTest('a day without a visit says so in each part, and nothing shows NaN', async () => {
  const quietDay = path.join(dir, 'quiet-day')
  const toMs = Date.now() - 26 * HOUR_MS
  await fill(quietDay, { fromMs: toMs - 2 * DAY_MS, toMs, events: 1_000 })
  const quiet = up('0', quietDay)
  await quiet.says(TOKEN_URL)
  const { page, complaints } = await openPage(browser)
  await page.goto(TOKEN_URL.exec(quiet.output())?.[0] ?? '')
  for (const part of ['#devices', '#products', '#campaigns', '#cities', '#latest-orders'])
    expect([part, await page.textContent(`${part} .nothing`)]).toEqual([part, 'Nothing yet'])
  await page.waitForSelector('#funnel data')
  expect(await valuesOf(page, '#funnel data:nth-of-type(1)')).toEqual(['0', '0', '0', '0', '0'])
  expect(await valuesOf(page, '#strip .figure:nth-child(3) .figure-number > data')).toEqual(['0'])
  expect(await page.isVisible('#empty-shop')).toBe(false)
  expect(await page.textContent('main')).not.toMatch(/NaN|undefined|null|Infinity|Invalid/)
  expect(complaints).toEqual([])
  quiet.kill('SIGTERM')
  await quiet.ended
})

pageTest('an empty shop says what to do, and nothing shows NaN', async () => {
  const quiet = up('0', path.join(dir, 'empty'))
  await quiet.says(TOKEN_URL)
  const { page, complaints } = await openPage(browser)
  await page.goto(TOKEN_URL.exec(quiet.output())?.[0] ?? '')
  await page.waitForSelector('#empty-shop:not([hidden])')
  await page.waitForSelector('#latest-orders .nothing')
  expect(await page.textContent('main')).not.toMatch(/NaN|undefined|null|Infinity|Invalid/)
  expect(complaints).toEqual([])
  quiet.kill('SIGTERM')
  await quiet.ended
})
