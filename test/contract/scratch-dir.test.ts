/** Scratch directories: those of dead processes go, all others stay. */
import { mkdtemp, readdir, rm, utimes } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Processes } from '../../cli/adapters/files/file-lock.ts'
import { diskFiles } from '../../cli/adapters/files/files.ts'
import { clearScratch, makeScratch } from '../../cli/adapters/files/scratch-dir.ts'

const files = diskFiles()
let parent: string

beforeEach(async () => {
  parent = join(await mkdtemp(join(tmpdir(), 'ccs-scratch-')), 'tmp')
})
afterEach(() => rm(join(parent, '..'), { recursive: true, force: true }))

/** Processes seen by one of them, `pid`, on a host with some others. */
function seenBy(pid: number, alive: readonly number[], host = 'here'): Processes {
  return {
    self: () => ({ pid, host, started: `start of ${pid}` }),
    isAlive: (other) => other.host !== host || alive.includes(other.pid),
  }
}

const place = () => ({ parent, name: 'audit' })
const clear = (processes: Processes, nowMs = Date.now()) =>
  clearScratch(files, place(), { processes, nowMs })

test('directories of dead processes are removed, those of living ones and of other hosts stay', async () => {
  for (const pid of [10, 11]) await makeScratch(files, place(), seenBy(pid, []))
  await makeScratch(files, place(), seenBy(12, [], 'elsewhere'))
  await files.mkdir(join(parent, 'audit-of-books'))
  await files.mkdir(join(parent, 'duckdb_temp'))
  await clear(seenBy(13, [11]))
  expect(await readdir(parent)).toEqual(['audit-11', 'audit-12', 'audit-of-books', 'duckdb_temp'])
})

test('a directory without a note may be in the making; after an hour nobody makes it any more', async () => {
  const dir = join(parent, 'audit-10')
  await files.mkdir(join(dir, 'lake'))
  await clear(seenBy(13, []))
  expect(await readdir(parent)).toEqual(['audit-10'])
  const hourAgo = new Date(Date.now() - 3_700_000)
  await utimes(dir, hourAgo, hourAgo)
  await clear(seenBy(13, []))
  expect(await readdir(parent)).toEqual([])
})

test('one that was left by a process with our pid is made anew', async () => {
  const dir = await makeScratch(files, place(), seenBy(10, []))
  await files.mkdir(join(dir, 'lake'))
  expect(await makeScratch(files, place(), seenBy(10, []))).toBe(dir)
  expect(await readdir(dir)).toEqual(['process.json'])
})

test('nothing to clear is no fault', async () => {
  await expect(clear(seenBy(13, []))).resolves.toBeUndefined()
})
