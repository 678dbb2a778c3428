import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { diskFiles } from '../../../cli/adapters/files/files.ts'
import { openSpillFile } from '../../../cli/adapters/files/spill-file.ts'
import { RecordSorter } from '../../../cli/domain/ingest/record-sorter.ts'
import { RecordBatch } from '../../../cli/domain/log/record-batch.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'ccs-sorter-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

interface Sample {
  readonly key: number
  readonly tag: number
  readonly text: string
}

async function sortSamples(samples: readonly Sample[], bytesMax: number) {
  let files = 0
  const sorter = new RecordSorter(() => {
    files++
    return openSpillFile(diskFiles(), dir)
  }, bytesMax)
  for (const { key, tag, text } of samples) {
    sorter.add(key, tag, Buffer.from(text))
    if (sorter.isFull) await sorter.spill()
  }
  expect(sorter.count).toBe(samples.length)
  const sorted = await sorter.sorted()
  const found: { tag: number; text: string }[] = []
  const batch = new RecordBatch()
  let batches = 0
  while (!sorted.isAtEnd) {
    batch.clear()
    await sorted.read(batch, { bytesMax: 500 }, (tag, record) =>
      found.push({ tag, text: Buffer.from(record).toString() }),
    )
    expect(batch.count).toBeGreaterThan(0)
    batches++
  }
  await sorter.close()
  return { found, files, batches }
}

/** Keys repeat, and one record in a hundred is longer than the buffers of the merge. */
function makeSamples(count: number): readonly Sample[] {
  let seed = 11
  const draw = (below: number) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
    return seed % below
  }
  return Array.from({ length: count }, (_, i) => ({
    key: draw(200) - 100 + 0.5,
    tag: i,
    text: `${i} ${'x'.repeat(i % 100 === 3 ? 70_000 : draw(40))}`,
  }))
}

test.each([
  ['in memory', 1e9, 0],
  ['in many runs', 2000, 1],
  ['in runs of one record', 1, 1],
])('records are sorted by key, equal keys in their order, %s', async (_, bytesMax, files) => {
  const samples = makeSamples(1500)
  const sorted = await sortSamples(samples, bytesMax)
  const wanted = [...samples].sort((a, b) => a.key - b.key || a.tag - b.tag)
  expect(sorted.found).toEqual(wanted.map(({ tag, text }) => ({ tag, text })))
  expect(sorted.files).toBe(files)
  expect(sorted.batches).toBeGreaterThan(10)
  if (files > 0) expect(readdirSync(path.join(dir, 'tmp'))).toEqual([])
})

test('nothing gives nothing', async () => {
  expect(await sortSamples([], 10)).toEqual({ found: [], files: 0, batches: 0 })
})

test('a batch ends at the number of records that was asked for', async () => {
  const sorter = new RecordSorter(() => openSpillFile(diskFiles(), dir))
  for (const key of [3, 1, 2]) sorter.add(key, key, Buffer.from([key]))
  const sorted = await sorter.sorted()
  const batch = new RecordBatch()
  const tags: number[] = []
  await sorted.read(batch, { bytesMax: 1000, countMax: 2 }, (tag) => tags.push(tag))
  expect(tags).toEqual([1, 2])
  expect(sorted.isAtEnd).toBe(false)
})
