/** The embedded log on disks that tear, flip, fill up and lose what was not synced. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CcsError } from '../../cli/core/errors.ts'
import type { EventLog, LogWriter } from '../../cli/core/ports.ts'
import type { Processes } from '../../cli/io/file-lock.ts'
import type { Files } from '../../cli/io/files.ts'
import { openLocalLog } from '../../cli/log/local.ts'
import { FaultDisk, SimulatedCrash, seededRandom, type When } from '../fixtures/fault-files.ts'
import { batchOf, firstWrong, readBack } from '../fixtures/log-records.ts'

const TOPIC = 'events.raw'
const PARTITION = `${TOPIC}-0`

let dir: string

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ccs-log-faults-'))
})

afterEach(async () => {
  await rm(dir, { recursive: true, force: true })
})

/** On a disk that does not wait for syncs, which these many openings have no need of. */
function logOn(at: string, segmentBytes = 256 * 1024 * 1024): EventLog {
  return openLocalLog({ dir: at, files: new FaultDisk(dir, { seed: 0 }).files, segmentBytes })
}

/** Writes frames of five records and closes; returns each segment's bytes by name. */
async function written(frames: number, segmentBytes: number): Promise<Map<string, Buffer>> {
  const log = logOn(dir, segmentBytes)
  const writer = await log.writer(TOPIC, 0, 'test')
  for (let n = 0; n < frames; n++) await writer.append(batchOf(n * 5, 5), n)
  await log.close()
  const names = readdirSync(join(dir, PARTITION)).filter((name) => name.endsWith('.log'))
  return new Map(names.map((name) => [name, readFileSync(join(dir, PARTITION, name))]))
}

/** Where the frames of a segment end, as bytes into it: the first 0. */
function frameEnds(segment: Buffer): number[] {
  const ends = [0]
  for (let at = 0; at < segment.length; ends.push(at)) at += 32 + segment.readUInt32LE(at + 8)
  return ends
}

describe('a segment cut at every byte of its last 4 KB', () => {
  test('before the acknowledged end is known: serves the whole frames, and appending goes on', async () => {
    const segment = [...(await written(30, 1e9)).values()][0] ?? Buffer.alloc(0)
    const ends = frameEnds(segment)
    expect(segment.length).toBeGreaterThan(4096)
    for (let cut = segment.length - 4096; cut <= segment.length; cut++) {
      const at = join(dir, 'cut')
      mkdirSync(join(at, PARTITION), { recursive: true })
      writeFileSync(join(at, PARTITION, '00000000000000000000.log'), segment.subarray(0, cut))
      const whole = ends.filter((end) => end <= cut).length - 1
      const log = logOn(at)
      const before = await readBack(log, TOPIC)
      expect([before.error, before.records.length, cut]).toEqual([undefined, whole * 5, cut])
      const writer = await log.writer(TOPIC, 0, 'test')
      expect(await writer.append(batchOf(whole * 5, 5), 1)).toBe(whole * 5)
      const { records, error } = await readBack(log, TOPIC)
      expect([error, records.length, firstWrong(records)]).toEqual([undefined, whole * 5 + 5, -1])
      await log.close()
      rmSync(at, { recursive: true })
    }
  })

  test('in what was acknowledged: reader and writer say which records are gone', async () => {
    const segment = [...(await written(30, 1e9)).values()][0] ?? Buffer.alloc(0)
    const path = join(dir, PARTITION, '00000000000000000000.log')
    const ends = frameEnds(segment)
    for (let cut = segment.length - 4096; cut < segment.length; cut++) {
      writeFileSync(path, segment.subarray(0, cut))
      const whole = ends.filter((end) => end <= cut).length - 1
      const log = logOn(dir)
      const { records, error } = await readBack(log, TOPIC)
      expect([records.length, firstWrong(records)]).toEqual([whole * 5, -1])
      const message = `${path} at byte ${ends[whole]}: records ${whole * 5} to 149 can't be read`
      expect(error).toMatchObject({
        code: 'CCS_LOG_CORRUPT',
        message: expect.stringContaining(message),
      })
      await expect(log.writer(TOPIC, 0, 'test')).rejects.toMatchObject({ code: 'CCS_LOG_CORRUPT' })
      expect(readFileSync(path).length).toBe(cut)
      await log.close()
    }
  })
})

