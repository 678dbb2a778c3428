/** Which types of Parquet an import reads exactly, and which it refuses by name. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openDuck } from '../../cli/adapters/duckdb/duckdb.ts'
import { openParquet } from '../../cli/adapters/duckdb/parquet-rows.ts'

const FIXTURES = path.resolve(import.meta.dirname, '../fixtures')

async function readValues(file: string): Promise<Readonly<Record<string, unknown>>> {
  const reader = await openParquet(file, 1)
  try {
    for await (const [row] of reader.batches())
      return row?.values as Readonly<Record<string, unknown>> // Parquet rows are objects
    return {}
  } finally {
    await reader.close()
  }
}

/** types.parquet has one row, written by pyarrow 26. */
const OF_ARROW: readonly (readonly [column: string, type: string, value: unknown])[] = [
  ['dec9', 'DECIMAL(9, 2)', '35.79'],
  ['dec18', 'DECIMAL(18, 2)', '9999999999999999.99'],
  ['dec38', 'DECIMAL(38, 2)', '999999999999999999999999999999999999.99'],
  ['dec20_256', 'DECIMAL(20, 2), from 256 bits', '10.00'],
  ['dec38_256', 'DECIMAL(38, 2), from 256 bits', '999999999999999999999999999999999999.99'],
  ['u8', 'UINT_8', 255],
  ['u16', 'UINT_16', 65_535],
  ['u32', 'UINT_32', 4_294_967_295],
  ['u64', 'UINT_64 beyond 2^63', '18446744073709551615'],
  ['i8', 'INT_8', -128],
  ['i64', 'INT64 beyond 2^53', '9007199254740993'],
  ['f16', 'FLOAT16', '10.5'],
  ['f64', 'DOUBLE', 10.1],
  ['bool', 'BOOLEAN', true],
  ['str', 'STRING', 'é'],
  ['lstr', 'large STRING', 'é'],
  ['bin', 'BYTE_ARRAY, as base64', 'AP8='],
  ['fsb', 'FIXED_LEN_BYTE_ARRAY, as base64', 'AP8B'],
  ['date', 'DATE', '2026-03-01'],
  ['t32ms', 'TIME in ms', '10:00:00.123'],
  ['t64us', 'TIME in µs', '10:00:00.123456'],
  ['t64ns', 'TIME in ns', '10:00:00.123456789'],
  ['tsms', 'TIMESTAMP in ms', '2026-03-01T10:00:00.123Z'],
  ['tsus', 'TIMESTAMP in µs', '2026-03-01T10:00:00.123456Z'],
  ['tsns', 'TIMESTAMP in ns', '2026-03-01 10:00:00.123456789'],
  ['tsz', 'TIMESTAMP with a zone', '2026-03-01T10:00:00.000Z'],
  ['dictstr', 'STRING from a dictionary', 'a'],
  ['list', 'LIST', [1, 2]],
  ['struct', 'STRUCT of DECIMAL and LIST', { a: '1.50', b: [{ c: 'x' }] }],
  ['map', 'MAP', { k: '1.50' }],
  ['nul', 'NULL', null],
  ['uuid', 'UUID', '00010203-0405-0607-0809-0a0b0c0d0e0f'],
  ['json', 'JSON, as text', '{"a":1}'],
]

describe('a column of the type is read exactly', () => {
  let row: Readonly<Record<string, unknown>>
  beforeAll(async () => {
    row = await readValues(path.join(FIXTURES, 'parquet/types.parquet'))
  })

  test.each(OF_ARROW)('%s: %s', (column, _, value) => {
    expect(row[column]).toEqual(value)
  })
})

describe('a column that DuckDB writes is read exactly', () => {
  let dir: string
  beforeAll(() => {
    dir = mkdtempSync(path.join(tmpdir(), 'ccs-parquet-'))
  })
  afterAll(() => rmSync(dir, { recursive: true, force: true }))

  test.each([
    ["'shipped'::ENUM('paid', 'shipped')", 'shipped'],
    ["INTERVAL '14 months 3 days 1500 milliseconds'", '1 year 2 months 3 days 00:00:01.5'],
    ["'10:00:00+02'::TIMETZ", '08:00:00+00'],
    [
      "[{'price': 10.00::DECIMAL(18, 2), 'at': TIME '10:00'}]",
      [{ price: '10.00', at: '10:00:00' }],
    ],
    ['18446744073709551615::UBIGINT', '18446744073709551615'],
    ['99999999999999999999999999999999999999::DECIMAL(38, 0)', '9'.repeat(38)],
  ])('%s', async (sql, value) => {
    const file = path.join(dir, 'one.parquet')
    const duck = await openDuck()
    const connection = await duck.connect()
    await connection.run(`COPY (SELECT ${sql} AS x) TO '${file}'`)
    connection.close()
    duck.close()
    expect(await readValues(file)).toEqual({ x: value })
  })
})

test.each([
  [
    'parquet/wide-decimals',
    'dec39 is DECIMAL(39, 2), dec76 is DECIMAL(76, 2), ' + 'deep.l.list.element is DECIMAL(48, 2)',
  ],
  ['cases/07-parquet-decimal-above-38/dp39', 'price is DECIMAL(39, 2)'],
  ['cases/07-parquet-decimal-above-38/dp48', 'price is DECIMAL(48, 2)'],
])('%s.parquet is refused, with the columns that are too wide', async (name, columns) => {
  const file = path.join(FIXTURES, `${name}.parquet`)
  await expect(openParquet(file, 1)).rejects.toMatchObject({
    code: 'CCS_IMPORT_INVALID',
    exit: 2,
    message: `In ${file}, ${columns}: too wide to be read.`,
  })
})
