/**
 * `ccs why`: rows of every kind of model are traced to their events, and a wrong row is reported.
 */
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openAnswers } from '../../cli/app/query.ts'
import { runWhy } from '../../cli/app/why.ts'
import type { WhyReport } from '../../cli/domain/provenance/why.ts'
import { loadProject } from '../../cli/project.ts'
import { ROOT, runCcs } from '../e2e/run-ccs.ts'
import { buildMarts } from '../fixtures/marts-stand-in.ts'
import { appendEvents, deriveUuid, shopEvent, shopOrder } from '../fixtures/shop-events.ts'
import { rewriteLake } from '../fixtures/tamper.ts'

const DAY = '2026-10-25'
const at = (time: string, date = DAY) => Date.parse(`${date}T${time}Z`)
const own = { anonymous_id: 'ann' }

/** Two orders of one visitor, one of them sent twice; a bot's order; a late order; a refund. */
const EVENTS = [
  shopEvent('look', at('10:00:00'), own),
  shopOrder('one', at('10:01:00'), 1000, own),
  shopOrder('one', at('10:01:00'), 1000, own),
  shopOrder('robot', at('10:01:30'), 7700, { anonymous_id: 'bot-1', device: 'bot' }),
  shopOrder('two', at('10:02:00'), 2550, own),
  shopEvent('back', at('10:40:00'), {
    anonymous_id: 'bob',
    event_type: 'refund',
    order_id: 'order-one',
    refund_minor: 300,
  }),
  shopEvent('tomorrow', at('20:00:00', '2026-10-26'), { anonymous_id: 'cid' }),
  shopOrder('late', at('10:03:00'), 9900, own),
]

let dir: string
let data: string

beforeAll(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'ccs-why-'))
  data = path.join(dir, 'data')
  await appendEvents(data, EVENTS, Date.now())
  expect(await runCcs(['run', '--once', '--data', data])).toMatchObject({ code: 0 })
  await buildMarts(data)
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

async function explain(model: string, words: readonly string[], where = data): Promise<WhyReport> {
  const project = await loadProject(ROOT, { env: {}, data: where })
  return runWhy(project, { model, words, limit: 10 })
}

const ids = (list: readonly { readonly eventId: string }[]) =>
  list.map(({ eventId }) => eventId).sort()
const uuids = (...names: readonly string[]) => names.map(deriveUuid).sort()

