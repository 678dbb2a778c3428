/**
 * `ccs lake publish`: catalogues over the lake's own files, in which each published commit stays a
 * snapshot. Real readers of the formats are in test/cluster/table-formats.test.ts.
 */
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openDuck } from '../../cli/adapters/duckdb/duckdb.ts'
import type { LakePublishResult } from '../../cli/commands/lake/publish.ts'
import { runCcs } from '../e2e/run-ccs.ts'
import { readDucklakeFiles, readIcebergTable } from '../fixtures/open-lake-reader.ts'

const TABLE = ['silver', 'events'] as const

function makeData(): string {
  const dir = mkdtempSync(path.join(tmpdir(), 'ccs-publish-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

async function ccs(data: string, ...args: readonly string[]): Promise<string> {
  const ran = await runCcs([...args, '--data', data])
  expect(ran.code, ran.stderr).toBe(0)
  return ran.stdout
}

/** Events of a day, and their commit. */
async function addEvents(data: string, seed: number, day: number): Promise<void> {
  const range = ['--from', `2026-03-0${day}`, '--to', `2026-03-0${day + 1}`, '--partitions', '1']
  await ccs(data, 'gen', '--seed', `${seed}`, ...range, '--count', '300')
  await ccs(data, 'run', '--once')
}

async function publish(data: string, ...more: readonly string[]): Promise<LakePublishResult> {
  return JSON.parse(await ccs(data, 'lake', 'publish', '--json', ...more))
}

async function countRows(files: readonly string[]): Promise<number> {
  const duck = await openDuck({ threads: 1 })
  const connection = await duck.connect()
  try {
    const list = files.map((file) => `'${file}'`).join(', ')
    const { rows } = await connection.all(`SELECT count(*) AS n FROM read_parquet([${list}])`)
    return Number(rows[0]?.n)
  } finally {
    connection.close()
    duck.close()
  }
}

/** Both catalogues, which must name the same files. */
async function readSnapshots(data: string) {
  const ducklake = await readDucklakeFiles(`${data}/open-lake/catalog.ducklake`, TABLE)
  const iceberg = await readIcebergTable(`${data}/open-lake/iceberg/${TABLE.join('.')}`)
  expect(iceberg).toEqual(ducklake)
  return ducklake
}

test('each published commit is a snapshot over the very files of the lake, also after a compaction', async () => {
  const data = makeData()
  expect((await publish(data)).snapshot).toBeNull()
  const counts: number[] = []
  // Files of a day are merged when it is over.
  for (const [index, day] of [1, 1, 3].entries()) {
    await addEvents(data, index, day)
    const { snapshot, isNew, tables } = await publish(data)
    expect({ snapshot, isNew }).toEqual({ snapshot: index + 1, isNew: true })
    counts.push(tables.find(({ table }) => table === TABLE.join('.'))?.rows ?? 0)
  }
  expect(await publish(data)).toMatchObject({ snapshot: 3, isNew: false })
  const [before] = [...(await readSnapshots(data)).values()]
  await ccs(data, 'lake', 'compact', '--files-max', '1')
  await publish(data)
  const snapshots = await readSnapshots(data)
  const rows = await Promise.all([...snapshots.values()].map(countRows))
  expect(rows).toEqual([...counts, counts.at(-1)])
  expect(snapshots.get(1)).toEqual(before)
  // The same bytes on the disk, by a second name.
  const newest = snapshots.get(4)?.[0] ?? ''
  expect(statSync(newest).nlink).toBeGreaterThan(1)

  // What no snapshot shows any more goes, and nothing else.
  await publish(data, '--keep', '0s')
  const left = await readSnapshots(data)
  expect(left).toEqual(new Map([[4, snapshots.get(4)]]))
  expect(before?.filter((file) => existsSync(file))).toEqual(
    before?.filter((file) => left.get(4)?.includes(file)),
  )
})

test('a catalogue that is there stays whole, whichever format is asked for, and may be removed', async () => {
  const data = makeData()
  await addEvents(data, 1, 1)
  await publish(data)
  await addEvents(data, 2, 1)
  await publish(data, '--format', 'iceberg', '--keep', '0s')
  const snapshots = await readSnapshots(data)
  expect([...snapshots.keys()]).toEqual([2])
  for (const file of snapshots.get(2) ?? []) expect(existsSync(file), file).toBe(true)
  rmSync(`${data}/open-lake/iceberg`, { recursive: true })
  await publish(data)
  expect(await readSnapshots(data)).toEqual(snapshots)
})

test('an erased person is in no older snapshot', async () => {
  const data = makeData()
  await addEvents(data, 1, 1)
  await publish(data)
  const sql = 'SELECT anonymous_id AS id FROM bronze.events ORDER BY 1 LIMIT 1'
  const [{ id }] = JSON.parse(await ccs(data, 'query', '--json', sql)).rows
  await ccs(data, 'erase', '--visitor', id, '--yes')
  const snapshots = await readSnapshots(data)
  expect(snapshots.size).toBe(1)
  const folder = `${data}/open-lake`
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const file = path.join(folder, name)
    if (statSync(file).isFile()) expect((await readFile(file)).includes(id), name).toBe(false)
  }
})

test('ccs run publishes each commit by itself, in the formats of ccs.yml', async () => {
  const data = makeData()
  const project = path.join(data, 'shop')
  expect((await runCcs(['init', project])).code).toBe(0)
  const { appendFileSync } = await import('node:fs')
  appendFileSync(path.join(project, 'ccs.yml'), '\nlake:\n  publish: [ducklake]\n')
  const own = path.join(data, 'own')
  await ccs(
    own,
    'gen',
    '--project',
    project,
    '--seed',
    '1',
    '--count',
    '200',
    '--from',
    '2026-03-01',
    '--to',
    '2026-03-02',
  )
  await ccs(own, 'run', '--once', '--project', project)
  const snapshots = await readDucklakeFiles(`${own}/open-lake/catalog.ducklake`, TABLE)
  expect(await countRows([...snapshots.values()].at(-1) ?? [])).toBeGreaterThan(100)
  expect(existsSync(`${own}/open-lake/iceberg`)).toBe(false)
})