describe('1,000 single-bit flips', () => {
  const cases = [
    { name: 'with the mark', hasMark: true, seed: 11 },
    { name: 'without the mark', hasMark: false, seed: 12 },
  ]
  test.each(cases)('are all found and none is served, $name', async ({ hasMark, seed }) => {
    const segments = [...(await written(60, 5000))]
    const total = 60 * 5
    const lastName = segments.at(-1)?.[0]
    if (!hasMark) rmSync(join(dir, PARTITION, 'durable'))
    const random = seededRandom(seed)
    for (let round = 0; round < 1000; round++) {
      const [name, bytes] = segments[Math.floor(random() * segments.length)] ?? [
        '',
        Buffer.alloc(0),
      ]
      const bit = Math.floor(random() * bytes.length * 8)
      const flipped = Buffer.from(bytes)
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      writeFileSync(join(dir, PARTITION, name), flipped)
      const log = logOn(dir)
      const { records, error } = await readBack(log, TOPIC)
      const where = `seed ${seed} round ${round}: bit ${bit} of ${name}`
      expect(firstWrong(records), where).toBe(-1)
      expect(records.length, where).toBeLessThan(total)
      const isInLastFrame = name === lastName && bit >> 3 >= (frameEnds(bytes).at(-2) ?? 0)
      if (isInLastFrame && !hasMark)
        expect([error, records.length], where).toEqual([undefined, total - 5])
      else expect(error, where).toMatchObject({ code: 'CCS_LOG_CORRUPT' })
      // A seek that passes the damage by headers serves nothing wrong either.
      const from = Math.floor(random() * total)
      const seek = await readBack(log, TOPIC, from)
      expect(firstWrong(seek.records, from), where).toBe(-1)
      await log.close()
      writeFileSync(join(dir, PARTITION, name), bytes)
    }
    const { records, error } = await readBack(logOn(dir), TOPIC)
    expect([error, records.length]).toEqual([undefined, total])
  })

  test('a writer does not cut damage that whole frames follow', async () => {
    const [name, bytes] = [...(await written(20, 1e9))][0] ?? ['', Buffer.alloc(0)]
    const path = join(dir, PARTITION, name)
    rmSync(join(dir, PARTITION, 'durable'))
    const flipped = Buffer.from(bytes)
    const at = (frameEnds(bytes)[7] ?? 0) + 50
    flipped[at] = (flipped[at] ?? 0) ^ 4
    writeFileSync(path, flipped)
    const message = `${path} at byte ${frameEnds(bytes)[7]}: records 35 to 39 can't be read`
    await expect(logOn(dir).writer(TOPIC, 0, 'test')).rejects.toMatchObject({
      code: 'CCS_LOG_CORRUPT',
      message: expect.stringContaining(message),
    })
    expect(readFileSync(path).equals(flipped)).toBe(true)
  })

  test('a segment that is missing in the middle is named, and what follows is not served', async () => {
    const names = [...(await written(60, 5000)).keys()]
    rmSync(join(dir, PARTITION, names[1] ?? ''))
    const { records, error } = await readBack(logOn(dir), TOPIC)
    expect(records.length).toBe(Number.parseInt(names[1] ?? '', 10))
    const next = Number.parseInt(names[2] ?? '', 10)
    const message = expect.stringContaining(
      `records ${records.length} to ${next - 1} can't be read`,
    )
    expect(error).toMatchObject({ code: 'CCS_LOG_CORRUPT', message })
  })
})

/** Processes for one life of a program: all earlier ones are dead. */
function lifeOf(number: number): Processes {
  return {
    self: () => ({ pid: number, host: 'here', started: '' }),
    isAlive: (other) => other.pid === number,
  }
}

interface Life {
  acknowledged: number
  started: number
  /** Greatest count of records that a reader was served. */
  served: number
}

function openLife(files: Files, number: number): EventLog {
  return openLocalLog({
    dir: join(dir, 'log'),
    files,
    segmentBytes: 700,
    processes: lifeOf(number),
  })
}

