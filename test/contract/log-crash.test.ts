/** The embedded log on disks that crash at any call, lose what was not synced, and fill up. */
import { rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Files } from '../../cli/adapters/files/files.ts'
import type { Processes } from '../../cli/adapters/files/process-id.ts'
import { openLocalLog } from '../../cli/adapters/log/local-log.ts'
import { CcsError } from '../../cli/domain/kernel/errors.ts'
import type { EventLog, LogWriter } from '../../cli/domain/log/event-log.ts'
import {
  FaultDisk,
  SCRATCH,
  SimulatedCrash,
  seededRandom,
  type When,
} from '../fixtures/fault-files.ts'
import { listNumbers, selectShare } from '../fixtures/fault-share.ts'
import { createBatch, findFirstWrong, readBack } from '../fixtures/log-records.ts'

const TOPIC = 'events.raw'
const PARTITION = `${TOPIC}-0`

let dir: string

/** For thousands of small files; in memory if possible, as the faults are simulated anyway. */

beforeEach(async () => {
  dir = await mkdtemp(join(SCRATCH, 'ccs-log-crash-'))
})

afterEach(async () => {
  await rm(dir, { recursive: true, force: true })
})

/** The processes that one run of the program sees: all earlier ones are dead. */
function lifeOf(number: number): Processes {
  return {
    self: () => ({ pid: number, host: 'here', started: '' }),
    isAlive: (other) => other.pid === number,
  }
}

