/** What a SELECT may call and read; every function of the DuckDB in use has been judged. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Duck, type DuckConnection, openDuck } from '../../../cli/adapters/duckdb/duckdb.ts'
import { serializeSql } from '../../../cli/adapters/duckdb/sql-ast.ts'
import { openLogic } from '../../../cli/app/project-logic.ts'
import { CcsError } from '../../../cli/domain/kernel/errors.ts'
import {
  ALLOWED_TABLE_FUNCTIONS,
  REFUSED_FUNCTION_REASONS,
  REFUSED_TABLE_FUNCTION_REASONS,
} from '../../../cli/domain/sql/allowed-sql.ts'
import { parseMacros } from '../../../cli/domain/sql/parse-macros.ts'
import { parseQuery } from '../../../cli/domain/sql/parse-query.ts'
import { loadProject } from '../../../cli/project.ts'
import { ROOT } from '../../e2e/run-ccs.ts'

let duck: Duck
let connection: DuckConnection

beforeAll(async () => {
  duck = await openDuck({ threads: 1 })
  connection = await duck.connect()
})
afterAll(() => {
  connection.close()
  duck.close()
})

const MACROS = 'CREATE MACRO rows_of(relation) AS TABLE SELECT * FROM query_table(relation);'
const parse = (sql: string) => serializeSql(connection, sql)

async function names(where: string): Promise<readonly string[]> {
  const sql = `SELECT DISTINCT function_name AS name FROM duckdb_functions() WHERE ${where}`
  return (await connection.all(`${sql} ORDER BY 1`)).rows.map(({ name }) => String(name))
}

/** The error of a query; undefined if it may run. */
async function refusal(sql: string): Promise<CcsError | undefined> {
  const macros = await parseMacros('macros.sql', MACROS, parse)
  return parseQuery(sql, parse, macros).then(
    () => undefined,
    (error: CcsError) => error,
  )
}

test('each table function of this DuckDB is either allowed or refused', async () => {
  const all = await names("function_type IN ('table', 'table_macro')")
  const judged = [...ALLOWED_TABLE_FUNCTIONS, ...REFUSED_TABLE_FUNCTION_REASONS.keys()]
  expect(judged.toSorted()).toEqual(all)
})

test('each function with a side effect or a changing answer has been judged', async () => {
  const harmless = [
    ...['current_connection_id', 'current_database', 'current_date', 'current_query'],
    ...['current_query_id', 'current_schema', 'current_schemas', 'current_transaction_id'],
    ...['error', 'gen_random_uuid', 'get_current_time', 'get_current_timestamp'],
    ...['in_search_path', 'now', 'random', 'stats', 'today', 'transaction_timestamp'],
    ...['txid_current', 'uuid', 'uuidv4', 'uuidv7'],
  ]
  const all = await names(
    `function_type = 'scalar' AND (has_side_effects OR stability <> 'CONSISTENT')`,
  )
  expect(all.filter((one) => !REFUSED_FUNCTION_REASONS.has(one))).toEqual(harmless)
})

test('a query may call none of the refused table functions, wherever it stands', async () => {
  for (const name of REFUSED_TABLE_FUNCTION_REASONS.keys())
    for (const sql of [
      `SELECT * FROM ${name}('x')`,
      `SELECT 1 WHERE EXISTS (FROM system.main."${name.toUpperCase()}"())`,
      `WITH x AS (SELECT * FROM range(3) r, LATERAL ${name}()) FROM x`,
      `DESCRIBE SELECT * FROM ${name}()`,
    ])
      expect((await refusal(sql))?.message, sql).toMatch(/\(\) can’t be called here: it \w+/)
})

test('no pragma can be called as a table or by its statement', async () => {
  for (const name of await names("function_type = 'pragma'")) {
    const table = await refusal(`SELECT * FROM "${name}"()`)
    expect(table?.message, name).toContain('can’t be called here')
    for (const sql of [`PRAGMA ${name}`, `CALL ${name}()`])
      expect((await refusal(sql))?.code, sql).toBe('CCS_QUERY_INVALID')
  }
})

test.each([
  ["SELECT\n  write_log('x')", 2, 3],
  ["SELECT list_transform([1], lambda x: nextval('s'))", 1, 38],
  ["SELECT 1 ORDER BY current_setting('s3_secret_access_key')", 1, 19],
  ["SELECT getenv('HOME')", 1, 8],
  ['SELECT pg_sleep(60)', 1, 8],
  ["SELECT system.main.repeat('x', 4000000000)", 1, 8],
])('%s is refused with its place', async (sql, line, column) => {
  const error = await refusal(sql)
  expect(error?.message).toContain('can’t be called here')
  expect(error?.location).toMatchObject({ file: '<query>', line, column })
  expect(error?.hint).toContain('docs/sql-shell.md')
})

test.each([
  "FROM 'x.parquet'",
  'FROM x.parquet',
  'FROM a.main.csv',
  "SELECT * FROM 'https://example.org/x.csv'",
  'FROM "/etc/passwd"',
  "FROM rows_of('x.parquet')",
  "FROM rows_of('/tmp/' || 'x.parquet')",
  "DESCRIBE 'x.csv'",
  "SUMMARIZE 'x.json'",
])('%s is no table', async (sql) => {
  expect((await refusal(sql))?.message).toMatch(/There is no table|plain text/)
})

test.each([
  "SELECT * FROM rows_of('silver.events')",
  'SELECT unnest([1]) FROM gold.activity_1m, range(3), unnest([2]) AS u(v)',
  'WITH own AS (VALUES (1)) FROM own, information_schema.tables, duckdb_columns()',
  "SELECT repeat('x', 3), right(current_database(), 1), [x + 1 for x in range(3)]",
  'DESCRIBE silver.events',
  'SHOW TABLES',
])('%s may run', async (sql) => {
  expect(await refusal(sql)).toBeUndefined()
})

test.each([
  "COPY (SELECT 1) TO 'x.csv'",
  "SET memory_limit = '1GB'",
  'INSTALL httpfs',
  "ATTACH 'x.db'",
  'CREATE TABLE t AS SELECT 1',
  'SELECT 1; SELECT 2',
])('%s is not one SELECT', async (sql) => {
  expect((await refusal(sql))?.message).toBe('A query must be one SELECT.')
})

test.each([
  ["AS TABLE\n  SELECT * FROM read_text('x')", 17],
  ["AS TABLE\n  SELECT * FROM 'x.parquet'", 17],
  ["AS\n  (SELECT max(a) FROM 'x.parquet')", 23],
])('a macro that reads files is refused where it stands: %s', async (body, column) => {
  const text = `-- one\nCREATE MACRO secret() ${body};`
  const error = await parseMacros('macros.sql', text, parse).catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({
    code: 'CCS_MODEL_INVALID',
    location: { file: 'macros.sql', line: 3, column },
  })
})

test('a model that reads a file is refused with its place', async () => {
  const project = await loadProject(ROOT, { env: {} })
  const file = 'sql/gold/activity_1m.sql'
  const models = project.models.map((one) =>
    one.file === file
      ? { ...one, text: one.text.replace('count(*)', "(SELECT size FROM read_text('x'))") }
      : one,
  )
  const error = await openLogic({ ...project, models }).catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(CcsError)
  expect(error).toMatchObject({
    code: 'CCS_MODEL_INVALID',
    location: { file, line: 13, column: 21 },
  })
})
