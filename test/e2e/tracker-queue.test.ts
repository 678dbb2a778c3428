/**
 * The tracker in a real browser when network, collector, storage or the visitor refuse: every event
 * arrives once, and nothing is kept that the visitor didn't agree to.
 */
import { expect } from 'vitest'
import {
  arrived,
  BLOCKED,
  call,
  html,
  listStored,
  newContext,
  open,
  SETTLES,
  staysAt,
  trackerTest,
  useTracker,
} from '../fixtures/tracker-browser.ts'

const { site, warnings } = useTracker()

const REFUSING = `Object.defineProperty(navigator, 'globalPrivacyControl', { value: true })`

/** Ids of all events, as often as they were sent to a collector that took them. */
const timesTaken = () => [...site.taken.values()].map(({ times }) => times)

trackerTest('without a decision nothing is stored, and no cookie goes or comes', async () => {
  const page = await open()
  await arrived('page_view')
  await call(page, 'identify', 'c7')
  const [, identify] = await arrived('page_view', 'identify')
  expect(identify).toMatchObject({ customer_id: 'c7' })
  for (const event of site.events) {
    expect(event).not.toHaveProperty('consent')
    expect(event).not.toHaveProperty('session_id')
  }
  expect(site.deliveries.map(({ headers }) => headers.cookie)).toEqual([undefined, undefined])
  await expect.poll(() => listStored(page), SETTLES).toEqual([])
  await page.reload()
  const events = await arrived('page_view', 'identify', 'page_view')
  expect(events[2]).not.toHaveProperty('customer_id')
})

trackerTest('with consent there are a session, a customer and the answer’s cookie', async () => {
  const page = await open()
  await arrived('page_view')
  await call(page, 'consent', true)
  await call(page, 'identify', 'c7')
  await arrived('page_view', 'identify')
  await page.reload()
  const [, identify, view] = await arrived('page_view', 'identify', 'page_view')
  expect(identify).toMatchObject({ consent: true, customer_id: 'c7' })
  expect(identify?.['session_id']).toEqual(expect.any(String))
  expect(view?.['session_id']).toBe(identify?.['session_id'])
  expect(view?.['customer_id']).toBe('c7')
  expect(site.deliveries.map(({ headers }) => headers.cookie)).toEqual([
    ...[undefined, undefined],
    'visitor=1',
  ])
  // By script nobody can read or set it.
  expect(await page.evaluate(() => document.cookie)).toBe('')
  await call(page, 'identify')
  await page.reload()
  const events = await arrived('page_view', 'identify', 'page_view', 'page_view')
  expect(events[3]).not.toHaveProperty('customer_id')
})

trackerTest('a session ends after half an hour without an event', async () => {
  const page = await open()
  await call(page, 'consent', true)
  const age = (minutes: number) =>
    page.evaluate((ms) => {
      const [id, at] = (localStorage['ccs.session'] ?? '').split(' ')
      localStorage['ccs.session'] = `${id} ${Number(at) - ms}`
    }, minutes * 60_000)
  await call(page, 'search', { search_term: 'a' })
  await age(29)
  await call(page, 'search', { search_term: 'b' })
  await age(31)
  await call(page, 'search', { search_term: 'c' })
  const [, a, b, c] = await arrived('page_view', 'search', 'search', 'search')
  expect(b?.['session_id']).toBe(a?.['session_id'])
  expect(c?.['session_id']).not.toBe(a?.['session_id'])
})

trackerTest('a refusal removes the ids, is remembered, and is in every event', async () => {
  const page = await open()
  await call(page, 'consent', true)
  await call(page, 'identify', 'c7')
  await arrived('page_view', 'identify')
  await call(page, 'consent', false)
  await expect.poll(() => listStored(page), SETTLES).toEqual(['ccs.consent'])
  await page.reload()
  const [, , view] = await arrived('page_view', 'identify', 'page_view')
  expect(view).toMatchObject({ consent: false })
  expect(view).not.toHaveProperty('session_id')
  expect(view).not.toHaveProperty('customer_id')
  expect(site.deliveries.at(-1)?.headers.cookie).toBeUndefined()
})

