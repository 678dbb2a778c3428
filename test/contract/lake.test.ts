import * as fs from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Duck, type DuckConnection, openDuck } from '../../cli/adapters/duckdb/duckdb.ts'
import { readLockHolder } from '../../cli/adapters/files/file-lock.ts'
import { diskFiles, type Files } from '../../cli/adapters/files/files.ts'
import { takeEngineLock } from '../../cli/adapters/lake/engine-lock.ts'
import { openManifestStore } from '../../cli/adapters/lake/manifest-store.ts'
import { countParquetRows } from '../../cli/adapters/lake/parquet.ts'
import { CcsError } from '../../cli/domain/kernel/errors.ts'
import { dataLayout } from '../../cli/domain/lake/layout.ts'
import { listPartitions, listTables } from '../../cli/domain/lake/list.ts'
import type { Manifest } from '../../cli/domain/lake/manifest.ts'
import { type VerifyResult, verifyLake } from '../../cli/domain/lake/verify.ts'
import { FaultDisk, SimulatedCrash, seededRandom } from '../fixtures/fault-files.ts'
import { listNumbers, selectShare } from '../fixtures/fault-share.ts'
import {
  commitFiles,
  compactNow,
  EMPTY,
  events,
  GRACE_MS,
  hasCompaction,
  type OpenLake,
  openTestLake,
  type RowIds,
  rightNow,
  STEPS,
} from '../fixtures/lake-workload.ts'
import { withoutKernelLocks } from '../fixtures/without-kernel-locks.ts'

const START_MS = Date.parse('2026-11-23T12:00:00Z')

let duck: Duck
let connection: DuckConnection
let root: string
let temporary: string

beforeAll(async () => {
  duck = await openDuck({ threads: 1 })
  connection = await duck.connect()
})

afterAll(() => {
  connection.close()
  duck.close()
})

beforeEach(async () => {
  temporary = await mkdtemp(join(tmpdir(), 'ccs-lake-'))
  root = `${temporary}/data`
  fs.mkdirSync(root)
})

afterEach(async () => {
  await rm(temporary, { recursive: true, force: true })
})

function openLake(files: Files = diskFiles(), clock = { nowMs: START_MS }): OpenLake {
  return openTestLake(files, root, connection, clock)
}

const storeOf = (files: Files) => ({ files, root, manifests: openManifestStore(files, root) })

async function codeOf(run: Promise<unknown>): Promise<string> {
  try {
    await run
    return 'nothing was thrown'
  } catch (error) {
    return error instanceof CcsError ? error.code : String(error)
  }
}

/** Ids by the content of a Parquet file, so that the same bytes are read by DuckDB only once. */
const idsOfBytes = new Map<string, readonly number[]>()

/** Ids in Parquet files, sorted. */
async function idsIn(paths: readonly string[]): Promise<number[]> {
  const ids: number[] = []
  for (const path of paths) {
    const bytes = fs.readFileSync(path).toString('latin1')
    const known = idsOfBytes.get(bytes)
    if (known) ids.push(...known)
    else {
      const { rows } = await connection.all(`SELECT id FROM read_parquet('${path}')`)
      const read = rows.map((row) => Number(row['id']))
      idsOfBytes.set(bytes, read)
      ids.push(...read)
    }
  }
  return ids.sort((a, b) => a - b)
}

/** Files that the globs lake/silver/events/{x}/{x}.parquet and lake/gold/right_now/{x}.parquet find. */
function globbed(): Map<string, string[]> {
  const found = new Map<string, string[]>()
  const list = (dir: string) => (fs.existsSync(dir) ? fs.readdirSync(dir) : [])
  const take = (leaf: string, dir: string) => {
    const files = list(dir).filter((name) => name.endsWith('.parquet'))
    if (files.length > 0)
      found.set(
        leaf,
        files.map((name) => `${dir}/${name}`),
      )
  }
  for (const partition of list(`${root}/lake/silver/events`))
    take(`silver.events/${partition}`, `${root}/lake/silver/events/${partition}`)
  take('gold.right_now/', `${root}/lake/gold/right_now`)
  return found
}

async function globRows(): Promise<RowIds> {
  const rows: Record<string, readonly number[]> = {}
  for (const [leaf, paths] of globbed()) rows[leaf] = await idsIn(paths)
  return rows
}

