/** A model that joins a seed on a real ksqlDB has the rows of a plain DuckDB batch, also after its CSV changed. */
import { rmSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { openKafka } from '../../cli/adapters/kafka/connection.ts'
import { parseModel } from '../../cli/domain/models/parse-model.ts'
import { kafkaSettings } from '../fixtures/kafka-topics.ts'
import { type KsqldbServers, ksqldbTest } from '../fixtures/ksqldb.ts'
import { differences, openOracle, rawRows, TIMEZONE, topicRows } from '../fixtures/ksqldb-oracle.ts'
import { type KsqldbProject, withKsqldbProject } from '../fixtures/ksqldb-project.ts'
import { type TopicReader, topicReader } from '../fixtures/ksqldb-shop.ts'
import { addSeedModel, CAMPAIGNS_FILE, campaigns } from '../fixtures/seed-model.ts'

const PREFIX = 'ccs_seed_'
/** With campaigns that the seed has, and others. */
const EVENTS = [
  ...['--from', '2026-03-01', '--to', '2026-03-02', '--count', '600', '--seed', '7'],
  ...['--duplicates', '10%'],
]
const MODEL = 'silver.campaign_events'

ksqldbTest(
  'a model that joins a seed has DuckDB’s rows, also after the CSV changed',
  (servers) =>
    withKsqldbProject(servers, PREFIX, async (project) => {
      for (const file of ['sql/gold', 'sql/silver/people.sql'])
        rmSync(path.join(project.dir, file), { recursive: true })
      addSeedModel(project.dir)
      await project.settle()
      for (const args of [
        ['gen', ...EVENTS],
        ['gate', '--once'],
      ]) {
        const { code, stderr } = await project.ccs(args)
        expect(code, stderr).toBe(0)
      }
      await withReader(servers, async (reader) => {
        await expectRows(project, reader, MODEL)
        expect(await keysOf(reader, 'seeds.campaigns')).toContain('generic')
      })

      // One row changed, one is gone, one is new; earlier events join these, too.
      project.edit(
        CAMPAIGNS_FILE,
        (text) =>
          `${text.replace('1200.50', '1300.00').replace(/^generic.*\n/m, '')}spring,late,5,,,,,,\n`,
      )
      expect((await project.plan()).steps).toMatchObject([
        {
          ...{ name: 'seeds.campaigns', action: 'replace' },
          reason: expect.stringMatching(/^its rows changed/),
        },
        {
          ...{ name: MODEL, action: 'replace' },
          reason: expect.stringMatching(/^seeds_campaigns is recreated/),
        },
      ])
      await project.settle()
      await withReader(servers, async (reader) => {
        await expectRows(project, reader, `${MODEL}.v2`)
        expect([...(await keysOf(reader, 'seeds.campaigns.v2'))].sort()).toEqual([
          'brand',
          'nobody',
          'shoes-winter',
          'spring',
          'week-47',
        ])
      })
      expect(await project.left()).not.toContain(project.named('seeds.campaigns'))

      rmSync(path.join(project.dir, 'sql/silver/campaign_events.sql'))
      await project.settle()
      expect((await project.left()).filter((one) => /seeds|campaign/.test(one))).toEqual([])
    }),
  900_000,
)

/** With a new client each time: one that has read a topic asks for it for ever, also when it is gone. */
async function withReader(
  { brokers, registry }: KsqldbServers,
  run: (reader: TopicReader) => Promise<void>,
): Promise<void> {
  const kafka = await openKafka(kafkaSettings(brokers), '.')
  try {
    await run(topicReader(kafka, { registry }, PREFIX))
  } finally {
    await kafka.close()
  }
}

async function keysOf(reader: TopicReader, topic: string): Promise<ReadonlySet<string>> {
  return new Set((await reader.records(topic)).map((one) => String(one.key)))
}

/** Expects the model's rows in `topic`. */
async function expectRows(
  project: KsqldbProject,
  reader: TopicReader,
  topic: string,
): Promise<void> {
  const models = ['bronze/events', 'silver/events', 'silver/campaign_events'].map((one) => {
    const file = `sql/${one}.sql`
    return parseModel(file, project.read(file))
  })
  const oracle = await openOracle(models, [campaigns(project.read(CAMPAIGNS_FILE))])
  try {
    await oracle.load(await rawRows(reader), { nowMs: 0, timezone: TIMEZONE })
    const { rows } = await oracle.query(
      `SELECT count(*) AS rows, count(utm_campaign) AS campaigns, count(known_campaign) AS known FROM ${MODEL}`,
    )
    const { rows: count, campaigns, known } = rows[0] ?? {}
    // Some rows have no campaign, some one that the seed has, some one that it lacks.
    expect(Number(campaigns)).toBeLessThan(Number(count))
    expect(Number(known)).toBeLessThan(Number(campaigns))
    expect(Number(known)).toBeGreaterThan(0)
    for (let waitedMs = 0; waitedMs < 90_000; waitedMs += 1_000) {
      if ((await reader.records(topic)).length >= Number(count)) break
      await sleep(1_000)
    }
    expect(await differences(oracle, MODEL, await topicRows(reader, topic, 'stream'))).toEqual([])
  } finally {
    oracle.close()
  }
}
