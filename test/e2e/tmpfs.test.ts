/**
 * A disk that is really full: log, lake and state on a small tmpfs that is filled and freed while
 * shop and engine run. Needs the right to mount; else skipped with that reason.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { endAll, startNode } from '../fixtures/child.ts'
import { makeCrashProject } from '../fixtures/crash-project.ts'
import { selectShare } from '../fixtures/fault-share.ts'
import { runCcs } from './run-ccs.ts'

const DISK_MIB = 48
const RECORDS = 30_000

let dir: string | undefined
let mounted: string | undefined

afterEach(async () => {
  await endAll()
  if (mounted !== undefined) execFileSync('umount', [mounted])
  mounted = undefined
  if (dir !== undefined) rmSync(dir, { recursive: true, force: true })
  dir = undefined
})

/** Mounts a small disk; returns why it can't, else undefined. */
function mountDisk(at: string, limit = `size=${DISK_MIB}m`): string | undefined {
  mkdirSync(at)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', limit, 'tmpfs', at], { stdio: 'pipe' })
  } catch (error) {
    return `mounting a tmpfs needs root: ${error instanceof Error ? error.message.split('\n')[0] : error}`
  }
  mounted = at
  return undefined
}

/** Fills the disk up to `leaveBytes`; returns a function that frees it. */
function fill(disk: string, leaveBytes: number): () => void {
  const { bavail, bsize } = statfsSync(disk)
  writeFileSync(join(disk, 'filler'), Buffer.alloc(Math.max(0, bavail * bsize - leaveBytes)))
  return () => rmSync(join(disk, 'filler'))
}

// The space left decides what fills up first: the log, a Parquet file or the state.
const LEFT_KIB = selectShare([300, 1_500, 4_000, 7_000], 4)

