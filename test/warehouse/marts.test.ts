/**
 * The same dbt project on DuckDB and on PostgreSQL: from the same Silver, all relations have the same
 * rows in all columns, after a full build and after one of what is new. One shop is the generator's;
 * the other has events drawn from the limits of the contract, with odd texts and the greatest
 * amounts, in a country whose clocks change at midnight. CCS_FUZZ_SEED and CCS_FUZZ_LISTS choose
 * others.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openLogic } from '../../cli/app/project-logic.ts'
import { loadProject } from '../../cli/project.ts'
import { ROOT, runCcs } from '../e2e/run-ccs.ts'
import { explainMissingOwnDbt, SHARED_DBT } from '../fixtures/dbt-project.ts'
import { drawGroups, FuzzRules } from '../fixtures/fuzz-case.ts'
import { appendLists, makeShop, placeInLake } from '../fixtures/fuzz-lake.ts'
import { type PostgresServer, startPostgres } from '../fixtures/postgres.ts'
import { loginVariables, provideWarehousePython, runScript } from '../fixtures/warehouse.ts'

const SEED = Number(process.env.CCS_FUZZ_SEED ?? 1)
const LISTS = Number(process.env.CCS_FUZZ_LISTS ?? 48)
const BUILD_MS = 900_000

const temp = mkdtempSync(path.join(tmpdir(), 'ccs-marts-'))
let python = ''
let server: PostgresServer | undefined
let problem: string | undefined

beforeAll(async () => {
  const [found, started, dbt] = await Promise.all([
    provideWarehousePython(),
    startPostgres(),
    explainMissingOwnDbt(),
  ])
  if (typeof found === 'string') python = found
  else problem = found.lacks
  if (typeof started === 'string') problem = started
  else server = started
  problem ??= dbt
}, BUILD_MS)
afterAll(async () => {
  await server?.stop()
  rmSync(temp, { recursive: true, force: true })
})

interface Built {
  readonly ok: boolean
  readonly since: string | null
  readonly nodes: { readonly passed: number; readonly warned: number; readonly failed: number }
  readonly failures: readonly { readonly message: string; readonly detail: string }[]
  readonly warnings: readonly { readonly name: string }[]
  readonly marts: { readonly models: readonly string[] } | null
}

interface Compared {
  readonly name: string
  readonly rows: number
  readonly same_columns: boolean
  readonly bitwise: boolean
  readonly only_duckdb: readonly unknown[]
  readonly only_postgres: readonly unknown[]
}

/** A shop's project with its lake, and its schemas in PostgreSQL. */
class Shop {
  readonly dir: string
  readonly #env: Readonly<Record<string, string>>

  constructor(name: string, timezone: string, login: Readonly<Record<string, string>>) {
    this.dir = path.join(temp, name)
    makeShop(this.dir, timezone)
    const schemas = { PG_SCHEMA: `marts_${name}`, PG_SILVER_SCHEMA: `silver_${name}` }
    this.#env = { ...SHARED_DBT, ...login, ...schemas }
  }

  async ccs(...args: readonly string[]): Promise<string> {
    const options = { env: this.#env, timeoutMs: BUILD_MS }
    const { code, stdout, stderr } = await runCcs([...args, '--project', this.dir], options)
    if (code !== 0) throw new Error(`ccs ${args.join(' ')}: ${code}\n${stdout}${stderr}`)
    return stdout
  }

  /** Commits, builds on both, and returns what differs; all tests of dbt pass on both. */
  async build(): Promise<{
    readonly since: string | null
    readonly compared: readonly Compared[]
  }> {
    await this.ccs('run', '--once')
    const pairs = 'affinity_min_orders: 1'
    const ours: Built = JSON.parse(await this.ccs('dbt', 'build', '--vars', `{${pairs}}`, '--json'))
    const lake = path.join(this.dir, 'data/lake')
    const { PG_SCHEMA = '', PG_SILVER_SCHEMA = '' } = this.#env
    await runScript(python, ['load_silver.py', lake, PG_SILVER_SCHEMA], { env: this.#env })
    // ccs finds out by itself what is new in its own lake; for a server it is a variable.
    const vars = ours.since === null ? `{${pairs}}` : `{${pairs}, since: ${ours.since}}`
    const theirs: Built = JSON.parse(
      await this.ccs('dbt', 'build', '--target', 'postgres', '--vars', vars, '--json'),
    )
    expect(theirs).toMatchObject({ ok: true, published: false, serial: null, marts: null })
    expect(theirs.nodes).toEqual(ours.nodes)
    expect(theirs.warnings.map(({ name }) => name).sort()).toEqual(
      ours.warnings.map(({ name }) => name).sort(),
    )
    const file = path.join(this.dir, 'data/marts/serve.duckdb')
    const names = ours.marts?.models ?? []
    const args2 = ['compare_marts.py', file, PG_SCHEMA, ...names]
    const lines = await runScript(python, args2, { env: this.#env })
    return { since: ours.since, compared: lines.map((line): Compared => JSON.parse(line)) }
  }
}

function expectEqual(compared: readonly Compared[]): void {
  expect(compared.length).toBeGreaterThan(25)
  const differing = compared.filter(
    (one) => !one.same_columns || one.only_duckdb.length + one.only_postgres.length > 0,
  )
  expect(differing).toEqual([])
}

function rowsOf(compared: readonly Compared[], name: string): number {
  return compared.find((one) => one.name === name)?.rows ?? 0
}

test('the generator’s shop has the same marts on DuckDB and PostgreSQL', {
  timeout: 4 * BUILD_MS,
}, async (context) => {
  if (problem !== undefined || !server) return context.skip(true, problem)
  const shop = new Shop('generated', 'Europe/Berlin', loginVariables(server))
  const gen = ['gen', '--seed', `${SEED}`, '--duplicates', '3%']
  await shop.ccs(...gen, '--from', '2026-03-20', '--to', '2026-03-31', '--count', '30000')
  const full = await shop.build()
  expect(full.since).toBeNull()
  expectEqual(full.compared)
  await shop.ccs(...gen, '--from', '2026-03-30', '--to', '2026-04-02', '--count', '9000')
  const next = await shop.build()
  expect(next.since).toBe('2026-03-30')
  expectEqual(next.compared)
  for (const name of ['fct_orders', 'fct_sessions', 'sku_affinity', 'dim_user'])
    expect(rowsOf(next.compared, name), name).toBeGreaterThan(rowsOf(full.compared, name))
})

test('so has a shop of odd events, where the clocks change at midnight', {
  timeout: 4 * BUILD_MS,
}, async (context) => {
  if (problem !== undefined || !server) return context.skip(true, problem)
  const shop = new Shop('odd', 'Asia/Beirut', loginVariables(server))
  const project = await loadProject(ROOT, { env: {} })
  const rules = new FuzzRules(await openLogic(project), project.config.gate)
  const lists = drawGroups(SEED, LISTS).flatMap((group) => group.lists)
  const placed = placeInLake(lists, 'Asia/Beirut')
  // What comes second happened between what came first: late, and in the middle of visits.
  for (const remainder of [0, 1]) {
    const some = placed.filter((_, index) => index % 2 === remainder)
    await appendLists(path.join(shop.dir, 'data'), some, (batch, event) =>
      rules.append(batch, event),
    )
    const { compared } = await shop.build()
    expectEqual(compared)
    expect(rowsOf(compared, 'fct_sessions')).toBeGreaterThan(20)
  }
})
