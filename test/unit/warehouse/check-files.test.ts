/** Each rule of Redshift's COPY from Parquet, broken by a real file. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Duck, DuckConnection } from '../../../cli/adapters/duckdb/duckdb.ts'
import { openDuck } from '../../../cli/adapters/duckdb/duckdb.ts'
import { openFooterReader } from '../../../cli/adapters/redshift/read-footers.ts'
import { CLICKS_COLUMNS } from '../../../cli/domain/lake/clicks-columns.ts'
import type { CopiedFile } from '../../../cli/domain/lake/s3/copy-manifest.ts'
import { checkFile } from '../../../cli/domain/warehouse/check-files.ts'
import { listStages } from '../../../cli/domain/warehouse/load-group.ts'
import { findWarehouseTable } from '../../../cli/domain/warehouse/warehouse-table.ts'
import { openMemoryObjects } from '../../fixtures/memory-objects.ts'

const SCHEMAS = { raw: 'raw', silver: 'silver' }
let duck: Duck
let connection: DuckConnection
let dir: string

beforeAll(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'ccs-check-'))
  duck = await openDuck({ threads: 1 })
  connection = await duck.connect()
})
afterAll(() => {
  connection.close()
  duck.close()
  rmSync(dir, { recursive: true })
})

/** A Parquet file with the rows of a SELECT. */
async function makeFile(select: string, options = 'COMPRESSION zstd'): Promise<Buffer> {
  const file = path.join(dir, 'file.parquet')
  await connection.run(`COPY (${select}) TO '${file}' (FORMAT parquet, ${options})`)
  return readFileSync(file)
}

/** What the check says of these bytes, which the manifest describes as it should unless told otherwise. */
async function check(table: string, bytes: Buffer, noted: Partial<CopiedFile> = {}) {
  const objects = openMemoryObjects()
  const file = { table, partition: 'dt=2026-11-22', key: 'a.parquet', rows: 1, crc32: 0, ...noted }
  if (bytes.length > 0) objects.objects.set('a.parquet', bytes)
  const reader = openFooterReader(objects, dir)
  try {
    const target = findWarehouseTable(table, SCHEMAS)
    if (!target) throw new Error(table)
    const found = await reader.read({ bytes: bytes.length, ...file })
    return { faults: checkFile(target, found), stages: listStages([found]) }
  } finally {
    await reader.close()
  }
}

const select = (columns: readonly (readonly [string, string])[]) =>
  `SELECT ${columns.map(([name, type]) => `CAST(NULL AS ${type}) AS "${name}"`).join(', ')}`
const DAY = ['event_date', 'DATE'] as const
const silver = (...columns: readonly (readonly [string, string])[]) => select([...columns, DAY])

test('a file of the contract can be loaded, its columns in their order', async () => {
  const { faults, stages } = await check('bronze.clicks', await makeFile(select(CLICKS_COLUMNS)))
  expect(faults).toEqual([])
  expect(stages).toMatchObject([
    { columns: [{ name: 'event_id', type: 'VARCHAR(65535)' }, ...Array(9).fill({})] },
  ])
})

test('types of Silver become types of Redshift, nested ones SUPER', async () => {
  const bytes = await makeFile(
    silver(
      ...(['BOOLEAN', 'SMALLINT', 'INTEGER', 'BIGINT', 'FLOAT', 'DOUBLE'] as const).map(
        (type) => [type, type] as const,
      ),
      ['money', 'DECIMAL(18,2)'],
      ['huge', 'DECIMAL(38,4)'],
      ['at', 'TIMESTAMP'],
      ['zoned', 'TIMESTAMPTZ'],
      ['items', 'STRUCT(sku VARCHAR)[]'],
    ),
  )
  const { faults, stages } = await check('silver.orders', bytes)
  expect(faults).toEqual([])
  expect(stages[0]?.columns.map(({ type }) => type)).toEqual([
    ...['BOOLEAN', 'SMALLINT', 'INTEGER', 'BIGINT', 'REAL', 'DOUBLE PRECISION'],
    ...['DECIMAL(18, 2)', 'DECIMAL(38, 4)', 'TIMESTAMP', 'TIMESTAMPTZ', 'SUPER', 'DATE'],
  ])
})

const without = (name: string) => CLICKS_COLUMNS.filter(([one]) => one !== name)

test.each([
  ['a column is missing', () => makeFile(select(without('geo_city'))), 'lacks geo_city'],
  [
    'the day is in the file too',
    () => makeFile(select([...CLICKS_COLUMNS, ['dt', 'DATE']])),
    'has dt, which the contract has not',
  ],
  [
    'columns are in another order',
    () => makeFile(select(CLICKS_COLUMNS.toReversed())),
    /^has its columns in another order than event_id, customer_id/,
  ],
  [
    'a column has another type',
    () => makeFile(select(CLICKS_COLUMNS.map(([name]) => [name, 'VARCHAR']))),
    'column event_ts is VARCHAR, not TIMESTAMP',
  ],
])('a file of clicks is refused when %s', async (_, make, fault) => {
  const { faults } = await check('bronze.clicks', await make())
  expect(faults).toEqual([expect.stringMatching(fault)])
})

