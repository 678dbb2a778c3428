/**
 * The pitfalls of docs/ksqldb.md on a real server, with one set of events: some for each pitfall. All rows are
 * compared with DuckDB's once; then each pitfall is looked for by what it would lose or double.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { flattenName } from '../../cli/domain/dialects/dialect.ts'
import { parseModel } from '../../cli/domain/models/parse-model.ts'
import { type KsqlClient, openKsql } from '../../cli/engines/ksqldb/client/client.ts'
import { createNames, createNaming } from '../../cli/engines/ksqldb/plan/actions.ts'
import { printStatement, type Relation } from '../../cli/engines/ksqldb/plan/relation.ts'
import { ksqldbTest } from '../fixtures/ksqldb.ts'
import { type SentEvent, sendEvents } from '../fixtures/ksqldb-events.ts'
import { makeRelations, projectRelations } from '../fixtures/ksqldb-models.ts'
import { differences, openOracle, rawRows, TIMEZONE, topicRows } from '../fixtures/ksqldb-oracle.ts'
import { type KsqlShop, untilSettled, withKsqlShop } from '../fixtures/ksqldb-shop.ts'
import { shopEvent, shopOrder } from '../fixtures/shop-events.ts'
import { projectModels } from '../unit/dialects/compile-bench.ts'

const PREFIX = 'ccs_trap_'
const PARTITIONS = 3
const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
/** Long gone by the broker's clock: what is kept by event time is deleted as soon as it is written. */
const DAY_ONE = Date.parse('2024-03-04T09:00:00Z')

/** Groups that are NULL, and sums over nothing but NULL. */
const REFERRERS = `/*
kind: window
grain: one row an hour, referrer and number of results
key: [window_start, referrer, found]
time: event_time
window: 1 hour
lateness: 1 hour
audits: []
*/
-- Where visits come from.
SELECT
  time_bucket(INTERVAL 1 HOUR, event_time) AS window_start,
  referrer,
  results_count AS found,
  count(*) AS views,
  count(DISTINCT anonymous_id) AS visitors,
  CAST(sum(tax_given) AS DECIMAL(18, 2)) AS tax
FROM silver.taxed
GROUP BY time_bucket(INTERVAL 1 HOUR, event_time), referrer, results_count
`
const TAXED = `/*
kind: view
grain: one row an event
key: [event_id]
time: event_time
*/
-- Tax is NULL where there is none; conditions over columns that may be NULL.
SELECT
  *, CASE WHEN tax > 0 THEN tax END AS tax_given,
  referrer NOT LIKE 'https://x%' AS came_from_elsewhere,
  NOT consent AS refused,
  NOT (results_count > 5 OR referrer IN ('https://y/')) AS found_few,
  CASE WHEN NOT regexp_matches(referrer, '^https') THEN 'insecure' ELSE 'secure or none' END AS kind
FROM silver.events
WHERE NOT (referrer = 'https://nobody/' AND consent) OR referrer IS NULL
`
const MODELS = [
  ...['bronze.events', 'silver.events', 'silver.people', 'gold.activity_1m', 'gold.sessions'],
  'gold.revenue_daily',
]

function send(partition: number, event: SentEvent['event'], appendMs?: number): SentEvent {
  return { partition, event, ...(appendMs === undefined ? {} : { appendMs }) }
}

