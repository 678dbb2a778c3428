/**
 * A disk that turns read-only, or fails, at any call of a running engine: the run ends with that
 * error and not with what went wrong while it was cleaned up, its port is closed, and on a good
 * disk the next one has all rows. By default at a sample of the calls; with `npm run test:crash` at
 * all of them.
 */
import { cpSync, rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openServer } from '../../cli/app/page.ts'
import type { OpenPipeline } from '../../cli/app/pipeline.ts'
import { openStore } from '../../cli/app/store.ts'
import { toCcsError } from '../../cli/command-errors.ts'
import { thenClose } from '../../cli/domain/kernel/closers.ts'
import { RecordBatch } from '../../cli/domain/log/record-batch.ts'
import { type Call, FaultDisk, SCRATCH } from '../fixtures/fault-files.ts'
import { IS_WHOLE, sampleNumbers } from '../fixtures/fault-share.ts'
import {
  APPEND_MS,
  drain,
  dropStaleLocks,
  makeRecords,
  makeRig,
  openRig,
  queryRows,
  RAW,
  type Rig,
} from '../fixtures/pipeline-rig.ts'

const TABLES = ['bronze.events', 'silver.events', 'gold.activity_1m']
const SAMPLE = 12
/** So long no call may take, on however busy a machine. */
const LIMIT_MS = 60_000

const READS = /^(open r$|read|readFile|readdir|stat|size|close|isLocked)/
/** What needs a number for another open file. */
const OPENS = /^(open |readFile|writeFile|readdir|fsyncDir|lock|isLocked)/
const KINDS = [
  { errno: 'EROFS', code: 'CCS_DISK_DENIED', fails: ({ name }: Call) => !READS.test(name) },
  { errno: 'EIO', code: 'CCS_DISK_FAILED', fails: ({ name }: Call) => name !== 'close' },
  { errno: 'EMFILE', code: 'CCS_DISK_FAILED', fails: ({ name }: Call) => OPENS.test(name) },
] as const

let dir: string
let rig: Rig
let wanted: Record<string, string>

beforeAll(async () => {
  dir = await mkdtemp(join(SCRATCH, 'ccs-disk-errors-'))
  rig = await makeRig([...TABLES, 'silver.people'])
  const store = await openStore(join(dir, 'log-only'))
  const { records } = await makeRecords(rig, 200, 8)
  const writer = await store.log.writer(RAW, 0, 'test')
  await writer.append(RecordBatch.of(records), APPEND_MS)
  await store.log.close()
  cpSync(join(dir, 'log-only'), join(dir, 'good'), { recursive: true })
  wanted = await readRows(join(dir, 'good'))
})
afterAll(() => rm(dir, { recursive: true, force: true }))

async function readRows(root: string): Promise<Record<string, string>> {
  const open = await openRig(rig, root)
  const read = async () => {
    await drain(open)
    return queryRows(open, TABLES)
  }
  return thenClose(read, () => open.close())
}

/** What `ccs run --once` does. */
async function runOnce(root: string, disk: FaultDisk): Promise<void> {
  const open: OpenPipeline = await openRig(rig, root, disk.files)
  const work = async () => {
    const server = await openServer(rig.project(root), open, { port: 0 })
    await thenClose(
      () => drain(open),
      () => server.close(),
    ).finally(() => expect(fetch(`${server.url}/status`)).rejects.toThrow())
  }
  await thenClose(work, () => open.close())
}

async function within<T>(ms: number, work: Promise<T>): Promise<T | 'still running'> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<'still running'>((resolve) => {
    timer = setTimeout(() => resolve('still running'), ms)
  })
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}

test.each(KINDS)(
  'an engine whose disk reports $errno at any call ends with it',
  {
    timeout: IS_WHOLE ? 3_600_000 : 240_000,
  },
  async ({ errno, code, fails }) => {
    const copy = () => {
      const root = join(dir, 'data')
      rmSync(root, { recursive: true, force: true })
      cpSync(join(dir, 'log-only'), root, { recursive: true })
      return { root, disk: new FaultDisk(root, { seed: 1 }) }
    }
    const dry = copy()
    await runOnce(dry.root, dry.disk)
    const { calls } = dry.disk
    let failed = 0
    for (const number of sampleNumbers(calls, SAMPLE, 3)) {
      const { root, disk } = copy()
      disk.failWith = (call) => (call.number >= number && fails(call) ? errno : undefined)
      const ended = await within(
        LIMIT_MS,
        runOnce(root, disk).catch((error: unknown) => toCcsError(error)),
      )
      const place = `call ${number} of ${calls}, ${dry.disk.trace[number]}`
      if (ended !== undefined) expect(ended, place).toMatchObject({ code })
      failed += Number(ended !== undefined)
      dropStaleLocks(root)
      expect(await readRows(root), place).toEqual(wanted)
    }
    expect(failed).toBeGreaterThan(SAMPLE / 2)
  },
)
