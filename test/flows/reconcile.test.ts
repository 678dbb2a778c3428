/**
 * `ccs reconcile` on generated shops: stream and marts balance however dirty the input, what came
 * too late is reported, and a Silver that was changed before the marts were built makes it fail.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { runReconcile } from '../../cli/app/reconcile.ts'
import type { DayReport, ReconcileReport } from '../../cli/domain/reconcile/accounts.ts'
import { loadProject } from '../../cli/project.ts'
import { ROOT, runCcs } from '../e2e/run-ccs.ts'
import { buildMarts } from '../fixtures/marts-stand-in.ts'
import { appendEvents, deriveUuid, shopEvent, shopOrder } from '../fixtures/shop-events.ts'
import { queryStored, rewriteLake } from '../fixtures/tamper.ts'

const DAY = '2026-10-25'
const DIRT = ['--late', '0.05', '--duplicates', '0.05', '--invalid', '0.02', '--disorder', '0.1']
/** At this watermark the day is closed, whatever the generator sent. */
const CLOSES = Date.parse('2026-10-26T20:00:00Z')

let dir: string
let healthy: string

async function ccs(...args: readonly string[]) {
  const ran = await runCcs(args)
  expect(ran, args.join(' ')).toMatchObject({ code: 0 })
  return ran
}

async function reconcileOf(data: string, run = {}): Promise<ReconcileReport> {
  return runReconcile(await loadProject(ROOT, { env: {}, data }), run)
}

/** The report of DAY; late sessions of a generated shop may begin the day before. */
function dayOf({ days }: ReconcileReport): DayReport {
  const found = days.find(({ date }) => date === DAY)
  if (!found) throw new Error(`${DAY} was not compared`)
  return found
}

/** Processes what was appended, and commits. */
const takeIn = (data: string) => ccs('run', '--once', '--data', data)

beforeAll(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'ccs-reconcile-'))
  healthy = path.join(dir, 'healthy')
  const hour = ['--from', `${DAY}T00:30:00Z`, '--to', `${DAY}T01:30:00Z`, '--count', '4000']
  await ccs('gen', '--data', healthy, '--seed', '7', ...hour, ...DIRT)
  await takeIn(healthy)
  await appendEvents(healthy, [shopEvent('closes', CLOSES)], Date.now())
  await takeIn(healthy)
  await buildMarts(healthy)
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

describe('an hour of history with late, duplicate, invalid and disordered events', () => {
  test('balances to the cent, and the commands leave no files behind', async () => {
    const { code, stdout, stderr } = await runCcs(['reconcile', '--data', healthy, '--json'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const report: ReconcileReport = JSON.parse(stdout)
    expect(report.ok).toBe(true)
    expect(dayOf(report)).toMatchObject({ ok: true, isClosed: true, rows: [], moreRows: 0 })
    const { metrics } = dayOf(report)
    expect(
      report.days
        .flatMap((day) => day.metrics)
        .filter(({ difference }) => Number(difference) !== 0),
    ).toEqual([])
    const named = (name: string) => metrics.find((one) => one.name === name)
    expect(Number(named('sessions.events')?.stream)).toBeGreaterThan(2500)
    expect(Number(named('sessions.orders')?.batch)).toBeGreaterThan(10)
    expect(report.open.map(({ date }) => date)).toEqual(['2026-10-26'])
  })

  test('is a table of at most 80 columns, and open days say when they close', async () => {
    const { code, stdout, stderr } = await runCcs(['reconcile', '--data', healthy])
    expect(code).toBe(0)
    expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([])
    expect(stdout).toMatch(/^2026-10-25 .* ok$/m)
    expect(stderr).toContain(
      '2026-10-26: open until the watermark reaches 2026-10-27T05:00:00.000Z',
    )
    expect(stderr).toContain('while no engine runs: ccs reconcile --open')
  })

  test('a requested day that is still open exits 3 and says when it closes', async () => {
    const args = ['reconcile', '--data', healthy, '--day', '2026-10-26', '--json']
    const { code, stdout } = await runCcs(args)
    expect(code).toBe(3)
    expect(JSON.parse(stdout)).toMatchObject({
      ok: false,
      days: [],
      open: [{ date: '2026-10-26', closesAt: '2026-10-27T05:00:00.000Z' }],
    })
  })

  test('--open compares a day that is not over, as of the same commit', async () => {
    const { days, ok } = await reconcileOf(healthy, { withOpen: true })
    expect(ok).toBe(true)
    expect(days.slice(-2).map(({ date, isClosed }) => [date, isClosed])).toEqual([
      [DAY, true],
      ['2026-10-26', false],
    ])
  })

  test('without marts, the command to build them is shown', async () => {
    const data = path.join(dir, 'no-marts')
    cpSync(healthy, data, { recursive: true, verbatimSymlinks: true })
    rmSync(path.join(data, 'marts'), { recursive: true })
    const { code, stderr } = await runCcs(['reconcile', '--data', data])
    expect(code).toBe(3)
    expect(stderr).toContain('There are no marts yet.')
    expect(stderr).toContain('ccs dbt build')
  })

  test('balances while an engine is running', async () => {
    const data = path.join(dir, 'running')
    cpSync(healthy, data, { recursive: true, verbatimSymlinks: true })
    const args = [path.join(ROOT, 'bin/run.js'), 'run', '--port', '0', '--data', data]
    const engine = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] })
    try {
      await once(engine.stderr, 'data')
      const report = await reconcileOf(data)
      expect([report.ok, dayOf(report).ok]).toEqual([true, true])
    } finally {
      engine.kill('SIGTERM')
      if (engine.exitCode === null) await once(engine, 'exit')
    }
  })
})

