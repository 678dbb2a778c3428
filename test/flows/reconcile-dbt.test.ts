/**
 * `ccs reconcile` and `ccs why` over marts that dbt itself built: an hour of dirty history, an
 * order that comes too late, a changed file of Silver, and the events behind rows of every mart.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openMarts } from '../../cli/adapters/duckdb/published-marts.ts'
import { runReconcile } from '../../cli/app/reconcile.ts'
import { runWhy } from '../../cli/app/why.ts'
import type { WhyReport } from '../../cli/domain/provenance/why.ts'
import type { ReconcileReport } from '../../cli/domain/reconcile/accounts.ts'
import { loadProject } from '../../cli/project.ts'
import { ROOT, runCcs } from '../e2e/run-ccs.ts'
import { explainMissingOwnDbt, SHARED_DBT } from '../fixtures/dbt-project.ts'
import { appendEvents, deriveUuid, shopEvent, shopOrder } from '../fixtures/shop-events.ts'
import { putBytes, queryStored, rewriteLake, tamperFile } from '../fixtures/tamper.ts'

const DAY = '2026-10-25'
/** dbt reads no file that is not as it was written. */
const DAMAGED = 'CCS_LAKE_DAMAGED'
const DBT_MS = 600_000

let dir: string
let data: string
let problem: string | undefined

const project = () => loadProject(ROOT, { env: {}, data })

async function ccs(...args: readonly string[]): Promise<void> {
  const ran = await runCcs([...args, '--data', data], { timeoutMs: DBT_MS, env: SHARED_DBT })
  expect(ran, args.join(' ')).toMatchObject({ code: 0 })
}

async function reconciled(): Promise<ReconcileReport> {
  await ccs('dbt', 'build')
  return runReconcile(await project())
}

const dayOf = ({ days }: ReconcileReport) => days.find(({ date }) => date === DAY)
const differing = ({ days }: ReconcileReport) =>
  days.flatMap(({ metrics }) => metrics.filter(({ difference }) => Number(difference) !== 0))

/** Tests build on one another: one lake, one warehouse. */
function dbtTest(name: string, run: () => Promise<void>): void {
  test(name, { timeout: DBT_MS }, async (context) => {
    context.skip(problem !== undefined, problem)
    await run()
  })
}

