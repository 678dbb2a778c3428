/**
 * Locks that the kernel keeps: across PID namespaces and host names, free at once when the holder is
 * killed, the same through a link. Who is refused changes no byte. CCS_LOCK_RACES: how many races.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import * as fs from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { readLockHolder, takeLock } from '../../cli/adapters/files/file-lock.ts'
import { diskFiles, type Files } from '../../cli/adapters/files/files.ts'
import { takeEngineLock } from '../../cli/adapters/lake/engine-lock.ts'
import { LocalLake } from '../../cli/adapters/lake/local-lake.ts'
import { openManifestStore } from '../../cli/adapters/lake/manifest-store.ts'
import { openLocalLog } from '../../cli/adapters/log/local-log.ts'
import { openMachine } from '../../cli/adapters/process/machine.ts'
import { EMPTY_MANIFEST } from '../../cli/domain/lake/empty-manifest.ts'
import { replaceManifest } from '../../cli/domain/pipeline/commit.ts'
import { checksums } from '../fixtures/checksums.ts'
import { createBatch, readBack } from '../fixtures/log-records.ts'
import { inNamespace, NO_NAMESPACES } from '../fixtures/pid-namespace.ts'
import { withoutKernelLocks } from '../fixtures/without-kernel-locks.ts'

const RACES = Number(process.env.CCS_LOCK_RACES ?? 100)
const TOPIC = 'events.raw'

let dir: string
const children: ChildProcess[] = []

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ccs-lock-'))
})

afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  await rm(dir, { recursive: true, force: true })
})

interface Child {
  /** Its first line. */
  readonly says: Promise<string>
  /** All that it printed. */
  readonly ended: Promise<string>
  kill(): Promise<void>
}

const CHILD = join(import.meta.dirname, '../fixtures/lock-child.js')

const childCommand = (...args: string[]) => [process.execPath, CHILD, ...args]

function start([command = '', ...args]: readonly string[]): Child {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  let output = ''
  const ended = new Promise<string>((resolve) => child.once('close', () => resolve(output)))
  const says = new Promise<string>((resolve, reject) => {
    child.stdout.on('data', (bytes: Buffer) => {
      output += bytes.toString('utf8')
      if (output.includes('\n')) resolve(output.slice(0, output.indexOf('\n')))
    })
    child.once('close', () => reject(new Error(`the child ended: ${output}`)))
  })
  return {
    says,
    ended,
    kill: async () => {
      child.kill('SIGKILL')
      await ended
    },
  }
}

const place = () => ({ dir, name: 'lock' })

const storeOf = (files: Files) => ({ files, root: dir, manifests: openManifestStore(files, dir) })

function holderNote(more: object): void {
  const holder = { pid: 1, host: 'elsewhere', started: '', owner: 'ccs gen', ...more }
  fs.writeFileSync(join(dir, 'lock-7'), `${JSON.stringify(holder)}\n`)
}