test.for(LEFT_KIB)(
  'with %i KiB left, shop and engine wait for space and then continue',
  {
    timeout: 180_000,
  },
  async (leftKib, { skip }) => {
    dir = mkdtempSync(join(tmpdir(), 'ccs-tmpfs-'))
    const why = mountDisk(join(dir, 'disk'))
    skip(why !== undefined, why)
    const disk = join(dir, 'disk')
    const [project, data, truth] = [
      join(dir, 'project'),
      join(disk, 'data'),
      join(dir, 'truth.ndjson'),
    ]
    makeCrashProject(project)
    const at = ['--project', project, '--data', data]
    const engine = startNode('bin/run.js', ['run', ...at, '--port', '0'])
    await engine.says('The engine answers at')

    const free = fill(disk, leftKib * 1024)
    const shop = startNode('bin/run.js', [
      ...['gen', ...at, '--truth', truth, '--from', '2026-01-01', '--to', '2026-01-03'],
      ...['--count', `${RECORDS}`, '--seed', '5', '--late', '5%', '--duplicates', '5%'],
      ...['--disorder', '10%', '--invalid', '2%'],
    ])
    const isSaid = () => [engine, shop].some((one) => one.output().includes('Waiting for space.'))
    for (let waitedMs = 0; !isSaid(); waitedMs += 50) {
      expect(waitedMs, engine.output() + shop.output()).toBeLessThan(60_000)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    // Both keep running, and the engine answers.
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    const asked = await runCcs([
      'query',
      'SELECT count(*) AS n FROM silver.events',
      ...at,
      '--json',
    ])
    expect(asked.code, asked.stdout + asked.stderr + engine.output()).toBe(0)
    expect(JSON.parse(asked.stdout).from).toMatch(/^http/)

    free()
    expect(await shop.ended, shop.output()).toBe(0)
    for (const one of [engine, shop])
      if (one.output().includes('Waiting for space.'))
        await one.says('The disk has space again; continuing.', 15_000)
    // A stopped engine leaves what it has not read yet for its next start.
    for (let lag = 1; lag > 0; )
      lag = JSON.parse((await runCcs(['status', ...at, '--json'])).stdout).lagEvents
    engine.kill('SIGTERM')
    expect(await engine.ended, engine.output()).toBe(0)
    expect(engine.output() + shop.output()).not.toMatch(/\n\s+at /)
    const verified = await runCcs(['verify', '--truth', truth, ...at])
    expect(verified.code, verified.stdout + verified.stderr).toBe(0)
    expect((await runCcs(['lake', 'verify', ...at])).code).toBe(0)
    const waited = [engine, shop].map(
      (one) => one.output().match(/The disk is full: \S+/g)?.length ?? 0,
    )
    console.log(
      `${leftKib} KiB left: the engine waited ${waited[0]} times, the shop ${waited[1]} times`,
    )
  },
)

test('on a read-only disk queries and checks work, and what has to write says why it cannot', {
  timeout: 180_000,
}, async ({ skip }) => {
  dir = mkdtempSync(join(tmpdir(), 'ccs-tmpfs-'))
  const why = mountDisk(join(dir, 'disk'))
  skip(why !== undefined, why)
  const project = join(dir, 'project')
  makeCrashProject(project)
  const at = ['--project', project, '--data', join(dir, 'disk', 'data')]
  const shop = ['--from', '2026-01-01', '--to', '2026-01-02', '--count', '300', '--seed', '2']
  expect(await runCcs(['gen', ...at, ...shop])).toMatchObject({ code: 0 })
  expect(await runCcs(['run', '--once', ...at])).toMatchObject({ code: 0 })
  execFileSync('mount', ['-o', 'remount,ro', mounted ?? ''])
  const select = 'SELECT count(*) > 0 AS some FROM bronze.events'
  for (const args of [['query', select], ['lake', 'verify'], ['log', 'verify'], ['status']])
    expect(await runCcs([...args, ...at]), args.join(' ')).toMatchObject({ code: 0 })
  for (const args of [['audit'], ['run', '--once'], ['lake', 'verify', '--repair']]) {
    const { code, stderr } = await runCcs([...args, ...at])
    expect(code, args.join(' ')).toBe(1)
    expect(stderr).toContain('error[CCS_DISK_DENIED]: The disk is read-only: ')
  }
})

test('without inodes the engine waits, and goes on once files were removed', {
  timeout: 180_000,
}, async ({ skip }) => {
  dir = mkdtempSync(join(tmpdir(), 'ccs-tmpfs-'))
  const disk = join(dir, 'disk')
  const why = mountDisk(disk, `size=${DISK_MIB}m,nr_inodes=3000`)
  skip(why !== undefined, why)
  const [project, truth] = [join(dir, 'project'), join(dir, 'truth.ndjson')]
  makeCrashProject(project)
  const at = ['--project', project, '--data', join(disk, 'data')]
  const engine = startNode('bin/run.js', ['run', ...at, '--port', '0'])
  await engine.says('The engine answers at')
  const shop = startNode('bin/run.js', ['gen', ...at, '--truth', truth, '--eps', '300'])
  await waitUntil(async () => (await countRows(at)) > 0, engine.output)
  mkdirSync(join(disk, 'many'))
  expect(() => {
    for (let file = 0; file < 5_000; file++) writeFileSync(join(disk, 'many', `${file}`), '')
  }).toThrow('ENOSPC')
  await engine.says(/The disk is full of files \(no inodes left\): .* Waiting for space\./, 60_000)
  expect(await countRows(at)).toBeGreaterThan(0)
  const other = await runCcs(['gen', ...at, '--partitions', '2', '--count', '10'])
  expect(other.code).toBe(1)
  expect(other.stderr).toMatch(/error\[CCS_[A-Z_]+\]: .*\n {2}\S/)

  rmSync(join(disk, 'many'), { recursive: true })
  await engine.says('The disk has space again; continuing.', 60_000)
  shop.kill('SIGTERM')
  expect(await shop.ended, shop.output()).toBe(0)
  engine.kill('SIGTERM')
  expect(await engine.ended, engine.output()).toBe(0)
  const verified = await runCcs(['verify', '--truth', truth, ...at])
  expect(verified.code, verified.stdout + verified.stderr).toBe(0)
})

test('an engine whose disk is unmounted ends, and says so', { timeout: 120_000 }, async ({
  skip,
}) => {
  dir = mkdtempSync(join(tmpdir(), 'ccs-tmpfs-'))
  const disk = join(dir, 'disk')
  const why = mountDisk(disk)
  skip(why !== undefined, why)
  const project = join(dir, 'project')
  makeCrashProject(project)
  const data = join(disk, 'data')
  const engine = startNode('bin/run.js', [
    'run',
    '--project',
    project,
    '--data',
    data,
    '--port',
    '0',
  ])
  await engine.says('The engine answers at')
  execFileSync('umount', ['--lazy', disk])
  mounted = undefined
  expect(await engine.ended).toBe(1)
  expect(engine.output()).toContain(`error[CCS_DISK_FAILED]: The data directory ${data} is gone`)
})

async function countRows(at: readonly string[]): Promise<number> {
  const select = 'SELECT count(*) AS n FROM bronze.events'
  const { stdout } = await runCcs(['query', select, ...at, '--json'])
  return Number(JSON.parse(stdout).rows?.[0].n ?? 0)
}

async function waitUntil(isTrue: () => Promise<boolean>, explain: () => string): Promise<void> {
  const endMs = performance.now() + 60_000
  while (!(await isTrue())) expect(performance.now(), explain()).toBeLessThan(endMs)
}
