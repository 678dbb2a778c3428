/** Paths and names in a data directory. */
import { expect, test } from 'vitest'
import {
  generationName,
  isPartitionName,
  isPathBelow,
  isPlainName,
  isTableName,
  lakeFileName,
  leafPath,
  parseGenerationName,
  parsePartName,
  partPath,
} from '../../../cli/domain/lake/layout.ts'

test('the path of a partition follows the Hive convention', () => {
  expect(leafPath('silver.events', 'event_date=2026-11-22')).toBe(
    'silver/events/event_date=2026-11-22',
  )
  expect(leafPath('gold.top_pages_1h', '')).toBe('gold/top_pages_1h')
})

test('the name of a part folder gives its partition', () => {
  for (const partition of ['event_date=2026-11-22', '']) {
    const folder = partPath('silver.events', partition)
    expect(parsePartName(folder.split('/')[1] ?? '?')).toBe(partition)
  }
})

test('only names of generation directories give a generation number', () => {
  expect(parseGenerationName(generationName(12))).toBe(12)
  for (const name of ['lake', 'lake-', 'lake-01', 'lake-1x', 'lake-1.tmp', 'xlake-1'])
    expect(parseGenerationName(name)).toBeUndefined()
})

test('file names of one commit sort by index', () => {
  const names = [0, 9, 10, 999, 9999].map((index) => lakeFileName('12', index, 7))
  expect([...names].sort()).toEqual(names)
  expect(lakeFileName('12', 3, 0xab)).toBe('12-0003-000000ab.parquet')
})

test('names that could escape their directory are rejected', () => {
  for (const name of ['', '.', '..', '../x', 'a/b', '/etc', 'a\0b', '.hidden', 'a b'])
    expect(isPlainName(name), JSON.stringify(name)).toBe(false)
  for (const path of ['../x', 'a/../b', '/a', 'a//b', 'a/'])
    expect(isPathBelow(path), path).toBe(false)
  expect(isPathBelow('12/gold.sessions.parquet')).toBe(true)
  for (const table of ['silver', 'silver.events.x', '../silver.events', 'silver./events'])
    expect(isTableName(table), table).toBe(false)
  for (const partition of ['event_date', '../a=b', 'a=b/../c', 'a='])
    expect(isPartitionName(partition), partition).toBe(false)
  expect(isPartitionName('category=Home %2F Garden')).toBe(true)
})
