/**
 * The line beside the latest orders, in a real browser: it appears with the shop system's first
 * order, opens its SQL, and fits on a phone.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Event } from '../../cli/domain/events/contracts.ts'
import { findChromium, openPage, startBrowser } from '../fixtures/browser.js'
import { createOrderNow, type LiveShop, openLiveShop } from '../fixtures/live-shop.ts'
import { noonZone } from '../fixtures/noon-project.ts'
import { makeRig } from '../fixtures/pipeline-rig.ts'

const NO_BROWSER = 'there is no Chromium: set CCS_CHROMIUM to one'
const SOON = { timeout: 60_000 }
const LINE = '12 orders today, 3 of them (25%) not reported by the browser, 1 only by it'

const executable = findChromium()
let dir: string
let shop: LiveShop
let browser: Browser

beforeAll(async () => {
  if (!executable) return
  dir = mkdtempSync(path.join(tmpdir(), 'ccs-order-sources-'))
  shop = await openLiveShop(await makeRig(undefined, undefined, undefined, noonZone()), dir)
  browser = await startBrowser(executable)
})
afterAll(async () => {
  await browser?.close()
  await shop?.close()
  if (dir) rmSync(dir, { recursive: true, force: true })
})

const report = (order: number, source: Event['source']): Event => {
  return { ...createOrderNow(`o${order}`, { minor: 1_990, currency: 'EUR' }), source }
}

test('how many orders the browser did not report stands beside them, once both ways are used', {
  timeout: 180_000,
}, async (context) => {
  context.skip(!executable, NO_BROWSER)
  const orders = Array.from({ length: 12 }, (_, order) => order)
  await shop.append(orders.slice(3).map((order) => report(order, 'web')))
  const desk = await openPage(browser)
  const phone = await openPage(browser, { width: 390, height: 844, colorScheme: 'dark' })
  const line = desk.page.locator('#order-sources')
  for (const { page } of [desk, phone]) {
    await page.goto(shop.pageUrl)
    await page.waitForSelector('#latest-orders data', SOON)
  }
  expect(await line.isHidden()).toBe(true)

  await shop.append(orders.slice(0, 11).map((order) => report(order, 'server')))
  for (const { page } of [desk, phone]) {
    const shown = page.locator('#order-sources')
    await expect.poll(() => shown.textContent(), SOON).toBe(LINE)
    expect(await shown.isVisible()).toBe(true)
    const { scrollWidth, clientWidth } = await page.evaluate(() => document.documentElement)
    expect(scrollWidth).toBe(clientWidth)
    // All of the sentence is on the screen.
    const sizes = await shown.evaluate((of) => [of.scrollWidth, of.clientWidth])
    expect(sizes[0]).toBe(sizes[1])
  }
  expect(await desk.page.evaluate(() => document.documentElement.scrollHeight)).toBe(900)

  await line.click()
  await desk.page.waitForSelector('dialog[open] code')
  expect(await desk.page.textContent('dialog')).toContain('FROM bronze.events')
  expect([...desk.complaints, ...phone.complaints]).toEqual([])
})
