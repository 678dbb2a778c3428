/** Which of DuckDB's errors lie in the data, by errors that DuckDB itself gives. */
import { expect, test } from 'vitest'
import { readDataError } from '../../cli/adapters/duckdb/data-error.ts'
import type { DuckConnection } from '../../cli/adapters/duckdb/duckdb.ts'
import { withDuck } from '../../cli/adapters/duckdb/with-duck.ts'

const IN_THE_DATA = [
  "SELECT CAST(x AS INTEGER) FROM (VALUES ('five')) t(x)",
  'SELECT CAST(x AS DECIMAL(4, 2)) FROM (VALUES (100000)) t(x)',
  'SELECT x * x FROM (VALUES (9000000000000)) t(x)',
  "SELECT CAST(x AS DATE) FROM (VALUES ('2026-13-01')) t(x)",
  "SELECT strptime(x, '%d') FROM (VALUES ('five')) t(x)",
  'SELECT make_date(2026, x, 1) FROM (VALUES (13)) t(x)',
  'SELECT sqrt(x) FROM (VALUES (-1)) t(x)',
  "SELECT CAST(x AS JSON) FROM (VALUES ('{')) t(x)",
  "SELECT CASE WHEN x > 0 THEN error('no') END FROM (VALUES (1)) t(x)",
]

const ELSEWHERE = [
  'SELECT * FROM nothing',
  'SELECT nothing FROM (VALUES (1)) t(x)',
  'SELECT FROM',
  "SELECT * FROM read_csv('/nothing/here.csv')",
]

async function failWith(connection: DuckConnection, sql: string): Promise<unknown> {
  try {
    await connection.run(sql)
  } catch (error) {
    return error
  }
  throw new Error(`${sql} does not fail`)
}

test('conversions, overflows and invalid values lie in the data', async () => {
  await withDuck({ threads: 1 }, async (connection) => {
    for (const sql of IN_THE_DATA) {
      const message = readDataError(await failWith(connection, sql))
      expect(message, sql).toMatch(/^[A-Z][\w ]+ Error: [^\n]+$/)
    }
  })
})

test('missing tables, typing errors, interrupts and lack of memory do not lie in the data', async () => {
  await withDuck({ threads: 1, memoryLimitBytes: 16 * 1024 * 1024 }, async (connection) => {
    for (const sql of ELSEWHERE)
      expect(readDataError(await failWith(connection, sql)), sql).toBeUndefined()
    const large = 'CREATE TABLE large AS SELECT range AS n, hash(range) AS h FROM range(10000000)'
    expect(readDataError(await failWith(connection, large))).toBeUndefined()
    const endless = failWith(
      connection,
      'SELECT count(*) FROM range(1e12::BIGINT) WHERE range % 7 = 8',
    )
    setTimeout(() => connection.interrupt(), 50)
    expect(readDataError(await endless)).toBeUndefined()
  })
  expect(readDataError('Conversion Error: not an Error')).toBeUndefined()
})
