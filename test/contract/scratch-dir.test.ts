/** Scratch directories of dead processes are removed, all others stay. */
import { mkdtemp, readdir, rm, utimes } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { diskFiles } from '../../cli/adapters/files/files.ts'
import type { Processes } from '../../cli/adapters/files/process-id.ts'
import { clearScratch, makeScratch } from '../../cli/adapters/files/scratch-dir.ts'

const files = diskFiles()
let parent: string

beforeEach(async () => {
  parent = join(await mkdtemp(join(tmpdir(), 'ccs-scratch-')), 'tmp')
})
afterEach(() => rm(join(parent, '..'), { recursive: true, force: true }))

/** The process table as seen by `pid`, on a host with some others. */
function seenBy(pid: number, alive: readonly number[], host = 'here'): Processes {
  return {
    self: () => ({ pid, host, started: `start of ${pid}` }),
    isAlive: (other) => (other.host === host ? alive.includes(other.pid) : undefined),
  }
}

const place = () => ({ parent, name: 'audit' })
const clear = (processes: Processes, nowMs = Date.now()) =>
  clearScratch(files, place(), { processes, nowMs })

/** Names of what is there, without their random ends. */
async function list(): Promise<readonly string[]> {
  return (await readdir(parent)).map((name) => name.replace(/-[0-9a-f]{8}$/, ''))
}

test('only directories of dead processes of this host are removed', async () => {
  for (const pid of [10, 11]) await makeScratch(files, place(), seenBy(pid, []))
  await makeScratch(files, place(), seenBy(12, [], 'elsewhere'))
  await files.mkdir(join(parent, 'audit-of-books'))
  await files.mkdir(join(parent, 'duckdb_temp'))
  await clear(seenBy(13, [11]))
  expect(await list()).toEqual(['audit-11', 'audit-12', 'audit-of-books', 'duckdb_temp'])
})

test('a directory without a note is removed after an hour', async () => {
  const dir = join(parent, 'audit-10')
  await files.mkdir(join(dir, 'lake'))
  await clear(seenBy(13, []))
  expect(await readdir(parent)).toEqual(['audit-10'])
  const hourAgo = new Date(Date.now() - 3_700_000)
  await utimes(dir, hourAgo, hourAgo)
  await clear(seenBy(13, []))
  expect(await readdir(parent)).toEqual([])
})

test('a process with our pid in another container keeps its own for a week', async () => {
  const theirs = await makeScratch(files, place(), seenBy(10, [], 'elsewhere'))
  const ours = await makeScratch(files, place(), seenBy(10, [10]))
  expect(ours).not.toBe(theirs)
  await clear(seenBy(10, [10]))
  expect(await list()).toEqual(['audit-10', 'audit-10'])
  await clear(seenBy(10, [10]), Date.now() + 8 * 86_400_000)
  expect(await readdir(parent)).toEqual([basename(ours)])
})

test('having nothing to clear is not an error', async () => {
  await expect(clear(seenBy(13, []))).resolves.toBeUndefined()
})
