/** Which files compaction merges, and how often it rewrites a byte. */
import { expect, test } from 'vitest'
import { planCompaction, replaceFiles } from '../../../cli/domain/lake/compaction-plan.ts'
import type { LakeFile, Manifest } from '../../../cli/domain/lake/manifest.ts'

const MiB = 1024 * 1024
const NEWEST = Date.parse('2026-11-22T12:00:00Z')

function filesOf(
  day: string,
  sizes: readonly number[],
  table = 'silver.events',
  rows = 10,
): LakeFile[] {
  return sizes.map((bytes, index) => ({
    table,
    partition: day && `event_date=${day}`,
    name: `${table}-${day}-${index}.parquet`,
    rows,
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
    counts: { records: 0, bronze: 0, duplicates: 0, dlq: 0, setAside: 0, late: 0 },
    files,
    state: [],
    models: [],
    schemas: [],
  }
}

const sizes = (count: number, bytes: number) => Array.from({ length: count }, () => bytes)

test('more than 8 similar small files of a closed day are merged; 8 are not', () => {
  const nine = filesOf('2026-11-21', sizes(9, MiB))
  const plan = planCompaction(manifestOf([...nine, ...filesOf('2026-11-20', sizes(8, MiB))]))
  expect(plan).toEqual([
    { table: 'silver.events', partition: 'event_date=2026-11-21', inputs: nine },
  ])
})

test('a file that is large in bytes or in rows is never rewritten', () => {
  const large = filesOf('2026-11-21', sizes(50, 4 * MiB))
  const full = filesOf('2026-11-20', sizes(50, MiB), 'silver.events', 50_000)
  expect(planCompaction(manifestOf([...large, ...full]))).toEqual([])
  const fewer = filesOf('2026-11-20', sizes(50, MiB), 'silver.events', 49_999)
  const plan = planCompaction(manifestOf([...large, ...fewer]))
  expect(plan.map((group) => group.inputs.length)).toEqual([50])
})

test('a merged file exceeds the target size by at most one input', () => {
  const files = filesOf('2026-11-21', [4 * MiB, 200 * MiB, ...sizes(10, 2 * MiB)])
  const plan = planCompaction(manifestOf(files), { targetBytes: 8 * MiB })
  expect(plan.map((group) => group.inputs.map((file) => file.bytes / MiB))).toEqual([
    [2, 2, 2, 2],
    [2, 2, 2, 2],
    [2, 2],
  ])
})

test('an open day is merged only if it has many files of similar size', () => {
  const today = filesOf('2026-11-22', [...sizes(64, 40_000), 3 * MiB])
  expect(planCompaction(manifestOf(today))).toEqual([])
  const more = filesOf('2026-11-22', [...sizes(65, 40_000), 3 * MiB])
  expect(planCompaction(manifestOf(more)).map((group) => group.inputs.length)).toEqual([65])
})

interface Flushes {
  readonly count: number
  readonly bytes: number
  readonly rows: number
  /** The day the flushes go to; the newest event is of the 22nd. */
  readonly day: string
}

/**
 * Commits a file per flush and compacts after each. Returns how often a byte was rewritten on average,
 * and the files at the end.
 */
function flushed({ count, bytes, rows, day }: Flushes): { rewritten: number; files: LakeFile[] } {
  let files: LakeFile[] = []
  let merged = 0
  for (let flush = 0; flush < count; flush++) {
    const [file] = filesOf(day, [bytes], 'silver.events', rows)
    if (file) files.push({ ...file, name: `flush-${flush}.parquet` })
    const groups = planCompaction(manifestOf(files)).map((group, index) => {
      const sum = (of: (one: LakeFile) => number) =>
        group.inputs.reduce((all, one) => all + of(one), 0)
      merged += sum((one) => one.bytes)
      const [first] = group.inputs
      if (!first) throw new Error('an empty group')
      const output = {
        ...first,
        name: `merged-${flush}-${index}.parquet`,
        bytes: sum((one) => one.bytes),
        rows: sum((one) => one.rows),
      }
      return { ...group, output }
    })
    files = replaceFiles(manifestOf(files), groups)
  }
  expect(files.reduce((sum, file) => sum + file.bytes, 0)).toBe(count * bytes)
  expect(files.reduce((sum, file) => sum + file.rows, 0)).toBe(count * rows)
  return { rewritten: merged / (count * bytes), files }
}

test.each([
  // A hundred events per second with a commit every 30 seconds: all of them, and one percent.
  { count: 2880, bytes: 230_000, rows: 3_000, day: '2026-11-22', most: 1, left: 110 },
  { count: 2880, bytes: 5_000, rows: 30, day: '2026-11-22', most: 2, left: 110 },
  // Rates at which each commit has at least one row group.
  { count: 1000, bytes: 7_700_000, rows: 100_000, day: '2026-11-22', most: 0, left: 1000 },
  { count: 1000, bytes: 3_900_000, rows: 54_000, day: '2026-11-22', most: 0, left: 1000 },
  // A few late events per commit, of a day that is over.
  { count: 2880, bytes: 3_000, rows: 5, day: '2026-11-21', most: 4, left: 40 },
])('$count flushes of $rows rows to $day rewrite a row at most $most times', (one) => {
  const { rewritten, files } = flushed(one)
  expect(rewritten).toBeLessThanOrEqual(one.most)
  expect(files.length).toBeLessThanOrEqual(one.left)
})

test('a table without day partitions counts as open', () => {
  expect(planCompaction(manifestOf(filesOf('', sizes(20, 1000), 'gold.x')))).toEqual([])
})

test('a group whose files were replaced meanwhile is skipped', () => {
  const files = filesOf('2026-11-21', sizes(9, MiB))
  const [group] = planCompaction(manifestOf(files))
  const [first, ...rest] = files
  if (!group || !first) throw new Error('no plan')
  const output = { ...first, name: 'merged.parquet' }
  const compacted = [{ ...group, output }]
  expect(replaceFiles(manifestOf(files), compacted)).toEqual([output])
  expect(replaceFiles(manifestOf(rest), compacted)).toEqual(rest)
})

test('filesMax 1 merges all small files of a day, whatever their sizes', () => {
  const files = filesOf('2026-11-21', [1_000, 900_000])
  expect(planCompaction(manifestOf(files))).toEqual([])
  const [group] = planCompaction(manifestOf(files), { filesMax: 1 })
  expect(group?.inputs).toEqual(files)
})
