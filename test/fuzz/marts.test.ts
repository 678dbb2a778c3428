/**
 * The lists of the fuzz in one lake for each time zone: after one build of dbt, the marts are what
 * one plain DuckDB batch over the accepted events gives, and what streaming Gold and the events too
 * late for it give. Of a lake that differs, the smallest lists that still differ are printed as
 * tests of `ccs test`.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { openLogic } from '../../cli/app/project-logic.ts'
import { requireNewest } from '../../cli/domain/avro/schema-registry.ts'
import { RAW_TOPIC } from '../../cli/domain/log/topics.ts'
import type { Logic } from '../../cli/domain/models/logic.ts'
import { PlainModels } from '../../cli/engines/embedded/query/plain-models.ts'
import { loadProject } from '../../cli/project.ts'
import { ROOT, runCcs } from '../e2e/run-ccs.ts'
import { explainMissingOwnDbt, SHARED_DBT } from '../fixtures/dbt-project.ts'
import { findSmallest } from '../fixtures/find-smallest.ts'
import { drawGroups, FuzzRules, printModelTest } from '../fixtures/fuzz-case.ts'
import { appendLists, LAKE_APPEND_MS, makeShop, placeInLake } from '../fixtures/fuzz-lake.ts'
import { type FuzzList, placeInTime } from '../fixtures/fuzz-lists.ts'

const SEED = Number(process.env.CCS_FUZZ_SEED ?? 1)
const LISTS = Number(process.env.CCS_FUZZ_LISTS ?? 120)
/** Builds to find the smallest lists that differ. */
const TRIES = 40
/** A busy machine takes long for thousands of files: a command that is killed is no difference. */
const DBT_MS = 3_600_000

let logic: Logic
let rules: FuzzRules
let problem: string | undefined

beforeAll(async () => {
  problem = await explainMissingOwnDbt()
  const project = await loadProject(ROOT, { env: {} })
  logic = await openLogic(project)
  rules = new FuzzRules(logic, project.config.gate)
}, DBT_MS)

/** The same columns in marts and Gold, so that a difference is one of rows. */
const TABLES = [
  {
    gold: 'gold.sessions',
    mart: 'fct_sessions',
    columns:
      'session_id, anonymous_id, session_start, session_end, session_date, shop_date, customer_id, ' +
      'client_session_id, events, page_views, item_views, cart_adds, checkouts, orders, revenue, ' +
      'last_cart_at, last_checkout_at, utm_source, utm_medium, utm_campaign, device, geo_country, ' +
      'geo_city, duration_ms, is_engaged, steps, viewed_item, added_to_cart, reached_checkout, ' +
      'completed_order',
  },
  {
    gold: 'gold.revenue_daily',
    mart: 'fct_revenue_daily',
    columns:
      'shop_date, currency, orders, buyers, revenue, tax, shipping, refund_count, refunds, net_revenue',
  },
  {
    gold: 'gold.revenue_by_category_daily',
    mart: 'fct_revenue_by_category',
    columns: 'shop_date, currency, category, lines, orders, units, revenue',
  },
  {
    gold: 'gold.funnel_daily',
    mart: 'daily_funnel',
    columns:
      'shop_date, sessions, views, carts, checkouts, orders, converted_sessions, engaged_sessions',
  },
  {
    gold: 'silver.orders',
    mart: 'fct_orders',
    columns:
      'event_id, order_id, event_time, event_date, anonymous_id, customer_id, lines, units, revenue, ' +
      'tax, shipping, discount, total, coupon, payment_type, currency, device, geo_city, geo_country',
    where: 'NOT is_bot',
  },
] as const