interface Life {
  acknowledged: number
  started: number
  /** The most records that a reader was served. */
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

/** Opens, appends over several segments, reads, closes, reopens: each call may be made to crash. */
async function workload(files: Files, life: Life, number: number): Promise<void> {
  const append = async (writer: LogWriter) => {
    life.started += 5
    await writer.append(createBatch(life.started - 5, 5), 1)
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

/**
 * Checks that after a crash all acknowledged and all served records are there, followed at most by
 * those that were being written. Returns the number of records.
 */
async function checkRecovered(disk: FaultDisk, life: Life, where: string, number: number) {
  const beforeWriter = await readBack(openLife(disk.files, number), TOPIC)
  expect(beforeWriter.error, where).toBeUndefined()
  expect(beforeWriter.records.length, where).toBeGreaterThanOrEqual(life.acknowledged)
  const log = openLife(disk.files, number)
  const writer = await log.writer(TOPIC, 0, 'test')
  const { records, error } = await readBack(log, TOPIC)
  expect([error, findFirstWrong(records)], where).toEqual([undefined, -1])
  expect(records.length, where).toBe(beforeWriter.records.length)
  expect(records.length, where).toBeGreaterThanOrEqual(life.served)
  expect(records.length, where).toBeLessThanOrEqual(life.started)
  expect(await writer.append(createBatch(records.length, 5), 1), where).toBe(records.length)
  const after = await readBack(log, TOPIC)
  expect([after.error, findFirstWrong(after.records)], where).toEqual([undefined, -1])
  expect(after.records.length, where).toBe(records.length + 5)
  await log.close()
  return records.length
}

describe('a crash at every call of the file system', () => {
  const cases = [
    ...(['before', 'during', 'after'] as const).map((when, at) => ({
      ...{ when, end: 'kill', seed: 1, at },
    })),
    ...[1, 2, 3].flatMap((seed) =>
      (['during', 'after'] as const).map((when) => ({ when, end: 'powerLoss', seed, at: seed })),
    ),
    // The names are those of FaultDisk.
  ] as { when: When; end: 'kill' | 'powerLoss'; seed: number; at: number }[]
  test.each(cases)(
    '$when it, then $end, seed $seed: no acknowledged record is lost',
    async (fault) => {
      const dry = new FaultDisk(dir, { seed: 0 })
      await workload(dry.files, { acknowledged: 0, started: 0, served: 0 }, 1)
      expect(dry.calls).toBeGreaterThan(80)
      for (const call of selectShare(listNumbers(dry.calls), 3, fault.at)) {
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
    },
  )

  test('records read after a kill are still there after a power loss', async () => {
    for (const call of selectShare(listNumbers(45), 3)) {
      rmSync(join(dir, 'log'), { recursive: true, force: true })
      const disk = new FaultDisk(dir, { seed: call })
      const life: Life = { acknowledged: 0, started: 0, served: 0 }
      disk.crashAt(call, 'after')
      await crashes(disk, life, 1)
      await disk.kill()
      life.served = (await readBack(openLife(disk.files, 2), TOPIC)).records.length
      await disk.powerLoss()
      const kept = await checkRecovered(disk, life, `after call ${call}`, 3)
      expect(kept, `after call ${call}`).toBeGreaterThanOrEqual(life.served)
      await disk.kill()
    }
  })

  test('a second crash during recovery loses nothing', async () => {
    for (const seed of selectShare(listNumbers(150), 3)) {
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
      const kept = await checkRecovered(disk, life, `seed ${seed}`, number)
      expect(kept, `seed ${seed}`).toBeGreaterThanOrEqual(life.acknowledged)
      await disk.kill()
    }
  })
})

describe('a full or failing disk', () => {
  test.each(['write', 'datasync', 'truncate'])(
    'at %s: the append fails as a whole, and works again later',
    async (at) => {
      const disk = new FaultDisk(dir, { seed: 5 })
      const log = openLife(disk.files, 1)
      const writer = await log.writer(TOPIC, 0, 'test')
      let next = 0
      for (let round = 0; round < 12; round++) {
        await writer.append(createBatch(next, 5), round)
        next += 5
        const failing = at === 'truncate' ? ['write', 'truncate'] : [at]
        disk.failWith = ({ name, path }) =>
          failing.includes(name) && path.endsWith('.log') ? 'ENOSPC' : undefined
        const failure = await writer
          .append(createBatch(next, 5), round)
          .catch((error: unknown) => error)
        expect(failure).toBeInstanceOf(CcsError)
        expect(failure).toMatchObject({ code: 'CCS_DISK_FULL', hint: expect.any(String) })
        expect((await readBack(log, TOPIC)).records.length).toBe(next)
        disk.failWith = undefined
      }
      await log.close()
      const { records, error } = await readBack(openLife(disk.files, 2), TOPIC)
      expect([error, records.length, findFirstWrong(records)]).toEqual([undefined, next, -1])
    },
  )

  test('at any call: no acknowledged record is lost, and writing can go on', async () => {
    const dry = new FaultDisk(dir, { seed: 0 })
    await workload(dry.files, { acknowledged: 0, started: 0, served: 0 }, 1)
    for (const [at, code] of (['ENOSPC', 'EIO'] as const).entries()) {
      for (const call of selectShare(listNumbers(dry.calls), 3, at)) {
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

  test("if the durable end can't be written, readers wait and nothing is lost", async () => {
    const disk = new FaultDisk(dir, { seed: 9 })
    const log = openLife(disk.files, 1)
    const writer = await log.writer(TOPIC, 0, 'test')
    await writer.append(createBatch(0, 5), 1)
    disk.failWith = ({ name, path }) =>
      name === 'write' && path.endsWith('durable') ? 'EIO' : undefined
    expect(await writer.append(createBatch(5, 5), 1)).toBe(5)
    const held = await readBack(log, TOPIC)
    expect([held.error, held.records.length <= 5]).toEqual([undefined, true])
    disk.failWith = undefined
    expect(await writer.append(createBatch(10, 5), 1)).toBe(10)
    expect((await readBack(log, TOPIC)).records.length).toBe(15)
    await log.close()
  })

  test('a directory without permission is reported in one sentence', async () => {
    const disk = new FaultDisk(dir, { seed: 9 })
    disk.failWith = ({ name }) => (name === 'mkdir' ? 'EACCES' : undefined)
    await expect(openLife(disk.files, 1).writer(TOPIC, 0, 'test')).rejects.toMatchObject({
      code: 'CCS_DISK_DENIED',
      message: `No permission to use ${join(dir, 'log', PARTITION)}.`,
    })
  })
})
