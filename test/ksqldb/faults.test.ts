/** A real ksqlDB that is slow to start, breaks off, loses requests and answers, or is killed: nothing is lost, nothing doubled. */
import { expect } from 'vitest'
import { type KsqlClient, openKsql } from '../../cli/engines/ksqldb/client.ts'
import { runCcs } from '../e2e/run-ccs.ts'
import { startNode } from '../fixtures/child.ts'
import { type KsqldbServers, ksqldbTest, sweep } from '../fixtures/ksqldb.ts'
import { ksqldbFolder } from '../fixtures/ksqldb-folder.ts'
import { type KsqldbProxy, ksqldbProxy } from '../fixtures/ksqldb-proxy.ts'

const PREFIX = 'ccs_flt_'

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

/** Push queries over the source; others' may run at the same time. */
async function pushes(client: KsqlClient, source: string): Promise<number> {
  const all = await client.queries()
  return all.filter((one) => one.sources.includes(source) && one.kind === 'PUSH').length
}

ksqldbTest(
  'rows without end that break off, or end, are told as such after the last of them: exit 4, and the query is gone',
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
          [proxy.cut, 'broke the query off: it broke the connection off.'],
          [proxy.end, 'ended the query, which has no end of its own.'],
        ] as const)
          for (const flags of [[], ['--json']]) {
            const running = startNode('bin/run.js', [...args, ...flags, sql])
            await running.says('o-1', 60_000)
            breakOff()
            expect(await running.ended).toBe(4)
            expect(running.output()).toContain('CCS_ENGINE_UNREACHABLE')
            expect(running.output()).toContain(says)
            await expect.poll(() => pushes(client, source), { timeout: 60_000 }).toBe(0)
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
