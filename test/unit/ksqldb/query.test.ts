/** Queries on a ksqlDB: rewriting names, mapping places back, converting values. */
import { expect, test } from 'vitest'
import { createRowFormatter } from '../../../cli/domain/console/streaming-table.ts'
import { createPainter } from '../../../cli/domain/console/text.ts'
import { readNames, rewriteQuery } from '../../../cli/engines/ksqldb/client/query-text.ts'
import { createConverter, listFieldNames } from '../../../cli/engines/ksqldb/client/query-values.ts'

const SOURCES: Readonly<Record<string, string>> = {
  'gold.activity_1m': '`shop_gold_activity_1m`',
  'silver.orders': '`shop_silver_orders`',
}
const COLUMNS = ['order_id', 'revenue', 'Revenue', 'ID', 'id', 'partition', 'items', 'price']
const known = { source: (name: string) => SOURCES[name], columns: COLUMNS }
const sqlOf = (given: string) => rewriteQuery(given, known).sql

test('names of models become sources, and lower-case columns get back-ticks', () => {
  expect(sqlOf('SELECT order_id, revenue FROM gold.activity_1m EMIT CHANGES')).toBe(
    'SELECT `order_id`, `revenue` FROM `shop_gold_activity_1m` EMIT CHANGES',
  )
  expect(
    sqlOf("select o.order_id, o.items[1]->price from `silver.orders` o where o.order_id = 'id'"),
  ).toBe(
    "select o.`order_id`, o.`items`[1]->`price` from `shop_silver_orders` o where o.`order_id` = 'id'",
  )
})

test('texts, comments, functions, keywords and quoted names are not changed', () => {
  const given =
    "SELECT id, `id`, REVENUE(1), 'revenue' -- revenue\n/* order_id */ FROM plain PARTITION BY x"
  expect(sqlOf(given)).toBe(given.replace('SELECT id', 'SELECT `id`'))
})

test('of names that differ in case, the exact one wins, then the one in capitals', () => {
  expect(sqlOf('SELECT id, ID, Id, revenue, Revenue, REVENUE FROM x')).toBe(
    'SELECT `id`, ID, Id, `revenue`, `Revenue`, `revenue` FROM x',
  )
})

test('an alias keeps its case, and the AS of CAST is not an alias', () => {
  expect(
    sqlOf('SELECT CAST(revenue AS STRING) AS net, COUNT(*) AS n FROM silver.orders AS o'),
  ).toBe(
    'SELECT CAST(`revenue` AS STRING) AS `net`, COUNT(*) AS `n` FROM `shop_silver_orders` AS o',
  )
})

test('a place in the sent query is mapped to the place in the typed query', () => {
  const given = 'SELECT order_id,\n  nope FROM silver.orders WHERE bad'
  const { sql, locate } = rewriteQuery(given, known)
  const placeOf = (word: string) => {
    const lines = sql.slice(0, sql.indexOf(word)).split('\n')
    return locate(lines.length, (lines.at(-1)?.length ?? 0) + 1)
  }
  expect(placeOf('nope')).toMatchObject({
    line: 2,
    column: 3,
    text: '  nope FROM silver.orders WHERE bad',
  })
  expect(placeOf('bad')).toMatchObject({ line: 2, column: 33 })
  // Within a name that was made longer: where it begins.
  expect(placeOf('silver_orders')).toMatchObject({ line: 2, column: 13 })
})

test('a query is one SELECT, and EMIT makes it a push query', () => {
  for (const wrong of ['DROP STREAM x', 'SELECT 1 FROM x; SELECT 2 FROM x', '', ';'])
    expect(() => rewriteQuery(wrong, known)).toThrow('A query must be one SELECT.')
  expect(rewriteQuery("SELECT 'emit changes' FROM x;", known).isUnbounded).toBe(false)
  expect(rewriteQuery('SELECT * FROM x Emit\nChanges LIMIT 1;', known).isUnbounded).toBe(true)
  expect(readNames('SELECT a FROM x JOIN `y.z` ON 1 = 1').map((one) => one.name)).toEqual([
    'x',
    'y.z',
  ])
})

test('values have the same JSON as on other targets, also inside lists and structs', () => {
  const shaped = (type: string, value: unknown) => createConverter(type)(value)
  expect(shaped('DECIMAL(18, 2)', 1.1)).toBe('1.10')
  expect(shaped('DECIMAL(38, 2)', '12345678901234567890.10')).toBe('12345678901234567890.10')
  expect(shaped('BIGINT', '1234567890123456')).toBe(1234567890123456)
  expect(shaped('BIGINT', '9007199254740993')).toBe('9007199254740993')
  expect(shaped('DOUBLE', '0.12345678901234')).toBe(0.12345678901234)
  expect(shaped('TIMESTAMP', '2026-11-22T10:00:00.000')).toBe('2026-11-22T10:00:00.000Z')
  expect(shaped('STRING', '2026-11-22T10:00:00.000')).toBe('2026-11-22T10:00:00.000')
  expect(shaped('DECIMAL(18, 2)', null)).toBeNull()
  const items =
    'ARRAY<STRUCT<`price` DECIMAL(18, 2), `tags` MAP<STRING, DECIMAL(4, 1)>, `at` TIMESTAMP>>'
  expect(shaped(items, [{ price: 2, tags: { a: 3 }, at: 0 }, null])).toEqual([
    { price: '2.00', tags: { a: '3.0' }, at: '1970-01-01T00:00:00.000Z' },
    null,
  ])
  expect(listFieldNames(items)).toEqual(['price', 'tags', 'at'])
})

test('streamed rows are printed in columns, or in blocks if there are too many columns', () => {
  const options = { width: 40, paint: createPainter(false) }
  const table = createRowFormatter(
    [
      { name: 'n', type: 'BIGINT' },
      { name: 'who', type: 'STRING' },
    ],
    options,
  )
  expect([...table({ n: 1, who: 'ada' }), ...table({ n: 22, who: 'x'.repeat(40) })]).toEqual([
    '         n  who',
    '         1  ada',
    `        22  ${'x'.repeat(27)}…`,
  ])
  const many = [...'abcdefgh'].map((name) => ({ name: name.repeat(6), type: 'BIGINT' }))
  const block = createRowFormatter(many, options)
  expect(block({ aaaaaa: 1 })[0]).toBe('aaaaaa  1')
  expect(block({ aaaaaa: 2 }).slice(0, 2)).toEqual(['', 'aaaaaa  2'])
})