async function manifestRows(open: OpenLake): Promise<RowIds> {
  const manifest = (await open.store.load()) ?? EMPTY
  const places = await open.lake.locate(manifest)
  const paths: Record<string, string[]> = {}
  for (const file of manifest.files) {
    const path = places.get(file.name)
    if (path === undefined) throw new Error(`${file.name} is nowhere`)
    const leaf = `${file.table}/${file.partition}`
    paths[leaf] = [...(paths[leaf] ?? []), path]
  }
  const rows: Record<string, readonly number[]> = {}
  for (const [leaf, list] of Object.entries(paths)) rows[leaf] = await idsIn(list)
  return rows
}

function rowsAfter(serial: number): RowIds {
  return serial === 0 ? {} : (STEPS[serial - 1]?.rows ?? { 'no such step': [serial] })
}

function verify(open: OpenLake): Promise<VerifyResult> {
  return verifyLake({
    load: () => open.store.load(),
    lake: open.lake,
    rows: (path) => countParquetRows(connection, path),
    stateDir: `${root}/state`,
  })
}

async function runSteps(open: OpenLake, from: number): Promise<void> {
  for (const step of STEPS.slice(from)) await step.run(open)
}

describe('a lake without faults', () => {
  test('glob and manifest give the rows of each commit, and DuckDB reads the glob', async () => {
    const open = openLake()
    for (const [index, step] of STEPS.entries()) {
      if (index === 2) expect(await hasCompaction(open)).toBe(true)
      await step.run(open)
      expect(await globRows(), `step ${index}`).toEqual(step.rows)
      expect(await manifestRows(open), `step ${index}`).toEqual(step.rows)
      expect((await verify(open)).ok).toBe(true)
    }
    const { rows } = await connection.all(
      `SELECT CAST(event_date AS VARCHAR) AS day, count(*) AS n
       FROM read_parquet('${root}/lake/silver/events/*/*.parquet', hive_partitioning = true)
       GROUP BY ALL ORDER BY ALL`,
    )
    expect(rows).toEqual([
      { day: '2026-11-22', n: 6 },
      { day: '2026-11-23', n: 4 },
    ])
  })

  test('at every moment the glob finds either the old or the new rows', async () => {
    let now = 0
    let looks = 0
    const look = async () => {
      looks++
      const seen = globbed()
      for (const leaf of new Set([...seen.keys(), ...Object.keys(rowsAfter(now))])) {
        const ids = await idsIn(seen.get(leaf) ?? [])
        const old = [...(rowsAfter(now)[leaf] ?? [])]
        const next = [...(rowsAfter(now + 1)[leaf] ?? [])]
        expect([old, next], `${leaf} in step ${now}`).toContainEqual(ids)
      }
    }
    const disk = diskFiles()
    const watched = new Proxy(disk, {
      get: (target, name) => {
        const call: unknown = Reflect.get(target, name)
        if (typeof call !== 'function') return call
        return async (...given: unknown[]) => {
          const result: unknown = await call.apply(target, given)
          await look()
          return result
        }
      },
    })
    const open = openLake(watched)
    for (; now < STEPS.length; now++) await STEPS[now]?.run(open)
    expect(looks).toBeGreaterThan(200)
  })

  test('files listed before a compaction can be opened for the grace time', async () => {
    const clock = { nowMs: START_MS }
    const open = openLake(diskFiles(), clock)
    await STEPS[0]?.run(open)
    await STEPS[1]?.run(open)
    const manifest = (await open.store.load()) ?? EMPTY
    const before = manifest.files
      .filter((file) => file.partition === 'event_date=2026-11-22')
      .map((file) => open.lake.path(file))
    expect((await compactNow(open)).filesBefore).toBe(3)
    expect(await idsIn(before)).toEqual([1, 2, 3, 4])
    clock.nowMs += GRACE_MS + 10
    await open.lake.finalize((await open.store.load()) ?? EMPTY)
    expect(before.some((path) => fs.existsSync(path))).toBe(false)
    expect(await manifestRows(open)).toEqual(STEPS[2]?.rows)
  })

  test('unnamed files are deleted, but not those of a commit in progress', async () => {
    const open = openLake()
    await STEPS[0]?.run(open)
    fs.mkdirSync(`${root}/stage/left-by-a-crash`, { recursive: true })
    fs.writeFileSync(`${root}/stage/left-by-a-crash/x.parquet`, 'x')
    const mine = await open.lake.stage('mine')
    await STEPS[1]?.run(open)
    expect(fs.readdirSync(`${root}/stage`)).toEqual([basename(mine)])
    expect(fs.existsSync(mine)).toBe(true)
    await open.lake.discard('mine')
    expect(fs.readdirSync(`${root}/stage`)).toEqual([])
  })

  test('after a rebuild and the grace time only the new generation remains', async () => {
    const open = openLake()
    for (const step of STEPS.slice(0, 5)) await step.run(open)
    expect(fs.readdirSync(root)).toEqual(['lake', 'lake-0', 'lake-1', 'manifest.json', 'stage'])
    await STEPS[5]?.run(open)
    expect(fs.readdirSync(root)).toEqual(['lake', 'lake-1', 'manifest.json', 'stage'])
    expect(fs.readdirSync(`${root}/stage`)).toEqual([])
  })

  test('the data directory can be moved', async () => {
    await runSteps(openLake(), 0)
    const moved = `${temporary}/elsewhere`
    fs.renameSync(root, moved)
    root = moved
    expect(await globRows()).toEqual(rowsAfter(STEPS.length))
    expect(await manifestRows(openLake())).toEqual(rowsAfter(STEPS.length))
  })

  test('tables and partitions are listed with files, rows and bytes', async () => {
    const open = openLake()
    await STEPS[0]?.run(open)
    await STEPS[1]?.run(open)
    const manifest = (await open.store.load()) ?? EMPTY
    const bytes = (leaf: string) =>
      (globbed().get(leaf) ?? []).reduce((sum, path) => sum + fs.statSync(path).size, 0)
    expect(listPartitions(manifest, 'silver.events')).toEqual([
      {
        table: 'silver.events',
        partition: 'event_date=2026-11-22',
        files: 3,
        rows: 4,
        bytes: bytes('silver.events/event_date=2026-11-22'),
      },
      {
        table: 'silver.events',
        partition: 'event_date=2026-11-23',
        files: 1,
        rows: 2,
        bytes: bytes('silver.events/event_date=2026-11-23'),
      },
    ])
    expect(listTables(manifest)).toMatchObject([
      { table: 'gold.right_now', partitions: 1, first: '', files: 1, rows: 2 },
      {
        table: 'silver.events',
        partitions: 2,
        first: 'event_date=2026-11-22',
        last: 'event_date=2026-11-23',
        files: 4,
        rows: 6,
      },
    ])
  })
})