describe('marts that dbt builds', () => {
  beforeAll(async () => {
    problem = await explainMissingOwnDbt()
    dir = mkdtempSync(path.join(tmpdir(), 'ccs-reconcile-dbt-'))
    data = path.join(dir, 'data')
    const dirt = ['--late', '0.05', '--duplicates', '0.05', '--invalid', '0.02', '--skew', '0.05']
    const hour = ['--from', `${DAY}T00:30:00Z`, '--to', `${DAY}T01:30:00Z`, '--count', '4000']
    await ccs('gen', '--seed', '7', ...hour, ...dirt, '--disorder', '0.1')
    await ccs('run', '--once')
    const closes = shopEvent('closes', Date.parse('2026-10-26T20:00:00Z'))
    await appendEvents(data, [closes], Date.now())
    await ccs('run', '--once')
  }, DBT_MS)
  afterAll(() => rmSync(dir, { recursive: true, force: true }))

  dbtTest('equal the stream to the cent after an hour of dirty history', async () => {
    const report = await reconciled()
    expect(differing(report)).toEqual([])
    expect(report.days.flatMap(({ rows }) => rows)).toEqual([])
    expect([report.ok, dayOf(report)?.isClosed]).toEqual([true, true])
  })

  dbtTest('have rows that follow from their events, in every mart', async () => {
    const marts = await openMarts(await project())
    const keys: Readonly<Record<string, string>> = {
      fct_orders: 'order_id',
      fct_sessions: 'session_id',
      fct_revenue_daily: 'shop_date, currency',
      fct_revenue_by_category: 'shop_date, currency, category',
      daily_funnel: 'shop_date',
      dim_user: 'user_id',
      dim_sku_360: 'sku',
      active_users: 'shop_date',
      rfm: 'user_id, currency',
    }
    try {
      for (const [model, key] of Object.entries(keys)) {
        const found = await marts?.query(
          `SELECT ${key} FROM ${model} ORDER BY hash(${key}) LIMIT 1`,
        )
        const words = Object.entries(found?.rows[0] ?? {}).map(
          ([name, value]) => `${name}=${value}`,
        )
        const report: WhyReport = await runWhy(await project(), { model, words, limit: 3 })
        const isChecked = report.check.isEqual !== null
        expect({ model, ok: report.ok, sentence: report.check.sentence }).toMatchObject({
          ok: true,
        })
        expect({ model, isChecked }).toEqual({ model, isChecked: /^fct_|funnel/.test(model) })
      }
    } finally {
      await marts?.close()
    }
  })

  dbtTest('are unchanged if a file of Silver is damaged, which is reported', async () => {
    const [order] = await queryStored(
      data,
      'silver.orders',
      `SELECT event_id, order_id FROM stored
         WHERE NOT is_bot AND late_ms = 0 AND event_date = DATE '${DAY}' ORDER BY event_id LIMIT 1`,
    )
    const victim = await tamperFile(data, {
      table: 'silver.orders',
      where: `event_id = '${order?.event_id}'`,
      change: `SELECT * REPLACE (CASE WHEN event_id = '${order?.event_id}'
          THEN revenue + 5 ELSE revenue END AS revenue) FROM stored`,
    })
    const options = { timeoutMs: DBT_MS, env: SHARED_DBT }
    const { code, stderr } = await runCcs(['dbt', 'build', '--data', data], options)
    expect({ code, stderr }).toMatchObject({ code: 5, stderr: expect.stringContaining(DAMAGED) })
    const report = await runReconcile(await project())
    expect(report).toMatchObject({ ok: false, files: [{ table: 'silver.orders' }] })
    expect(dayOf(report)?.rows.map(({ table, of }) => [table, of])).toContainEqual([
      ...['silver.orders', `order ${order?.order_id}`],
    ])
    putBytes(victim.path, victim.bytes)
    // The marts of the last successful build are compared; the next test rebuilds them.
    expect((await runReconcile(await project())).ok).toBe(true)
  })

  dbtTest('count a late order in its own day, and differ where Silver was changed', async () => {
    const late = shopOrder('late', Date.parse(`${DAY}T10:00:00Z`), 1200)
    await appendEvents(data, [late], Date.now())
    await ccs('run', '--once')
    const [victim] = await queryStored(
      data,
      'silver.orders',
      `SELECT event_id, order_id, currency FROM stored
         WHERE NOT is_bot AND late_ms = 0 AND event_date = DATE '${DAY}' ORDER BY event_id LIMIT 1`,
    )
    await rewriteLake(data, {
      table: 'silver.orders',
      where: `event_id = '${victim?.event_id}'`,
      // Tax and total, as dbt's own tests would reject a revenue that differs from the order
      // lines.
      change: `SELECT * REPLACE (CASE WHEN event_id = '${victim?.event_id}' THEN tax + 5
            ELSE tax END AS tax, CASE WHEN event_id = '${victim?.event_id}' THEN total + 5
            ELSE total END AS total) FROM stored`,
    })
    const report = await reconciled()
    // The late order is explained; of the rest, only what was changed differs.
    expect(dayOf(report)?.sentences).toContain(
      `${DAY}: 1 order (12.00 EUR) came too late for the stream and is in the marts.`,
    )
    const { row } = await runWhy(await project(), {
      ...{ model: 'fct_orders', words: [`event_id=${deriveUuid('late')}`], limit: 1 },
    })
    expect(row).toMatchObject({ order_id: 'order-late', revenue: '12.00' })
    expect(report.ok).toBe(false)
    expect(differing(report)).toEqual([
      expect.objectContaining({
        name: 'revenue_daily.tax',
        key: victim?.currency,
        difference: '5.00',
      }),
    ])
    const named = dayOf(report)?.rows.map(({ table, of }) => [table, of])
    expect(named).toContainEqual(['silver.orders', `order ${victim?.order_id}`])
    expect(named).toContainEqual(['fct_orders', `order ${victim?.order_id}`])
    const { code } = await runCcs(['reconcile', '--data', data])
    expect(code).toBe(5)
  })
})
