/** References, the order of models, macro expansion and fingerprints. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { CcsError } from '../../../cli/domain/kernel/errors.ts'
import type { GraphModel } from '../../../cli/domain/models/graph.ts'
import type { Model } from '../../../cli/domain/models/model.ts'
import { parseModel } from '../../../cli/domain/models/parse-model.ts'
import { type AstNode, parseSelect, renderAst } from '../../../cli/domain/sql/ast.ts'
import { expandMacros, type MacroSet } from '../../../cli/domain/sql/expand-macros.ts'
import { parseMacros } from '../../../cli/domain/sql/parse-macros.ts'
import { findReferences } from '../../../cli/domain/sql/references.ts'
import { buildGraph, modelFiles, openTestDuck, projectFile, type TestDuck } from '../model-files.ts'

let duck: TestDuck
let macros: MacroSet
beforeAll(async () => {
  duck = await openTestDuck()
  const { file, text } = projectFile('sql/macros.sql')
  macros = await parseMacros(file, text, duck.parseSql)
})
afterAll(() => duck.close())

const select = (sql: string): Promise<AstNode> =>
  parseSelect({ file: 'x.sql', line: 1, sql }, duck.parseSql)
const graph = (models: readonly Model[], settings = {}): Promise<readonly GraphModel[]> =>
  buildGraph(models, {
    macros,
    sources: ['raw.events'],
    settings,
    parseSql: duck.parseSql,
  })
const model = (name: string, sql: string, header = 'kind: view\ngrain: x\nkey: []'): Model =>
  parseModel(`sql/${name.replace('.', '/')}.sql`, `/*\n${header}\n*/\n${sql}`)
const project = (): Model[] => modelFiles().map(({ file, text }) => parseModel(file, text))

async function faultsOf(make: () => Promise<unknown>): Promise<CcsError[]> {
  try {
    await make()
  } catch (error) {
    if (error instanceof CcsError) return [error, ...error.others]
    throw error
  }
  return []
}

test('references are tables, also in subqueries and macro arguments, not CTEs', async () => {
  const ast = await select(
    `WITH own AS (SELECT * FROM bronze.events) SELECT * FROM own, silver.orders
     WHERE x IN (SELECT y FROM session_rows('silver.people', INTERVAL 1 HOUR, INTERVAL 1 DAY))`,
  )
  expect(findReferences(ast).map((one) => one.name)).toEqual([
    'bronze.events',
    'silver.orders',
    'silver.people',
  ])
})

test("the project's models come after all that they read", async () => {
  const order = await graph(project())
  const names = order.map((one) => one.model.name)
  expect(names).toHaveLength(project().length)
  for (const one of order)
    for (const read of one.reads)
      if (read !== 'raw.events')
        expect(names.indexOf(read)).toBeLessThan(names.indexOf(one.model.name))
  expect(order.find((one) => one.model.name === 'gold.sessions')?.reads).toEqual(['silver.people'])
})

test('unknown tables, syntax errors and cycles are reported together with places', async () => {
  const faults = await faultsOf(() =>
    graph([
      model('silver.a', 'SELECT 1\nFROM silver.b'),
      model('silver.b', 'SELECT * FROM silver.a'),
      model('gold.c', "SELECT 'é',\n  x FROM silver.event"),
      model('gold.d', 'SELECT a\nFORM silver.a b'),
      model('silver.events', 'SELECT 1 AS x FROM raw.events'),
    ]),
  )
  const shown = faults.map(
    (one) =>
      `${one.code} ${one.location?.file}:${one.location?.line}:${one.location?.column} ${one.message}`,
  )
  expect(faults[0]?.hint).toBe('Did you mean "silver.events"?')
  expect(shown).toEqual([
    "CCS_MODEL_INVALID sql/gold/c.sql:7:10 There is no table 'silver.event'.",
    'CCS_MODEL_INVALID sql/gold/d.sql:7:6 Syntax error at or near "silver".',
    'CCS_MODEL_CYCLE sql/silver/a.sql:6:1 Models read each other in a cycle: sql/silver/a.sql → sql/silver/b.sql → sql/silver/a.sql.',
  ])
})

test('nested and table macros are expanded, and DuckDB prints the result', async () => {
  const ast = await select('SELECT money(lines_units(items)) AS m FROM silver.events')
  expect(await duck.printSql(renderAst(expandMacros(ast, macros)))).toBe(
    'SELECT CAST((CAST(list_sum(list_transform(items, (i -> i.quantity))) AS BIGINT) * 0.01) AS DECIMAL(18,2)) AS m FROM silver.events',
  )
  const rows = await select(
    "SELECT count(*) FROM session_rows('silver.people', INTERVAL 30 MINUTES, INTERVAL 1 DAY)",
  )
  const printed = await duck.printSql(renderAst(expandMacros(rows, macros, () => true)))
  expect(printed).toContain('FROM silver.people')
  expect(printed).not.toContain('session_rows')
  const kept = expandMacros(ast, macros, (one) => one.name !== 'money')
  expect(await duck.printSql(renderAst(kept))).toContain('money(CAST(list_sum')
})

test('a lambda parameter hides a macro parameter of the same name', async () => {
  const own = await parseMacros(
    'm.sql',
    "-- a; comment\nCREATE MACRO twice(i) AS list_transform([1, 2], lambda i: i * 2); CREATE OR REPLACE MACRO q(a) AS a || ';';",
    duck.parseSql,
  )
  const ast = await select('SELECT twice(5) AS t, q(b) FROM x')
  expect(await duck.printSql(renderAst(expandMacros(ast, own)))).toBe(
    "SELECT list_transform(main.list_value(1, 2), (i -> (i * 2))) AS t, (b || ';') FROM x",
  )
})

test('a macro that calls itself is reported as a cycle', async () => {
  const own = await parseMacros(
    'm.sql',
    'CREATE MACRO f(a) AS g(a); CREATE MACRO g(a) AS f(a);',
    duck.parseSql,
  )
  const ast = await select('SELECT f(1)')
  expect(() => expandMacros(ast, own)).toThrow("The macro 'f' calls itself.")
})

test('a syntax error in a macro has its place in the file', async () => {
  const [fault] = await faultsOf(() =>
    parseMacros(
      'sql/macros.sql',
      '-- one\nCREATE MACRO f(a) AS a;\n\nCREATE MACRO g(a) AS\n  a +;\n',
      duck.parseSql,
    ),
  )
  expect(fault?.location).toMatchObject({ file: 'sql/macros.sql', line: 5 })
})

test('only the SELECT, the header and what is read change a fingerprint', async () => {
  const header = 'kind: window\ngrain: x\nkey: [d]\ntime: t\nwindow: 1 shop day\nlateness: 1 hour'
  const print = async (
    sql: string,
    head = header,
    upstream = 'SELECT 1 AS t FROM raw.events',
    settings = {},
  ) => {
    const order = await graph(
      [model('gold.x', sql, head), model('silver.events', upstream)],
      settings,
    )
    return order.find((one) => one.model.name === 'gold.x')?.fingerprint
  }
  const sql = 'SELECT shop_day(t) AS d, count(*) AS n FROM silver.events GROUP BY shop_day(t)'
  const base = await print(sql)
  expect(await print(`-- doc\n${sql.replaceAll(' ', '  \n')} -- end`)).toBe(base)
  expect(await print(sql, `${header}\naudits: ["n > 0"]`)).toBe(base)
  expect(await print(sql.replace('count(*)', 'count(t)'))).not.toBe(base)
  expect(await print(sql, header.replace('1 hour', '2 hours'))).not.toBe(base)
  expect(await print(sql, header, 'SELECT 2 AS t FROM raw.events')).not.toBe(base)
  const berlin = await print(sql, header, undefined, {
    shop_timezone: 'Europe/Berlin',
  })
  expect(await print(sql, header, undefined, { shop_timezone: 'UTC' })).not.toBe(berlin)
  const plain = 'SELECT t AS d FROM silver.events'
  expect(await print(plain, header, undefined, { shop_timezone: 'UTC' })).toBe(
    await print(plain, header, undefined, { shop_timezone: 'Europe/Berlin' }),
  )
})
