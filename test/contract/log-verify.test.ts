/**
 * `ccs log verify` and `ccs log repair` on logs with damaged files: what is wrong is found, with
 * file and byte, and after a repair everything intact is served again.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Files } from '../../cli/adapters/files/files.ts'
import { type Processes, systemProcesses } from '../../cli/adapters/files/process-id.ts'
import { checkLog } from '../../cli/adapters/log/check-log.ts'
import { openLocalLog } from '../../cli/adapters/log/local-log.ts'
import { repairPartition } from '../../cli/adapters/log/repair-partition.ts'
import type { EventLog } from '../../cli/domain/log/event-log.ts'
import { frameRecords } from '../../cli/domain/log/frame-records.ts'
import {
  describeDamage,
  type OffsetRange,
  type PartitionReport,
} from '../../cli/domain/log/log-report.ts'
import type { RecordRestorer } from '../../cli/domain/log/restored-record.ts'
import { FaultDisk, isCrash, SCRATCH, seededRandom } from '../fixtures/fault-files.ts'
import { listNumbers, selectShare } from '../fixtures/fault-share.ts'
import { createBatch, findFirstWrong, numberedRecord, readBack } from '../fixtures/log-records.ts'

const TOPIC = 'events.raw'
/** Frames of five records. */
const FRAMES = 40
const RECORDS = FRAMES * 5

let dir: string
let files: FaultDisk['files']

beforeEach(async () => {
  dir = await mkdtemp(join(SCRATCH, 'ccs-log-verify-'))
  files = new FaultDisk(dir, { seed: 0 }).files
  const log = openLog()
  const writer = await log.writer(TOPIC, 0, 'test')
  for (let n = 0; n < FRAMES; n++) await writer.append(createBatch(n * 5, 5), 1_000 + n)
  await log.close()
})

afterEach(async () => {
  await rm(dir, { recursive: true, force: true })
})

function openLog(processes = systemProcesses()): EventLog {
  return openLocalLog({ dir, files, segmentBytes: 2_500, processes })
}

function at(name: string): string {
  return join(dir, `${TOPIC}-0`, name)
}

function segments(): readonly string[] {
  return readdirSync(join(dir, `${TOPIC}-0`)).filter((name) => name.endsWith('.log'))
}

function baseOf(name: string | undefined): number {
  return Number.parseInt(name ?? '', 10)
}

async function check(committedEnd = 0): Promise<PartitionReport> {
  const committed = [{ topic: TOPIC, partition: 0, end: committedEnd }]
  const [report] = await checkLog(files, dir, { committed })
  if (!report) throw new Error('the partition is gone')
  return report
}

function flip(name: string, bit: number): void {
  const bytes = readFileSync(at(name))
  bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
  writeFileSync(at(name), bytes)
}

/** Has the records below `end`; with `only`, those of these offsets, each a frame of its own. */
function restorerOf(end: number, only?: ReadonlySet<number>): RecordRestorer {
  return {
    async *read({ from, to }) {
      const offsets = listNumbers(Math.max(0, Math.min(to, end) - from)).map((n) => from + n)
      yield offsets
        .filter((offset) => only?.has(offset) ?? true)
        .map((offset) => {
          const appendMs = 1_000 + (only ? offset : Math.floor(offset / 5))
          return { offset, appendMs, bytes: numberedRecord(offset) }
        })
    },
    breaks: async () => new Set(),
  }
}

interface RepairTrial {
  readonly fromStart?: boolean
  readonly end?: number
  readonly disk?: Files
  readonly processes?: Processes
}

function repair(restorer: RecordRestorer, options: RepairTrial = {}) {
  const { fromStart = false, end = 0, disk = files, processes = systemProcesses() } = options
  return repairPartition(
    { topic: TOPIC, partition: 0, dir: join(dir, `${TOPIC}-0`), committedEnd: end },
    { files: disk, processes, owner: 'test', nowMs: 5_000, restorer, fromStart },
  )
}

function offsetsOf(damage: readonly OffsetRange[]): ReadonlySet<number> {
  return new Set(damage.flatMap(({ from, to }) => listNumbers(to - from).map((n) => from + n)))
}

/** The processes that one run of the program sees: all earlier ones are dead. */
function lifeOf(number: number): Processes {
  return {
    self: () => ({ pid: number, host: 'here', started: '' }),
    isAlive: (other) => other.pid === number,
  }
}

/** Offsets and bytes of all records that the log serves. */
async function serve(processes?: Processes): Promise<ReadonlyMap<number, Buffer>> {
  const log = openLog(processes)
  const served = new Map<number, Buffer>()
  const { start } = await log.range(TOPIC, 0)
  const reader = await log.reader(TOPIC, 0, start)
  for (let frames = await reader.read(512); frames.length > 0; frames = await reader.read(512))
    for (const frame of frames)
      for (const { offset, bytes } of frameRecords(frame)) served.set(offset, Buffer.from(bytes))
  await log.close()
  return served
}