/** What is wrong with the marts of these lists; undefined: nothing. */
async function findDifference(
  lists: readonly FuzzList[],
  timezone: string,
): Promise<string | undefined> {
  const dir = mkdtempSync(path.join(tmpdir(), 'ccs-fuzz-marts-'))
  try {
    const shop = path.join(dir, 'shop')
    makeShop(shop, timezone)
    const ccs = (...args: string[]) =>
      runCcs([...args, '--project', shop, '--json'], { timeoutMs: DBT_MS, env: SHARED_DBT })
    const events = placeInLake(lists, timezone)
    const appended = await appendLists(path.join(shop, 'data'), events, (batch, event) =>
      rules.append(batch, event),
    )
    const steps = [['run', '--once'], ['audit'], ['dbt', 'build'], ['reconcile', '--open']]
    for (const args of steps) {
      const { code, stdout, stderr } = await ccs(...args)
      if (code === null) throw new Error(`ccs ${args.join(' ')} took longer than an hour.`)
      if (code !== 0)
        return `ccs ${args.join(' ')}: exit code ${code}\n${stdout.slice(0, 4000)}${stderr}`
    }
    const rows = appended.flatMap(({ event, offset }) => {
      const isAccepted = rules.isAccepted(event, LAKE_APPEND_MS)
      const place = {
        topic: RAW_TOPIC,
        partition: 0,
        offset,
        ingest_time: LAKE_APPEND_MS,
        late_ms: 0,
      }
      return isAccepted ? [{ ...event, ...place }] : []
    })
    return await compareMarts(rows, timezone, async (sql) => {
      const { code, stdout, stderr } = await ccs('query', '--marts', sql)
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      return JSON.parse(stdout).rows
    })
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

async function compareMarts(
  events: readonly Readonly<Record<string, unknown>>[],
  timezone: string,
  queryMarts: (sql: string) => Promise<readonly object[]>,
): Promise<string | undefined> {
  const { schema: rawSchema } = requireNewest(logic.rawSchemas, RAW_TOPIC)
  const plain = await PlainModels.open({ ...logic, rawSchema })
  try {
    await plain.load(events, { nowMs: LAKE_APPEND_MS, timezone })
    for (const { gold, mart, columns, ...rest } of TABLES) {
      const where = 'where' in rest ? ` WHERE ${rest.where}` : ''
      const expected = (await plain.query(`SELECT ${columns} FROM ${gold}${where}`)).rows
      const actual = await queryMarts(`SELECT ${columns} FROM ${mart}`)
      const found = new Set(actual.map((row) => JSON.stringify(row)))
      const wanted = new Set(expected.map((row) => JSON.stringify(row)))
      const missing = [...wanted].filter((row) => !found.has(row))
      const unexpected = [...found].filter((row) => !wanted.has(row))
      if (missing.length + unexpected.length === 0 && actual.length === expected.length) continue
      return [
        `${mart} has ${actual.length} rows, ${gold} of a plain batch ${expected.length}`,
        ...missing.slice(0, 3).map((row) => `missing     ${row}`),
        ...unexpected.slice(0, 3).map((row) => `unexpected  ${row}`),
      ].join('\n')
    }
    return undefined
  } finally {
    plain.close()
  }
}

/** All lists of the fuzz by time zone, as a shop has one. */
function listShops(): ReadonlyMap<string, readonly FuzzList[]> {
  const shops = new Map<string, FuzzList[]>()
  for (const { timezone, lists } of drawGroups(SEED, LISTS))
    shops.set(timezone, [...(shops.get(timezone) ?? []), ...lists])
  return shops
}

async function explainDifference(
  difference: string,
  lists: readonly FuzzList[],
  timezone: string,
): Promise<string> {
  const fails = async (some: readonly FuzzList[]) =>
    (await findDifference(some, timezone)) !== undefined
  const few = await findSmallest(lists, fails, TRIES)
  const [first] = few
  const smallest =
    first && few.length === 1
      ? await findSmallest(first.moves, (moves) => fails([{ ...first, moves }]), TRIES).then(
          (moves) => [{ ...first, moves }],
        )
      : few
  const group = { timezone, lists: smallest, isCalm: true, isFirst: false, isLast: false }
  const models = logic.graph.map(({ model }) => model.name)
  const name = `fuzz of the marts, seed ${SEED}`
  const printed = printModelTest(rules.judge(placeInTime(group)), { name, models })
  const again = (await findDifference(smallest, timezone)) ?? difference
  return `CCS_FUZZ_SEED=${SEED}, ${timezone}: ${again}\n${printed}`
}

test('marts are what a plain batch and the stream are, for all lists', {
  timeout: 24 * 3_600_000,
}, async (context) => {
  context.skip(problem !== undefined, problem)
  const differing: string[] = []
  for (const [timezone, lists] of listShops()) {
    const difference = await findDifference(lists, timezone)
    const verdict = difference === undefined ? 'equal' : 'different'
    console.log(`marts of ${lists.length} lists in ${timezone}: ${verdict}\n${difference ?? ''}`)
    if (difference !== undefined)
      differing.push(await explainDifference(difference, lists, timezone))
  }
  expect(differing).toEqual([])
})
