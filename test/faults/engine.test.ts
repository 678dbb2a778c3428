/**
 * Faults around an engine: a second one, one that died, signals, damaged files. Each gives one
 * sentence and the next command to type, and that command works.
 */
import { spawnSync } from 'node:child_process'
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type Ran, ROOT, runCcs } from '../e2e/run-ccs.ts'
import { checksums } from '../fixtures/checksums.ts'
import { endAll, startNode } from '../fixtures/child.ts'
import { generateStream, makeCrashProject } from '../fixtures/crash-project.ts'
import { selectShare } from '../fixtures/fault-share.ts'
import { inNamespace, NO_NAMESPACES } from '../fixtures/pid-namespace.ts'

const RECORDS = 3_000
const SEED = 77

let dir: string
let data: string
let truth: string
let project: string

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ccs-faults-'))
  project = join(dir, 'project')
  truth = join(dir, 'truth.ndjson')
  makeCrashProject(project)
  const fresh = join(dir, 'fresh')
  await generateStream({ project, data: fresh, truth, records: RECORDS, seed: SEED })
  await cp(fresh, join(dir, 'log-only'), { recursive: true })
  expect((await ccs(['run', '--once'], fresh)).code).toBe(0)
})

afterEach(async () => {
  await endAll()
})

afterAll(async () => {
  await rm(dir, { recursive: true, force: true })
})

const ccs = (args: readonly string[], root = data): Promise<Ran> => runCcs([...args, ...at(root)])

const at = (root: string) => ['--project', project, '--data', root]

const wait = (ms: number) =>
  new Promise<'still running'>((resolve) => setTimeout(resolve, ms, 'still running'))

const run = (root: string, ...more: string[]) =>
  startNode('bin/run.js', ['run', ...at(root), '--port', '0', ...more])

/** Copies a data directory for one test: `fresh` is committed, `log-only` contains only the log. */
async function copyOf(of: 'fresh' | 'log-only'): Promise<string> {
  data = await mkdtemp(join(dir, 'case-'))
  await cp(join(dir, of), data, { recursive: true, verbatimSymlinks: true })
  return data
}

/** Sorted absolute paths of the files below a directory that match. */
function filesIn(top: string, match: RegExp): string[] {
  return readdirSync(top, { recursive: true, encoding: 'utf8' })
    .filter((path) => match.test(path))
    .map((path) => join(top, path))
    .filter((path) => statSync(path).isFile())
    .sort()
}

function flip(path: string, share: number): number {
  const bytes = readFileSync(path)
  const at = Math.floor(bytes.length * share)
  bytes[at] = (bytes[at] ?? 0) ^ 4
  writeFileSync(path, bytes)
  return at
}

async function verified(): Promise<void> {
  const { code, stdout, stderr } = await ccs(['verify', '--truth', truth])
  expect(code, stdout + stderr).toBe(0)
}

describe('processes on one data directory', () => {
  test('a second engine and a deploy are refused until the first is killed', async () => {
    await copyOf('log-only')
    const first = run(data)
    await first.says('The engine answers at')
    for (const args of [
      ['run', '--once'],
      ['deploy', '--yes'],
    ]) {
      const { code, stderr } = await ccs(args)
      expect(code).toBe(1)
      expect(stderr).toContain(`ccs run (pid ${first.pid}) runs on ${data}`)
      expect(stderr).not.toMatch(/\n\s+at /)
    }
    first.kill('SIGKILL')
    expect(await first.ended).toBe('SIGKILL')
    const next = await ccs(['run', '--once'])
    expect(next.code, next.stderr).toBe(0)
    await verified()
  })

  test('of two engines started at once, exactly one runs', async () => {
    await copyOf('log-only')
    const both = [run(data), run(data)]
    const refused = await Promise.race(both.map(async (one, index) => [await one.ended, index]))
    expect(refused[0], both.map((one) => one.output()).join('\n')).toBe(1)
    const winner = both[1 - Number(refused[1])]
    await winner?.says('The engine answers at')
    expect(both[Number(refused[1])]?.output()).toContain(`(pid ${winner?.pid})`)
  })
})

/** Waits until a generator has the lock of the last partition. */
async function written(pid: number): Promise<void> {
  for (;;) {
    const notes = filesIn(join(data, 'log'), /events\.raw-1\/writer-\d+$/)
    if (notes.some((path) => readFileSync(path, 'utf8').includes(`"pid":${pid},`))) return
    await wait(20)
  }
}