async function expectServed(
  lost: ReadonlySet<number>,
  where = '',
  processes?: Processes,
): Promise<void> {
  const served = await serve(processes)
  expect([...served.keys()], where).toEqual(listNumbers(RECORDS).filter((n) => !lost.has(n)))
  for (const [offset, bytes] of served) expect(bytes).toEqual(numberedRecord(offset))
}

test('a whole log: segments, records, offsets and times; a log that is being written too', async () => {
  const names = segments()
  expect(names.length).toBeGreaterThan(4)
  const whole = {
    ...{ topic: TOPIC, partition: 0, segments: names.length, records: RECORDS },
    ...{ start: 0, end: RECORDS, firstMs: 1_000, lastMs: 1_000 + FRAMES - 1 },
    ...{ unfinishedBytes: 0, damage: [], lost: [] },
  }
  expect(await check(RECORDS)).toMatchObject(whole)
  const log = openLog()
  const writer = await log.writer(TOPIC, 0, 'test')
  await writer.append(createBatch(RECORDS, 5), 2_000)
  expect(await check()).toMatchObject({ records: RECORDS + 5, damage: [] })
  await log.close()
})

test('of random bit flips each one is found, and none is served', async () => {
  const random = seededRandom(21)
  const names = segments()
  for (const round of selectShare(listNumbers(1_000), 10)) {
    const name = names[Math.floor(random() * names.length)] ?? ''
    const bit = Math.floor(random() * readFileSync(at(name)).length * 8)
    const where = `round ${round}: bit ${bit} of ${name}`
    flip(name, bit)
    const { damage } = await check()
    const [first, ...others] = damage
    expect(others, where).toEqual([])
    expect(first, where).toMatchObject({ kind: 'damaged', file: at(name) })
    const from = first?.position ?? 0
    expect(from <= bit >> 3 && bit >> 3 < from + (first?.bytes ?? 0), where).toBe(true)
    const { records, error } = await readBack(openLog(), TOPIC)
    expect(error, where).toMatchObject({ code: 'CCS_LOG_CORRUPT' })
    expect([findFirstWrong(records), records.length], where).toEqual([-1, first?.from])
    flip(name, bit)
  }
  expect((await check()).damage).toEqual([])
})

describe('damage is found, and repaired with and without the records', () => {
  /** Does the damage; returns the offsets that can't be read then. */
  const cases: Readonly<Record<string, () => readonly [number, number]>> = {
    'a flipped bit in the middle of a segment': () => {
      const [, name = ''] = segments()
      const bytes = readFileSync(at(name))
      const second = 32 + bytes.readUInt32LE(8)
      flip(name, (second + 40) * 8)
      return [baseOf(name) + 5, baseOf(name) + 10]
    },
    'a truncated segment that is not the last': () => {
      const [, name = '', next] = segments()
      const first = 32 + readFileSync(at(name)).readUInt32LE(8)
      truncateSync(at(name), first + 50)
      return [baseOf(name) + 5, baseOf(next)]
    },
    'a segment that was truncated between two frames': () => {
      const [, name = '', next] = segments()
      truncateSync(at(name), 32 + readFileSync(at(name)).readUInt32LE(8))
      return [baseOf(name) + 5, baseOf(next)]
    },
    'an emptied segment': () => {
      const [, name = '', next] = segments()
      truncateSync(at(name), 0)
      return [baseOf(name), baseOf(next)]
    },
    'a deleted middle segment': () => {
      const [, name = '', next] = segments()
      rmSync(at(name))
      return [baseOf(name), baseOf(next)]
    },
    'a deleted last segment': () => {
      const name = segments().at(-1) ?? ''
      rmSync(at(name))
      return [baseOf(name), RECORDS]
    },
    'a truncated last segment': () => {
      const name = segments().at(-1) ?? ''
      truncateSync(at(name), 40)
      return [baseOf(name), RECORDS]
    },
    'garbage at the end of a segment that is not the last': () => {
      const [name = '', next] = segments()
      writeFileSync(at(name), Buffer.alloc(100, 'ccs1'), { flag: 'a' })
      return [baseOf(next), baseOf(next)]
    },
    'all segments deleted': () => {
      for (const name of segments()) rmSync(at(name))
      return [0, RECORDS]
    },
  }

  test.each(Object.keys(cases))('%s', async (name) => {
    const names = segments()
    const before = new Map([...names, 'durable'].map((one) => [one, readFileSync(at(one))]))
    for (const end of [RECORDS, 0]) {
      const [from, to] = cases[name]?.() ?? [0, 0]
      const damagedFiles = new Map(segments().map((one) => [one, readFileSync(at(one))]))
      const { damage } = await check()
      expect(damage.map(describeDamage)).toHaveLength(1)
      expect(damage[0]).toMatchObject({ from, to })
      const { restored, lost, kept } = await repair(restorerOf(end))
      expect([restored, lost]).toEqual(end === 0 ? [0, to - from] : [to - from, 0])
      for (const file of kept)
        expect(readFileSync(file)).toEqual(
          damagedFiles.get(basename(file).replace(/\.damaged.*$/, '')),
        )
      const report = await check()
      expect([report.damage, report.end]).toEqual([[], RECORDS])
      const marks = lost === 0 ? [] : [{ from, to, repairedMs: 5_000, isErased: false }]
      expect(report.lost).toEqual(marks)
      await expectServed(
        end === 0 ? new Set(listNumbers(to - from).map((n) => from + n)) : new Set(),
      )
      // The next writer goes on behind what was lost.
      const log = openLog()
      const writer = await log.writer(TOPIC, 0, 'test')
      expect(await writer.append(createBatch(RECORDS, 1), 9_000)).toBe(RECORDS)
      await log.close()
      expect((await check()).damage).toEqual([])
      restore(before)
    }
  })

  /** Puts the undamaged files back. */
  function restore(before: ReadonlyMap<string, Buffer>): void {
    rmSync(join(dir, `${TOPIC}-0`), { recursive: true })
    mkdirSync(join(dir, `${TOPIC}-0`))
    for (const [name, bytes] of before) writeFileSync(at(name), bytes)
  }
})

