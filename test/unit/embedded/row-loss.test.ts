/** A rebuild whose rows are fewer than those that it would replace. */
import { expect, test } from 'vitest'
import type { Reject } from '../../../cli/domain/gate/reject.ts'
import { EMPTY_MANIFEST } from '../../../cli/domain/lake/empty-manifest.ts'
import type { Manifest } from '../../../cli/domain/lake/manifest.ts'
import type { Layer } from '../../../cli/domain/models/model.ts'
import { compareRows, refuseLostVersions } from '../../../cli/engines/embedded/row-loss.ts'

const models = ['bronze.events', 'silver.events', 'gold.minutes'].map((name) => ({
  model: { name, layer: name.split('.')[0] as Layer, kind: 'stream' },
  fingerprint: '1',
}))

function manifest(rows: readonly number[], counts: { records: number; dlq: number }): Manifest {
  return {
    ...EMPTY_MANIFEST,
    counts: { ...EMPTY_MANIFEST.counts, ...counts },
    models: models.map(({ model: { name } }) => ({ name, fingerprint: '1', text: '' })),
    files: rows.map((count, index) => {
      const table = models[index]?.model.name ?? ''
      return { table, partition: '', name: `${index}.parquet`, rows: count, bytes: 1, crc32: 1 }
    }),
  }
}

const before = manifest([2_000, 1_900, 60], { records: 2_010, dlq: 10 })

function compare(built: Manifest, options: { changed?: string; mayLoseRows?: boolean } = {}) {
  const now = models.map((one) => {
    return one.model.name === options.changed ? { ...one, fingerprint: '2' } : one
  })
  const graph = now as unknown as Parameters<typeof compareRows>[2]['models']
  return compareRows(before, built, { models: graph, mayLoseRows: options.mayLoseRows ?? false })
}

test('as many rows, or more, or fewer of Gold, which is partly in the state: nothing to say', () => {
  expect(compare(before)).toEqual([])
  expect(compare(manifest([2_100, 2_000, 3], { records: 2_110, dlq: 10 }))).toEqual([])
})

test('fewer records are refused with the numbers, and reported where that is allowed', () => {
  const built = manifest([1_000, 900, 30], { records: 1_005, dlq: 5 })
  expect(() => compare(built)).toThrow(
    'Nothing was changed, as the rebuild has fewer rows than there are: ' +
      'records read: 1,005 instead of 2,010, 1,005 fewer; ' +
      'bronze.events: 1,000 instead of 2,000, 1,000 fewer; ' +
      'silver.events: 900 instead of 1,900, 1,000 fewer.',
  )
  expect(compare(built, { mayLoseRows: true })).toHaveLength(3)
})

test('fewer rows of an unchanged model are refused, of a changed one only reported', () => {
  const built = manifest([2_000, 1_500, 60], { records: 2_010, dlq: 10 })
  expect(() => compare(built)).toThrow('silver.events: 1,500 instead of 1,900, 400 fewer')
  expect(compare(built, { changed: 'silver.events' })).toEqual([
    'silver.events: 1,500 instead of 1,900, 400 fewer',
  ])
})

test('records that are rejected now explain fewer rows', () => {
  const built = manifest([1_990, 1_890, 60], { records: 2_010, dlq: 20 })
  expect(compare(built)).toHaveLength(2)
})

test('records of a version that is no longer kept are refused, if the commit has read them', () => {
  const positions = [{ topic: 'events.raw', partition: 0, nextOffset: 10, watermarkMs: null }]
  const base = { ...before, positions } as unknown as Manifest
  const reject = (offset: number, reason: Reject['reason'] = 'unknown_schema_id'): Reject => ({
    ...{ topic: 'events.raw', partition: 0, offset, reason, message: '', schemaId: 19 },
    ...{ bytes: Buffer.alloc(0), appendMs: 0 },
  })
  expect(() => refuseLostVersions(base, [reject(3, 'bad_magic'), reject(9)])).toThrow(
    'record 0:9 of events.raw was written with schema id 19, which no version in ' +
      'schemas/history/events.raw/ has.',
  )
  // What came since the commit may be rejected, as by an engine that goes on.
  expect(() => refuseLostVersions(base, [reject(10)])).not.toThrow()
  expect(() => refuseLostVersions(base, [])).not.toThrow()
  const pruned = { ...base, pruned: { rejects: 5 } } as unknown as Manifest
  expect(() => refuseLostVersions(pruned, [reject(9)])).not.toThrow()
})
