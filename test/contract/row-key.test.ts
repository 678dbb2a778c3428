/** Keys of rows as text: no two keys give the same one, and SQL gives what TypeScript gives. */
import { expect, test } from 'vitest'
import { openDuck } from '../../cli/adapters/duckdb/duckdb.ts'
import { formatKey, printKeySql } from '../../cli/domain/reconcile/row-key.ts'

const VALUES = ['', null, 'NULL', '"', '"NULL"', 'a', 'a | b', 'b', '|', '| ', '\uFEFF', ' ']

test('all pairs of hostile values have their own key, the same by SQL', async () => {
  const pairs = VALUES.flatMap((a) => VALUES.map((b) => [a, b]))
  const keys = pairs.map(formatKey)
  expect(new Set(keys).size).toBe(pairs.length)
  const duck = await openDuck({ threads: 1 })
  const connection = await duck.connect()
  try {
    for (const [at, pair] of pairs.entries()) {
      const sql = `SELECT ${printKeySql(['a', 'b'])} AS key FROM (SELECT $1 AS a, $2 AS b)`
      expect((await connection.all(sql, pair)).rows).toEqual([{ key: keys[at] }])
    }
  } finally {
    connection.close()
    duck.close()
  }
})

test('ordinary values stand as they are', () => {
  expect(formatKey(['EUR', 'Garden & Patio'])).toBe('EUR | Garden & Patio')
})
