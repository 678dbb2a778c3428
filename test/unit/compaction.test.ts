import { expect, test } from 'vitest'
import { planCompaction, replaceFiles } from '../../cli/core/compaction.ts'
import type { LakeFile, Manifest } from '../../cli/core/manifest.ts'

const MiB = 1024 * 1024
const NEWEST = Date.parse('2026-11-22T12:00:00Z')

function filesOf(day: string, sizes: readonly number[], table = 'silver.events'): LakeFile[] {
  return sizes.map((bytes, index) => ({
    table,
    partition: day && `event_date=${day}`,
    name: `${table}-${day}-${index}.parquet`,
    rows: 10,
    bytes,
    crc32: 0,
  }))
}

function manifestOf(files: readonly LakeFile[]): Manifest {
  return {
    format: 1,
    serial: 1,
    generation: 0,
    committedMs: 0,
    positions: [{ topic: 'events.raw', partition: 0, nextOffset: 1, maxEventMs: NEWEST }],
    dlqEnd: 0,
    counts: { records: 0, bronze: 0, duplicates: 0, dlq: 0, late: 0 },
    files,
    state: [],
    models: [],
    schemas: [],
  }
}

const sizes = (count: number, bytes: number) => Array.from({ length: count }, () => bytes)

test('a closed day with more than 8 small files becomes one file; 8 are left alone', () => {
  const nine = filesOf('2026-11-21', sizes(9, MiB))
  const plan = planCompaction(manifestOf([...nine, ...filesOf('2026-11-20', sizes(8, MiB))]))
  expect(plan).toEqual([
    { table: 'silver.events', partition: 'event_date=2026-11-21', inputs: nine },
  ])
})

test('a file of the target size is never rewritten, and merged files stay below twice the target', () => {
  const files = filesOf('2026-11-21', [64 * MiB, 200 * MiB, ...sizes(10, 20 * MiB)])
  const plan = planCompaction(manifestOf(files))
  expect(plan.map((group) => group.inputs.map((file) => file.bytes / MiB))).toEqual([
    [20, 20, 20, 20],
    [20, 20, 20, 20],
    [20, 20],
  ])
})

test('a day that is still written to is merged only where many files are about one size', () => {
  const today = filesOf('2026-11-22', [...sizes(64, 40_000), 3 * MiB])
  expect(planCompaction(manifestOf(today))).toEqual([])
  const more = filesOf('2026-11-22', [...sizes(65, 40_000), 3 * MiB])
  expect(planCompaction(manifestOf(more)).map((group) => group.inputs.length)).toEqual([65])
})

test('flushing a day every 30 seconds rewrites no row more than 3 times', () => {
  let files: LakeFile[] = []
  let written = 0
  for (let flush = 0; flush < 2880; flush++) {
    const [file] = filesOf('2026-11-22', [30_000])
    if (file) files.push({ ...file, name: `flush-${flush}.parquet` })
    const groups = planCompaction(manifestOf(files)).map((group, index) => {
      const bytes = group.inputs.reduce((sum, one) => sum + one.bytes, 0)
      written += bytes
      const [first] = group.inputs
      if (!first) throw new Error('an empty group')
      return { ...group, output: { ...first, name: `merged-${flush}-${index}.parquet`, bytes } }
    })
    files = replaceFiles(manifestOf(files), groups)
  }
  expect(files.reduce((sum, file) => sum + file.bytes, 0)).toBe(2880 * 30_000)
  expect(written / (2880 * 30_000)).toBeLessThan(3)
  expect(files.length).toBeLessThan(200)
})

test('a table without day partitions counts as still written to', () => {
  expect(planCompaction(manifestOf(filesOf('', sizes(20, 1000), 'gold.x')))).toEqual([])
})

test('a group whose files were replaced meanwhile changes nothing', () => {
  const files = filesOf('2026-11-21', sizes(9, MiB))
  const [group] = planCompaction(manifestOf(files))
  const [first, ...rest] = files
  if (!group || !first) throw new Error('no plan')
  const output = { ...first, name: 'merged.parquet' }
  const compacted = [{ ...group, output }]
  expect(replaceFiles(manifestOf(files), compacted)).toEqual([output])
  expect(replaceFiles(manifestOf(rest), compacted)).toEqual(rest)
})
