/**
 * The embedded log in a real directory: the contract of every EventLog, and properties of its
 * files.
 */
import { existsSync, readdirSync, statSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { diskFiles } from '../../cli/adapters/files/files.ts'
import { openLocalLog } from '../../cli/adapters/log/local-log.ts'
import type { EventLog } from '../../cli/domain/log/event-log.ts'
import { RecordBatch } from '../../cli/domain/log/record-batch.ts'
import { LOG_CASES } from '../fixtures/log-contract.ts'
import { createBatch, findFirstWrong, numberedRecord, readBack } from '../fixtures/log-records.ts'

const TOPIC = 'events.raw'

let dir: string
let log: EventLog

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ccs-log-'))
  log = openLocalLog({ dir, files: diskFiles() })
})

afterEach(async () => {
  await log.close()
  await rm(dir, { recursive: true, force: true })
})

/** A log in the same directory that begins new segments early. */
function smallSegments(segmentBytes: number): EventLog {
  log = openLocalLog({ dir, files: diskFiles(), segmentBytes })
  return log
}

describe('the embedded log', () => {
  const traits = { tooLargeBytes: 65 * 1024 * 1024, goneCode: 'CCS_LOG_CORRUPT' }
  for (const { name, run } of LOG_CASES) {
    test(name, () => run(log, TOPIC, traits))
    test(`${name}, also where a segment ends after few frames`, () =>
      run(smallSegments(4000), TOPIC, traits))
  }

  test('reading a partition that was never written creates nothing', async () => {
    expect(await (await log.reader(TOPIC, 0, 0)).read(1000)).toEqual([])
    expect(await log.partitions(TOPIC)).toEqual([])
    expect(readdirSync(dir)).toEqual([])
    await expect(log.reader(TOPIC, 0, 1)).rejects.toMatchObject({ code: 'CCS_LOG_CORRUPT' })
  })

  test('lists the partitions of a topic and no others', async () => {
    for (const [topic, partition] of [
      [TOPIC, 10],
      [TOPIC, 2],
      ['events', 0],
      ['events.raw-x', 1],
    ] as const) {
      await (await log.writer(topic, partition, 'test')).close()
    }
    expect(await log.partitions(TOPIC)).toEqual([2, 10])
    expect(await log.partitions('events')).toEqual([0])
  })

  test('a reader can begin with any record in a later segment', async () => {
    const small = smallSegments(1500)
    const writer = await small.writer(TOPIC, 0, 'test')
    for (let at = 0; at < 100; at += 10) await writer.append(createBatch(at, 10), at)
    expect(
      readdirSync(join(dir, `${TOPIC}-0`)).filter((n) => n.endsWith('.log')).length,
    ).toBeGreaterThan(2)
    for (let from = 0; from <= 100; from++) {
      const { records, error } = await readBack(small, TOPIC, from)
      expect(error).toBeUndefined()
      expect(records.length).toBe(100 - from)
      expect(findFirstWrong(records, from)).toBe(-1)
    }
  })

  test('a read returns about as many bytes as requested', async () => {
    const writer = await log.writer(TOPIC, 0, 'test')
    for (let n = 0; n < 50; n++) await writer.append(RecordBatch.of([Buffer.alloc(100)]), n)
    const reader = await log.reader(TOPIC, 0, 0)
    expect((await reader.read(1000)).length).toBe(7)
    expect((await reader.read(1)).length).toBe(1)
    expect((await reader.read(1_000_000)).length).toBe(42)
  })

  test('the append time never decreases, even after a restart or a lost durable end', async () => {
    const small = smallSegments(50)
    const times = [500, 400, 600, 100]
    for (const [n, time] of times.entries()) {
      const writer = await small.writer(TOPIC, 0, 'test')
      await writer.append(createBatch(n, 1), time)
      await writer.close()
      await rm(join(dir, `${TOPIC}-0`, 'durable'))
    }
    const { frames } = await readBack(small, TOPIC)
    expect(frames.map((frame) => frame.appendMs)).toEqual([500, 500, 600, 600])
  })

  test('a clock that was far ahead and is put right counts again', async () => {
    const [now, ahead] = [1_800_000_000_000, 2_100_000_000_000]
    const times = [now, ahead, now + 1, now]
    for (const [n, time] of times.entries()) {
      const writer = await log.writer(TOPIC, 0, 'test')
      await writer.append(createBatch(n, 1), time)
      await writer.close()
    }
    const { frames } = await readBack(log, TOPIC)
    expect(frames.map((frame) => frame.appendMs)).toEqual([now, ahead, now + 1, now + 1])
  })

  test('a name that leads out of the directory is not a topic', async () => {
    await expect(log.writer('../x', 0, 'test')).rejects.toMatchObject({ code: 'CCS_USAGE_INVALID' })
    expect(existsSync(join(dir, '../x-0'))).toBe(false)
  })

  test('records that a living writer has not synced are not read', async () => {
    const writer = await log.writer(TOPIC, 0, 'test')
    await writer.append(createBatch(0, 2), 1)
    const before = await readBack(log, TOPIC)
    // The bytes of another frame, as a writer leaves them before its fdatasync.
    const other = openLocalLog({ dir: join(dir, 'other'), files: diskFiles() })
    const otherWriter = await other.writer(TOPIC, 0, 'test')
    await otherWriter.append(createBatch(0, 2), 1)
    await otherWriter.append(createBatch(2, 2), 2)
    await other.close()
    const files = diskFiles()
    const name = join(`${TOPIC}-0`, '00000000000000000000.log')
    const whole = await files.readFile(join(dir, 'other', name))
    const written = statSync(join(dir, name)).size
    const segment = await files.open(join(dir, name), 'r+')
    await segment.write([whole.subarray(written)], written)
    await segment.close()
    expect((await readBack(log, TOPIC)).records).toEqual(before.records)
    expect(await log.range(TOPIC, 0)).toEqual({ start: 0, end: 2 })
    // Without a writer the frame counts, and reading makes it durable.
    await writer.close()
    expect((await readBack(log, TOPIC)).records).toEqual([0, 1, 2, 3].map(numberedRecord))
    expect(await log.range(TOPIC, 0)).toEqual({ start: 0, end: 4 })
  })
})