test('a deleted first segment is no damage, and comes back if its records can be made', async () => {
  const [first = '', second] = segments()
  const bytes = readFileSync(at(first))
  rmSync(at(first))
  expect(await check()).toMatchObject({ damage: [], start: baseOf(second) })
  expect(await repair(restorerOf(RECORDS), { fromStart: true })).toMatchObject({ lost: 0 })
  expect(readFileSync(at(first))).toEqual(bytes)
  await expectServed(new Set())
})

test('garbage at the very end is an unfinished append, which the next writer cuts off', async () => {
  const name = segments().at(-1) ?? ''
  writeFileSync(at(name), Buffer.alloc(77, 'x'), { flag: 'a' })
  expect(await check()).toMatchObject({ damage: [], unfinishedBytes: 77 })
  const log = openLog()
  await (await log.writer(TOPIC, 0, 'test')).append(createBatch(RECORDS, 5), 9_000)
  await log.close()
  expect(await check()).toMatchObject({ unfinishedBytes: 0, records: RECORDS + 5 })
})

test('records that a commit has and the log lost at its end are missed without its mark too', async () => {
  const name = segments().at(-1) ?? ''
  rmSync(at('durable'))
  rmSync(at(name))
  expect((await check()).damage).toEqual([])
  const { damage } = await check(RECORDS)
  expect(damage).toMatchObject([{ kind: 'missing', from: baseOf(name), to: RECORDS }])
})

test('a repair that ends at any call, and a power loss, leave a log that another repairs', {
  timeout: 120_000,
}, async () => {
  const whole = new Map([...segments(), 'durable'].map((one) => [one, readFileSync(at(one))]))
  const [first = '', second = '', third = '', , fifth = ''] = [...whole.keys()]
  const last = segments().at(-1) ?? ''
  const damage = () => {
    rmSync(join(dir, `${TOPIC}-0`), { recursive: true })
    mkdirSync(join(dir, `${TOPIC}-0`))
    for (const [name, bytes] of whole) writeFileSync(at(name), bytes)
    flip(first, 400)
    truncateSync(at(second), 100)
    rmSync(at(third))
    flip(fifth, 4_000)
    flip(last, 400)
  }
  damage()
  // Of intact records there is no other copy; the repaired segments are longer than before.
  const restorer = restorerOf(RECORDS, offsetsOf((await check()).damage))
  const dry = new FaultDisk(dir, { seed: 0 })
  await repair(restorer, { end: RECORDS, disk: dry.files })
  await expectServed(new Set())
  expect(dry.calls).toBeGreaterThan(60)
  for (const call of selectShare(listNumbers(dry.calls), 8, 3))
    for (const [when, end] of [
      ['during', 'kill'],
      ['after', 'powerLoss'],
    ] as const) {
      damage()
      const disk = new FaultDisk(dir, { seed: call })
      disk.crashAt(call, when)
      const trial = { end: RECORDS, disk: disk.files }
      const ended = repair(restorer, { ...trial, processes: lifeOf(1) })
      await expect(ended, `call ${call}`).rejects.toSatisfy(isCrash)
      const where = `${when} call ${call}, ${disk.trace.at(-1)}, ${end}`
      await disk[end]()
      const left = (await check(RECORDS)).damage
      if (left.length > 0) await repair(restorer, { ...trial, processes: lifeOf(2) })
      await disk.kill()
      await expectServed(new Set(), where, lifeOf(3))
      expect((await check(RECORDS)).damage, where).toEqual([])
      const log = openLog(lifeOf(3))
      await log.writer(TOPIC, 0, 'test')
      await log.close()
      await expectServed(new Set(), where, lifeOf(3))
    }
})

test('after many damages in one log, everything else is served', async () => {
  const names = segments()
  const random = seededRandom(5)
  for (const name of names.slice(0, -1)) flip(name, Math.floor(random() * 600) * 8)
  const { damage } = await check()
  expect(damage).toHaveLength(names.length - 1)
  const lost = offsetsOf(damage)
  expect(await repair(restorerOf(0))).toMatchObject({ lost: lost.size, restored: 0 })
  await expectServed(lost)
})
