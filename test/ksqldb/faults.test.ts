/** A real ksqlDB that starts slowly, breaks connections, or is killed: no row is lost or doubled. */
import { spawn } from 'node:child_process'
import { expect } from 'vitest'
import { type KsqlClient, openKsql } from '../../cli/engines/ksqldb/client/client.ts'
import { runCcs } from '../e2e/run-ccs.ts'
import { startNode } from '../fixtures/child.ts'
import { type KsqldbServers, ksqldbTest, sweep } from '../fixtures/ksqldb.ts'
import { ksqldbFolder } from '../fixtures/ksqldb-folder.ts'
import { type KsqldbProject, withKsqldbProject } from '../fixtures/ksqldb-project.ts'
import { type KsqldbProxy, ksqldbProxy } from '../fixtures/ksqldb-proxy.ts'

const PREFIX = 'ccs_flt_'
const TIMEOUT_MS = 900_000

async function withProxy(
  servers: KsqldbServers,
  run: (proxy: KsqldbProxy, behind: KsqldbServers) => Promise<void>,
): Promise<void> {
  const proxy = await ksqldbProxy(servers.url)
  try {
    await run(proxy, { ...servers, url: proxy.url })
  } finally {
    await proxy.close()
  }
}

/** Number of push queries over the source; other tests may run some at the same time. */
async function countPushQueries(client: KsqlClient, source: string): Promise<number> {
  const all = await client.queries()
  return all.filter((one) => one.sources.includes(source) && one.kind === 'PUSH').length
}

ksqldbTest(
  'a query that is cut off exits with 4 after its last row, and ends on the server',
  (servers) =>
    withProxy(servers, async (proxy, behind) => {
      await sweep(servers, PREFIX)
      const source = `${PREFIX}silver_orders`
      const client = openKsql({ url: servers.url })
      const project = ksqldbFolder(behind, PREFIX)
      const args = ['query', '--target', 'ksqldb', '--project', project.dir, '--from', 'start']
      const sql = 'SELECT order_id FROM silver.orders EMIT CHANGES'
      try {
        await client.execute(
          `CREATE STREAM \`${source}\` (\`_key\` STRING KEY, \`order_id\` STRING) WITH (KAFKA_TOPIC = '${source}', PARTITIONS = 1, KEY_FORMAT = 'KAFKA', VALUE_FORMAT = 'AVRO')`,
        )
        await client.execute(`INSERT INTO \`${source}\` VALUES ('k', 'o-1')`)
        for (const [breakOff, says] of [
          [proxy.cut, 'broke the query off: it closed the connection.'],
          [proxy.end, 'ended the query, which should go on.'],
        ] as const)
          for (const flags of [[], ['--json']]) {
            const running = startNode('bin/run.js', [...args, ...flags, sql])
            await running.says('o-1', 60_000)
            breakOff()
            expect(await running.ended).toBe(4)
            expect(running.output()).toContain('CCS_ENGINE_UNREACHABLE')
            expect(running.output()).toContain(says)
            await expect.poll(() => countPushQueries(client, source), { timeout: 60_000 }).toBe(0)
          }
        const limited = await runCcs([...args, `${sql} LIMIT 1`])
        expect(limited).toMatchObject({ code: 0, stderr: '' })
        expect(limited.stdout).toContain('o-1')
      } finally {
        project.remove()
        await sweep(servers, PREFIX)
      }
    }),
)

function creating(kind: 'STREAM' | 'TABLE', name: string): RegExp {
  return new RegExp(`CREATE ${kind} \`${PREFIX}${name}\``)
}

