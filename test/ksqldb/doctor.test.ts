/** `ccs doctor` and `ccs sql` on a real ksqlDB. */
import { spawn } from 'node:child_process'
import path from 'node:path'
import { expect } from 'vitest'
import { openKsql } from '../../cli/engines/ksqldb/client/client.ts'
import { ROOT, runCcs } from '../e2e/run-ccs.ts'
import { ksqldbTest, sweep } from '../fixtures/ksqldb.ts'
import { ksqldbFolder } from '../fixtures/ksqldb-folder.ts'

const PREFIX = 'ccs_doc_'
const SOURCE = `${PREFIX}silver_orders`

ksqldbTest('doctor warns of a paused query alone, and ccs sql runs a script', async (servers) => {
  await sweep(servers, PREFIX)
  const client = openKsql({ url: servers.url })
  const project = ksqldbFolder(servers, PREFIX)
  const target = ['--target', 'ksqldb', '--project', project.dir]
  try {
    await client.execute(
      `CREATE STREAM \`${SOURCE}\` (\`_key\` STRING KEY, \`order_id\` STRING) WITH (KAFKA_TOPIC = '${SOURCE}', PARTITIONS = 1, KEY_FORMAT = 'KAFKA', VALUE_FORMAT = 'AVRO')`,
    )
    const { queryId } = await client.execute(
      `CREATE STREAM \`${PREFIX}copy\` WITH (KAFKA_TOPIC = '${PREFIX}copy') AS SELECT * FROM \`${SOURCE}\` EMIT CHANGES`,
    )
    await client.execute(`PAUSE ${queryId}`)
    const { stdout } = await runCcs(['doctor', ...target, '--json'])
    const checks: readonly { name: string; status: string; detail: string }[] =
      JSON.parse(stdout).checks
    const statusOf = (name: string) =>
      checks.filter((one) => one.name === name).map((one) => one.status)
    for (const name of ['ksqldb', 'exactly once', 'shutdown', 'command topic'])
      expect({ name, is: statusOf(name) }).toEqual({ name, is: ['ok'] })
    expect(checks.find((one) => one.name === 'queries')).toMatchObject({
      status: 'warning',
      detail: `Of 1 of this target, 1 is not running: ${queryId} (PAUSED).`,
    })
    expect(checks.find((one) => one.name === 'processing log')?.detail).toContain(
      'KSQL_PROCESSING_LOG over ',
    )

    await client.execute(`INSERT INTO \`${SOURCE}\` VALUES ('k', 'o-1')`)
    const child = spawn(process.execPath, [path.join(ROOT, 'bin/run.js'), 'sql', ...target])
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
    const code = new Promise((resolve) => child.once('close', resolve))
    child.stdin.end(
      '\\d silver.orders\n\\json\nSELECT order_id\n  FROM silver.orders;\nSELECT nope FROM silver.orders;',
    )
    expect(await code).toBe(2)
    const [, key, column, row] = output.split('\n')
    expect([key, column]).toEqual(['_key      STRING', 'order_id  STRING'])
    expect(JSON.parse(row ?? '')).toMatchObject({
      from: servers.url,
      rows: [{ order_id: 'o-1' }],
    })
  } finally {
    project.remove()
    await sweep(servers, PREFIX)
  }
})
