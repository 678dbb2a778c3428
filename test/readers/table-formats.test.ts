/**
 * A published lake read by programs that nobody here wrote: DuckDB's extensions for DuckLake and
 * Iceberg, pyiceberg and, with CCS_TEST_SPARK=1, Spark. `npm run test:readers` runs all of them; the
 * first time it downloads about 100 MB, and 480 MB for Spark.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { runCcs } from '../e2e/run-ccs.ts'
import { provideTestVenv, testCache } from '../fixtures/test-venv.ts'

const HERE = import.meta.dirname
const HAS_SPARK = process.env.CCS_TEST_SPARK === '1'
const SPARK = 'pyspark==4.0.1'
/** A coordinate, which Spark looks up by itself. */
const ICEBERG = 'org.apache.iceberg:iceberg-spark-runtime-4.0_2.13:1.11.0'
const FOLDER = 'test-readers'
const CACHE = testCache(FOLDER)

const run = promisify(execFile)

interface Read {
  readonly reader: string
  readonly table: string
  readonly snapshot: number | null
  readonly n: number
  readonly md5: string
}
interface Pruned {
  readonly reader: string
  readonly column: string
  readonly whole: number
  readonly pruned: number
}

test('each table and each snapshot has the rows of ccs query, and filters leave files out', {
  timeout: 1_800_000,
}, async (context) => {
  const python = await providePython()
  if (typeof python !== 'string') return context.skip(python.lacks)
  const data = await mkdtemp(path.join(tmpdir(), 'ccs-readers-'))
  onTestFinished(() => rm(data, { recursive: true, force: true }))
  const wanted = new Map<string, string>()
  // Days that are over are merged after the third commit; the fourth has the same rows.
  for (const [at, day] of [2, 2, 5].entries()) {
    const range = ['--from', `2026-03-0${day - 1}`, '--to', `2026-03-0${day + 1}`]
    await ccs(data, 'gen', '--seed', `${at}`, '--count', '1500', ...range, '--duplicates', '3%')
    await ccs(data, 'run', '--once')
    await publish(data, wanted)
  }
  await ccs(data, 'lake', 'compact', '--files-max', '1')
  const tables = await publish(data, wanted)

  const spark = HAS_SPARK ? await provideSpark(python) : []
  const script = path.join(HERE, 'read_tables.py')
  const args = [script, `${data}/open-lake`, ...spark]
  const { stdout } = await run(python, args, { maxBuffer: 1e8 })
  const lines = stdout
    .split(/\r?\n|\r/)
    .flatMap((line): (Read | Pruned)[] =>
      line.includes('{"') ? [JSON.parse(line.slice(line.indexOf('{"')))] : [],
    )
  const reads = lines.filter((line): line is Read => 'md5' in line)
  const readers = ['ducklake', 'iceberg', 'pyiceberg', ...(HAS_SPARK ? ['spark'] : [])]
  for (const { reader, table, snapshot, n, md5 } of reads) {
    const at = snapshot ?? 4
    // A table that a commit did not change has no snapshot of its own in Iceberg.
    expect(`${n} ${md5}`, `${reader}, ${table}, snapshot ${at}`).toBe(wanted.get(`${table} ${at}`))
  }
  for (const table of tables) {
    const found = reads.filter((one) => one.table === table && one.snapshot === null)
    expect(found.map(({ reader }) => reader).sort(), table).toEqual(readers)
  }
  const pruned = lines.filter((line): line is Pruned => 'pruned' in line)
  expect(pruned.map(({ reader, column }) => `${reader} ${column}`).sort()).toEqual([
    ...['ducklake event_date', 'ducklake event_time'],
    ...['pyiceberg event_date', 'pyiceberg event_time'],
  ])
  for (const one of pruned) {
    expect(one.pruned, JSON.stringify(one)).toBeGreaterThan(0)
    expect(one.pruned, JSON.stringify(one)).toBeLessThan(one.whole)
  }
})

async function ccs(data: string, ...args: readonly string[]): Promise<string> {
  const ran = await runCcs([...args, '--data', data], { timeoutMs: 300_000 })
  expect(ran.code, ran.stderr).toBe(0)
  return ran.stdout
}

/** Publishes, and keeps number and checksum of the rows that `ccs query` has now. */
async function publish(data: string, wanted: Map<string, string>): Promise<readonly string[]> {
  const { snapshot, tables } = JSON.parse(await ccs(data, 'lake', 'publish', '--json'))
  const names: readonly string[] = tables
    .map((one: { readonly table: string }) => one.table)
    .filter((name: string) => !name.startsWith('gold.'))
  const selects = names.map(
    (name) =>
      `SELECT '${name}' AS name, CAST(count(*) AS INTEGER) AS n,
         md5(coalesce(string_agg(t, chr(10) ORDER BY t), '')) AS md5
       FROM (SELECT CAST(x AS VARCHAR) AS t FROM ${name} AS x)`,
  )
  const answer = await ccs(data, 'query', '--json', selects.join(' UNION ALL '))
  for (const { name, n, md5 } of JSON.parse(answer).rows)
    wanted.set(`${name} ${snapshot}`, `${n} ${md5}`)
  return names
}

/** The interpreter with the readers, or why there is none. */
function providePython(): Promise<string | { readonly lacks: string }> {
  return provideTestVenv({
    ...{ name: 'readers', needs: 'The readers of tables need', packages: ['pyiceberg'] },
    ...{ installing: 'Installing readers of tables', size: 'about 100 MB to download' },
    ...{ folder: FOLDER, lockFile: path.join(HERE, 'requirements.lock') },
    command: 'npm run test:readers',
  })
}

/** Installs Spark beside the readers; returns arguments of the script. */
async function provideSpark(python: string): Promise<readonly string[]> {
  await run(python, ['-m', 'pip', 'install', '--quiet', SPARK], { maxBuffer: 1e8 })
  return [ICEBERG, path.join(CACHE, 'ivy')]
}
