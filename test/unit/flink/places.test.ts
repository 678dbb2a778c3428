/** A line and column of a statement for Flink lead to those of the model's file. */
import { expect, test } from 'vitest'
import { parseModel } from '../../../cli/domain/models/parse-model.ts'
import { locateInModel, readPlaces } from '../../../cli/engines/flink/compile/places.ts'
import { compileTest, projectModels } from '../dialects/compile-bench.ts'

const MODEL = parseModel(
  'sql/silver/prices.sql',
  `/*
kind: stream
grain: one row per event
key: [event_id]
time: event_time
*/
-- Ärger mit Umlauten: offsets are bytes.
SELECT
  event_id, event_time, 'ä' AS umlaut,
  upper(page)                        AS page_upper,
  results_count + 1                  AS one_more
FROM silver.events
WHERE event_type = 'search' AND results_count > 3
`,
)

const results = await compileTest([...projectModels(), MODEL], 'flink')

function findStatement(model: string, text: string) {
  const result = results.find((one) => one.model.name === model)
  const views = result?.compiled.statements.filter((one) => one.what === 'view')
  const statement = views?.find((one) => one.sql.includes(text))
  if (result === undefined || statement === undefined) throw new Error(`no ${text} in ${model}`)
  return { model: result.model, statement }
}

/** Where a text of the statement comes from. */
function locateText(name: string, text: string): string {
  const { model, statement } = findStatement(name, text)
  const at = statement.sql.indexOf(text)
  const lines = statement.sql.slice(0, at).split('\n')
  const place = locateInModel(model, statement, lines.length, (lines.at(-1)?.length ?? 0) + 1)
  return `${place.file}:${place.line}:${place.column} ${place.text?.trim()}`
}

test.each([
  ['UPPER(', 'sql/silver/prices.sql:10:3 upper(page)                        AS page_upper,'],
  ['`page`)', 'sql/silver/prices.sql:10:9 upper(page)                        AS page_upper,'],
  [
    '`results_count` + 1',
    'sql/silver/prices.sql:11:3 results_count + 1                  AS one_more',
  ],
  [
    "`event_type` = 'search'",
    "sql/silver/prices.sql:13:7 WHERE event_type = 'search' AND results_count > 3",
  ],
  [
    '`results_count` > 3',
    "sql/silver/prices.sql:13:33 WHERE event_type = 'search' AND results_count > 3",
  ],
])('%s is found in the file', (text, expected) => {
  expect(locateText('silver.prices', text)).toBe(expected)
})

test('a place that no expression of the model printed is where its SELECT begins', () => {
  expect(locateText('silver.prices', 'FROM')).toBe('sql/silver/prices.sql:8:1 SELECT')
  expect(locateText('silver.prices', 'CREATE')).toBe('sql/silver/prices.sql:8:1 SELECT')
})

test.each([
  ['gold.activity_1m', 'COUNT(DISTINCT', 'sql/gold/activity_1m.sql'],
  ['gold.sessions', 'MIN(`device`)', 'sql/gold/sessions.sql'],
  ['bronze.events', 'GREATEST(', 'sql/bronze/events.sql'],
  ['silver.events', 'ROW_NUMBER()', 'sql/silver/events.sql'],
  ['silver.order_items', '`_items_quantity`', 'sql/silver/order_items.sql'],
])('a place in %s is one of its own file', (model, text, file) => {
  const place = locateText(model, text)
  expect(place.startsWith(`${file}:`), place).toBe(true)
})

test('no mark is left in any statement, and parts lie in their statement', () => {
  for (const { compiled } of results)
    for (const { sql, places = [] } of compiled.statements) {
      expect(sql).not.toMatch(/[\uE000-\uE002]/)
      for (const { from, to } of places) expect([from < to, to <= sql.length]).toEqual([true, true])
    }
})

test('parts may lie in one another', () => {
  const marked = 'SELECT \uE0007\uE001a + \uE00011\uE001b\uE002\uE002 FROM t'
  expect(readPlaces({ what: 'view', sql: marked })).toEqual({
    what: 'view',
    sql: 'SELECT a + b FROM t',
    places: [
      { at: 11, from: 11, to: 12 },
      { at: 7, from: 7, to: 12 },
    ],
  })
})