ksqldbTest(
  'a deploy survives lost requests and answers, and sends nothing twice unchecked',
  (servers) =>
    withProxy(servers, (proxy, behind) =>
      withKsqldbProject(behind, PREFIX, async (project) => {
        const [bronze, seen] = [
          creating('STREAM', 'bronze_events'),
          creating('TABLE', 'silver_events_seen'),
        ]
        const [silver, people] = [
          creating('STREAM', 'silver_events'),
          creating('STREAM', 'silver_people'),
        ]
        const gold = creating('TABLE', 'gold_activity_1m')
        proxy.asked.length = 0
        proxy.trouble([
          { when: /^GET \/info/, fault: 'starting', times: 5 },
          { when: bronze, fault: 'starting', times: 2 },
          { when: seen, fault: 'behind' },
          { when: silver, fault: 'lose answer' },
          { when: people, fault: 'lose request' },
          { when: gold, fault: 'half an answer' },
        ])
        await project.settle()
        expect(proxy.left()).toEqual([])
        const sent = (what: RegExp) => proxy.asked.filter((one) => what.test(one)).length
        expect([bronze, seen, silver, people, gold].map(sent)).toEqual([3, 2, 1, 2, 1])
        const [first, last] = [
          proxy.asked.findIndex((one) => people.test(one)),
          proxy.asked.findLastIndex((one) => people.test(one)),
        ]
        const between = proxy.asked.slice(first, last)
        expect(between).toContainEqual(
          expect.stringContaining(`DESCRIBE \`${project.named('silver_people')}\``),
        )
        await project.feed(100)
        const rows = await project.restingKeys('silver.people')
        expect(rows.size).toBeGreaterThan(50)
        expect([...rows.values()].every((count) => count === 1)).toBe(true)
      }),
    ),
  TIMEOUT_MS,
)

/** Kills the server and starts it again, by the command of KSQLDB_RESTART. */
function restart(command: string): Promise<void> {
  const child = spawn(command, { shell: true, stdio: 'ignore' })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`KSQLDB_RESTART ended with ${code}`)),
    )
  })
}

/** Deploys until a deploy succeeds; until then, each must fail because the server is unreachable. */
async function converge(project: KsqldbProject): Promise<void> {
  for (let more = 4; ; more--) {
    const { code, stderr } = await project.ccs(
      ['deploy', '--yes', '--allow-destructive'],
      {},
      300_000,
    )
    if (code === 0) return
    expect({ code, stderr }).toMatchObject({ code: 4 })
    expect(stderr).toContain('CCS_ENGINE_UNREACHABLE')
    if (more === 0) throw new Error(stderr)
    await project.client.awaitReady()
  }
}

ksqldbTest(
  'when the server is killed during a deploy, that one or the next completes it',
  (servers, { KSQLDB_RESTART: command = '' }) =>
    withProxy(servers, (proxy, behind) =>
      withKsqldbProject(behind, PREFIX, async (project) => {
        const kills: Promise<void>[] = []
        const killed = (when: RegExp, afterMs: number) => ({
          when,
          onSent: () => void setTimeout(() => kills.push(restart(command)), afterMs),
        })
        // Before the server can have executed the statement, and when it most likely has.
        proxy.trouble([
          killed(creating('TABLE', 'silver_events_seen'), 0),
          killed(creating('STREAM', 'silver_people'), 1_500),
        ])
        await converge(project)
        expect(proxy.left()).toEqual([])
        expect(await project.steps()).toEqual([])
        await project.feed(200)
        const rows = await project.restingKeys('silver.people')
        expect([...rows.values()].every((count) => count === 1)).toBe(true)

        project.edit('sql/silver/people.sql', (text) =>
          text.replace('SELECT *', 'SELECT length(page) AS page_length, *'),
        )
        proxy.trouble([
          killed(creating('STREAM', 'silver_people_v2'), 300),
          killed(new RegExp(`DROP STREAM \`${project.named('silver_people')}\``), 0),
        ])
        await converge(project)
        expect(proxy.left()).toEqual([])
        expect(await project.steps()).toEqual([])
        expect(await Promise.all(kills)).toHaveLength(4)
        const all = await project.sources()
        const people = all.filter((one) => /silver_people(_v\d)?$/.test(one))
        expect(people).toHaveLength(1)
        const [topic = ''] = people.map((one) =>
          one.replace(/^.*silver_people(_)?/, 'silver.people.'),
        )
        expect(await project.rowsByKey(topic, rows.size)).toEqual(rows)
      }),
    ),
  TIMEOUT_MS,
  ['KSQLDB_RESTART'],
)