describe('an order that comes too late', () => {
  let data: string
  const atMs = Date.parse(`${DAY}T10:00:00Z`)

  beforeEach(async () => {
    data = path.join(dir, 'late')
    cpSync(healthy, data, { recursive: true, verbatimSymlinks: true })
    await appendEvents(data, [shopOrder('late', atMs, 1200)], Date.now())
    await takeIn(data)
  })
  afterEach(() => rmSync(data, { recursive: true, force: true }))

  test('is reported while the marts are older than it', async () => {
    const report = await reconcileOf(data)
    expect(report.ok).toBe(true)
    expect(dayOf(report).sentences).toContain(
      `${DAY}: 1 order (12.00 EUR) came too late after the marts were built: ccs dbt build`,
    )
  })

  test('changes only its own day in the marts', async () => {
    await buildMarts(data)
    const { code, stdout } = await runCcs(['reconcile', '--data', data, '--json'])
    expect(code).toBe(0)
    const report: ReconcileReport = JSON.parse(stdout)
    const day = dayOf(report)
    const healthyReport = await reconcileOf(healthy)
    const before = dayOf(healthyReport)
    const metric = (of: DayReport, name: string) =>
      of.metrics.find((one) => one.name === name && one.key === 'EUR')
    for (const name of ['revenue_daily.orders', 'revenue_daily.revenue']) {
      expect(metric(day, name)?.stream).toEqual(metric(before, name)?.stream)
      expect(Number(metric(day, name)?.late)).toBe(name.endsWith('orders') ? 1 : 12)
      expect(metric(day, name)?.difference).toSatisfy((value) => Number(value) === 0)
    }
    expect(day.sentences).toContain(
      `${DAY}: 1 order (12.00 EUR) came too late for the stream and is in the marts.`,
    )
    const others = (of: ReconcileReport) => of.days.filter(({ date }) => date !== DAY)
    expect(others(report)).toEqual(others(healthyReport))
  })

  test('and is then changed in Silver is named, although lateness explains it', async () => {
    for (const table of ['silver.events', 'silver.orders'])
      await rewriteLake(data, {
        table,
        where: `event_id = '${deriveUuid('late')}'`,
        change: `SELECT * REPLACE (CASE WHEN event_id = '${deriveUuid('late')}'
          THEN 99.00 ELSE revenue END AS revenue) FROM stored`,
      })
    await buildMarts(data)
    const { code, stdout } = await runCcs(['reconcile', '--data', data])
    expect(code).toBe(5)
    expect(stdout.replace(/\s+/g, ' ')).toContain(
      `silver.events ${deriveUuid('late')} differs: order order-late, revenue "99.00" instead of "12.00"`,
    )
  })

  test('and is then lost from Silver is named', async () => {
    await appendEvents(data, [shopEvent('after', CLOSES + 1000)], Date.now())
    await takeIn(data)
    await rewriteLake(data, {
      table: 'silver.events',
      where: `event_id = '${deriveUuid('late')}'`,
      change: `SELECT * FROM stored WHERE event_id <> '${deriveUuid('late')}'`,
    })
    await buildMarts(data)
    const report = await reconcileOf(data)
    expect(dayOf(report).rows).toContainEqual({
      table: 'silver.events',
      key: deriveUuid('late'),
      problem: 'missing',
      of: 'order order-late',
      columns: [],
    })
  })
})

