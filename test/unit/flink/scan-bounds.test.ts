/** What a plan of DuckDB says of the rows that a SELECT needs. */
import { expect, test } from 'vitest'
import { withDuck } from '../../../cli/adapters/duckdb/with-duck.ts'
import {
  PLAN_SETTINGS,
  readScans,
  toBoundMs,
} from '../../../cli/engines/flink/query/scan-bounds.ts'

const COLUMNS = ['seen', 'day', 'kind', 'page', 'n']

async function scan(where: string) {
  return withDuck({ threads: 1, config: PLAN_SETTINGS }, async (connection) => {
    await connection.run(
      'CREATE TABLE t (seen TIMESTAMP, day DATE, kind VARCHAR, page VARCHAR, n INT)',
    )
    const { rows } = await connection.all(`EXPLAIN (FORMAT JSON) SELECT page FROM t ${where}`)
    const scans = readScans(String(rows[0]?.explain_value), () => COLUMNS)
    return scans.map(({ columns, bounds }) => ({
      columns: [...columns],
      bounds: bounds.map(({ column, value }) => `${column} ${value}`),
    }))
  })
}

test.each([
  ['', []],
  ["WHERE seen >= '2026-03-27 10:00:00.5'", ['seen 2026-03-27 10:00:00.5']],
  ["WHERE seen > TIMESTAMP '2026-03-28' - INTERVAL 1 DAY", ['seen 2026-03-27 00:00:00']],
  ["WHERE day = '2026-03-27' AND kind = 'x'", ['day 2026-03-27']],
  ["WHERE day BETWEEN '2026-03-01' AND '2026-03-04'", ['day 2026-03-01']],
  // No bounds: an upper one, a part of an OR, a text that looks like one, and another type.
  ["WHERE seen < '2026-03-27'", []],
  ["WHERE seen >= '2026-03-27' OR n = 1", []],
  ["WHERE (day >= '2026-03-27' AND n = 1) OR (n = 2 AND day >= '2026-01-01' AND n <> 3)", []],
  ["WHERE kind = 'a AND day>=''2026-03-27''::DATE AND b'", []],
  ['WHERE n >= 20260327', []],
  ['ORDER BY seen DESC LIMIT 3', []],
])('lower bounds of times and dates in: %s', async (where, bounds) => {
  expect((await scan(where)).map((one) => one.bounds)).toEqual([bounds])
})

test('the columns are those that are read, in the result or in conditions', async () => {
  expect(await scan("WHERE kind = 'x' AND n > 3")).toMatchObject([
    { columns: ['kind', 'page', 'n'] },
  ])
})

test('each scan of a table is listed, those in WITH and subqueries too', async () => {
  const bounds = (await scan("WHERE seen >= '2026-03-27' AND n IN (SELECT n FROM t)")).map(
    (one) => one.bounds,
  )
  expect(bounds).toHaveLength(2)
  expect(bounds).toContainEqual([])
})

test('a bound is a moment in UTC', () => {
  const bound = { column: 'seen', type: 'TIMESTAMP' } as const
  const ms = Date.parse('2026-03-27T10:00:00.5Z')
  expect(toBoundMs({ ...bound, value: '2026-03-27 10:00:00.5' })).toBe(ms)
  expect(toBoundMs({ ...bound, type: 'DATE', value: '2026-03-27' })).toBe(Date.parse('2026-03-27'))
})
