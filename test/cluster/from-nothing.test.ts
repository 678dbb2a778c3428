/**
 * The README's walk through Kafka, line by line, starting without any server: Gold equals the
 * generator's expected results, the audit passes, and Connect's Parquet has exactly Bronze's events.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, inject, onTestFinished, test } from 'vitest'
import { openDuck } from '../../cli/adapters/duckdb/duckdb.ts'
import { ROOT, runCcs } from '../e2e/run-ccs.ts'
import { listTableFiles } from '../fixtures/iceberg-table.ts'

const MINUTES = 60_000
/** The README generates for a minute; a third of that is enough here. */
const SHORTER: readonly (readonly [string, string])[] = [['--for 60s', '--for 20s']]

const readme = readFileSync(path.join(ROOT, 'README.md'), 'utf8')
const steps = /^<!-- .*from-nothing\.test.*-->\n```sh\n([\s\S]*?)^```$/m
  .exec(readme)?.[1]
  ?.split('\n')
  .map((line) => line.replace(/\s+#.*$/, ''))
  .filter((line) => line !== '')

test('from no server to Gold, expected results, audit and Parquet on Kafka', {
  timeout: 10 * MINUTES,
}, async (context) => {
  const shared = inject('cluster')
  if ('skip' in shared) return context.skip(shared.skip)
  const temp = mkdtempSync(path.join(tmpdir(), 'ccs-nothing-'))
  const project = path.join(temp, 'shop')
  // Sinks commit every five seconds, so that the test need not wait a minute.
  const env = { CCS_PROJECT_DIR: project, SINK_COMMIT_MS: '5000' }
  const ccs = async (line: string) => {
    const ran = await runCcs(line.split(' '), { cwd: temp, env, timeoutMs: 5 * MINUTES })
    expect(ran.code, `ccs ${line}\n${ran.stdout}${ran.stderr}`).toBe(0)
    return ran.stdout
  }
  onTestFinished(async () => {
    await runCcs(['stack', 'down', '--purge'], { cwd: temp, env, timeoutMs: MINUTES })
    rmSync(temp, { recursive: true, force: true })
  }, 2 * MINUTES)

  expect((await runCcs(['init', project], { cwd: temp })).code).toBe(0)
  // The default ports may be in use on this machine.
  await ccs('stack up sink --port-base 0')
  for (const step of (steps ?? []).filter((line) => !line.startsWith('ccs stack'))) {
    const [from, to] = SHORTER.find(([text]) => step.includes(text)) ?? ['', '']
    await ccs(step.replace(/^ccs /, '').replace(from, to))
  }
  expect(await ccs('plan --target kafka')).toMatch(/Nothing to do/)

  const query = [
    'query',
    `SELECT ${ID} AS id FROM bronze.events ORDER BY id`,
    '--target',
    'kafka',
    '--json',
  ]
  const asked = await runCcs(query, { cwd: temp, env, timeoutMs: MINUTES })
  const bronze = idsOf(JSON.parse(asked.stdout).rows)
  expect(bronze.length).toBeGreaterThan(15_000)
  const warehouse = path.join(project, '.ccs/stack/warehouse/bronze/events')
  await expect
    .poll(async () => (await parquetIds(warehouse)).length, {
      timeout: 3 * MINUTES,
      interval: 2_000,
    })
    .toBeGreaterThanOrEqual(bronze.length)
  expect(await parquetIds(warehouse)).toEqual(bronze)
  const days = new Set(
    (await listTableFiles(warehouse)).map((file) => path.basename(path.dirname(file))),
  )
  expect([...days].every((day) => /^dt=\d{4}-\d\d-\d\d$/.test(day))).toBe(true)
  await ccs('stack down')
})

/** An event and its place in the log: duplicates are separate events in Bronze. */
const ID = "event_id::VARCHAR || ' ' || partition || ' ' || epoch_ms(event_ts)"

function idsOf(rows: readonly Readonly<Record<string, unknown>>[]): string[] {
  return rows.map(({ id }) => String(id))
}

async function parquetIds(warehouse: string): Promise<string[]> {
  const files = await listTableFiles(warehouse)
  if (files.length === 0) return []
  const duck = await openDuck({ threads: 1 })
  const connection = await duck.connect()
  try {
    const list = files.map((file) => `'${file}'`).join(', ')
    const from = `read_parquet([${list}], hive_partitioning = false)`
    return idsOf((await connection.all(`SELECT ${ID} AS id FROM ${from} ORDER BY id`)).rows)
  } finally {
    connection.close()
    duck.close()
  }
}
