/**
 * The same models over the same events give the same rows on a real ksqlDB and in a plain DuckDB batch. Compared are
 * all columns of all rows of every Silver and Gold model that ksqlDB can run: streams by every record of their topic,
 * tables and windows by the last record of each key. A row that came too late for a model of Gold is in Silver on both
 * sides and counted on neither: the oracle works out late_ms by itself. topic, partition and offset are those of
 * events.valid, since that is what ksqlDB reads.
 */
import { expect } from 'vitest'
import { flattenName } from '../../cli/domain/dialects/dialect.ts'
import type { PlainModels } from '../../cli/engines/embedded/query/plain-models.ts'
import { ksqldbTest } from '../fixtures/ksqldb.ts'
import { projectRelations } from '../fixtures/ksqldb-models.ts'
import { differences, openOracle, rawRows, TIMEZONE, topicRows } from '../fixtures/ksqldb-oracle.ts'
import {
  type KsqlShop,
  NOT_ON_KSQLDB,
  untilSettled,
  withKsqlShop,
} from '../fixtures/ksqldb-shop.ts'
import { projectModels } from '../unit/dialects/compile-bench.ts'

/** CCS_KSQLDB_EVENTS=50000 is the whole of it. */
const EVENTS = Number(process.env.CCS_KSQLDB_EVENTS ?? 2_000)
const FAULTS = ['--late', '5%', '--duplicates', '5%', '--disorder', '10%', '--invalid', '2%']
const RANGE = ['--from', '2026-01-10T06:00:00Z', '--to', '2026-01-10T14:00:00Z']

ksqldbTest(
  `deployed from nothing, ${EVENTS} events, late, doubled, disordered and invalid, give the rows of DuckDB`,
  async (servers) => {
    const options = { prefix: 'ccs_rows_', partitions: 1, isDeployed: true }
    await withKsqlShop(servers, options, async (shop) => {
      await shop.ccs('gen', ...RANGE, '--count', String(EVENTS), '--seed', '7', ...FAULTS)
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
        await expectMischief(oracle)
        // Exit 0: nothing to do.
        expect(JSON.parse(await shop.ccs('plan', '--json')).steps).toEqual([])
      } finally {
        oracle.close()
      }
    })
  },
  1_800_000,
)

/** As much as events.valid has is in Bronze, and nothing is written any more. */
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

/** What makes the comparison worth something is among the events. */
async function expectMischief(oracle: PlainModels) {
  const { rows } = await oracle.query(`
    SELECT (SELECT count(*) FROM bronze.events) - (SELECT count(*) FROM silver.events) AS doubled,
      (SELECT count(*) FROM silver.people) - (SELECT sum(events) FROM gold.activity_1m) AS too_late,
      (SELECT count(*) FROM silver.people) - (SELECT sum(events) FROM gold.sessions) AS too_late_for_visit,
      (SELECT count(*) FROM silver.orders) AS orders, (SELECT count(*) FROM silver.refunds) AS refunds`)
  for (const [what, count] of Object.entries(rows[0] ?? {}))
    expect(Number(count), what).toBeGreaterThan(0)
}