describe('an engine of another container', () => {
  test('a second engine and a second generator are refused and change no byte', async (context) => {
    await copyOf('fresh')
    const engine = run(data)
    await engine.says('The engine answers at')
    const shop = ['gen', '--partitions', '2', '--eps', '1', ...at(data)]
    const generator = startNode('bin/run.js', shop)
    await written(generator.pid)
    // A process that stands still keeps its lock; nobody may take it for dead.
    for (const one of [engine, generator]) one.kill('SIGSTOP')
    const before = checksums(data)
    for (const [code, args] of [
      ['CCS_ENGINE_LOCKED', ['run', '--once']],
      ['CCS_LOG_LOCKED', ['gen', '--count', '10']],
    ] as const) {
      const bin = [process.execPath, join(ROOT, 'bin/run.js')]
      const command = inNamespace('web-1', [...bin, ...args, ...at(data)])
      if (!command) return context.skip(true, NO_NAMESPACES)
      const { status, stderr } = spawnSync(command[0] ?? '', command.slice(1), { encoding: 'utf8' })
      expect([status, stderr]).toEqual([1, expect.stringContaining(code)])
      expect(stderr).toContain(`(pid ${code === 'CCS_LOG_LOCKED' ? generator.pid : engine.pid}`)
    }
    expect(checksums(data)).toEqual(before)
  })

  test('status finds the engine through a symbolic link to its directory', async () => {
    await copyOf('fresh')
    const engine = run(data)
    await engine.says('The engine answers at')
    const link = `${data}-link`
    symlinkSync(data, link)
    const { stdout } = await ccs(['status', '--json'], link)
    expect(JSON.parse(stdout)).toMatchObject({ running: true })
    const second = await ccs(['run', '--once'], link)
    expect([second.code, second.stderr]).toEqual([1, expect.stringContaining('CCS_ENGINE_LOCKED')])
  })
})

describe('signals', () => {
  test.each(selectShare(['SIGTERM', 'SIGINT', 'SIGHUP'] as const, 3))(
    '%s drains: everything in the log is committed, and it exits 0',
    async (signal) => {
      await copyOf('log-only')
      const engine = run(data)
      await engine.says('The engine answers at')
      const startMs = performance.now()
      engine.kill(signal)
      expect(await engine.ended, engine.output()).toBe(0)
      expect(performance.now() - startMs).toBeLessThan(10_000)
      expect(engine.output()).toMatch(new RegExp(`${RECORDS} records: \\d+ in Bronze`))
      await verified()
    },
  )

  test('SIGTERM ends an engine within 10 s even if others keep writing', async () => {
    await copyOf('log-only')
    const shop = [
      'gen',
      '--project',
      project,
      '--data',
      data,
      '--partitions',
      '2',
      '--eps',
      '20000',
    ]
    const writer = startNode('bin/run.js', shop)
    const engine = run(data)
    await engine.says('The engine answers at')
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    const startMs = performance.now()
    engine.kill('SIGTERM')
    expect(await engine.ended, engine.output()).toBe(0)
    expect(performance.now() - startMs).toBeLessThan(10_000)
    writer.kill('SIGTERM')
    expect(await writer.ended, writer.output()).toBe(0)
  })

  test('a stopped engine is named by status and query, instead of a stale answer', async () => {
    await copyOf('log-only')
    const engine = run(data)
    await engine.says('The engine answers at')
    engine.kill('SIGSTOP')
    const message = `(process ${engine.pid}) is stopped`
    for (const args of [['status'], ['query', 'SELECT 1 AS one']]) {
      const startMs = performance.now()
      const { code, stderr } = await ccs(args)
      expect([code, stderr]).toEqual([4, expect.stringContaining(message)])
      // Far below the minute that an answer may take.
      expect(performance.now() - startMs).toBeLessThan(20_000)
    }
    engine.kill('SIGCONT')
    expect((await ccs(['status'])).code).toBe(0)
    engine.kill('SIGTERM')
    expect(await engine.ended).toBe(0)
  })

  test('a second SIGINT ends it at once with 130; the next start loses nothing', async () => {
    await copyOf('log-only')
    const engine = startNode('bin/run.js', ['run', ...at(data), '--port', '0'], {
      NODE_ENV: 'test',
      CCS_FAULT: 'commit.write:1:hang',
    })
    await engine.says('The engine answers at')
    engine.kill('SIGINT')
    expect(await Promise.race([engine.ended, wait(1_500)])).toBe('still running')
    engine.kill('SIGINT')
    expect(await Promise.race([engine.ended, wait(3_000)])).toBe(130)
    expect((await ccs(['run', '--once'])).code).toBe(0)
    await verified()
  })
})