test.each([
  ['an unsigned number', [['n', 'UBIGINT']], 'column n is UBIGINT, which Redshift cannot load'],
  ['nanoseconds', [['at', 'TIMESTAMP_NS']], 'column at is TIMESTAMP_NS, which Redshift cannot'],
  ['a UUID', [['id', 'UUID']], 'column id is UUID, which Redshift cannot load'],
  ['an interval', [['span', 'INTERVAL']], 'column span is INTERVAL, which Redshift cannot load'],
  ['bytes', [['raw', 'BLOB']], 'column raw is BLOB, which Redshift cannot load'],
] as const)('a file of Silver is refused for %s', async (_, columns, fault) => {
  const { faults } = await check('silver.orders', await makeFile(silver(...columns)))
  expect(faults).toEqual([expect.stringContaining(fault)])
})

test('names, days, codecs and sizes that Redshift does not take are refused', async () => {
  const faultsOf = async (...args: Parameters<typeof check>) => (await check(...args)).faults
  const good = await makeFile(silver(['n', 'INTEGER']))
  expect(await faultsOf('silver.orders', await makeFile(select([['n', 'INTEGER']])))).toEqual([
    'lacks the column event_date',
  ])
  expect(
    await faultsOf('silver.orders', await makeFile(select([['event_date', 'VARCHAR']]))),
  ).toEqual(['column event_date is VARCHAR, not DATE'])
  expect(
    await faultsOf('silver.orders', await makeFile(silver(['x'.repeat(128), 'INTEGER']))),
  ).toEqual(['column xxxxxxxxxxxxxxxxxxxx… has a name of more than 127 bytes'])
  expect(
    await faultsOf('silver.orders', await makeFile(silver(['n', 'INTEGER']), 'COMPRESSION brotli')),
  ).toEqual(['is compressed by BROTLI; Redshift reads SNAPPY, GZIP, ZSTD'])
  const wide = Array.from({ length: 1_600 }, (_, at) => [`c${at}`, 'INTEGER'] as const)
  expect(await faultsOf('silver.orders', await makeFile(silver(...wide)))).toEqual([
    'has 1601 columns; Redshift takes 1600',
  ])
  expect(await faultsOf('silver.orders', good, { bytes: 7 })).toEqual([
    `has ${good.length} bytes, and the manifest of the copy says 7`,
  ])
  expect(await faultsOf('silver.orders', good, { rows: 2 })).toEqual([
    'has 1 rows, and the manifest of the copy says 2',
  ])
  expect(await faultsOf('silver.orders', Buffer.alloc(0), { bytes: 7 })).toEqual([
    'is not in the bucket',
  ])
  expect(await faultsOf('silver.orders', Buffer.from('no Parquet'))).toEqual([
    'is not a Parquet file',
  ])
  const encrypted = Buffer.concat([good.subarray(0, -4), Buffer.from('PARE')])
  expect(await faultsOf('silver.orders', encrypted)).toEqual(['is encrypted'])
  const torn = Buffer.concat([
    good.subarray(0, 40),
    Buffer.from([20, 0, 0, 0]),
    Buffer.from('PAR1'),
  ])
  expect(await faultsOf('silver.orders', torn)).toEqual(['has a damaged footer'])
})

test('a footer that is longer than the first read is read whole', async () => {
  const wide = Array.from({ length: 1_500 }, (_, at) => [`column_number_${at}`, 'VARCHAR'] as const)
  const bytes = await makeFile(silver(...wide))
  expect(bytes.length).toBeGreaterThan(64 * 1024)
  const { faults, stages } = await check('silver.orders', bytes)
  expect(faults).toEqual([])
  expect(stages[0]?.columns).toHaveLength(1_501)
})

test('names that differ in upper and lower case alone are one name in Redshift', () => {
  // DuckDB writes no such file.
  const column = (name: string) => ({ name, type: 'INTEGER', physical: 'INT32', typeBytes: null })
  const table = findWarehouseTable('silver.orders', SCHEMAS)
  if (!table) throw new Error('no table')
  const file = { table: 'silver.orders', partition: '', key: 'a', rows: 1, bytes: 1, crc32: 0 }
  const day = { ...column('event_date'), type: 'DATE' }
  const footer = { columns: [column('Total'), column('total'), day], codecs: [], rows: 1 }
  expect(checkFile(table, { file, bytes: 1, footer })).toEqual([
    'has columns Total and total, which are one name in Redshift',
  ])
})
