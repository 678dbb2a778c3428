/**
 * The same models over the same events give the same rows on a real ksqlDB and in a plain DuckDB batch. Compared are
 * all columns of all rows of every Silver and Gold model that ksqlDB can run: streams by every record of their topic,
 * tables and windows by the last record of each key. A row that came too late for a model of Gold is in Silver on both
 * sides and counted on neither: the oracle computes late_ms by itself. topic, partition and offset are those of
 * events.valid, which ksqlDB reads.
 */
import { expect } from 'vitest'
import { flattenName } from '../../cli/domain/dialects/dialect.ts'
import type { PlainModels } from '../../cli/engines/embedded/query/plain-models.ts'
import { ksqldbTest } from '../fixtures/ksqldb.ts'
import { sendEvents } from '../fixtures/ksqldb-events.ts'
import { projectRelations } from '../fixtures/ksqldb-models.ts'
import { differences, openOracle, rawRows, TIMEZONE, topicRows } from '../fixtures/ksqldb-oracle.ts'
import {
  type KsqlShop,
  NOT_ON_KSQLDB,
  untilSettled,
  withKsqlShop,
} from '../fixtures/ksqldb-shop.ts'
import { shopEvent, shopOrder } from '../fixtures/shop-events.ts'
import { projectModels } from '../unit/dialects/compile-bench.ts'

/** For a full run: CCS_KSQLDB_EVENTS=50000. */
const EVENTS = Number(process.env.CCS_KSQLDB_EVENTS ?? 2_000)
const FAULTS = ['--late', '5%', '--duplicates', '5%', '--disorder', '10%', '--invalid', '2%']
const RANGE = ['--from', '2026-01-10T06:00:00Z', '--to', '2026-01-10T14:00:00Z']
/** After the generated events. Of each event id and of each order id the first counts: ADR 19. */
const REPEATS_MS = Date.parse('2026-01-10T15:00:00Z')
const REPEATS = [
  shopOrder('repeated', REPEATS_MS, 1_000),
  shopOrder('thank-you page again', REPEATS_MS, 1_000, { order_id: 'order-repeated' }),
  shopOrder('repeated', REPEATS_MS, 2_000, { order_id: 'another order' }),
  // Its order came before, in a duplicate of an event id, which counts too.
  shopOrder('order of a duplicate', REPEATS_MS, 3_000, { order_id: 'another order' }),
  shopEvent('two types', REPEATS_MS),
  shopOrder('two types', REPEATS_MS, 4_000),
  // Of bots, by what only the collector saw.
  shopEvent('hosted', REPEATS_MS, { bot_hint: 'data centre' }),
  shopOrder('hosted order', REPEATS_MS, 5_000, { bot_hint: 'rate' }),
  shopEvent('headless, hosted', REPEATS_MS, { bot_hint: 'rate', user_agent: 'HeadlessChrome' }),
].map((event) => ({ partition: 0, event }))

ksqldbTest(
  `${EVENTS} events, late, duplicate, out of order and invalid ones too, give DuckDB's rows`,
  async (servers) => {
    const options = { prefix: 'ccs_rows_', partitions: 1, isDeployed: true }
    await withKsqlShop(servers, options, async (shop) => {
      await shop.ccs('gen', ...RANGE, '--count', String(EVENTS), '--seed', '7', ...FAULTS)
      await sendEvents(servers, shop, 'events.raw', REPEATS)
      await shop.ccs('gate', '--once')
      const relations = await projectRelations()
      const models = projectModels()
      const made = relations.filter((one) => one.name === flattenName(one.model))
      const names = made.map((one) => one.model)
      expect(
        models
          .map((one) => one.name)
          .filter((one) => !names.includes(one))
          .sort(),
      ).toEqual(NOT_ON_KSQLDB)
      const events = await rawRows(shop)
      expect(events.length).toBeGreaterThan(EVENTS * 0.9)
      await untilThrough(
        shop,
        made.map((one) => one.topic),
        events.length,
      )
      const oracle = await openOracle(models)
      try {
        await oracle.load(events, { nowMs: 0, timezone: TIMEZONE })
        const differ: unknown[] = []
        for (const { model, topic, kind } of made) {
          const rows = await topicRows(shop, topic, kind)
          const found = await differences(oracle, model, rows)
          for (const one of found)
            differ.push(`${model}, ${rows.length} rows: ${JSON.stringify(one)}`)
        }
        expect(differ).toEqual([])
        await expectAllKinds(oracle)
        // Exit 0: nothing to do.
        expect(JSON.parse(await shop.ccs('plan', '--json')).steps).toEqual([])
      } finally {
        oracle.close()
      }
    })
  },
  1_800_000,
)

/** Waits until Bronze has the records of events.valid, and nothing more is written. */
async function untilThrough(shop: KsqlShop, topics: readonly string[], events: number) {
  const admin = await shop.kafka.admin()
  const endOf = async (topic: string) =>
    Number((await admin.fetchTopicOffsets(shop.prefix + topic))[0]?.high)
  const look = async () => {
    const ends = await Promise.all(topics.map(endOf))
    return {
      seen: `${events} events: ${ends}`,
      enough: ends.every((end) => end > 0) && (await endOf('bronze.events')) >= events,
    }
  }
  await untilSettled(look, { patienceMs: 60_000 + 15 * events, stillMs: 10_000 })
}

/** Events of every kind that the comparison is for are among them. */
async function expectAllKinds(oracle: PlainModels) {
  const { rows } = await oracle.query(`
    SELECT (SELECT count(*) FROM bronze.events) - (SELECT count(*) FROM silver.events) AS doubled,
      (SELECT count(*) FROM silver.people) - (SELECT sum(events) FROM gold.activity_1m) AS too_late,
      (SELECT count(*) FROM silver.people) - (SELECT sum(events) FROM gold.sessions) AS too_late_for_visit,
      (SELECT count(*) - count(DISTINCT order_id) FROM bronze.events
        WHERE event_type = 'purchase') AS repeated_orders,
      (SELECT count(*) FROM silver.events WHERE bot_rule IN ('data centre', 'rate')) AS hinted,
      (SELECT count(*) FROM silver.orders) AS orders, (SELECT count(*) FROM silver.refunds) AS refunds`)
  for (const [what, count] of Object.entries(rows[0] ?? {}))
    expect(Number(count), what).toBeGreaterThan(0)
}
