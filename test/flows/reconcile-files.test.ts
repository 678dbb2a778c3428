/**
 * `ccs reconcile` checks the files of Silver themselves: one that is not as the manifest says makes
 * it fail, and is named with the keys that it changes, whether it was replaced or changed in place,
 * and whether or not the marts were built since.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { runReconcile } from '../../cli/app/reconcile.ts'
import type { MartsInfo } from '../../cli/domain/marts/marts.ts'
import type { DayReport, ReconcileReport } from '../../cli/domain/reconcile/accounts.ts'
import { loadProject } from '../../cli/project.ts'
import { ROOT, runCcs } from '../e2e/run-ccs.ts'
import { buildMarts } from '../fixtures/marts-stand-in.ts'
import { appendEvents, shopEvent, shopOrder } from '../fixtures/shop-events.ts'
import { putBytes, queryStored, type TamperedFile, tamperFile } from '../fixtures/tamper.ts'

const DAY = '2026-10-25'
const CLOSES = Date.parse('2026-10-26T20:00:00Z')

let dir: string
let healthy: string
let data: string
let order: { event_id: string; order_id: string; anonymous_id: string; currency: string }

async function ccs(...args: readonly string[]) {
  expect(await runCcs(args), args.join(' ')).toMatchObject({ code: 0 })
}

async function takeIn(...events: Parameters<typeof appendEvents>[1]) {
  await appendEvents(data, events, Date.now())
  await ccs('run', '--once', '--data', data)
}

/** Merges the files of each day into one. */
async function compact() {
  const args = ['lake', 'compact', '--files-max', '1', '--data', data, '--json']
  const { stdout } = await runCcs(args)
  expect(JSON.parse(stdout).partitions).toBeGreaterThan(2)
}

const reconcileOf = async (run = {}): Promise<ReconcileReport> =>
  runReconcile(await loadProject(ROOT, { env: {}, data }), run)

function dayOf({ days }: ReconcileReport): DayReport {
  const found = days.find(({ date }) => date === DAY)
  if (!found) throw new Error(`${DAY} was not compared`)
  return found
}

const named = (report: ReconcileReport) =>
  dayOf(report).rows.map(({ table, key, of }) => `${table} ${of ?? key}`)

/** The path of a file as the report has it. */
const placeOf = ({ file }: TamperedFile) =>
  `lake/${file.table.replace('.', '/')}/${file.partition}/${file.name}`

const raise = (table: string, isInPlace = false) =>
  tamperFile(data, {
    table,
    where: `event_id = '${order.event_id}'`,
    change: `SELECT * REPLACE (CASE WHEN event_id = '${order.event_id}'
      THEN revenue + 5 ELSE revenue END AS revenue) FROM stored`,
    isInPlace,
  })

beforeAll(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'ccs-reconcile-files-'))
  healthy = path.join(dir, 'healthy')
  data = healthy
  const hour = ['--from', `${DAY}T00:30:00Z`, '--to', `${DAY}T01:30:00Z`, '--count', '1500']
  await ccs('gen', '--data', healthy, '--seed', '7', ...hour, '--late', '0.05')
  await ccs('run', '--once', '--data', healthy)
  await takeIn(shopEvent('closes', CLOSES))
  const rows = await queryStored(
    healthy,
    'silver.orders',
    `SELECT event_id, order_id, anonymous_id, currency FROM stored
     WHERE NOT is_bot AND late_ms = 0 AND event_date = DATE '${DAY}' ORDER BY event_id LIMIT 1`,
  )
  order = rows[0] as typeof order // the columns asked for
  await buildMarts(healthy)
})
beforeEach(() => {
  data = path.join(dir, 'data')
  // The marts' Silver is hard links to the lake's files; fs.cp of Node would copy them.
  execFileSync('cp', ['-a', healthy, data])
})
afterEach(() => rmSync(data, { recursive: true, force: true }))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

test('intact files pass, compacted since the build or not', async () => {
  expect(await reconcileOf()).toMatchObject({ ok: true, files: [] })
  await takeIn(shopOrder('late', Date.parse(`${DAY}T10:00:00Z`), 1200))
  await buildMarts(data)
  await compact()
  const report = await reconcileOf()
  expect(report).toMatchObject({ ok: true, files: [] })
  expect(dayOf(report).rows).toEqual([])
})