/** By pitfall. Each partition has days of its own, so their clocks are days apart. */
const EVENTS: Readonly<Record<string, readonly SentEvent[]>> = {
  doubled: Array.from({ length: 5 }, () => send(0, shopEvent('doubled', DAY_ONE))),
  gap: [
    send(0, shopEvent('before the gap', DAY_ONE + HOUR)),
    send(0, shopEvent('after the gap', DAY_ONE + HOUR + 3 * DAY)),
  ],
  late: [
    send(1, shopEvent('on time', DAY_ONE + DAY + 3 * HOUR)),
    send(1, shopEvent('late', DAY_ONE + DAY + 2.9 * HOUR)),
    send(1, shopOrder('too late for a minute', DAY_ONE + DAY + 2 * HOUR, 1_000)),
    send(1, shopOrder('too late for its day', DAY_ONE - 2 * DAY, 2_000)),
  ],
  merge: [0, 40, 20].map((minute) =>
    send(
      2,
      shopEvent(`visit ${minute}`, DAY_ONE + 2 * DAY + minute * MINUTE, {
        anonymous_id: 'merging',
      }),
    ),
  ),
  empty: [
    send(2, shopEvent('no referrer', DAY_ONE + 2 * DAY, { referrer: null, results_count: 3 })),
    send(
      2,
      shopEvent('a referrer', DAY_ONE + 2 * DAY, { referrer: 'https://x/', results_count: 3 }),
    ),
    send(2, shopOrder('taxed', DAY_ONE + 2 * DAY, 500, { tax_minor: 7 })),
  ],
  crowd: Array.from({ length: 1_500 }, (_, one) =>
    send(2, shopEvent(`crowd ${one}`, DAY_ONE + 2 * DAY + 3 * HOUR + one)),
  ),
  // Neither makes the event after it late.
  fastClock: [
    send(2, shopEvent('fast', DAY_ONE + 2 * DAY + 5 * HOUR), DAY_ONE + 2 * DAY + 4 * HOUR),
    send(2, shopEvent('after fast', DAY_ONE + 2 * DAY + 4 * HOUR), DAY_ONE + 2 * DAY + 4 * HOUR),
  ],
  clockPutBack: [
    send(0, shopEvent('clock ahead', DAY_ONE + 4 * DAY)),
    send(
      0,
      shopEvent('clock put back', DAY_ONE + 3 * DAY + 9 * HOUR),
      DAY_ONE + 3 * DAY + 9 * HOUR,
    ),
  ],
}

ksqldbTest(
  'no event, window or group is lost or doubled by the known pitfalls of ksqlDB',
  async (servers) => {
    await withKsqlShop(servers, { prefix: PREFIX, partitions: PARTITIONS }, async (shop) => {
      await sendEvents(servers, shop, 'events.valid', Object.values(EVENTS).flat())
      const client = openKsql({ url: servers.url })
      const models = [
        ...projectModels().filter((one) => MODELS.includes(one.name)),
        parseModel('sql/silver/taxed.sql', TAXED),
        parseModel('sql/gold/referrers.sql', REFERRERS),
      ]
      const relations = await projectRelations(models)
      const making = { ...shop, partitions: PARTITIONS }
      expect(await makeRelations(client, relations, making)).toEqual([])
      const made = relations.filter((one) => one.name === flattenName(one.model))
      expect(made).toHaveLength(models.length)
      await settled(shop, made)
      const oracle = await openOracle(models)
      try {
        await oracle.load(await rawRows(shop), { nowMs: 0, timezone: TIMEZONE })
        const rows = new Map<string, readonly Readonly<Record<string, unknown>>[]>()
        const differ: string[] = []
        for (const { model, topic, kind } of made) {
          const found = await topicRows(shop, topic, kind)
          rows.set(model, found)
          for (const one of await differences(oracle, model, found))
            differ.push(`${model}, ${found.length} rows: ${JSON.stringify(one)}`)
        }
        expect(differ).toEqual([])
        expectNoneLost((model) => rows.get(model) ?? [])
        await expectKept(shop)
        await expectRebuilt(client, shop, relations, rows.get('silver.events') ?? [])
      } finally {
        oracle.close()
      }
    })
  },
  900_000,
)

type Rows = (model: string) => readonly Readonly<Record<string, unknown>>[]

