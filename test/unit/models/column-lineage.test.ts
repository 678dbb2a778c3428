/** Uses of a field, followed through SELECTs, macros, dbt models and dashboards. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { traceSelect } from '../../../cli/domain/models/column-lineage.ts'
import type { Lineage } from '../../../cli/domain/models/column-sources.ts'
import { openSchemaImpact } from '../../../cli/domain/models/schema-impact.ts'
import { parseSelect } from '../../../cli/domain/sql/ast.ts'
import { modelFiles, openTestDuck, projectFile, type TestDuck } from '../model-files.ts'

let duck: TestDuck
beforeAll(async () => {
  duck = await openTestDuck()
})
afterAll(() => duck.close())

const T: Lineage = {
  columns: new Map(['a', 'b', 'c', 'd'].map((name) => [name, new Set([name])])),
  rows: new Set(),
  ownColumns: new Set(['a', 'b', 'c', 'd']),
}

/** `column: sources …` of each column, then `rows: …`, then the columns of t that are named. */
async function lineage(sql: string): Promise<readonly string[]> {
  const ast = await parseSelect({ file: 'x.sql', line: 1, sql }, duck.parseSql)
  const { columns, rows, reads, unlisted } = traceSelect(ast, (name) =>
    name === 's.t' ? T : undefined,
  )
  const words = (set: Iterable<string>) => [...set].sort().join(' ')
  return [
    ...[...columns].map(([name, from]) => `${name}: ${words(from)}`),
    ...(unlisted ? [`any: ${words(unlisted)}`] : []),
    `rows: ${words(rows)}`,
    `names: ${words(reads.keys())}`,
  ]
}

test.each([
  [
    'columns and conditions',
    'SELECT a, b + c AS x FROM s.t WHERE d > 1',
    ['a: a', 'x: b c', 'rows: d', 'names: a b c d'],
  ],
  [
    'a star reads no column by name',
    'SELECT * EXCLUDE (a) REPLACE (b + c AS b) FROM s.t',
    ['b: b c', 'c: c', 'd: d', 'rows: ', 'names: b c'],
  ],
  [
    'a column through a star',
    'WITH x AS (SELECT * FROM s.t) SELECT a FROM x',
    ['a: a', 'rows: ', 'names: a'],
  ],
  [
    'only selected columns of a subquery',
    'SELECT y FROM (SELECT a AS y, b FROM s.t) q',
    ['y: a', 'rows: ', 'names: a b'],
  ],
  [
    'joins decide rows',
    'SELECT l.a FROM s.t l JOIN s.t r ON l.b = r.c',
    ['a: a', 'rows: b c', 'names: a b c'],
  ],
  ['USING', 'SELECT l.a FROM s.t l JOIN s.t r USING (d)', ['a: a', 'rows: d', 'names: a d']],
  [
    'an aggregate with filter',
    'SELECT a, count(*) FILTER (WHERE b) AS n FROM s.t GROUP BY a',
    ['a: a', 'n: b', 'rows: a', 'names: a b'],
  ],
  [
    'GROUP BY ALL',
    'SELECT a, sum(b) AS n FROM s.t GROUP BY ALL',
    ['a: a', 'n: b', 'rows: a', 'names: a b'],
  ],
  [
    'GROUP BY an ordinal',
    'SELECT upper(a) AS u, max(b) AS m FROM s.t GROUP BY 1',
    ['u: a', 'm: b', 'rows: a', 'names: a b'],
  ],
  [
    'an output column used by the next',
    'SELECT a || b AS x, x || c AS y FROM s.t',
    ['x: a b', 'y: a b c', 'rows: ', 'names: a b c'],
  ],
  [
    'windows and QUALIFY',
    'SELECT a FROM s.t QUALIFY row_number() OVER (PARTITION BY b ORDER BY c) = 1',
    ['a: a', 'rows: b c', 'names: a b c'],
  ],
  [
    'lambdas hide their parameters',
    'SELECT list_transform(a, lambda b: b.c) AS x FROM s.t',
    ['x: a', 'rows: ', 'names: a'],
  ],
  [
    'parts of a column',
    'SELECT t.a.x AS x, b[1].y AS y FROM s.t',
    ['x: a', 'y: b', 'rows: ', 'names: a b'],
  ],
  ['a whole row', 'SELECT t AS x FROM s.t', ['x: a b c d', 'rows: ', 'names: ']],
  [
    'unions by position',
    'SELECT a AS x FROM s.t UNION ALL SELECT b FROM s.t',
    ['x: a b', 'rows: ', 'names: a b'],
  ],
  ['DISTINCT decides rows', 'SELECT DISTINCT a FROM s.t', ['a: a', 'rows: a', 'names: a']],
  [
    'a correlated subquery',
    'SELECT (SELECT max(o.b) FROM s.t o WHERE o.c = t.d) AS x FROM s.t',
    ['x: b c d', 'rows: ', 'names: b c d'],
  ],
  ['unnest', 'SELECT u.x FROM s.t, unnest(a) AS u(x)', ['x: a', 'rows: a', 'names: a']],
  [
    'ORDER BY with LIMIT',
    'SELECT a FROM s.t ORDER BY b LIMIT 1',
    ['a: a', 'rows: b', 'names: a b'],
  ],
  ['other tables are of no interest', 'SELECT a FROM other.t', ['a: ', 'rows: ', 'names: ']],
])('%s', async (_name, sql, expected) => {
  expect(await lineage(sql)).toEqual(expected)
})