describe('in one process', () => {
  test('the kernel refuses a second open file until the first is released', async () => {
    const files = diskFiles()
    const path = join(dir, 'file')
    const first = await files.lock(path)
    expect(first.state).toBe('locked')
    expect((await files.lock(path)).state).toBe('held')
    expect(await files.isLocked(path)).toBe(true)
    if (first.state === 'locked') first.lock.release()
    expect(await diskFiles().isLocked(path)).toBe(false)
    const second = await files.lock(path)
    expect(second.state).toBe('locked')
    if (second.state === 'locked') second.lock.release()
  })

  test('a lock through a symbolic link is the same lock', async () => {
    fs.mkdirSync(join(dir, 'data'))
    fs.symlinkSync(join(dir, 'data'), join(dir, 'link'))
    const files = diskFiles()
    const first = await takeLock(files, { dir: join(dir, 'data'), name: 'lock' }, 'ccs up')
    const second = await takeLock(files, { dir: join(dir, 'link'), name: 'lock' }, 'ccs run')
    expect(second).toMatchObject({ taken: false, who: `ccs up (pid ${process.pid})` })
    if (first.taken) await first.lock.release()
  })

  test('each taking has a greater generation, also than a given number', async () => {
    const files = diskFiles()
    const generations: number[] = []
    for (const above of [0, 0, 41, 0]) {
      const attempt = await takeLock(files, place(), 'ccs run', { above })
      if (!attempt.taken) throw new Error(attempt.who)
      generations.push(attempt.lock.generation)
      await attempt.lock.release()
    }
    expect(generations).toEqual([1, 2, 42, 43])
    expect(fs.readdirSync(dir)).toEqual(['lock-42', 'lock-43', 'lock.lock'])
  })

  test('the note of the holder is one that an older ccs respects', async () => {
    const attempt = await takeLock(diskFiles(), place(), 'ccs gen')
    const note = JSON.parse(fs.readFileSync(join(dir, 'lock-1'), 'utf8'))
    expect(note).toMatchObject({ pid: process.pid, host: hostname(), owner: 'ccs gen' })
    expect(typeof note.started).toBe('string')
    if (attempt.taken) await attempt.lock.release()
    expect(fs.readFileSync(join(dir, 'lock-1'), 'utf8')).toBe('')
  })

  test('a living holder that has no lock of the kernel is respected: no byte changes', async () => {
    holderNote({ pid: process.pid, host: hostname() })
    const before = checksums(dir)
    const attempt = await takeLock(diskFiles(), place(), 'ccs run')
    expect(attempt).toMatchObject({ taken: false, who: `ccs gen (pid ${process.pid})` })
    expect(checksums(dir)).toEqual(before)
  })

  test.each([
    ['of another host', {}, 'ccs gen (pid 1 on elsewhere)'],
    ['of another container', { host: hostname(), namespace: 'pid:[1]' }, 'in another container'],
  ])('a holder %s without a lock of the kernel keeps it', async (_, more, who) => {
    holderNote(more)
    const attempt = await takeLock(diskFiles(), place(), 'ccs run')
    expect(attempt).toMatchObject({
      ...{ taken: false, who: expect.stringContaining(who), pid: undefined },
      hint: `Stop it there; if it is gone for good, delete ${join(dir, 'lock-7')}.`,
    })
  })

  test('a dead holder of another host that had the lock of the kernel has left it', async () => {
    holderNote({ kernel: true })
    fs.writeFileSync(join(dir, 'lock.lock'), '')
    expect(await readLockHolder(diskFiles(), place())).toBeUndefined()
    const attempt = await takeLock(diskFiles(), place(), 'ccs run')
    expect(attempt.taken).toBe(true)
    if (attempt.taken) await attempt.lock.release()
  })

  test('without the command flock such a holder keeps it, and a warning says why', async () => {
    const files = withoutKernelLocks(diskFiles())
    holderNote({ kernel: true })
    expect(await readLockHolder(files, place())).toMatchObject({ owner: 'ccs gen' })
    expect(await takeLock(files, place(), 'ccs run')).toMatchObject({
      hint: expect.stringContaining(join(dir, 'lock-7')),
    })
    fs.rmSync(join(dir, 'lock-7'))
    const attempt = await takeLock(files, place(), 'ccs run')
    if (!attempt.taken) throw new Error(attempt.who)
    expect(attempt.lock.warning).toMatch(/^The kernel keeps no lock in .*: there is no command/)
    expect(await attempt.lock.isHeld()).toBe(true)
    holderNote({ pid: process.pid, host: hostname() })
    expect(await attempt.lock.isHeld()).toBe(false)
  })
})