function expectNoneLost(rows: Rows): void {
  const total = (model: string, column: string) =>
    rows(model).reduce((sum, one) => sum + Number(one[column]), 0)
  const unique = new Set(
    Object.values(EVENTS).flatMap((one) => one.map(({ event }) => event.event_id)),
  )
  expect(rows('bronze.events'), 'each record, those of no key too').toHaveLength(unique.size + 4)
  expect(rows('silver.events'), 'each event of a burst of five, once').toHaveLength(unique.size)
  // The last minute shows though no later event closes it, and the first though days lie between.
  expect(total('gold.activity_1m', 'events'), 'all but six').toBe(unique.size - 6)
  expect(total('gold.sessions', 'events'), 'all but one').toBe(unique.size - 1)
  expect(total('gold.revenue_daily', 'orders'), 'late for the minute, not for the day').toBe(2)
  const merged = rows('gold.sessions').filter((one) => one.anonymous_id === 'merging')
  expect(
    merged.map((one) => one.events),
    'two visits and what joins them',
  ).toEqual([3])
  const groups = rows('gold.referrers')
  expect(groups.filter((one) => one.referrer === null).length).toBeGreaterThan(0)
  expect(groups.filter((one) => one.tax === null).length).toBeGreaterThan(0)
  expect(Math.max(...groups.map((one) => Number(one.visitors))), 'beyond 1,000').toBe(1_500)
  const late = rows('silver.events').filter((one) => Number(one.late_ms) > 0)
  expect(late.length, 'three of `late`, one of `merge`, those of `empty`').toBe(7)
}

/** Topics that are read as streams are never compacted, and windows are never deleted. */
async function expectKept({ kafka, prefix }: KsqlShop): Promise<void> {
  const wanted = {
    'bronze.events.arrived': 'delete -1',
    'bronze.events': 'delete -1',
    'silver.events.seen': 'delete -1',
    'silver.events.seen_2': 'delete -1',
    'silver.events': 'delete -1',
    'gold.activity_1m': `compact ${8 * DAY}`,
    'gold.sessions': `compact ${8 * DAY}`,
    'gold.revenue_daily': 'compact -1',
  }
  const admin = await kafka.admin()
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: Object.keys(wanted).map((name) => ({
      type: 2,
      name: prefix + name,
      configNames: ['cleanup.policy', 'retention.ms'],
    })),
  })
  const found = resources.map(({ resourceName, configEntries }) => {
    const configOf = (name: string) =>
      configEntries.find((one) => one.configName === name)?.configValue
    return [
      resourceName.slice(prefix.length),
      `${configOf('cleanup.policy')} ${configOf('retention.ms')}`,
    ]
  })
  expect(Object.fromEntries(found)).toEqual(wanted)
}

/** The next version of a stream reads everything from the beginning, into a topic of its own. */
async function expectRebuilt(
  client: KsqlClient,
  shop: KsqlShop,
  relations: readonly Relation[],
  before: readonly unknown[],
): Promise<void> {
  const relation = relations.find((one) => one.name === 'silver_events')
  if (relation === undefined) throw new Error('there is no silver_events')
  const naming = createNaming(createNames(PREFIX), new Map([[relation.name, 2]]), PARTITIONS)
  await client.execute(printStatement(relation, naming), { properties: relation.properties })
  const ids = async (topic: string) =>
    (await shop.values(topic)).map((one) => String(one?.event_id))
  for (let left = 60; left > 0; left--) {
    if ((await ids('silver.events.v2')).length >= before.length) break
    await sleep(1_000)
  }
  expect((await ids('silver.events.v2')).sort()).toEqual((await ids('silver.events')).sort())
}

/** Until all topics are still; empty ones too long are a failure. */
async function settled(shop: KsqlShop, made: readonly Relation[]): Promise<void> {
  const admin = await shop.kafka.admin()
  const look = async () => {
    const ends = await Promise.all(
      made.map(async ({ topic }) =>
        (await admin.fetchTopicOffsets(PREFIX + topic)).reduce(
          (sum, one) => sum + Number(one.high),
          0,
        ),
      ),
    )
    return { seen: `${ends}`, enough: ends.every((one) => one > 0) }
  }
  await untilSettled(look, { patienceMs: 180_000, stillMs: 10_000 })
}