describe('a row of Gold', () => {
  test('of a day lists orders and refunds, their values, and what is excluded', async () => {
    const report = await explain('gold.revenue_daily', [`shop_date=${DAY}`, 'currency=EUR'])
    expect(report).toMatchObject({
      ok: true,
      row: { orders: 2, revenue: '35.50', refunds: '3.00' },
    })
    expect(report.path.at(0)).toBe('events.raw')
    expect(report.path.at(-1)).toBe('gold.revenue_daily')
    expect(ids(report.events.first)).toEqual(uuids('one', 'two', 'back'))
    const one = report.events.first.find(({ eventId }) => eventId === deriveUuid('one'))
    expect(one).toMatchObject({ from: 'events.raw-0@1', gives: { orders: 1, revenue: '10.00' } })
    expect(ids(report.leftOut.duplicates.first)).toEqual(uuids('one'))
    expect(ids(report.leftOut.tooLate?.first ?? [])).toEqual(uuids('late'))
    expect(ids(report.leftOut.bots?.first ?? [])).toEqual(uuids('robot'))
    expect(report.check.isEqual).toBe(true)
  })

  test("of a minute is found by the key's value alone", async () => {
    const report = await explain('gold.activity_1m', [`${DAY} 10:01`])
    expect(report).toMatchObject({ ok: true, row: { events: 1, revenue: '10.00' } })
    expect(ids(report.events.first)).toEqual(uuids('one'))
  })

  test('of a session lists its events, and those too late for it', async () => {
    const report = await explain('gold.sessions', [`ann@${at('10:00:00')}`])
    expect(report).toMatchObject({ ok: true, row: { orders: 2 } })
    expect(ids(report.events.first)).toEqual(uuids('look', 'one', 'two'))
    expect(ids(report.leftOut.tooLate?.first ?? [])).toEqual(uuids('late'))
  })

  test('of a view over sessions is traced through them to the events', async () => {
    const report = await explain('gold.device_daily', [DAY, 'desktop'])
    expect(report).toMatchObject({ ok: true, row: { sessions: 2, orders: 2 } })
    expect(ids(report.events.first)).toEqual(uuids('look', 'one', 'two', 'back'))
    expect(report.path.slice(-2)).toEqual(['gold.sessions', 'gold.device_daily'])
  })

  test('of any other Gold model follows from its events', async () => {
    const project = await loadProject(ROOT, { env: {}, data })
    const answers = await openAnswers(project)
    const keys: Readonly<Record<string, string>> = {
      activity_1m: 'window_start',
      campaign_daily: 'shop_date, utm_source, utm_medium, utm_campaign',
      funnel_daily: 'shop_date',
      revenue_by_category_daily: 'shop_date, currency, category',
      top_pages_1h: 'window_start, page',
    }
    try {
      for (const [name, key] of Object.entries(keys)) {
        const { rows } = await answers.query(`SELECT ${key} FROM gold.${name} ORDER BY ALL LIMIT 1`)
        expect(rows).toHaveLength(1)
        for (const row of rows) {
          const words = Object.entries(row).map(([column, value]) => `${column}=${value}`)
          const report = await explain(`gold.${name}`, words)
          expect({ name, words, ok: report.ok }).toEqual({ name, words, ok: true })
          expect(report.events.count).toBeGreaterThan(0)
        }
      }
    } finally {
      await answers.close()
    }
  })

  test('that no longer follows from Bronze is reported, and exits 5', async () => {
    const wrong = path.join(dir, 'wrong')
    cpSync(data, wrong, { recursive: true, verbatimSymlinks: true })
    await rewriteLake(wrong, {
      table: 'bronze.events',
      where: `event_id = '${deriveUuid('two')}'`,
      change: `SELECT * FROM stored WHERE event_id <> '${deriveUuid('two')}'`,
    })
    const args = ['why', 'gold.revenue_daily', DAY, 'EUR', '--data', wrong]
    const { code, stdout, stderr } = await runCcs(args)
    expect({ code, stderr: stderr.replace(/^As committed.*\n/, '') }).toEqual({
      code: 5,
      stderr: '',
    })
    expect(stdout).toContain('1 of these events are not in Bronze')
  })
})

describe('a row that does not exist', () => {
  test('is answered with the nearest rows', async () => {
    const args = ['why', 'gold.revenue_daily', 'shop_date=2026-10-24', 'currency=EUR']
    const { code, stderr } = await runCcs([...args, '--data', data])
    expect(code).toBe(2)
    expect(stderr).toContain(
      'gold.revenue_daily has no row with shop_date 2026-10-24, currency EUR.',
    )
    expect(stderr).toContain(`ccs why gold.revenue_daily shop_date=${DAY} currency=EUR`)
  })

  test.each([
    ['gold.revenue_dayly', [DAY, 'EUR'], 'Did you mean "gold.revenue_daily"?'],
    ['gold.revenue_daily', [DAY], 'also needs currency'],
    ['gold.revenue_daily', ['soon', 'EUR'], '"soon" is not a valid DATE, the type of shop_date.'],
    ['gold.revenue_daily', [DAY, 'EUR', 'x'], 'has no column for "x"'],
    ['no_such_mart', ['1'], 'There is no model or mart'],
  ])('%s %j: %s', async (model, words, text) => {
    const { code, stderr } = await runCcs(['why', model, ...words, '--data', data])
    expect(code).toBe(2)
    expect(stderr).toContain(text)
  })
})

test('a row of Silver is one event, found by any column that identifies it', async () => {
  const report = await explain('silver.orders', ['order_id=order-two'])
  expect(report).toMatchObject({ ok: true, key: { event_id: deriveUuid('two') } })
  expect(ids(report.events.first)).toEqual(uuids('two'))
})