describe('where the command flock does not work', () => {
  const { PATH = '' } = process.env
  afterEach(() => {
    process.env.PATH = PATH
  })

  test.for([
    ['is missing', undefined, 'there is no command flock'],
    ['fails', 'echo "flock: No locks available" >&2; exit 1', 'flock: No locks available'],
    ['ends otherwise', 'exit 65', 'flock ended with 65'],
  ] as const)('it %s: no lock is taken or believed in, doctor says why', async (one, context) => {
    context.skip(process.platform === 'darwin', 'macOS locks without a command')
    const [, script, why] = one
    const bin = join(dir, 'bin')
    fs.mkdirSync(bin)
    if (script !== undefined)
      fs.writeFileSync(join(bin, 'flock'), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
    process.env.PATH = bin
    const path = join(dir, 'file')
    expect(await diskFiles().lock(path)).toEqual({ state: 'unsupported', why })
    expect(await diskFiles().isLocked(path)).toBeUndefined()
    expect(await openMachine().whyWithoutLocks(dir)).toBe(why)
  })

  test('where it works, doctor finds no fault and leaves nothing', async () => {
    expect(await openMachine().whyWithoutLocks(dir)).toBeUndefined()
    expect(fs.readdirSync(dir)).toEqual([])
  })
})

describe('a lock that was removed by hand', () => {
  test('its writer appends nothing more', async () => {
    const log = openLocalLog({ dir, files: diskFiles() })
    const writer = await log.writer(TOPIC, 0, 'ccs gen')
    await writer.append(createBatch(0, 5), 1)
    fs.rmSync(join(dir, `${TOPIC}-0`, 'writer.lock'))
    const before = checksums(dir)
    await expect(writer.append(createBatch(5, 5), 1)).rejects.toMatchObject({
      code: 'CCS_LOG_LOCKED',
    })
    expect(checksums(dir)).toEqual(before)
    await log.close()
  })

  test('its engine commits nothing more, before and after another has committed', async () => {
    const first = storeOf(diskFiles())
    const second = storeOf(diskFiles())
    const lost = await takeEngineLock(first, 'ccs up')
    await first.manifests.commit({ ...EMPTY_MANIFEST, serial: 1 })
    fs.rmSync(join(dir, 'locks'), { recursive: true })
    const held = await takeEngineLock(second, 'ccs run')
    const next = { ...EMPTY_MANIFEST, serial: 2 }
    await expect(first.manifests.commit(next)).rejects.toMatchObject({ code: 'CCS_ENGINE_LOCKED' })
    await second.manifests.commit(next)
    const before = checksums(dir)
    // The serial that is there is the one that it wants to write: still, it was another's commit.
    await expect(replaceManifest(first.manifests, next)).rejects.toMatchObject({
      code: 'CCS_ENGINE_LOCKED',
    })
    expect(checksums(dir)).toEqual(before)
    expect(await second.manifests.load()).toMatchObject({ serial: 2, epoch: 2 })
    await lost.release()
    await held.release()
  })

  test('a commit of the same serial in another process has a directory of its own', async () => {
    const open = () => new LocalLake({ files: diskFiles(), root: dir, nowMs: () => 0 })
    const [first, second] = [open(), open()]
    const ours = await first.stage('c00000001')
    fs.writeFileSync(join(ours, 'rows.parquet'), 'rows')
    expect(await second.stage('c00000001')).not.toBe(ours)
    await second.discard('c00000001')
    expect(fs.readdirSync(ours)).toEqual(['rows.parquet'])
    // A repeated attempt of one process begins anew, so that attempts don't fill the disk.
    expect(await first.stage('c00000001')).toBe(ours)
    expect(fs.readdirSync(ours)).toEqual([])
  })

  test('an older epoch is rejected even with a lock', async () => {
    const files = diskFiles()
    const { manifests } = storeOf(files)
    manifests.fence(5, async () => true)
    await manifests.commit({ ...EMPTY_MANIFEST, serial: 1 })
    const zombie = storeOf(files).manifests
    zombie.fence(4, async () => true)
    await expect(zombie.commit({ ...EMPTY_MANIFEST, serial: 2 })).rejects.toMatchObject({
      code: 'CCS_ENGINE_LOCKED',
      message: expect.stringContaining('a later engine has committed'),
    })
  })
})

describe('in several processes', () => {
  test('kill -9 frees it at once, although a child of the holder lives on', async () => {
    const holder = start(childCommand('hold-with-child', dir))
    const [taken, pid] = (await holder.says).split(' ')
    expect(taken).toBe('true')
    expect((await takeLock(diskFiles(), place(), 'ccs run')).taken).toBe(false)
    await holder.kill()
    try {
      const attempt = await takeLock(diskFiles(), place(), 'ccs run')
      expect(attempt.taken).toBe(true)
      if (attempt.taken) await attempt.lock.release()
    } finally {
      process.kill(Number(pid), 'SIGKILL')
    }
  })

  test('a second writer in another container is refused, changes nothing, and is next', async (context) => {
    const away = inNamespace('web-1', childCommand('hold', dir, 'ccs gen'))
    if (!away) return context.skip(true, NO_NAMESPACES)
    const holder = start(away)
    expect(await holder.says).toBe('holds')
    const files = diskFiles()
    const log = openLocalLog({ dir, files })
    const before = checksums(dir)
    await expect(log.writer(TOPIC, 0, 'ccs import')).rejects.toMatchObject({
      code: 'CCS_LOG_LOCKED',
      message: `${TOPIC}-0 is being written by ccs gen (pid 1 on web-1).`,
      hint: 'Stop it first, or use another data directory with --data.',
    })
    expect(checksums(dir)).toEqual(before)
    const writers = { dir: join(dir, `${TOPIC}-0`), name: 'writer' }
    expect(await readLockHolder(files, writers)).toMatchObject({ host: 'web-1', kernel: true })
    await holder.kill()
    expect(await readLockHolder(diskFiles(), writers)).toBeUndefined()
    // A container that is made again has another host name.
    const again = inNamespace('web-2', childCommand('hold', dir, 'ccs gen')) ?? []
    expect(await start(again).says).toBe('holds')
    expect((await readBack(log, TOPIC)).records.length).toBe(4)
    await log.close()
  })

  test(`two containers take the lock ${RACES} times and never both have it`, async (context) => {
    const names = ['web-1', 'web-1']
    const takes = Math.ceil(RACES / names.length)
    const commands = names.map((name, id) =>
      inNamespace(name, childCommand('race', dir, `${takes}`, `${id}`)),
    )
    if (!commands[0]) return context.skip(true, NO_NAMESPACES)
    const outputs = await Promise.all(commands.map((one) => start(one ?? []).ended))
    const results = outputs.map((one) => JSON.parse(one) as { refused: number; epochs: number[] })
    const epochs = results.flatMap((one) => one.epochs)
    expect(new Set(epochs).size).toBe(takes * names.length)
    expect(
      results.every((one) => one.refused > 0),
      outputs.join(),
    ).toBe(true)
    const manifest = await openManifestStore(diskFiles(), dir).load()
    expect(manifest).toMatchObject({ serial: epochs.length, epoch: Math.max(...epochs) })
  }, 600_000)
})
