/**
 * The DAG of infra/airflow, by a real Airflow with the real commands: from S3 into a PostgreSQL that
 * stands for Redshift, dbt's marts there, and the comparison of stream and marts.
 */
import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ROOT } from '../e2e/run-ccs.ts'
import { LOGIN, LoadShop } from '../fixtures/load-shop.ts'
import { type PostgresServer, startPostgres } from '../fixtures/postgres.ts'
import { type S3Server, startS3 } from '../fixtures/s3-server.ts'
import { provideTestVenv } from '../fixtures/test-venv.ts'

const DAGS = path.join(ROOT, 'infra/airflow/dags')
const run = promisify(execFile)
let s3: S3Server | string
let postgres: PostgresServer | string
let python: string
let missing: string | undefined
let home: string

beforeAll(async () => {
  home = mkdtempSync(path.join(tmpdir(), 'ccs-airflow-'))
  const found = await provideTestVenv({
    ...{ name: 'Airflow', needs: 'The tests of the DAG need', packages: ['apache-airflow'] },
    ...{ installing: 'Installing Airflow', size: 'about 90 MB to download, 230 MB on disk' },
    ...{ folder: 'test-airflow', lockFile: path.join(ROOT, 'infra/airflow/requirements.lock') },
    command: 'npm run test:warehouse',
  })
  if (typeof found === 'string') python = found
  else missing = found.lacks
  s3 = await startS3()
  postgres = await startPostgres()
}, 900_000)
afterAll(async () => {
  if (typeof s3 !== 'string') await s3?.stop()
  if (typeof postgres !== 'string') await postgres?.stop()
  rmSync(home, { recursive: true, force: true })
})

/** Runs a program of Airflow's environment; its database and logs are in a folder of the test. */
async function airflow(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const bin = path.dirname(python)
  const options = {
    maxBuffer: 64 * 1024 ** 2,
    cwd: home,
    env: {
      ...process.env,
      ...{ AIRFLOW_HOME: home, AIRFLOW__CORE__DAGS_FOLDER: DAGS, PYTHONDONTWRITEBYTECODE: '1' },
      ...{ AIRFLOW__CORE__LOAD_EXAMPLES: 'False', AIRFLOW__LOGGING__COLORED_CONSOLE_LOG: 'False' },
      ...env,
    },
  }
  return run(path.join(bin, program), [...args], options).then(
    ({ stdout, stderr }) => ({ code: 0, text: stdout + stderr }),
    ({ code, stdout, stderr }) => ({ code, text: String(stdout) + String(stderr) }),
  )
}

test('the DAG has no import errors, its tasks in order, retries and no overlap', async (context) => {
  if (missing) return context.skip(missing)
  const migrated = await airflow('airflow', ['db', 'migrate'])
  expect(migrated.code, migrated.text).toBe(0)
  const script = `
import json
from airflow.dag_processing.dagbag import DagBag
bag = DagBag("${DAGS}")
dag = bag.dags["ccs_hourly"]
tasks = {t.task_id: {"next": sorted(t.downstream_task_ids), "retries": t.retries} for t in dag.tasks}
print("RESULT", json.dumps({"errors": bag.import_errors, "tasks": tasks,
  "overlap": dag.max_active_runs, "catchup": dag.catchup}))`
  const { text } = await airflow('python', ['-c', script])
  const line = text.split('\n').find((one) => one.startsWith('RESULT '))
  expect(JSON.parse(line?.slice(7) ?? text)).toEqual({
    errors: {},
    tasks: {
      load: { next: ['dbt_build'], retries: 2 },
      dbt_build: { next: ['reconcile'], retries: 2 },
      reconcile: { next: [], retries: 2 },
    },
    ...{ overlap: 1, catchup: false },
  })
}, 600_000)

test('a run of the DAG loads, builds and compares, and a second one repeats it', async (context) => {
  if (missing) return context.skip(missing)
  if (typeof s3 === 'string') return context.skip(s3)
  if (typeof postgres === 'string') return context.skip(postgres)
  const shop = await LoadShop.open(s3.url, postgres)
  try {
    const built = await shop.ccs('dbt', 'build')
    expect(built.stdout).toContain('Published')
    for (const hour of ['10', '11']) {
      const env = { ...shop.environment(), CCS_DBT_TARGET: 'postgres' }
      const args = ['dags', 'test', 'ccs_hourly', `2026-03-05T${hour}:00:00`]
      const { code, text } = await airflow('airflow', args, env)
      expect(code, text).toBe(0)
      expect(text).toMatch(/ccs_hourly.*state=success|state.*success/)
      for (const secret of shop.secrets(LOGIN)) expect(text).not.toContain(secret)
    }
    expect(await shop.findDifferences()).toEqual([])
    const [days] = await shop.query('SELECT COUNT(*) AS n FROM marts.fct_revenue_daily')
    expect(Number(days?.n)).toBeGreaterThan(2)
    // Nothing of it may be in what Airflow keeps either.
    const kept = readdirSync(home, { recursive: true, withFileTypes: true })
      .filter((one) => one.isFile())
      .map((one) => readFileSync(path.join(one.parentPath, one.name)).toString('latin1'))
    for (const secret of shop.secrets(LOGIN))
      expect(kept.some((text) => text.includes(secret))).toBe(false)
  } finally {
    await shop.close()
  }
}, 900_000)