describe('crashes', () => {
  /** A copy of the data directory before each step, so that a test need not run the steps before it. */
  let states: string
  let starts: readonly number[]
  let calls: readonly (readonly string[])[]

  beforeAll(async () => {
    states = await mkdtemp(join(tmpdir(), 'ccs-lake-states-'))
    const clock = { nowMs: START_MS }
    const startsMs: number[] = []
    root = `${states}/now`
    fs.mkdirSync(root)
    for (const [index, step] of STEPS.entries()) {
      copyTree(root, `${states}/${index}`)
      startsMs.push(clock.nowMs)
      await step.run(openLake(diskFiles(), clock))
    }
    starts = startsMs
    const found: string[][] = []
    for (const index of STEPS.keys()) {
      const { disk, open } = await begin(index, 0)
      await STEPS[index]?.run(open)
      found.push([...disk.trace])
      await disk.kill()
    }
    calls = found
  })

  afterAll(async () => {
    await rm(states, { recursive: true, force: true })
  })

  function copyTree(from: string, to: string): void {
    fs.rmSync(to, { recursive: true, force: true })
    fs.cpSync(from, to, { recursive: true, verbatimSymlinks: true })
  }

  /** A process that has run the step before `index`, so that its caches are filled. */
  async function begin(index: number, seed: number) {
    const before = Math.max(0, index - 1)
    root = `${states}/now`
    copyTree(`${states}/${before}`, root)
    const clock = { nowMs: starts[before] ?? START_MS }
    const disk = new FaultDisk(root, { seed })
    const open = openLake(disk.files, clock)
    if (before < index) await STEPS[before]?.run(open)
    await disk.kill()
    return { disk, open, clock }
  }

  async function recover(disk: FaultDisk, clock: { nowMs: number }, where: string) {
    const open = openLake(disk.files, clock)
    const manifest: Manifest = (await open.store.load()) ?? EMPTY
    const { serial } = manifest
    expect(await manifestRows(open), `before recovery, ${where}`).toEqual(rowsAfter(serial))
    for (const [leaf, ids] of Object.entries(await globRows())) {
      const either = [serial - 1, serial].map((one) => rowsAfter(Math.max(0, one))[leaf])
      expect(either, `${leaf} before recovery, ${where}`).toContainEqual(ids)
    }
    await open.lake.finalize(manifest)
    expect(await globRows(), `after recovery, ${where}`).toEqual(rowsAfter(serial))
    // The next step must succeed as if there had been no crash.
    const next = Math.min(serial, STEPS.length - 1)
    if (serial < STEPS.length) await STEPS[next]?.run(open)
    expect(await globRows(), `step ${next} after ${where}`).toEqual(rowsAfter(next + 1))
    expect(await manifestRows(open), `step ${next} after ${where}`).toEqual(rowsAfter(next + 1))
    expect(fs.readdirSync(`${root}/stage`), where).toEqual([])
  }

  /** The calls of a step that change the disk; a crash at a read has no effect of its own. */
  function changes(index: number): readonly { readonly call: number; readonly name: string }[] {
    return (calls[index] ?? [])
      .map((name, call) => ({ call, name }))
      .filter(({ name }) => !/^(readFile|readdir|read|stat|size) /.test(name))
  }

  for (const index of STEPS.keys()) {
    for (const [at, isPowerLoss] of [false, true].entries()) {
      const fault = isPowerLoss ? 'a power loss' : 'kill -9'
      test(`no row is lost or doubled by ${fault} at any call of step ${index}`, async () => {
        expect(changes(index).length).toBeGreaterThan(20)
        for (const { call, name } of selectShare(changes(index), 3, index + at)) {
          const when = /^(write|writeFile) /.test(name) ? 'during' : 'after'
          const { disk, open, clock } = await begin(index, 1000 * index + call)
          const where = `${when} call ${call} (${name})`
          disk.crashAt(call, when)
          await expect(STEPS[index]?.run(open), where).rejects.toThrow(SimulatedCrash)
          if (isPowerLoss) await disk.powerLoss()
          else await disk.kill()
          await recover(disk, clock, where)
        }
      })
    }

    test(`a full disk at any call of step ${index} fails it; a retry succeeds`, async () => {
      for (const { call, name } of selectShare(changes(index), 3, index + 2)) {
        const { disk, open } = await begin(index, call)
        const where = `call ${call} (${name})`
        disk.failWith = (one) => (one.number === call ? 'ENOSPC' : undefined)
        await expect(STEPS[index]?.run(open), where).rejects.toMatchObject({
          code: 'CCS_DISK_FULL',
        })
        const manifest = (await open.store.load()) ?? EMPTY
        await open.lake.finalize(manifest)
        expect(await globRows(), where).toEqual(rowsAfter(manifest.serial))
        if (manifest.serial === index) await STEPS[index]?.run(open)
        expect(await globRows(), where).toEqual(rowsAfter(index + 1))
        await disk.kill()
      }
    })
  }
})