describe('what the system takes away', () => {
  test.each([
    ['the data directory is', 'CCS_DISK_FAILED', () => rmSync(data, { recursive: true })],
    ['the lock is', 'CCS_ENGINE_LOCKED', () => rmSync(join(data, 'locks/engine.lock'))],
  ])(
    'an engine ends soon after %s removed, also if there is nothing to do',
    async (_, code, take) => {
      await copyOf('fresh')
      const engine = run(data)
      await engine.says('The engine answers at')
      take()
      expect(await engine.ended, engine.output()).toBe(1)
      expect(engine.output()).toContain(`error[${code}]: `)
      expect(engine.output()).not.toMatch(/\n\s+at /)
    },
  )

  test('a command with too few open files says which limit to raise', async ({ skip }) => {
    skip(process.platform === 'win32', 'there is no ulimit')
    await copyOf('fresh')
    const codes = [32, 40, 48].map((limit) => {
      const bin = [process.execPath, join(ROOT, 'bin/run.js')]
      const shell = ['-c', `ulimit -n ${limit}; exec "$0" "$@"`, ...bin, 'audit', ...at(data)]
      const { status, stderr } = spawnSync('sh', shell, { encoding: 'utf8', timeout: 60_000 })
      if (status !== 0) expect(stderr).toMatch(/^error\[CCS_DISK_FAILED\]: .*\n {2}.*ulimit -n/)
      return status
    })
    expect(codes).toContain(1)
  })

  test('an engine that may open no more files ends with that', async ({ skip }) => {
    await copyOf('fresh')
    const engine = run(data)
    await engine.says('The engine answers at')
    const limit = spawnSync('prlimit', ['--pid', `${engine.pid}`, '--nofile=10:10'])
    skip(limit.status !== 0, 'prlimit is missing, or may not be used')
    await ccs(['gen', '--from', '2026-01-03', '--to', '2026-01-04', '--count', '100'])
    expect(await engine.ended, engine.output()).toBe(1)
    expect(engine.output()).toContain('error[CCS_DISK_FAILED]: ')
    expect(engine.output()).toContain('Allow more open files (ulimit -n)')
    expect((await ccs(['run', '--once'])).code).toBe(0)
    expect((await ccs(['audit'])).code).toBe(0)
  })
})

describe('damage', () => {
  test('a flipped bit in the log stops the engine, naming file and offset', async () => {
    await copyOf('log-only')
    const [segment = ''] = filesIn(join(data, 'log'), /^events\.raw-0\/\d+\.log$/)
    flip(segment, 0.5)
    const { code, stderr } = await ccs(['run', '--once'])
    expect(code).toBe(5)
    expect(stderr).toContain(`The log is damaged in ${segment} at byte `)
    expect(stderr).toMatch(/records? \d+( to \d+)? can't be read/)
    expect(stderr).not.toMatch(/\n\s+at /)
    const json = await ccs(['run', '--once', '--json'])
    expect(JSON.parse(json.stdout).error.code).toBe('CCS_LOG_CORRUPT')
    const rows = await ccs(['query', 'SELECT count(*) AS n FROM bronze.events', '--json'])
    expect(Number(JSON.parse(rows.stdout).rows[0].n)).toBeLessThan(RECORDS)
  })

  const damages = [
    {
      what: 'a Parquet file',
      in: /^lake-1\/parts\/silver\.events\/.*\.parquet$/,
      by: ['query', 'SELECT count(*) AS n FROM silver.events'],
    },
    {
      what: 'the state of a Gold model',
      in: /^state\/.*\/gold\.sessions\.parquet$/,
      by: ['run', '--once'],
    },
    { what: 'the ids of deduplication', in: /^state\/.*\/seen\.bin$/, by: ['run', '--once'] },
  ] as const
  test.each(selectShare<(typeof damages)[number]>(damages, 3, 1))(
    'a flipped bit in $what is found before it is read; a repair makes it good',
    async (damage) => {
      await copyOf('fresh')
      const path = filesIn(data, damage.in).at(-1) ?? ''
      flip(path, 0.4)
      const { code, stderr } = await ccs([...damage.by])
      expect(code, stderr).toBe(5)
      expect(stderr).toContain(path.split('/').at(-1))
      expect(stderr).toContain('ccs lake verify --repair')
      const planned = await ccs(['lake', 'verify', '--repair'])
      expect(planned.code, planned.stderr).toBe(3)
      const repaired = await ccs(['lake', 'verify', '--repair', '--yes'])
      expect(repaired.code, repaired.stderr).toBe(0)
      const again = await ccs(['run', '--once'])
      expect(again.code, again.stderr).toBe(0)
      await verified()
      expect((await ccs(['lake', 'verify'])).code).toBe(0)
    },
  )

  const losses = [
    {
      what: 'Parquet files',
      in: /parts\/silver\.orders\/.*\.parquet$/,
      says: 'has lost silver/orders/',
    },
    { what: 'a file of the state', in: /^state\/.*\/seen\.bin$/, says: 'seen.bin is missing,' },
  ] as const
  test.each(selectShare<(typeof losses)[number]>(losses, 2))(
    'missing $what is found at the start; a rebuild repairs it',
    async (loss) => {
      await copyOf('fresh')
      for (const path of filesIn(data, loss.in)) rmSync(path)
      const { code, stderr } = await ccs(['run', '--once'])
      expect(code).toBe(5)
      expect(stderr).toContain(loss.says)
      expect((await ccs(['deploy', '--rebuild', '--yes'])).code).toBe(0)
      await verified()
    },
  )

  test('a damaged manifest is an error; the log alone restores everything', async () => {
    await copyOf('fresh')
    flip(join(data, 'manifest.json'), 0.5)
    const { code, stderr } = await ccs(['run', '--once'])
    expect(code).not.toBe(0)
    expect(stderr).toContain(join(data, 'manifest.json'))
    expect(stderr).toContain('delete everything there except log/')
    for (const name of readdirSync(data))
      if (name !== 'log') rmSync(join(data, name), { recursive: true })
    mkdirSync(data, { recursive: true })
    expect((await ccs(['run', '--once'])).code).toBe(0)
    await verified()
  })
})
