/** `ccs plan`, `deploy` and `destroy` on a real ksqlDB: first, after changes by hand, upgraded, killed. */
import { expect } from 'vitest'
import { openKafka } from '../../cli/adapters/kafka/connection.ts'
import { openTopicAdmin } from '../../cli/adapters/kafka/topic-admin.ts'
import { kafkaSettings } from '../fixtures/kafka-topics.ts'
import { type KsqldbServers, ksqldbTest } from '../fixtures/ksqldb.ts'
import { type KsqldbProject, withKsqldbProject } from '../fixtures/ksqldb-project.ts'

const PREFIX = 'ccs_dep_'
const TIMEOUT_MS = 900_000

ksqldbTest(
  'deploy, repair of changes by hand, destroy: no row is lost or doubled',
  (servers) =>
    withKsqldbProject(servers, PREFIX, async (project) => {
      const planned = await project.ccs(['plan', '--json'])
      expect(planned.code, planned.stderr).toBe(3)
      const first = JSON.parse(planned.stdout).steps
      expect(await project.left()).toEqual([])
      await project.settle()
      const again = await project.ccs(['plan'])
      expect(again.code, again.stdout).toBe(0)
      expect(again.stdout).toMatch(/^Nothing to do: \d+ resources are as deployed\.$/m)

      await project.feed(200)
      const rows = await project.restingKeys('silver.people')
      expect([...rows.values()].every((count) => count === 1)).toBe(true)

      for (const { change, steps, topic } of listChangesByHand(project, servers)) {
        await change()
        expect(await project.steps()).toEqual(steps)
        await project.settle()
        expect(await project.rowsByKey(topic, rows.size)).toEqual(rows)
      }

      const gone = await project.ccs(['destroy', '--allow-destructive', '--yes'])
      expect(gone.code, gone.stderr).toBe(0)
      expect(await project.sources()).toEqual([])
      expect(await project.left()).toEqual([])
      expect(JSON.parse((await project.ccs(['plan', '--json'])).stdout).steps).toEqual(first)
    }),
  TIMEOUT_MS,
)

interface ChangeByHand {
  readonly change: () => Promise<unknown>
  readonly steps: readonly string[]
  /** Topic of silver.people after the repair. */
  readonly topic: string
}

/** What others change on the server, one after the other. */
function listChangesByHand(
  project: KsqldbProject,
  servers: KsqldbServers,
): readonly ChangeByHand[] {
  const { client } = project
  const people = project.named('silver_people')
  const activity = project.named('gold_activity_1m')
  const drifted = (...models: readonly string[]) => models.map((one) => `${one} (drift)`)
  return [
    {
      change: async () => client.execute(`PAUSE ${await project.queryOf('silver_people')}`),
      steps: drifted('change silver.people'),
      topic: 'silver.people',
    },
    {
      change: () =>
        client.execute(
          `CREATE OR REPLACE STREAM \`${people}\` WITH (KAFKA_TOPIC = '${project.named('silver.people')}', KEY_FORMAT = 'AVRO', VALUE_FORMAT = 'AVRO') AS SELECT * FROM \`${project.named('silver_events')}\` WHERE \`is_bot\` EMIT CHANGES`,
        ),
      steps: drifted('change silver.people'),
      topic: 'silver.people',
    },
    {
      change: () => client.execute(`DROP TABLE \`${activity}\``),
      steps: drifted('replace gold.activity_1m'),
      topic: 'silver.people',
    },
    {
      change: async () => client.execute(`TERMINATE ${await project.queryOf('silver_people')}`),
      steps: [...drifted('replace silver.people'), 'replace gold.activity_1m'],
      topic: 'silver.people.v2',
    },
    {
      change: () =>
        withTopics(servers, (topics) => topics.remove([project.named('silver.people.v2')])),
      steps: [...drifted('replace silver.people'), 'replace gold.activity_1m'],
      topic: 'silver.people.v3',
    },
    {
      // As when the command topic is lost: all topics remain, without a source.
      change: async () => {
        for (const one of await project.readersFirst())
          await client.execute(`DROP ${one.kind} \`${one.name}\``)
      },
      steps: drifted(
        'replace bronze.events',
        'replace silver.events',
        'replace silver.people',
        'replace gold.activity_1m',
      ),
      topic: 'silver.people.v4',
    },
  ]
}