describe('a replaced file, without a build since', () => {
  test('of orders: exits 5 and names the file and the order', async () => {
    const victim = await raise('silver.orders')
    const { code, stdout } = await runCcs(['reconcile', '--data', data, '--json'])
    const report: ReconcileReport = JSON.parse(stdout)
    expect({ code, ok: report.ok, days: dayOf(report).ok }).toEqual({
      ...{ code: 5, ok: false, days: false },
    })
    const { table, partition } = victim.file
    expect(report.files).toEqual([
      { table, partition, file: placeOf(victim), problem: expect.stringMatching(/^has /) },
    ])
    expect(dayOf(report).rows).toContainEqual({
      ...{ table: 'silver.orders', key: order.event_id, problem: 'differs' },
      of: `order ${order.order_id}`,
      columns: [expect.objectContaining({ column: 'revenue' })],
    })
    const { stdout: text } = await runCcs(['reconcile', '--data', data])
    expect(text.replace(/\s+/g, ' ')).toContain(`${placeOf(victim)} has `)
    expect(text).toContain(order.order_id)
  })

  test("of events: names order, session, currency and the stream's values", async () => {
    await raise('silver.events')
    const report = await reconcileOf()
    expect(named(report)).toEqual(
      expect.arrayContaining([
        `silver.events order ${order.order_id}`,
        `gold.revenue_daily ${order.currency}`,
        expect.stringMatching(`^gold.sessions ${order.anonymous_id}@`),
      ]),
    )
    expect(dayOf(report).rows.filter(({ columns }) => columns.length === 0)).toEqual([])
    const money = dayOf(report).rows.find(({ table }) => table === 'gold.revenue_daily')?.columns
    const revenue = money?.find(({ column }) => column === 'revenue')
    expect(Number(revenue?.actual) - Number(revenue?.expected)).toBeCloseTo(5)
  })

  test('of order lines: the category is named', async () => {
    await tamperFile(data, {
      table: 'silver.order_items',
      where: `event_id = '${order.event_id}'`,
      change: `SELECT * REPLACE (CASE WHEN event_id = '${order.event_id}'
        THEN 'Nowhere' ELSE category END AS category) FROM stored`,
    })
    const keys = named(await reconcileOf({ day: DAY }))
    expect(keys).toContain(`silver.order_items order ${order.order_id}`)
    expect(keys).toContain(`gold.revenue_by_category_daily ${order.currency} | Nowhere`)
  })

  test('of a table that only dbt reads: the row is named', async () => {
    await tamperFile(data, {
      table: 'silver.page_view',
      where: `event_date = DATE '${DAY}'`,
      change: `SELECT * REPLACE ('/elsewhere' AS page) FROM stored`,
    })
    const report = await reconcileOf()
    expect(report.ok).toBe(false)
    expect(dayOf(report).rows[0]).toMatchObject({ table: 'silver.page_view', problem: 'differs' })
    expect(dayOf(report).moreRows).toBeGreaterThan(0)
  })

  test.each([
    { what: 'no Parquet file', change: Buffer.from('nothing') },
    { what: 'an empty file', change: Buffer.alloc(0) },
  ])('$what: its rows are missing, and the others are compared', async ({ change }) => {
    await tamperFile(data, {
      ...{ table: 'silver.events', where: `event_id = '${order.event_id}'`, change },
    })
    const report = await reconcileOf()
    expect(report.files).toHaveLength(1)
    expect(dayOf(report).rows).toContainEqual(
      expect.objectContaining({ table: 'silver.events', problem: 'missing' }),
    )
  })

  test('with columns of other types: its rows are missing', async () => {
    await tamperFile(data, {
      ...{ table: 'silver.orders', where: `event_id = '${order.event_id}'` },
      change: `SELECT * REPLACE ('much' AS revenue) FROM stored`,
    })
    expect(dayOf(await reconcileOf()).rows).toContainEqual(
      expect.objectContaining({ table: 'silver.orders', problem: 'missing' }),
    )
  })

  test('a missing file is named, and so are its rows', async () => {
    const victim = await raise('silver.orders')
    rmSync(victim.path)
    const report = await reconcileOf()
    expect(report.files).toMatchObject([{ file: placeOf(victim), problem: 'is missing' }])
    expect(named(report)).toContain(`silver.orders order ${order.order_id}`)
  })

  test('of a day that is still open: the file is named', async () => {
    await tamperFile(data, {
      ...{ table: 'silver.events', where: `event_date = DATE '2026-10-26'` },
      change: `SELECT * REPLACE ('/elsewhere' AS page) FROM stored`,
    })
    const report = await reconcileOf({ day: '2026-10-26' })
    expect(report).toMatchObject({ ok: false, days: [], files: [{ table: 'silver.events' }] })
    const { code } = await runCcs(['reconcile', '--data', data, '--day', '2026-10-26'])
    expect(code).toBe(5)
  })

  test('passes again once it is restored', async () => {
    const victim = await raise('silver.events')
    putBytes(victim.path, victim.bytes)
    expect(await reconcileOf()).toMatchObject({ ok: true, files: [] })
  })
})

