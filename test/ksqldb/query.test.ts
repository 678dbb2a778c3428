/** `ccs query` on a real ksqlDB: rows as they come, and a query that ends on the server when it is interrupted. */
import { expect } from 'vitest'
import { type KsqlClient, openKsql } from '../../cli/engines/ksqldb/client/client.ts'
import { runCcs } from '../e2e/run-ccs.ts'
import { startNode } from '../fixtures/child.ts'
import { ksqldbTest, sweep } from '../fixtures/ksqldb.ts'
import { ksqldbFolder } from '../fixtures/ksqldb-folder.ts'

const PREFIX = 'ccs_ask_'
const SOURCE = `${PREFIX}silver_orders`

async function insert(client: KsqlClient, id: string, revenue: string): Promise<void> {
  await client.execute(
    `INSERT INTO \`${SOURCE}\` VALUES ('k', '${id}', ${revenue}, '2026-11-22T10:00:00.000')`,
  )
}

/** Ids of push queries over the source; other tests may run some at the same time. */
async function listPushQueries(client: KsqlClient): Promise<readonly string[]> {
  const all = await client.queries()
  return all
    .filter((one) => one.sources.includes(SOURCE) && one.kind === 'PUSH')
    .map((one) => one.id)
}

ksqldbTest(
  'rows arrive while a query runs, and Ctrl-C ends it on the server too',
  async (servers) => {
    await sweep(servers, PREFIX)
    const client = openKsql({ url: servers.url })
    const project = ksqldbFolder(servers, PREFIX)
    try {
      await client.execute(
        `CREATE STREAM \`${SOURCE}\` (\`_key\` STRING KEY, \`order_id\` STRING, \`revenue\` DECIMAL(18, 2), \`event_time\` TIMESTAMP) WITH (KAFKA_TOPIC = '${SOURCE}', PARTITIONS = 1, KEY_FORMAT = 'KAFKA', VALUE_FORMAT = 'AVRO')`,
      )
      await insert(client, 'o-1', '1.10')
      const sql = 'SELECT order_id, revenue, event_time FROM silver.orders EMIT CHANGES'
      const args = ['query', '--target', 'ksqldb', '--project', project.dir, sql]
      const first = await runCcs([...args, '--from', 'start', '--limit', '1', '--json'])
      expect(first).toMatchObject({ code: 0, stderr: '' })
      expect(first.stdout).toBe(
        '{"order_id":"o-1","revenue":"1.10","event_time":"2026-11-22T10:00:00.000Z"}\n',
      )
      await expect.poll(() => listPushQueries(client), { timeout: 60_000 }).toEqual([])

      const running = startNode('bin/run.js', [...args, '--from', 'start'])
      await running.says('o-1', 60_000)
      expect(await listPushQueries(client)).toHaveLength(1)
      await insert(client, 'o-2', '22.00')
      await running.says('o-2', 60_000)
      running.kill('SIGINT')
      expect(await running.ended).toBe(0)
      expect(running.output()).toMatch(
        /^order_id\s+revenue\s+event_time\no-1 +1\.10 .*\no-2 +22\.00 .*\n$/,
      )
      await expect.poll(() => listPushQueries(client), { timeout: 60_000 }).toEqual([])
    } finally {
      project.remove()
      await sweep(servers, PREFIX)
    }
  },
)
