/** Which columns have ids of persons, told apart from those that only depend on them. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseModel } from '../../../cli/domain/models/parse-model.ts'
import { traceValues } from '../../../cli/domain/models/trace-values.ts'
import { parseMacros } from '../../../cli/domain/sql/parse-macros.ts'
import { buildGraph, modelFiles, openTestDuck, projectFile, type TestDuck } from '../model-files.ts'

let duck: TestDuck
beforeAll(async () => {
  duck = await openTestDuck()
})
afterAll(() => duck.close())

const FIELDS = ['event_id', 'anonymous_id', 'customer_id', 'session_id', 'page', 'items']
const IDS = ['anonymous_id', 'customer_id']

/** `column: ids …` of each of these columns of gold.own, made of this SELECT, or of `model`. */
async function trace(
  columns: readonly string[],
  { model = 'gold.own', sql = '' }: { readonly model?: string; readonly sql?: string },
): Promise<readonly string[]> {
  const { file, text } = projectFile('sql/macros.sql')
  const macros = await parseMacros(file, text, duck.parseSql)
  const head = '/*\nkind: view\ngrain: one row\nkey: [x]\n*/\n'
  const own = { file: 'sql/gold/own.sql', text: `${head}-- A model.\n${sql}` }
  const files = sql === '' ? modelFiles() : [...modelFiles(), own]
  const models = files.map((one) => parseModel(one.file, one.text))
  const sources = ['raw.events', 'seeds.internal_traffic']
  const graph = await buildGraph(models, { macros, sources, parseSql: duck.parseSql })
  const fieldsOf = traceValues(graph, macros, FIELDS)
  return columns.map((column) => {
    const fields = fieldsOf(model, column)
    return `${column}: ${IDS.filter((id) => fields.has(id)).join(' ')}`.trim()
  })
}

test('a row of gold.sessions names its visitor and its customer, through session_rows', async () => {
  const columns = ['session_id', 'Anonymous_ID', 'customer_id', 'page_views', 'utm_campaign']
  expect(await trace(columns, { model: 'gold.sessions' })).toEqual([
    'session_id: anonymous_id',
    'Anonymous_ID: anonymous_id',
    'customer_id: customer_id',
    'page_views:',
    'utm_campaign:',
  ])
})

test('columns that count visitors or pages have the id of nobody', async () => {
  expect(await trace(['window_start', 'visitors'], { model: 'gold.activity_1m' })).toEqual([
    'window_start:',
    'visitors:',
  ])
  expect(await trace(['page', 'views'], { model: 'gold.top_pages_1h' })).toEqual([
    'page:',
    'views:',
  ])
})

test('an id is followed under other names and types, not where it only decides', async () => {
  const sql = `SELECT CAST(customer_id AS BIGINT) AS x, coalesce(customer_id, anonymous_id) AS who,
    CASE WHEN customer_id = '1' THEN page ELSE anonymous_id END AS y,
    arg_max(page, customer_id) AS last_page, customer_id IN ('1', '2') AS is_known,
    count(DISTINCT customer_id) AS buyers, len(list(DISTINCT anonymous_id)) AS people,
    max(page) OVER (PARTITION BY anonymous_id ORDER BY customer_id) AS z,
    list(customer_id) AS all_of_them,
    (SELECT max(e.page) FROM silver.events e WHERE e.customer_id = o.customer_id) AS seen
    FROM silver.events o WHERE customer_id > '' GROUP BY ALL`
  const columns = ['x', 'who', 'y', 'last_page', 'is_known', 'buyers', 'people', 'z']
  expect(await trace([...columns, 'all_of_them', 'seen'], { sql })).toEqual([
    'x: customer_id',
    'who: anonymous_id customer_id',
    'y: anonymous_id',
    'last_page:',
    'is_known:',
    'buyers:',
    'people:',
    'z:',
    'all_of_them: customer_id',
    'seen:',
  ])
})

test('an id in a list is followed through unnest', async () => {
  const sql = `SELECT t.x, t.y FROM (SELECT unnest([customer_id]) AS x, page AS y FROM silver.events) t,
    (SELECT unnest(range(3)) AS n)`
  expect(await trace(['x', 'y'], { sql })).toEqual(['x: customer_id', 'y:'])
})