describe('a file changed in place, and with it the Silver of the marts', () => {
  test('is named once, with the keys and the values of stream and marts', async () => {
    const victim = await raise('silver.events', true)
    const report = await reconcileOf()
    expect(report.files.map(({ file }) => file)).toEqual([placeOf(victim)])
    expect(named(report)).toEqual(
      expect.arrayContaining([
        `silver.events order ${order.order_id}`,
        `fct_orders order ${order.order_id}`,
        `gold.revenue_daily ${order.currency}`,
      ]),
    )
    const keys = dayOf(report).rows.map(({ table, key }) => `${table} ${key}`)
    expect(new Set(keys).size).toBe(keys.length)
    const columns = dayOf(report).rows.find(({ table }) => table === 'fct_orders')?.columns
    const revenue = columns?.find(({ column }) => column === 'revenue')
    expect(Number(revenue?.actual) - Number(revenue?.expected)).toBeCloseTo(5)
  })

  test('with bytes that are not Parquet: the file and its rows are named', async () => {
    const victim = await tamperFile(data, {
      ...{ table: 'silver.orders', where: `event_id = '${order.event_id}'` },
      ...{ change: Buffer.alloc(5000, 7), isInPlace: true },
    })
    const { code, stdout } = await runCcs(['reconcile', '--data', data, '--json'])
    const report: ReconcileReport = JSON.parse(stdout)
    expect({ code, files: report.files.map(({ file }) => file) }).toEqual({
      ...{ code: 5, files: [placeOf(victim)] },
    })
    expect(named(report)).toContain(`silver.orders order ${order.order_id}`)
  })

  test('and merged since then is found in the Silver of the marts', async () => {
    const before = await raise('silver.orders')
    putBytes(before.path, before.bytes)
    await takeIn(shopOrder('late', Date.parse(`${DAY}T10:00:00Z`), 1200))
    await buildMarts(data)
    await compact()
    const { root, name } = snapshotOf()
    const { partition, name: file } = before.file
    const inside = path.join(root, name, 'silver/orders', partition, file)
    putBytes(inside, Buffer.from('nothing'))
    const report = await reconcileOf()
    expect(report).toMatchObject({
      ok: false,
      files: [{ table: 'silver.orders', file: `marts/${name}/silver/orders/${partition}/${file}` }],
    })
  })
})

describe('a later build that failed', () => {
  const failOn = (serial: number) => {
    const { info, file } = snapshotOf()
    const lastRun = { ...info.lastRun, ok: false, serial, message: 'The test x found 3 rows.' }
    writeFileSync(file, JSON.stringify({ ...info, ok: false, lastRun }))
  }

  test('is reported first and does not make correct days fail', async () => {
    await takeIn(shopEvent('more', CLOSES + 1000))
    failOn(snapshotOf().info.serial + 1)
    const { code, stdout } = await runCcs(['reconcile', '--data', data])
    expect(code).toBe(0)
    expect(stdout.replace(/\s+/g, ' ')).toMatch(
      /^The last ccs dbt build failed, of commit \d+: .*3 rows\. These are the marts of commit \d+/,
    )
  })

  test('makes a day fail whose late rows it should have added', async () => {
    await takeIn(shopOrder('late', Date.parse(`${DAY}T10:00:00Z`), 1200))
    failOn(snapshotOf().info.serial + 1)
    const { code, stdout } = await runCcs(['reconcile', '--data', data])
    expect(code).toBe(5)
    expect(stdout.replace(/\s+/g, ' ')).toContain(
      `${DAY}: 1 order (12.00 EUR) came too late after the marts were built, and the build with it failed.`,
    )
    failOn(snapshotOf().info.serial)
    expect(await reconcileOf()).toMatchObject({ ok: true })
  })
})

function snapshotOf() {
  const root = path.join(data, 'marts')
  const file = path.join(root, 'marts.json')
  const info: MartsInfo = JSON.parse(readFileSync(file, 'utf8'))
  return { root, file, info, name: info.snapshot ?? '' }
}