/** Opens, appends with rolls, reads along, closes, opens again: each call of it is a place to crash. */
async function workload(files: Files, life: Life, number: number): Promise<void> {
  const append = async (writer: LogWriter) => {
    life.started += 5
    await writer.append(batchOf(life.started - 5, 5), 1)
    life.acknowledged = life.started
  }
  for (let opening = 0; opening < 2; opening++) {
    const log = openLife(files, number)
    const writer = await log.writer(TOPIC, 0, 'test')
    for (let n = 0; n < 4; n++) await append(writer)
    const { records, error } = await readBack(log, TOPIC)
    if (error !== undefined) throw error
    life.served = Math.max(life.served, records.length)
    await log.close()
  }
}

async function crashes(disk: FaultDisk, life: Life, number: number): Promise<void> {
  try {
    await workload(disk.files, life, number)
  } catch (error) {
    if (!(error instanceof SimulatedCrash)) throw error
  }
}

/** After a crash: all that was acknowledged or served is there, then at most what was under way. */
async function checkRecovered(disk: FaultDisk, life: Life, where: string, number: number) {
  const beforeWriter = await readBack(openLife(disk.files, number), TOPIC)
  expect(beforeWriter.error, where).toBeUndefined()
  expect(beforeWriter.records.length, where).toBeGreaterThanOrEqual(life.acknowledged)
  const log = openLife(disk.files, number)
  const writer = await log.writer(TOPIC, 0, 'test')
  const { records, error } = await readBack(log, TOPIC)
  expect([error, firstWrong(records)], where).toEqual([undefined, -1])
  expect(records.length, where).toBe(beforeWriter.records.length)
  expect(records.length, where).toBeGreaterThanOrEqual(life.served)
  expect(records.length, where).toBeLessThanOrEqual(life.started)
  expect(await writer.append(batchOf(records.length, 5), 1), where).toBe(records.length)
  const after = await readBack(log, TOPIC)
  expect([after.error, firstWrong(after.records)], where).toEqual([undefined, -1])
  expect(after.records.length, where).toBe(records.length + 5)
  await log.close()
}

describe('a crash at every call of the file system', () => {
  const cases = [
    ...(['before', 'during', 'after'] as const).map((when) => ({ when, end: 'kill', seed: 1 })),
    ...[1, 2, 3].flatMap((seed) =>
      (['during', 'after'] as const).map((when) => ({ when, end: 'powerLoss', seed })),
    ),
  ] as { when: When; end: 'kill' | 'powerLoss'; seed: number }[] // the names are those of FaultDisk
  test.each(cases)('$when it, then $end, seed $seed: loses nothing acknowledged', async (fault) => {
    const dry = new FaultDisk(dir, { seed: 0 })
    await workload(dry.files, { acknowledged: 0, started: 0, served: 0 }, 1)
    expect(dry.calls).toBeGreaterThan(80)
    const sites = dry.calls
    for (let call = 0; call < sites; call++) {
      rmSync(join(dir, 'log'), { recursive: true, force: true })
      const disk = new FaultDisk(dir, { seed: fault.seed * 100_000 + call })
      const life: Life = { acknowledged: 0, started: 0, served: 0 }
      disk.crashAt(call, fault.when)
      await crashes(disk, life, 1)
      const where = `${fault.when} call ${call} (${disk.trace.at(-1)}), ${fault.end}, seed ${fault.seed}`
      await disk[fault.end]()
      await checkRecovered(disk, life, where, 2)
      await disk.kill()
    }
  })

  test('a second crash while the first is being recovered from loses nothing either', async () => {
    for (let seed = 0; seed < 300; seed++) {
      rmSync(join(dir, 'log'), { recursive: true, force: true })
      const random = seededRandom(seed)
      const disk = new FaultDisk(dir, { seed })
      const life: Life = { acknowledged: 0, started: 0, served: 0 }
      let number = 1
      disk.crashAt(Math.floor(random() * 150), 'during')
      await crashes(disk, life, number++)
      await disk.powerLoss()
      for (let again = 0; again < 3; again++) {
        disk.crashAt(Math.floor(random() * 25), random() < 0.5 ? 'during' : 'after')
        try {
          const log = openLife(disk.files, number++)
          await log.writer(TOPIC, 0, 'test')
          await log.close()
        } catch (error) {
          if (!(error instanceof SimulatedCrash)) throw error
        }
        await (random() < 0.7 ? disk.powerLoss() : disk.kill())
      }
      await checkRecovered(disk, life, `seed ${seed}`, number)
      await disk.kill()
    }
  })
})

