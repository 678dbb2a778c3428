/** Errors before anything is created, on real servers: reported with place and exit code, and nothing is left. */
import { expect } from 'vitest'
import { ksqldbTest } from '../fixtures/ksqldb.ts'
import { type KsqldbProject, withKsqldbProject } from '../fixtures/ksqldb-project.ts'
import { ksqldbProxy } from '../fixtures/ksqldb-proxy.ts'

const PREFIX = 'ccs_bad_'
const TIMEOUT_MS = 600_000

/** Expects the same end of `ccs plan` and `ccs deploy`, and that they leave nothing behind. */
async function refuses(
  project: KsqldbProject,
  code: number,
  says: readonly (string | RegExp)[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  let all = ''
  for (const args of [['plan'], ['deploy', '--yes']]) {
    const ran = await project.ccs(args, env)
    expect(ran.code, ran.stderr).toBe(code)
    for (const one of says) expect(ran.stderr).toMatch(one)
    all += ran.stdout + ran.stderr
  }
  expect(await project.left()).toEqual([])
  expect(await project.sources()).toEqual([])
  return all
}

ksqldbTest(
  'an unknown host, a wrong password and unsupported SQL leave nothing behind',
  (servers) =>
    withKsqldbProject(servers, PREFIX, async (project) => {
      const settings = project.read('ccs.yml')
      const at = (ksqldb: string) =>
        project.write('ccs.yml', settings.replace(/ksqldb: \{.*\}/, `ksqldb: { ${ksqldb} }`))
      at('url: "http://nobody.invalid:8088"')
      await refuses(project, 4, [
        'CCS_ENGINE_UNREACHABLE',
        'the host name is unknown',
        'Check ksqldb.url of the target in ccs.yml.',
      ])

      const proxy = await ksqldbProxy(servers.url, { username: 'ada', password: 'lovelace' })
      try {
        at(`url: "${proxy.url}", username: ada, password: "\${PASSWORD}"`)
        const env = { PASSWORD: 'charles-1791' }
        const said = await refuses(
          project,
          4,
          ['refuses the credentials', 'Set ksqldb.username and ksqldb.password of the target'],
          env,
        )
        expect(said).not.toContain(env.PASSWORD)
        expect(said).not.toContain(Buffer.from(`ada:${env.PASSWORD}`).toString('base64'))
        const welcome = await project.ccs(['plan'], { PASSWORD: 'lovelace' })
        expect(welcome.code, welcome.stderr).toBe(3)
        expect(welcome.stdout + welcome.stderr).not.toContain('lovelace')
      } finally {
        await proxy.close()
      }

      project.write('ccs.yml', settings)
      project.edit('sql/silver/people.sql', (text) =>
        text.replace('NOT is_bot', "NOT is_bot\n  AND md5(event_id) <> ''"),
      )
      project.edit('sql/gold/activity_1m.sql', (text) =>
        text.replace("event_type = 'page_view'", "md5(event_type) <> ''"),
      )
      // Both in one error, each with what to write instead.
      await refuses(project, 2, [
        /CCS_SQL_UNSUPPORTED.*no md5\(\)/,
        /sql\/silver\/people\.sql:\d+:7/,
        /sql\/gold\/activity_1m\.sql:\d+:\d+/,
        /without: \[silver\.people\]/,
      ])
    }),
  TIMEOUT_MS,
)

ksqldbTest(
  'names that differ only in case are never taken for each other',
  (servers) =>
    withKsqldbProject(servers, PREFIX, async (project) => {
      const { client } = project
      const [own, foreign] = [
        project.named('silver_events'),
        `${PREFIX}silver_events`.toUpperCase(),
      ]
      const twin = 'sql/silver/PEOPLE.sql'
      project.write(twin, project.read('sql/silver/people.sql'))
      await refuses(project, 2, [
        "'PEOPLE.sql' is not a valid model name: use a-z, 0-9 and _.",
        /at sql\/silver\/PEOPLE\.sql:1:1/,
      ])
      project.drop(twin)

      await client.execute(
        `CREATE STREAM ${foreign} (note STRING) WITH (KAFKA_TOPIC = '${foreign}', PARTITIONS = 1, KEY_FORMAT = 'KAFKA', VALUE_FORMAT = 'JSON')`,
      )
      await client.execute(`INSERT INTO ${foreign} VALUES ('theirs')`)
      const before = await client.describe(foreign)
      await project.settle()
      expect(await project.sources()).toContain(own)
      expect(await client.describe(foreign)).toEqual(before)

      const ask = (sql: string) => project.ccs(['query', sql, '--json'])
      const either = await ask(`SELECT * FROM ${PREFIX}Silver_Events`)
      expect(either.code).toBe(2)
      expect(either.stderr + either.stdout).toContain(`may be ${foreign} or ${own}.`)
      const theirs = await ask(`SELECT note FROM ${foreign}`)
      expect(JSON.parse(theirs.stdout).rows).toEqual([{ NOTE: 'theirs' }])
      for (const name of ['silver.events', own]) {
        const ours = await ask(`SELECT event_id FROM ${name}`)
        expect(JSON.parse(ours.stdout).rows, ours.stderr).toEqual([])
      }

      const gone = await project.ccs(['destroy', '--allow-destructive', '--yes'])
      expect(gone.code, gone.stderr).toBe(0)
      expect(await project.sources()).toEqual([])
      expect(await client.describe(foreign)).toEqual(before)
    }),
  TIMEOUT_MS,
)