describe('damage', () => {
  test('random bit flips in Parquet files and the manifest are all reported', async () => {
    const open = openLake()
    for (const step of STEPS.slice(0, 4)) await step.run(open)
    const manifest = (await open.store.load()) ?? EMPTY
    const places = await open.lake.locate(manifest)
    const targets = [...places.values(), `${root}/manifest.json`]
    const random = seededRandom(20_261_122)
    for (const flip of selectShare(listNumbers(200), 2)) {
      const path = targets[Math.floor(random() * targets.length)] ?? ''
      const whole = fs.readFileSync(path)
      const bit = Math.floor(random() * whole.length * 8)
      const flipped = Buffer.from(whole)
      flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
      fs.writeFileSync(path, flipped)
      const where = `flip ${flip}: bit ${bit} of ${path}`
      if (path.endsWith('manifest.json')) {
        expect(await codeOf(verify(open)), where).toBe('CCS_MANIFEST_INVALID')
      } else {
        const { ok, damaged } = await verify(open)
        expect(ok, where).toBe(false)
        expect(damaged, where).toHaveLength(1)
        expect(damaged[0]?.file.endsWith(path.slice(path.lastIndexOf('/'))), where).toBe(true)
      }
      fs.writeFileSync(path, whole)
    }
    expect((await verify(open)).ok).toBe(true)
  })

  test('a missing, a truncated and a foreign file are each reported as such', async () => {
    const open = openLake()
    await commitFiles(open, { added: [events(21, 1), events(22, 2), events(23, 3), rightNow(1)] })
    const manifest = (await open.store.load()) ?? EMPTY
    const places = await open.lake.locate(manifest)
    const [missing = '', cut = '', foreign = ''] = manifest.files.map(
      (file) => places.get(file.name) ?? '',
    )
    fs.unlinkSync(missing)
    fs.truncateSync(cut, 10)
    const text = Buffer.from('not Parquet at all')
    fs.writeFileSync(foreign, text)
    const { crc32 } = await import('node:zlib')
    const files = manifest.files.map((file) =>
      foreign.endsWith(file.name) ? { ...file, bytes: text.length, crc32: crc32(text) } : file,
    )
    const lying = { ...manifest, serial: manifest.serial + 1, files }
    await open.store.commit(lying)
    const { ok, damaged } = await verify(open)
    expect(ok).toBe(false)
    expect(damaged.map((one) => one.fault)).toEqual([
      'is missing',
      expect.stringMatching(/^has 10 bytes instead of \d+$/),
      expect.stringMatching(/^is not readable as Parquet: /),
    ])
    expect(await codeOf(openLake().lake.finalize(lying))).toBe('CCS_LAKE_DAMAGED')
  })

  test('compaction rejects damaged files and leaves the lake unchanged', async () => {
    const open = openLake()
    await STEPS[0]?.run(open)
    await STEPS[1]?.run(open)
    const manifest = (await open.store.load()) ?? EMPTY
    const file = manifest.files.find((one) => one.partition === 'event_date=2026-11-22')
    const path = file ? open.lake.path(file) : ''
    const bytes = fs.readFileSync(path)
    bytes.writeUInt8(bytes.readUInt8(20) ^ 1, 20)
    fs.writeFileSync(path, bytes)
    expect(await codeOf(compactNow(open))).toBe('CCS_LAKE_DAMAGED')
    expect(await open.store.load()).toEqual(manifest)
    expect(fs.readdirSync(`${root}/stage`)).toEqual([])
  })

  test('a merge that loses a row is not committed', async () => {
    const open = openLake()
    await STEPS[0]?.run(open)
    await STEPS[1]?.run(open)
    const lossy = compactNow(open, {
      merge: (_, output) => connection.run(`COPY (SELECT 1 AS id) TO '${output}' (FORMAT parquet)`),
    })
    expect(await codeOf(lossy)).toBe('CCS_LAKE_DAMAGED')
    expect(await manifestRows(open)).toEqual(rowsAfter(2))
    expect(fs.readdirSync(`${root}/stage`)).toEqual([])
  })
})