describe('a full or failing disk', () => {
  test.each(['write', 'datasync', 'truncate'])(
    'at %s: the append fails whole, and works again later',
    async (at) => {
      const disk = new FaultDisk(dir, { seed: 5 })
      const log = openLife(disk.files, 1)
      const writer = await log.writer(TOPIC, 0, 'test')
      let next = 0
      for (let round = 0; round < 12; round++) {
        await writer.append(batchOf(next, 5), round)
        next += 5
        const failing = at === 'truncate' ? ['write', 'truncate'] : [at]
        disk.failWith = ({ name, path }) =>
          failing.includes(name) && path.endsWith('.log') ? 'ENOSPC' : undefined
        const failure = await writer
          .append(batchOf(next, 5), round)
          .catch((error: unknown) => error)
        expect(failure).toBeInstanceOf(CcsError)
        expect(failure).toMatchObject({ code: 'CCS_DISK_FULL', hint: expect.any(String) })
        expect((await readBack(log, TOPIC)).records.length).toBe(next)
        disk.failWith = undefined
      }
      await log.close()
      const { records, error } = await readBack(openLife(disk.files, 2), TOPIC)
      expect([error, records.length, firstWrong(records)]).toEqual([undefined, next, -1])
    },
  )

  test('at any one call: what was acknowledged stays, and the same writer or the next goes on', async () => {
    const dry = new FaultDisk(dir, { seed: 0 })
    await workload(dry.files, { acknowledged: 0, started: 0, served: 0 }, 1)
    for (let call = 0; call < dry.calls; call++) {
      for (const code of ['ENOSPC', 'EIO'] as const) {
        rmSync(join(dir, 'log'), { recursive: true, force: true })
        const disk = new FaultDisk(dir, { seed: call })
        const life: Life = { acknowledged: 0, started: 0, served: 0 }
        disk.failWith = ({ number }) => (number === call ? code : undefined)
        const failure = await workload(disk.files, life, 1).catch((error: unknown) => error)
        const where = `${code} at call ${call} (${disk.trace[call]})`
        if (code === 'ENOSPC' && failure !== undefined) {
          expect(failure, where).toMatchObject({ code: 'CCS_DISK_FULL' })
        }
        disk.failWith = undefined
        await disk.kill()
        await checkRecovered(disk, life, where, 2)
        await disk.kill()
      }
    }
  })

  test('a mark that could not be written holds readers back but loses nothing', async () => {
    const disk = new FaultDisk(dir, { seed: 9 })
    const log = openLife(disk.files, 1)
    const writer = await log.writer(TOPIC, 0, 'test')
    await writer.append(batchOf(0, 5), 1)
    disk.failWith = ({ name, path }) =>
      name === 'write' && path.endsWith('durable') ? 'EIO' : undefined
    expect(await writer.append(batchOf(5, 5), 1)).toBe(5)
    const held = await readBack(log, TOPIC)
    expect([held.error, held.records.length <= 5]).toEqual([undefined, true])
    disk.failWith = undefined
    expect(await writer.append(batchOf(10, 5), 1)).toBe(10)
    expect((await readBack(log, TOPIC)).records.length).toBe(15)
    await log.close()
  })

  test('a directory without permission is said in one sentence', async () => {
    const disk = new FaultDisk(dir, { seed: 9 })
    disk.failWith = ({ name }) => (name === 'mkdir' ? 'EACCES' : undefined)
    await expect(openLife(disk.files, 1).writer(TOPIC, 0, 'test')).rejects.toMatchObject({
      code: 'CCS_DISK_DENIED',
      message: `No permission to use ${join(dir, 'log', PARTITION)}.`,
    })
  })
})