describe('a file of Silver that was changed before the marts were built', () => {
  let data: string
  let victim: { event_id: string; order_id: string; revenue: string; anonymous_id: string }

  beforeEach(async () => {
    data = path.join(dir, 'tampered')
    cpSync(healthy, data, { recursive: true, verbatimSymlinks: true })
    const rows = await queryStored(
      data,
      'silver.orders',
      `SELECT event_id, order_id, revenue, anonymous_id FROM stored
       WHERE NOT is_bot AND late_ms = 0 AND event_date = DATE '${DAY}' ORDER BY event_id LIMIT 1`,
    )
    victim = rows[0] as typeof victim // the columns asked for
  })
  afterEach(() => rmSync(data, { recursive: true, force: true }))

  const raise = (table: string, more = '') =>
    rewriteLake(data, {
      table,
      where: `event_id = '${victim.event_id}'`,
      change: `SELECT * REPLACE (CASE WHEN event_id = '${victim.event_id}'
          THEN revenue + 5 ELSE revenue END AS revenue ${more}) FROM stored`,
    })

  test('an order in silver.orders: the marts differ, and the order is named', async () => {
    await raise('silver.orders')
    await buildMarts(data)
    const { code, stdout } = await runCcs(['reconcile', '--data', data, '--json'])
    const report: ReconcileReport = JSON.parse(stdout)
    // The stand-in computes daily revenue from silver.events, so only the orders show the change.
    expect({ code, ok: report.ok }).toEqual({ code: 5, ok: false })
    expect(dayOf(report).rows.map(({ table, key, of }) => [table, key, of])).toContainEqual([
      ...['silver.orders', victim.event_id, `order ${victim.order_id}`],
    ])
  })

  test('an order in silver.events: revenue, session and order are named', async () => {
    await raise('silver.events')
    await buildMarts(data)
    const report = await reconcileOf(data)
    expect(report.ok).toBe(false)
    const day = dayOf(report)
    const wrong = day.metrics.filter(({ difference }) => Number(difference) !== 0)
    expect(wrong).toContainEqual(
      expect.objectContaining({ name: 'revenue_daily.revenue', key: 'EUR', difference: '5.00' }),
    )
    const tables = day.rows.map(({ table }) => table)
    expect(tables).toContain('silver.events')
    expect(day.rows).toContainEqual(
      expect.objectContaining({
        table: 'gold.sessions',
        key: expect.stringContaining(`${victim.anonymous_id}@`),
        problem: 'differs',
      }),
    )
  })

  test('an order that is made to look late does not pass as late', async () => {
    await raise(
      'silver.events',
      `, CASE WHEN event_id = '${victim.event_id}' THEN 999999999 ELSE late_ms END AS late_ms`,
    )
    await buildMarts(data)
    const report = await reconcileOf(data)
    const wrong = dayOf(report).metrics.filter(({ difference }) => Number(difference) !== 0)
    expect(report.ok).toBe(false)
    expect(wrong?.map(({ name }) => name)).toContain('revenue_daily.orders')
    expect(dayOf(report).rows).toContainEqual(
      expect.objectContaining({ table: 'silver.events', of: `order ${victim.order_id}` }),
    )
  })
})

const SAMPLE = path.resolve(ROOT, '../shared/data/rees46-sample.csv')

describe.skipIf(!existsSync(SAMPLE))(`the sample of a real shop (${SAMPLE} must be there)`, () => {
  test('balances after its import, once a later day has closed its day', async () => {
    const data = path.join(dir, 'rees46')
    const mapping = path.join(ROOT, 'examples/import/rees46.yml')
    const imported = await runCcs([
      'import',
      SAMPLE,
      '--mapping',
      mapping,
      '--data',
      data,
      '--json',
    ])
    const { partition } = JSON.parse(imported.stdout)
    await takeIn(data)
    await buildMarts(data)
    const open = await reconcileOf(data, { withOpen: true })
    expect(open).toMatchObject({ ok: true, days: [{ date: '2019-10-01', isClosed: false }] })
    const later = shopEvent('later', Date.parse('2019-10-02T12:00:00Z'))
    // An import has a partition of its own, and the slowest partition decides.
    await appendEvents(data, [later], Date.now(), partition)
    await takeIn(data)
    await buildMarts(data)
    const report = await reconcileOf(data)
    expect(report).toMatchObject({ ok: true, days: [{ date: '2019-10-01', isClosed: true }] })
    const events = report.days[0]?.metrics.find(({ name }) => name === 'sessions.events')
    expect(Number(events?.batch)).toBeGreaterThan(17_000)
  })
})