trackerTest('Global Privacy Control refuses for its visitor, whatever was stored', async () => {
  const context = await newContext()
  site.pages.set('/page', html())
  const page = await context.newPage()
  await page.goto(`${site.url}/page`)
  await call(page, 'consent', true)
  await call(page, 'identify', 'c7')
  await arrived('page_view', 'identify')
  await context.addInitScript(REFUSING)
  await page.reload()
  await call(page, 'consent', true)
  await call(page, 'search', { search_term: 'a' })
  const events = await arrived('page_view', 'identify', 'page_view', 'search')
  for (const event of events.slice(2)) {
    expect(event).toMatchObject({ consent: false })
    expect(event).not.toHaveProperty('session_id')
    expect(event).not.toHaveProperty('customer_id')
  }
  expect(site.deliveries.at(-1)?.headers.cookie).toBeUndefined()
  await expect.poll(() => listStored(page), SETTLES).toEqual(['ccs.consent'])
})

trackerTest('Do-Not-Track refuses as well', async () => {
  await open('', { prepare: `Object.defineProperty(navigator, 'doNotTrack', { value: '1' })` })
  const [view] = await arrived('page_view')
  expect(view).toMatchObject({ consent: false })
})

trackerTest('where storage throws, events arrive all the same, also after a failure', async () => {
  site.answer = () => ({ status: 503 })
  const page = await open('', { prepare: BLOCKED })
  await expect.poll(() => site.deliveries.length, SETTLES).toBeGreaterThan(0)
  await call(page, 'search', { search_term: 'a' })
  site.answer = () => ({ status: 202 })
  await arrived('page_view', 'search')
  expect(timesTaken()).toEqual([1, 1])
})

trackerTest('a sandboxed frame without storage, and a full storage, lose nothing', async () => {
  site.pages.set('/inner', html('', { tag: `data-to="${site.url}"` }))
  site.answer = () => ({ status: 202, headers: { 'access-control-allow-origin': '*' } })
  const full = `try { for (let size = 4_000_000; size >= 1; size = Math.floor(size / 2))
    try { localStorage['junk' + size] = 'x'.repeat(size) } catch {} } catch {}`
  const page = await open('<iframe sandbox="allow-scripts" src="/inner"></iframe>', {
    prepare: full,
  })
  await expect.poll(() => site.kinds, SETTLES).toEqual(['page_view', 'page_view'])
  await call(page, 'search', { search_term: 'a'.repeat(200) })
  await arrived('page_view', 'page_view', 'search')
  const urls = site.events.map(({ page_url }) => page_url)
  expect(urls.sort().slice(0, 1)).toEqual([`${site.url}/inner`])
})

trackerTest(
  'what happens offline arrives when the network is back, with its own time',
  async () => {
    const page = await open()
    await arrived('page_view')
    await expect.poll(() => listStored(page), SETTLES).toEqual([])
    await page.context().setOffline(true)
    for (const term of ['a', 'b', 'c']) await call(page, 'search', { search_term: term })
    const before = await page.evaluate(() => Date.now())
    await staysAt(1)
    expect(await listStored(page)).toHaveLength(3)
    await page.context().setOffline(false)
    const events = await arrived('page_view', 'search', 'search', 'search')
    expect(events.map((event) => event['search_term'])).toEqual([undefined, 'a', 'b', 'c'])
    for (const { event_ts } of events) expect(event_ts).toBeLessThanOrEqual(before)
    expect(timesTaken()).toEqual([1, 1, 1, 1])
    expect(site.deliveries.at(-1)?.sent_ts).toBeGreaterThan(before)
  },
)

trackerTest('a 503 and a 429 with Retry-After are tried again, but not before', async () => {
  const answers = [503, 429]
  const times: number[] = []
  site.answer = () => {
    times.push(performance.now())
    const status = answers.shift()
    return status ? { status, headers: { 'retry-after': '2' } } : { status: 202 }
  }
  const page = await open()
  await expect.poll(() => times.length, SETTLES).toBe(1)
  await call(page, 'search', { search_term: 'a' })
  await arrived('page_view', 'search')
  const pauses = times.slice(1).map((ms, i) => ms - (times[i] ?? 0))
  expect(pauses).toHaveLength(2)
  // The clocks of two processes may differ by a few milliseconds over two seconds.
  for (const pause of pauses) expect(pause).toBeGreaterThan(1_950)
  expect(timesTaken()).toEqual([1, 1])
})

trackerTest('a refused request is dropped, and said on the console once', async () => {
  site.answer = () => ({ status: 403 })
  const page = await open()
  await expect.poll(() => listStored(page), SETTLES).toEqual([])
  await call(page, 'search', { search_term: 'a' })
  await expect.poll(() => site.deliveries.length, SETTLES).toBe(2)
  await expect.poll(() => listStored(page), SETTLES).toEqual([])
  expect(warnings).toEqual(['ccs: status 403'])
})

