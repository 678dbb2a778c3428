/**
 * What dbt sends to Redshift, as far as it can be told without one: dbt runs with a driver that
 * records statements and executes none (record_redshift.py), sqlglot parses them, and rules of AWS's
 * guide that no parser knows are checked (check_redshift.py). The marts themselves are compared on
 * PostgreSQL: marts.test.ts.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ROOT } from '../e2e/run-ccs.ts'
import { provideWarehousePython, runScript } from '../fixtures/warehouse.ts'

const temp = mkdtempSync(path.join(tmpdir(), 'ccs-redshift-'))
let python = ''
let problem: string | undefined

beforeAll(async () => {
  const found = await provideWarehousePython()
  if (typeof found === 'string') python = found
  else problem = found.lacks
}, 900_000)
afterAll(() => rmSync(temp, { recursive: true, force: true }))

interface Statement {
  readonly form: 'full' | 'incremental'
  readonly node: string
  readonly sql: string
}
interface Result {
  readonly form: 'full' | 'incremental'
  readonly node: string
  readonly status: string
}

async function check(statements: readonly string[]): Promise<readonly (readonly string[])[]> {
  const input = statements.map((sql) => `${JSON.stringify({ sql })}\n`).join('')
  const lines = await runScript(python, ['check_redshift.py'], { input })
  return lines.map((line) => JSON.parse(line).faults)
}

test('each model, seed and test is SQL that Redshift accepts, in full and in incremental form', {
  timeout: 600_000,
}, async (context) => {
  context.skip(problem !== undefined, problem)
  const lines = await runScript(python, ['record_redshift.py', path.join(ROOT, 'dbt'), temp])
  const read = <T>(kind: string) =>
    lines.flatMap((line): T[] =>
      line.startsWith(`${kind} `) ? [JSON.parse(line.slice(kind.length))] : [],
    )
  const statements = read<Statement>('statement')
  const results = read<Result>('result').filter((one) => !one.node.startsWith('exposure.'))
  for (const form of ['full', 'incremental'] as const) {
    const ran = results.filter((one) => one.form === form)
    expect(ran.filter(({ status }) => !['success', 'pass'].includes(status))).toEqual([])
    const nodes = ran.map(({ node }) => node)
    const listed = (kind: string) => nodes.filter((node) => node.startsWith(`${kind}.`))
    expect(listed('model').length).toBe(count('models', '.sql'))
    expect(listed('seed').length).toBe(count('seeds', '.csv'))
    expect(listed('test').length).toBeGreaterThan(100)
    const sent = new Set(statements.filter((one) => one.form === form).map((one) => one.node))
    expect(nodes.filter((node) => !sent.has(node))).toEqual([])
  }
  // A project without snapshots has none to compile; a new one would be counted among the nodes.
  expect(statements.some(({ sql, form }) => form === 'incremental' && /^delete/i.test(sql))).toBe(
    true,
  )
  const faults = await check(statements.map(({ sql }) => sql))
  expect(faults.length).toBe(statements.length)
  const found = statements.flatMap(({ node, form, sql }, index) =>
    (faults[index] ?? []).map((fault) => `${node}, ${form}: ${fault}\n${sql.slice(0, 400)}`),
  )
  expect(found).toEqual([])
})

function count(folder: string, ending: string): number {
  const files = readdirSync(path.join(ROOT, 'dbt', folder), { recursive: true, encoding: 'utf8' })
  return files.filter((file) => file.endsWith(ending)).length
}

/** A statement that sqlglot or dbt let pass, and the word in the sentence that says why not. */
const REFUSED: readonly (readonly [sql: string, word: string])[] = [
  ["select string_agg(a, ' ') from t", 'string_agg'],
  ['select epoch_ms(a) from t', 'datediff'],
  ['select generate_series(1, 10)', 'leader node'],
  ['select now() from t', 'getdate'],
  ['select current_timestamp from t', 'leader node'],
  ['select substr(a, 1) from t', 'substring'],
  ['select bool_or(a) from t', 'bool_or'],
  ['select unheard_of(a) from t', 'looked up'],
  ['select count(*) filter (where a > 1) from t', 'filter'],
  ['select a // 2 from t', 'parse'],
  ['select [1, 2] from t', 'lists'],
  ['select * from t where a is not distinct from b', 'distinct from'],
  ['select distinct on (a) a, b from t', 'distinct on'],
  ['select a from t except all select a from u', 'except all'],
  [
    "select listagg(a, ' ') within group (order by a), count(distinct b) from t",
    'beside another aggregate with distinct',
  ],
  [
    "select listagg(a, ' ') within group (order by a), listagg(b, ' ') within group (order by b) from t",
    'same order',
  ],
  ['select sum(a) over (partition by b order by c) from t', 'frame'],
  [
    'select sum(a) over (order by c range between unbounded preceding and current row) from t',
    'frame counts rows',
  ],
  ['select count(distinct a) over (partition by b) from t', 'count(distinct'],
  ['select sum(lag(a) over (order by b)) over (partition by c) from t', 'another one'],
  ['select sum(a) over w from t window w as (partition by b)', 'window'],
  ['create table t (a varchar, b integer)', '256 bytes'],
  ['create table t (a text)', 'varchar(256)'],
  ['select cast(a as text) from t', 'varchar(256)'],
  ['select (select max(b.x) from b where b.y = a.y) from a', 'query around it'],
  ['select a from t where exists (select 1 from b where b.y = t.y)', 'query around it'],
  [
    'select a.x from a left join b on a.x = b.x and b.y = (select max(c.y) from c where c.x = a.x)',
    'query around it',
  ],
  ['select a as tag from t', 'tag is a reserved word'],
  ['select offset from t', 'offset is a reserved word'],
  ['select * from raw.clicks', 'raw is a reserved word'],
  ['select * from (values (1), (2)) as v', 'values'],
  ['select a collate "C" from t', 'collate'],
  ['insert into t (a) values (1) on conflict (a) do nothing', 'on conflict'],
  ['insert into t (a) values (1) returning a', 'returning'],
  ['create index i on t (a)', 'indexes'],
  ['select * from a full join b on a.x > b.x', 'full join'],
  ['select from where', 'parse'],
]

const ACCEPTED: readonly string[] = [
  "select listagg(a, ' ') within group (order by a), count(b), min(c) from t group by d",
  'select sum(a) over (partition by b order by c rows between unbounded preceding and current row) from t',
  'create table t (a varchar(65535), b decimal(18, 2))',
  'select "offset", "tag" from "raw".clicks',
  'insert into t (a, b) values (1, 2), (3, 4)',
  'select a.x from a where a.y in (select b.y from b)',
]

describe('the checker', () => {
  test('finds what Redshift refuses though it parses, and nothing else', async (context) => {
    context.skip(problem !== undefined, problem)
    const faults = await check([...REFUSED.map(([sql]) => sql), ...ACCEPTED])
    const missed = REFUSED.filter(
      ([, word], index) => !faults[index]?.some((fault) => fault.includes(word)),
    )
    expect(missed).toEqual([])
    expect(faults.slice(REFUSED.length)).toEqual(ACCEPTED.map(() => []))
  })
})
