/** What every EventLog does, run over the embedded log on a real directory. */
import { existsSync, readdirSync, statSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { EventLog } from '../../cli/core/ports.ts'
import { RecordBatch } from '../../cli/core/record-batch.ts'
import { diskFiles } from '../../cli/io/files.ts'
import { openLocalLog } from '../../cli/log/local.ts'
import { batchOf, firstWrong, readBack, record, recordsOf } from '../fixtures/log-records.ts'

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

/** A log on the same directory that rolls its segments early. */
function smallSegments(segmentBytes: number): EventLog {
  log = openLocalLog({ dir, files: diskFiles(), segmentBytes })
  return log
}

describe('the embedded log', () => {
  test('reads back what was appended, in order, with its offsets and times', async () => {
    const writer = await log.writer(TOPIC, 0, 'test')
    expect(await writer.append(batchOf(0, 3), 1000)).toBe(0)
    expect(await writer.append(batchOf(3, 2), 1001)).toBe(3)
    const back = await readBack(log, TOPIC)
    expect(back.error).toBeUndefined()
    expect(back.records).toEqual([0, 1, 2, 3, 4].map(record))
    expect(back.frames).toEqual([
      { baseOffset: 0, appendMs: 1000 },
      { baseOffset: 3, appendMs: 1001 },
    ])
    expect(await log.range(TOPIC, 0)).toEqual({ start: 0, end: 5 })
  })

  test('a partition that was never written is empty, and reading it creates nothing', async () => {
    const reader = await log.reader(TOPIC, 0, 0)
    expect(await reader.read(1000)).toEqual([])
    expect(await log.range(TOPIC, 0)).toEqual({ start: 0, end: 0 })
    expect(await log.partitions(TOPIC)).toEqual([])
    expect(readdirSync(dir)).toEqual([])
    const writer = await log.writer(TOPIC, 0, 'test')
    await writer.append(batchOf(0, 1), 1)
    expect((await reader.read(1000)).map((frame) => frame.count)).toEqual([1])
    expect(reader.position()).toBe(1)
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

  test('goes on after a restart where it stopped', async () => {
    for (let round = 0; round < 5; round++) {
      const writer = await log.writer(TOPIC, 0, 'test')
      expect(await writer.append(batchOf(round * 4, 4), round)).toBe(round * 4)
      await writer.close()
    }
    const { records } = await readBack(log, TOPIC)
    expect(records.length).toBe(20)
    expect(firstWrong(records)).toBe(-1)
  })

  test('a reader can begin with any record, also in the middle of a frame and behind a roll', async () => {
    const small = smallSegments(1500)
    const writer = await small.writer(TOPIC, 0, 'test')
    for (let at = 0; at < 100; at += 10) await writer.append(batchOf(at, 10), at)
    expect(
      readdirSync(join(dir, `${TOPIC}-0`)).filter((n) => n.endsWith('.log')).length,
    ).toBeGreaterThan(2)
    for (let from = 0; from <= 100; from++) {
      const { records, error } = await readBack(small, TOPIC, from)
      expect(error).toBeUndefined()
      expect(records.length).toBe(100 - from)
      expect(firstWrong(records, from)).toBe(-1)
    }
  })

  test('refuses to read from behind its end, which means that records are gone', async () => {
    const writer = await log.writer(TOPIC, 0, 'test')
    await writer.append(batchOf(0, 5), 1)
    await expect(log.reader(TOPIC, 0, 6)).rejects.toMatchObject({ code: 'CCS_LOG_CORRUPT' })
    await expect(log.reader('never.written', 0, 1)).rejects.toMatchObject({
      code: 'CCS_LOG_CORRUPT',
    })
    expect(await (await log.reader(TOPIC, 0, 5)).read(100)).toEqual([])
  })

  test('a frame larger than what a read asks for comes whole', async () => {
    const writer = await log.writer(TOPIC, 0, 'test')
    const large = Buffer.alloc(3_000_000, 7)
    await writer.append(RecordBatch.of([large]), 1)
    await writer.append(batchOf(1, 1), 2)
    const reader = await log.reader(TOPIC, 0, 0)
    const [first] = await reader.read(10)
    expect(first && recordsOf(first)[0]?.equals(large)).toBe(true)
    expect((await reader.read(10)).map(recordsOf)).toEqual([[record(1)]])
  })

  test('a read returns about as many bytes as were asked for', async () => {
    const writer = await log.writer(TOPIC, 0, 'test')
    for (let n = 0; n < 50; n++) await writer.append(RecordBatch.of([Buffer.alloc(100)]), n)
    const reader = await log.reader(TOPIC, 0, 0)
    expect((await reader.read(1000)).length).toBe(7)
    expect((await reader.read(1)).length).toBe(1)
    expect((await reader.read(1_000_000)).length).toBe(42)
  })

  test('appends more than fits into one frame is refused and leaves nothing behind', async () => {
    const writer = await log.writer(TOPIC, 0, 'test')
    const batch = RecordBatch.of([Buffer.alloc(65 * 1024 * 1024)])
    await expect(writer.append(batch, 1)).rejects.toMatchObject({
      code: 'CCS_LOG_RECORD_TOO_LARGE',
    })
    expect(await writer.append(batchOf(0, 1), 1)).toBe(0)
    expect(await log.range(TOPIC, 0)).toEqual({ start: 0, end: 1 })
  })

  test('appends that are not waited for are written in the order they were asked for', async () => {
    const writer = await log.writer(TOPIC, 0, 'test')
    const offsets = await Promise.all(
      Array.from({ length: 30 }, (_, n) => writer.append(batchOf(n, 1), n)),
    )
    expect(offsets).toEqual(Array.from({ length: 30 }, (_, n) => n))
    expect(await writer.append(new RecordBatch(), 99)).toBe(30)
    await writer.close()
    await expect(writer.append(batchOf(0, 1), 1)).rejects.toThrow('closed')
  })

  test('the append time never goes back, also over a restart, a roll and a lost mark', async () => {
    const small = smallSegments(50)
    const times = [500, 400, 600, 100]
    for (const [n, time] of times.entries()) {
      const writer = await small.writer(TOPIC, 0, 'test')
      await writer.append(batchOf(n, 1), time)
      await writer.close()
      await rm(join(dir, `${TOPIC}-0`, 'durable'))
    }
    const { frames } = await readBack(small, TOPIC)
    expect(frames.map((frame) => frame.appendMs)).toEqual([500, 500, 600, 600])
  })

  test('readers follow a writer through rolls and never see less or more than was acknowledged', async () => {
    const small = smallSegments(4000)
    const writer = await small.writer(TOPIC, 0, 'test')
    let acknowledged = 0
    let started = 0
    const writing = (async () => {
      for (let n = 0; n < 200; n++) {
        started += 5
        await writer.append(batchOf(n * 5, 5), n)
        acknowledged += 5
      }
    })()
    const follow = async () => {
      const reader = await small.reader(TOPIC, 0, 0)
      const seen: Buffer[] = []
      while (seen.length < 1000) {
        const atLeast = acknowledged
        const frames = await reader.read(500)
        seen.push(...frames.flatMap(recordsOf))
        if (frames.length === 0) expect(seen.length).toBeGreaterThanOrEqual(atLeast)
        expect(seen.length).toBeLessThanOrEqual(started)
      }
      expect(firstWrong(seen)).toBe(-1)
      expect(seen.length).toBe(1000)
    }
    await Promise.all([writing, follow(), follow()])
  })

  test('a name that would leave the directory is no topic', async () => {
    await expect(log.writer('../x', 0, 'test')).rejects.toMatchObject({ code: 'CCS_USAGE_INVALID' })
    expect(existsSync(join(dir, '../x-0'))).toBe(false)
  })

  test('what a living writer has not synced is not read', async () => {
    const writer = await log.writer(TOPIC, 0, 'test')
    await writer.append(batchOf(0, 2), 1)
    const before = await readBack(log, TOPIC)
    // The bytes of a next frame, as a writer leaves them before its fdatasync.
    const other = openLocalLog({ dir: join(dir, 'other'), files: diskFiles() })
    const otherWriter = await other.writer(TOPIC, 0, 'test')
    await otherWriter.append(batchOf(0, 2), 1)
    await otherWriter.append(batchOf(2, 2), 2)
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
    // Without a writer it is whole, and reading makes it durable.
    await writer.close()
    expect((await readBack(log, TOPIC)).records).toEqual([0, 1, 2, 3].map(record))
    expect(await log.range(TOPIC, 0)).toEqual({ start: 0, end: 4 })
  })
})