trackerTest('a collector that is killed and started again gets everything once', async () => {
  const page = await open()
  await arrived('page_view')
  await site.kill()
  for (const term of ['a', 'b']) await call(page, 'search', { search_term: term })
  await page.waitForTimeout(700)
  await call(page, 'search', { search_term: 'c' })
  await site.start()
  await arrived('page_view', 'search', 'search', 'search')
  expect(timesTaken()).toEqual([1, 1, 1, 1])
})

trackerTest('an event whose answer is lost is sent again with its id', async () => {
  site.answer = () => ({ status: site.deliveries.length === 0 ? 0 : 202 })
  const page = await open()
  await expect.poll(() => listStored(page), SETTLES).toEqual([])
  expect(site.kinds).toEqual(['page_view'])
  expect(timesTaken()).toEqual([2])
})

trackerTest('a full queue survives a reload, keeps the newest, and leaves in batches', async () => {
  site.answer = () => ({ status: 503 })
  const page = await open()
  await expect.poll(() => site.deliveries.length, SETTLES).toBeGreaterThan(0)
  await page.evaluate(() => {
    const { ccs } = globalThis as unknown as { ccs: (...all: readonly unknown[]) => void }
    for (let i = 1; i <= 205; i++) ccs('search', { search_term: `${i} ${'ä'.repeat(900)}` })
  })
  expect(await listStored(page)).toHaveLength(200)
  expect(warnings).toContain('ccs: queue full')
  await page.reload()
  site.answer = () => ({ status: 202 })
  // The view of the reloaded page pushes one more out.
  await expect.poll(() => site.taken.size, SETTLES).toBe(200)
  const terms = site.events.map((event) => Number.parseInt(String(event['search_term']), 10))
  expect(terms.slice(0, -1)).toEqual(Array.from({ length: 199 }, (_, i) => i + 7))
  const taken = site.deliveries.filter(({ status }) => status === 202)
  for (const { bytes, events } of taken) {
    expect(bytes).toBeLessThan(60_000)
    expect(events.length).toBeLessThanOrEqual(50)
  }
  await expect.poll(() => listStored(page), SETTLES).toEqual([])
})

trackerTest('two tabs share the queue and lose nothing', async () => {
  site.pages.set('/page', html())
  const context = await newContext()
  const tabs = [await context.newPage(), await context.newPage()]
  for (const tab of tabs) await tab.goto(`${site.url}/page`)
  await arrived('page_view', 'page_view')
  await expect.poll(() => listStored(tabs[0] as never), SETTLES).toEqual([])
  await site.kill()
  for (let i = 0; i < 20; i++)
    for (const tab of tabs) await call(tab, 'search', { search_term: `${i}` })
  expect(await listStored(tabs[0] as never)).toHaveLength(40)
  await tabs[0]?.close()
  await site.start()
  await expect.poll(() => site.taken.size, SETTLES).toBe(42)
  const terms = site.events.slice(2).map((event) => Number(event['search_term']))
  expect(terms.sort((a, b) => a - b)).toEqual(
    Array.from({ length: 40 }, (_, i) => Math.floor(i / 2)),
  )
  await expect.poll(() => listStored(tabs[1] as never), SETTLES).toEqual([])
})

trackerTest(
  'what waits when the visitor leaves goes as a beacon, and stays until confirmed',
  async () => {
    site.answer = () => ({ status: 503, headers: { 'retry-after': '3600' } })
    site.pages.set('/away', '<title>away</title>')
    const page = await open()
    await expect.poll(() => site.deliveries.length, SETTLES).toBe(1)
    await call(page, 'search', { search_term: 'a' })
    site.answer = () => ({ status: 202 })
    await page.goto(`${site.url}/away`)
    await arrived('page_view', 'search')
    expect(site.deliveries.at(-1)?.headers['sec-fetch-mode']).toBe('no-cors')
    expect(timesTaken()).toEqual([1, 1])
    expect(await listStored(page)).toHaveLength(2)
    await page.goto(`${site.url}/page`)
    await arrived('page_view', 'search', 'page_view')
    await expect.poll(() => listStored(page), SETTLES).toEqual([])
    // Sent again with the ids that they had: the collector knows them.
    expect(timesTaken()).toEqual([2, 2, 1])
  },
)

trackerTest('an event made by the click that leaves the page arrives', async () => {
  site.pages.set('/next', '<title>next</title>')
  const page = await open('<a href="/next" data-ccs-click="begin_checkout">go</a>')
  await arrived('page_view')
  await page.click('a')
  await page.waitForURL('**/next')
  await arrived('page_view', 'begin_checkout')
})