describe('commits of several writers', () => {
  test('a commit that does not follow the current manifest is rejected', async () => {
    const open = openLake()
    await STEPS[0]?.run(open)
    const before = (await open.store.load()) ?? EMPTY
    for (const serial of [before.serial, before.serial + 2])
      expect(await codeOf(open.store.commit({ ...before, serial }))).toBe('CCS_ENGINE_LOCKED')
    expect(await open.store.load()).toEqual(before)
  })

  test('files added during a compaction stay, and the merged ones go', async () => {
    const open = openLake()
    await STEPS[0]?.run(open)
    await STEPS[1]?.run(open)
    await compactNow(open, {
      merge: async (inputs, output) => {
        await commitFiles(open, { added: [events(22, 40)] })
        const { mergeParquet } = await import('../../cli/adapters/lake/parquet.ts')
        return mergeParquet(connection, inputs, output)
      },
    })
    const rows = await globRows()
    expect(rows['silver.events/event_date=2026-11-22']).toEqual([1, 2, 3, 4, 40])
    expect(await manifestRows(open)).toEqual(rows)
    expect(globbed().get('silver.events/event_date=2026-11-22')).toHaveLength(2)
  })

  test('a second engine is rejected with name and pid of the first', async () => {
    const files = diskFiles()
    const place = { dir: dataLayout(root).locks, name: 'engine' }
    const lock = await takeEngineLock(storeOf(files), 'ccs up')
    await expect(takeEngineLock(storeOf(files), 'ccs run')).rejects.toMatchObject({
      code: 'CCS_ENGINE_LOCKED',
      message: `ccs up (pid ${process.pid}) runs on ${root}; one engine per data directory.`,
    })
    expect(await readLockHolder(files, place)).toMatchObject({ pid: process.pid, owner: 'ccs up' })
    await lock.release()
    expect(await readLockHolder(files, place)).toBeUndefined()
    await (await takeEngineLock(storeOf(files), 'ccs run')).release()
  })

  test('without locks of the kernel, the lock of a dead process is taken over', async () => {
    const store = storeOf(withoutKernelLocks(diskFiles()))
    const gone = { pid: 4_000_000, host: 'here', started: 'boot/1' }
    const here = { pid: process.pid, host: 'here', started: 'boot/2' }
    const processes = (self: typeof gone) => ({ self: () => self, isAlive: () => false })
    await takeEngineLock(store, 'ccs up', processes(gone))
    const lock = await takeEngineLock(store, 'ccs run', processes(here))
    const third = { self: () => gone, isAlive: () => true }
    await expect(takeEngineLock(store, 'ccs up', third)).rejects.toMatchObject({
      code: 'CCS_ENGINE_LOCKED',
      message: expect.stringContaining(`ccs run (pid ${process.pid}`),
    })
    await lock.release()
  })
})
