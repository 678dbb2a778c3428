/**
 * Silver and Gold as ksqlDB writes them, through our own connectors/ into Parquet: the rows of the topics, with keys,
 * days and amounts that a reader of files can read, and Gold's rows by the SQL of docs/connectors.md.
 */
import { cpSync, mkdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect } from 'vitest'
import { ROOT } from '../e2e/run-ccs.ts'
import { ksqldbTest } from '../fixtures/ksqldb.ts'
import { type KsqldbProject, withKsqldbProject } from '../fixtures/ksqldb-project.ts'
import { untilSettled } from '../fixtures/ksqldb-shop.ts'
import { type SinkLake, type TopicRow, withSinkLake } from '../fixtures/ksqldb-sinks.ts'

const PREFIX = 'ccs_sinks_'
const COUNT = 400
const ADDED = ['sql/silver/orders.sql', 'sql/gold/sessions.sql', 'connectors/silver-iceberg.json']
const OF_GOLD = ['sink_table', 'partition', 'offset', 'record_time']

ksqldbTest(
  'sinks write Silver and every change of Gold to Parquet as in the topics',
  (servers) =>
    withKsqldbProject(servers, PREFIX, async (project) => {
      for (const file of [...ADDED, 'connectors/gold-iceberg.json'])
        cpSync(path.join(ROOT, file), path.join(project.dir, file), { recursive: true })
      const dir = path.join(project.dir, 'lake')
      mkdirSync(dir)
      await withSinkLake(servers, { prefix: PREFIX, dir }, async (lake) => {
        const ccs = ccsWith(project, lake)
        const deployed = JSON.parse(await ccs('plan', '--json')).steps.map(
          (one: { readonly kind: string; readonly name: string }) => `${one.kind} ${one.name}`,
        )
        const connectors = [`connector ${PREFIX}gold-iceberg`, `connector ${PREFIX}silver-iceberg`]
        expect(deployed.slice(-2).sort()).toEqual(connectors)
        await ccs('deploy', '--yes')
        expect(JSON.parse(await ccs('plan', '--json')).steps).toEqual([])
        const hours = (ago: number) => new Date(Date.now() - ago * 3_600_000).toISOString()
        const range = ['--from', hours(26), '--to', hours(2), '--seed', '3']
        const faults = ['--duplicates', '10%', '--disorder', '20%', '--late', '5%']
        await ccs('gen', '--count', String(COUNT), ...range, ...faults)
        await ccs('gate', '--once')
        await untilAtRest(lake, ['silver.orders', 'gold.sessions', 'gold.activity_1m'])

        await expectSilver(lake)
        await expectGold(lake)

        project.edit('sql/gold/activity_1m.sql', (text) =>
          text
            .replaceAll('INTERVAL 1 MINUTE', 'INTERVAL 2 MINUTE')
            .replace('window: 1 minute', 'window: 2 minutes'),
        )
        await ccs('deploy', '--yes', '--allow-destructive')
        expect(JSON.parse(await ccs('plan', '--json')).steps).toEqual([])
        const rebuilt = { topic: 'gold.activity_1m.v2', table: 'gold.activity_1m_v2_changes' }
        expect(await lake.differences({ ...rebuilt, adds: OF_GOLD })).toEqual([])
        const { sinks } = JSON.parse(await ccs('sink', 'ls', '--json'))
        expect(sinks).toMatchObject([{ state: 'RUNNING' }, { state: 'RUNNING' }])
      })
    }),
  1_200_000,
  ['CONNECT_URL'],
)

/** Runs ccs with the sinks' variables; fails unless it succeeds. A plan with steps exits with 3. */
function ccsWith(project: KsqldbProject, { env }: SinkLake) {
  return async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await project.ccs(args, env)
    if (code !== 0 && !(args[0] === 'plan' && code === 3))
      throw new Error(`ccs ${args.join(' ')}\n${stdout}${stderr}`)
    return stdout
  }
}

async function untilAtRest(lake: SinkLake, topics: readonly string[]): Promise<void> {
  const look = async () => {
    const counts = await Promise.all(topics.map(async (one) => (await lake.rows(one)).length))
    return { seen: counts.join(), enough: counts.every((count) => count > 0) }
  }
  await untilSettled(look, { patienceMs: 240_000, stillMs: 15_000 })
}

async function expectSilver(lake: SinkLake): Promise<void> {
  for (const topic of ['silver.events', 'silver.orders']) {
    expect(await lake.differences({ topic, table: topic, adds: ['sink_table'] })).toEqual([])
    await expectReadable(lake, topic)
  }
  const days = "strftime(event_time, '%Y-%m-%d') = event_date::VARCHAR"
  expect(await lake.query(`SELECT DISTINCT ${days} AS fits FROM silver.orders`)).toEqual([
    { fits: true },
  ])
}

async function expectGold(lake: SinkLake): Promise<void> {
  const blocks = readFileSync(path.join(ROOT, 'docs/connectors.md'), 'utf8').matchAll(
    /^```sql\n(.*?);?\n```$/gms,
  )
  const [ofTable = '', ofSessions = ''] = [...blocks].map(([, sql]) => sql)
  const cases = [
    { name: 'gold.activity_1m', sql: ofTable, start: 'window_start' },
    { name: 'gold.sessions', sql: ofSessions, start: 'session_start' },
  ]
  for (const { name, sql, start } of cases) {
    const table = `${name}_changes`
    expect(await lake.differences({ topic: name, table, adds: OF_GOLD })).toEqual([])
    await expectReadable(lake, table)
    const rows = await lake.rows(name)
    // The last eight bytes of the key are the window's start, which is a column too.
    for (const { record, value } of rows)
      if (value !== null) {
        const startMs = Number(record.key?.readBigInt64BE(record.key.length - 8))
        expect(Date.parse(`${value[start]}Z`)).toBe(startMs)
      }
    const last = lastOfKeys(rows)
    expect(last.length).toBeLessThan(rows.length)
    const bare = `SELECT * EXCLUDE (${OF_GOLD.map((one) => `"${one}"`).join(', ')}) FROM (${sql})`
    expect(await lake.unlike(bare, last)).toEqual([])
  }
  // Some sessions were merged into others; otherwise the SQL would not be tested.
  const sessions = await lake.rows('gold.sessions')
  expect(sessions.some((one) => one.value === null)).toBe(true)
  const [{ ids } = {}] = await lake.query(
    'SELECT count(DISTINCT session_id)::INT AS ids FROM gold.sessions_changes',
  )
  expect(Number(ids)).toBeGreaterThan(lastOfKeys(sessions).length)
}

/** Expects no column of bytes, and none that is only a key. */
async function expectReadable(lake: SinkLake, table: string): Promise<void> {
  const columns = await lake.view(table)
  expect(columns.filter(({ name, type }) => name.startsWith('_') || type === 'BLOB')).toEqual([])
}

function lastOfKeys(rows: readonly TopicRow[]) {
  const last = new Map(rows.map((one) => [one.record.key?.toString('hex'), one.value]))
  return [...last.values()].filter((one) => one !== null)
}
