/**
 * The live page of a Flink target in a real browser: `ccs dash --target flink` over the topics of a
 * deployed job shows the generator's truth, says what it can't know, and goes on by itself after
 * Kafka was away. CCS_PAGE_PICTURES names a folder for pictures of it.
 */
import path from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import { readTruth } from '../../cli/app/generator.ts'
import type { Truth } from '../../cli/domain/audit/truth.ts'
import { findChromium, openPage, startBrowser } from '../fixtures/browser.js'
import { endAll, startNode } from '../fixtures/child.ts'
import { explainMissingFlink } from '../fixtures/flink.ts'
import { CrashShop } from '../fixtures/flink-crash.ts'
import { noonZone } from '../fixtures/noon-project.ts'

const HOUR_MS = 3_600_000
const EVENTS = 4_000
const FAULTS = ['--late', '2%', '--duplicates', '2%', '--disorder', '3%', '--invalid', '1%']
const TOKEN_URL = /http:\/\/127\.0\.0\.1:\d+\/\?token=\S+/
const SETTLES = { timeout: 240_000, interval: 500 }
const PICTURES = process.env.CCS_PAGE_PICTURES

const executable = findChromium()
const missing = executable ? explainMissingFlink() : 'there is no Chromium: set CCS_CHROMIUM to one'

afterAll(endAll)

test('the page of a Flink target is the truth, and lives through an outage of Kafka', {
  timeout: 1_500_000,
  retry: 0,
}, async (context) => {
  context.skip(missing !== undefined, missing)
  const shop = await CrashShop.start()
  onTestFinished(() => shop.stop())
  shop.editConfig((text) => text.replace(/timezone: \S+/, `timezone: ${noonZone()}`))
  await shop.ccs(['deploy', '--yes'])
  const { page, complaints } = await openDash(shop)
  await expect.poll(() => page.textContent('#empty-shop'), SETTLES).toContain('ccs gate --target')

  const truth = await generate(shop)
  await expect.poll(() => readNumbers(page), SETTLES).toEqual(countTruth(truth))
  const events = page.locator('#latest-events tr')
  await expect.poll(() => events.count(), SETTLES).toBe(10)
  const rejected = Object.values(truth.header.counts.dlq).reduce((sum, one) => sum + one, 0)
  await expect.poll(() => page.textContent('#health'), SETTLES).toContain(`${rejected} rejected`)
  const leftOut = () => page.textContent('#left-out')
  await expect.poll(leftOut, SETTLES).toMatch(new RegExp(`\\d duplicates.*\\b${rejected} rejected`))
  expect(await page.textContent('#health')).toMatch(/Job running.*as of \d/)
  expect(await page.textContent('#state')).toMatch(/^As of /)
  await takePictures(page, 'running')
  await page.click('#health button')
  expect(await page.textContent('#dialog')).toMatch(/flink\.ccs-v1-\w+, RUNNING, since /)
  await page.keyboard.press('Escape')

  const before = await readNumbers(page)
  await shop.stack.kill9('kafka')
  await expect.poll(() => page.textContent('#health'), SETTLES).toContain('No Kafka answers at')
  await takePictures(page, 'outage')
  expect(await readNumbers(page)).toEqual(before)
  await shop.stack.start()
  await expect.poll(() => page.textContent('#health'), SETTLES).toContain('Job running')
  expect(await readNumbers(page)).toEqual(before)
  expect(complaints).toEqual([])
})

async function openDash(shop: CrashShop) {
  const browser = await startBrowser(executable ?? '')
  onTestFinished(() => browser.close())
  const args = ['dash', '--target', 'flink', '--project', shop.stack.projectDir, '--port', '0']
  const dash = startNode('bin/run.js', args)
  onTestFinished(async () => {
    dash.kill('SIGTERM')
    expect(await dash.ended).toBe(0)
  })
  await dash.says(TOKEN_URL, 120_000)
  const watched = await openPage(browser)
  await watched.page.goto(TOKEN_URL.exec(dash.output())?.[0] ?? '')
  return watched
}

/** Two hours of the shop, up to now, and the truth of them. */
async function generate(shop: CrashShop): Promise<Truth> {
  const file = path.join(shop.stack.projectDir, 'truth.ndjson')
  const [from, to] = [Date.now() - 2 * HOUR_MS, Date.now()].map((ms) => new Date(ms).toISOString())
  const range = [
    '--from',
    String(from),
    '--to',
    String(to),
    '--count',
    String(EVENTS),
    '--partitions',
    '1',
  ]
  await shop.ccs(['gen', ...range, ...FAULTS, '--truth', file])
  await shop.ccs(['gate', '--once'])
  return readTruth(file)
}

/** What the page shows of the day, exact. */
async function readNumbers(page: Page) {
  return page.evaluate(() => {
    const values = (selector: string) =>
      [...document.querySelectorAll<HTMLDataElement>(selector)].map(({ value }) => value)
    const [, , orders, revenue] = values('#strip .figure-number > data')
    return {
      orders,
      revenue,
      funnel: values('#funnel li data:nth-of-type(1)'),
      devices: document.querySelectorAll('#devices li').length,
    }
  })
}

/** The same by the generator's account. */
function countTruth({ tables }: Truth) {
  const rowsOf = (name: string) => {
    const found = tables.find(({ table }) => table.name === name)
    const columns = Object.keys(found?.table.columns ?? {})
    return (found?.rows ?? []).map((row) =>
      Object.fromEntries(columns.map((column, i) => [column, row[i]])),
    )
  }
  const revenue = rowsOf('gold.revenue_daily')
  const sessions = rowsOf('gold.sessions')
  const most = revenue.toSorted((a, b) => Number(b.orders) - Number(a.orders))[0]
  const steps = ['viewed_item', 'added_to_cart', 'reached_checkout', 'completed_order']
  return {
    orders: String(revenue.reduce((sum, row) => sum + Number(row.orders), 0)),
    revenue: most?.revenue,
    funnel: [
      sessions.length,
      ...steps.map((step) => sessions.filter((row) => row[step] === true).length),
    ].map(String),
    devices: new Set(sessions.map(({ device }) => device)).size,
  }
}

async function takePictures(page: Page, name: string): Promise<void> {
  if (PICTURES === undefined) return
  const before = page.viewportSize()
  for (const [kind, width, height] of [
    ['desk', 1440, 900],
    ['phone', 390, 844],
  ] as const) {
    await page.setViewportSize({ width, height })
    await page.screenshot({ path: path.join(PICTURES, `${name}-${kind}.png`), fullPage: true })
  }
  if (before) await page.setViewportSize(before)
}
