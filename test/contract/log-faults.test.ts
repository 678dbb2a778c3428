/** The embedded log with damaged files: truncated, with flipped bits, without a segment. */
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openLocalLog } from '../../cli/adapters/log/local-log.ts'
import type { EventLog } from '../../cli/domain/log/event-log.ts'
import { FaultDisk, SCRATCH, seededRandom } from '../fixtures/fault-files.ts'
import { listNumbers, selectShare } from '../fixtures/fault-share.ts'
import { createBatch, findFirstWrong, readBack } from '../fixtures/log-records.ts'

const TOPIC = 'events.raw'
const PARTITION = `${TOPIC}-0`

let dir: string

/** For thousands of small files; in memory if possible, as the faults are simulated anyway. */

beforeEach(async () => {
  dir = await mkdtemp(join(SCRATCH, 'ccs-log-faults-'))
})

afterEach(async () => {
  await rm(dir, { recursive: true, force: true })
})

/** A log on a disk without real syncs, which would only slow down these many openings. */
function logOn(at: string, segmentBytes = 256 * 1024 * 1024): EventLog {
  return openLocalLog({ dir: at, files: new FaultDisk(dir, { seed: 0 }).files, segmentBytes })
}

/** Writes frames of five records and closes; returns each segment's bytes by name. */
async function written(frames: number, segmentBytes: number): Promise<Map<string, Buffer>> {
  const log = logOn(dir, segmentBytes)
  const writer = await log.writer(TOPIC, 0, 'test')
  for (let n = 0; n < frames; n++) await writer.append(createBatch(n * 5, 5), n)
  await log.close()
  const names = readdirSync(join(dir, PARTITION)).filter((name) => name.endsWith('.log'))
  return new Map(names.map((name) => [name, readFileSync(join(dir, PARTITION, name))]))
}

/** Positions at which the frames of a segment end, 0 first. */
function frameEnds(segment: Buffer): number[] {
  const ends = [0]
  for (let at = 0; at < segment.length; ends.push(at)) at += 32 + segment.readUInt32LE(at + 8)
  return ends
}

/** Lengths to truncate a segment to: within its last 4 KB, and around the ends of frames. */
function cutsOf(segment: Buffer, ends: readonly number[], from: number): readonly number[] {
  const all = listNumbers(4096).map((back) => segment.length - 4096 + back)
  const isNearEnd = (cut: number) => ends.some((end) => Math.abs(end - cut) <= 1)
  return [...new Set([...selectShare(all, 8, from), ...all.filter(isNearEnd)])]
}

describe('a segment cut in its last 4 KB', { timeout: 300_000 }, () => {
  test('without a durable end: whole frames are served, and appending goes on', async () => {
    const segment = [...(await written(30, 1e9)).values()][0] ?? Buffer.alloc(0)
    const ends = frameEnds(segment)
    expect(segment.length).toBeGreaterThan(4096)
    for (const cut of [...cutsOf(segment, ends, 3), segment.length]) {
      const at = join(dir, 'cut')
      mkdirSync(join(at, PARTITION), { recursive: true })
      writeFileSync(join(at, PARTITION, '00000000000000000000.log'), segment.subarray(0, cut))
      const whole = ends.filter((end) => end <= cut).length - 1
      const log = logOn(at)
      const before = await readBack(log, TOPIC)
      expect([before.error, before.records.length, cut]).toEqual([undefined, whole * 5, cut])
      const writer = await log.writer(TOPIC, 0, 'test')
      expect(statSync(join(at, PARTITION, '00000000000000000000.log')).size).toBe(ends[whole])
      if (cut % 16 === 3 || ends.includes(cut)) {
        expect(await writer.append(createBatch(whole * 5, 5), 1)).toBe(whole * 5)
        const { records, error } = await readBack(log, TOPIC)
        expect([error, findFirstWrong(records)]).toEqual([undefined, -1])
        expect(records.length).toBe(whole * 5 + 5)
      }
      await log.close()
      rmSync(at, { recursive: true })
    }
  })

  test('before the durable end: reader and writer say which records are lost', async () => {
    const segment = [...(await written(30, 1e9)).values()][0] ?? Buffer.alloc(0)
    const path = join(dir, PARTITION, '00000000000000000000.log')
    const ends = frameEnds(segment)
    for (const cut of cutsOf(segment, ends, 7)) {
      writeFileSync(path, segment.subarray(0, cut))
      const whole = ends.filter((end) => end <= cut).length - 1
      const log = logOn(dir)
      const { records, error } = await readBack(log, TOPIC)
      expect([records.length, findFirstWrong(records)]).toEqual([whole * 5, -1])
      const message = `${path} at byte ${ends[whole]}: records ${whole * 5} to 149 can't be read`
      expect(error).toMatchObject({
        code: 'CCS_LOG_CORRUPT',
        message: expect.stringContaining(message),
      })
      if (cut % 16 === 3 || ends.includes(cut)) {
        const refused = log.writer(TOPIC, 0, 'test')
        await expect(refused).rejects.toMatchObject({ code: 'CCS_LOG_CORRUPT' })
        expect(statSync(path).size).toBe(cut)
      }
      await log.close()
    }
  })
})

describe('single-bit flips', () => {
  const cases = [
    { name: 'with the mark', hasMark: true, seed: 11 },
    { name: 'without the mark', hasMark: false, seed: 12 },
  ]
  test.each(cases)('are all detected and never served, $name', async ({ hasMark, seed }) => {
    const segments = [...(await written(30, 2500))]
    const total = 30 * 5
    const lastName = segments.at(-1)?.[0]
    if (!hasMark) rmSync(join(dir, PARTITION, 'durable'))
    const random = seededRandom(seed)
    for (const round of selectShare(listNumbers(1000), 4)) {
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
      expect(findFirstWrong(records), where).toBe(-1)
      expect(records.length, where).toBeLessThan(total)
      const isInLastFrame = name === lastName && bit >> 3 >= (frameEnds(bytes).at(-2) ?? 0)
      if (isInLastFrame && !hasMark)
        expect([error, records.length], where).toEqual([undefined, total - 5])
      else expect(error, where).toMatchObject({ code: 'CCS_LOG_CORRUPT' })
      // Seeking past the damage by the headers of frames serves nothing wrong either.
      const from = Math.floor(random() * total)
      const seek = await readBack(log, TOPIC, from)
      expect(findFirstWrong(seek.records, from), where).toBe(-1)
      await log.close()
      writeFileSync(join(dir, PARTITION, name), bytes)
    }
    const { records, error } = await readBack(logOn(dir), TOPIC)
    expect([error, records.length]).toEqual([undefined, total])
  })

  test('a writer does not truncate at damage that whole frames follow', async () => {
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

  test('a missing segment is named, and later records are not served', async () => {
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