async function withTopics(
  servers: KsqldbServers,
  run: (topics: ReturnType<typeof openTopicAdmin>) => Promise<void>,
): Promise<void> {
  const topics = openTopicAdmin(await openKafka(kafkaSettings(servers.brokers), '.'))
  try {
    await run(topics)
  } finally {
    await topics.close()
  }
}

ksqldbTest(
  'changed models are replaced in place, rebuilt or refused, as planned',
  (servers) =>
    withKsqldbProject(servers, PREFIX, async (project) => {
      await project.settle()
      const [people, gold] = ['sql/silver/people.sql', 'sql/gold/activity_1m.sql']
      const queryId = await project.queryOf('silver_people')
      project.edit(people, (text) =>
        text.replace('NOT is_bot', 'NOT is_bot AND event_id IS NOT NULL'),
      )
      expect(await project.steps()).toEqual(['change silver.people'])
      await project.settle()
      expect(await project.queryOf('silver_people')).toBe(queryId)

      project.edit(gold, (text) =>
        text
          .replaceAll('INTERVAL 1 MINUTE', 'INTERVAL 2 MINUTE')
          .replace('window: 1 minute', 'window: 2 minutes'),
      )
      expect(await project.steps()).toEqual(['replace gold.activity_1m'])
      await project.settle()
      expect(await project.sources()).toContain(project.named('gold_activity_1m_v2'))
      expect(await project.sources()).not.toContain(project.named('gold_activity_1m'))
      expect(await project.left()).not.toContain(project.named('gold.activity_1m'))

      const before = project.read(people)
      project.edit(people, (text) =>
        text.replace('NOT is_bot', "NOT is_bot AND md5(event_id) <> ''"),
      )
      const refused = await project.ccs(['plan'])
      expect(refused.code).toBe(2)
      expect(refused.stderr).toMatch(
        /CCS_SQL_UNSUPPORTED.*no md5\(\)\.\s+at sql\/silver\/people\.sql:\d+:\d+/,
      )
      expect(refused.stderr).toContain('without: [silver.people]')
      project.write(people, before)

      const back = await project.ccs(['rollback', '--yes', '--allow-destructive', '--json'])
      expect(back.code, back.stderr).toBe(0)
      expect(await project.sources()).toContain(project.named('gold_activity_1m_v3'))
    }),
  TIMEOUT_MS,
)

ksqldbTest(
  'a deploy that is killed again and again completes and leaves nothing behind',
  (servers) =>
    withKsqldbProject(servers, PREFIX, async (project) => {
      const killed = async (after: number) => {
        const fault = { NODE_ENV: 'test', CCS_FAULT: `deploy.step:${after}:kill` }
        const { code, stderr } = await project.ccs(['deploy', '--yes'], fault)
        if (code !== null && code !== 0) throw new Error(stderr)
        return code === null
      }
      let kills = 0
      // Between a statement and its record.
      while (await killed(9)) expect(++kills).toBeLessThan(20)
      expect(kills).toBeGreaterThan(3)
      expect(await project.steps()).toEqual([])
      const made = await project.sources()

      // First while the new table is not recorded yet, then while the old one still exists.
      project.edit('sql/gold/activity_1m.sql', (text) =>
        text
          .replaceAll('INTERVAL 1 MINUTE', 'INTERVAL 2 MINUTE')
          .replace('window: 1 minute', 'window: 2 minutes'),
      )
      expect(await killed(3)).toBe(true)
      expect(await killed(10)).toBe(true)
      expect(await project.deployment()).toMatchObject({ complete: false })
      await project.settle()
      const gold = (names: readonly string[]) =>
        names.filter((one) => /activity_1m(_v\d)?$/.test(one))
      expect(gold(await project.sources())).toHaveLength(1)
      expect(await project.sources()).toHaveLength(made.length)
      const topics = (await project.left()).filter((one) => /gold\.activity_1m(\.v\d)?$/.test(one))
      expect(topics).toHaveLength(1)
    }),
  TIMEOUT_MS,
)