const STAGING =
  "-- {# note #}\nselect order_id, {{ shop_day('event_time') }} as day, coupon from {{ source('lake', 'orders') }}"

async function impact(more: { dbt?: readonly (readonly [string, string])[] } = {}) {
  const live = {
    file: 'sql/live/coupons.sql',
    text: '/*\nkind: figure\n*/\nSELECT coupon, count(*) FROM silver.orders GROUP BY 1',
  }
  return openSchemaImpact(
    {
      models: [...modelFiles(), live],
      macros: projectFile('sql/macros.sql'),
      dbt: (more.dbt ?? []).map(([file, text]) => ({ file: `dbt/models/${file}`, text })),
    },
    duck.parseSql,
  )
}

const names = (uses: readonly { name: string }[]) => uses.map((one) => one.name)

test('a field is followed through all models, and readers have their place', async () => {
  const usesOf = (await impact())({
    topic: 'events.raw',
    fields: ['page_title', 'user_agent', 'coupon'],
  })
  expect(names(usesOf('page_title'))).toEqual([
    'bronze.events',
    'silver.events',
    'silver.page_view',
    'silver.people',
  ])
  expect(usesOf('page_title')[0]).toMatchObject({
    kind: 'model',
    at: { file: 'sql/bronze/events.sql', line: 16, column: 9 },
  })
  // is_bot is computed from the user agent, and Gold excludes bots.
  expect(names(usesOf('user_agent'))).toContain('gold.sessions')
  expect(names(usesOf('coupon'))).toContain('live.coupons')
  expect(names(usesOf('results_count'))).toEqual([])
})

test('dbt models and exposures are followed; unparsable SQL uses all it names', async () => {
  const usesOf = (
    await impact({
      dbt: [
        ['stg_orders.sql', STAGING],
        [
          'fct.sql',
          "{{ config(materialized='table') }}\nselect day, count(*) as n from {{ ref('stg_orders') }} group by day",
        ],
        ['odd.sql', "{% set t = ref('stg_orders') %} select * from {{ t }}"],
        [
          'x.yml',
          "exposures:\n  - name: board\n    label: The board\n    depends_on: [ref('odd')]\n",
        ],
      ],
    })
  )({ topic: 'events.raw', fields: ['coupon', 'event_ts'] })
  const later = (field: string) =>
    usesOf(field)
      .filter((one) => one.kind !== 'model')
      .map((one) => `${one.kind} ${one.name}`)
  expect(later('coupon')).toEqual([
    'mart dbt.odd',
    'mart dbt.stg_orders',
    'dashboard The board',
    'dashboard live.coupons',
  ])
  expect(later('event_ts')).toContain('mart dbt.fct')
})

test('a Silver topic is followed; a nested field is used where its name occurs', async () => {
  const trace = await impact()
  const usesOf = trace({ topic: 'silver.orders', fields: ['coupon', 'total'] })
  expect(names(usesOf('coupon'))).toEqual(['live.coupons'])
  // bronze.events reads raw.events, not silver.events.
  expect(names(trace({ topic: 'silver.events', fields: ['page_title'] })('page_title'))).toEqual([
    'silver.page_view',
    'silver.people',
  ])
  const raw = trace({ topic: 'events.raw', fields: ['items'] })
  expect(names(raw('items[].brand'))).toContain('silver.order_items')
  expect(names(raw('items[].shelf_mark'))).toEqual([])
})
