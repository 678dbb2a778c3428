/** Reading texts of DuckDB's vectors without its public API. */
import { expect, test } from 'vitest'
import { openDuck } from '../../cli/adapters/duckdb/duckdb.ts'

async function asked(sql: string, values: readonly string[]): Promise<readonly string[]> {
  const duck = await openDuck({ threads: 1 })
  const connection = await duck.connect()
  try {
    return await connection.texts(sql, values)
  } finally {
    connection.close()
    duck.close()
  }
}

test('texts of any length are read, inside a vector or behind a pointer', async () => {
  const texts = [
    '',
    'a',
    'x'.repeat(12),
    'x'.repeat(13),
    'ä€😀',
    'Zürich, 24 °C',
    'y'.repeat(70_000),
  ]
  const values = texts.map((_, index) => `(${index}, $${index + 1}::VARCHAR)`).join(', ')
  expect(
    await asked(`SELECT text FROM (VALUES ${values}) AS texts(place, text) ORDER BY place`, texts),
  ).toEqual(texts)
})

test('rows of several chunks come in order', async () => {
  const found = await asked(
    "SELECT concat($1::VARCHAR, range, repeat('-', range::INTEGER % 20)) FROM range(5000)",
    ['row '],
  )
  expect(found).toHaveLength(5000)
  expect(found[0]).toBe('row 0')
  expect(found[4999]).toBe(`row 4999${'-'.repeat(19)}`)
})

test("an invalid statement throws DuckDB's error", async () => {
  await expect(asked('SELECT nope', [])).rejects.toThrow('nope')
})

test('rows keep a byte order mark at the beginning of a text, and a column named __proto__', async () => {
  const duck = await openDuck({ threads: 1 })
  const connection = await duck.connect()
  try {
    const { rows } = await connection.all(
      `SELECT chr(65279) AS mark, [chr(65279) || 'a'] AS list, 1 AS "__proto__"`,
    )
    expect(Object.entries(rows[0] ?? {})).toEqual([
      ['mark', '\uFEFF'],
      ['list', ['\uFEFFa']],
      ['__proto__', 1],
    ])
  } finally {
    connection.close()
    duck.close()
  }
})
