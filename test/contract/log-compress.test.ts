/**
 * Compressed segments hold the same records at the same offsets for whoever reads the log; damage
 * of any bit is found and never served; a crash at any call leaves one form or the other.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Files } from '../../cli/adapters/files/files.ts'
import { systemProcesses } from '../../cli/adapters/files/process-id.ts'
import { checkLog } from '../../cli/adapters/log/check-log.ts'
import { openLogFiles } from '../../cli/adapters/log/compress-log.ts'
import {
  draftPath,
  replaceBy,
  writeCompressed,
  writePlain,
} from '../../cli/adapters/log/compress-segment.ts'
import { cutLog } from '../../cli/adapters/log/cut-log.ts'
import { erasePartition } from '../../cli/adapters/log/erase-partition.ts'
import { listLiveLog } from '../../cli/adapters/log/live-log.ts'
import { openLocalLog } from '../../cli/adapters/log/local-log.ts'
import { listSegmented } from '../../cli/adapters/log/prune-log.ts'
import { repairPartition } from '../../cli/adapters/log/repair-partition.ts'
import { readHead } from '../../cli/adapters/log/segment-file.ts'
import type { EventLog } from '../../cli/domain/log/event-log.ts'
import { FaultDisk, isCrash, SCRATCH, seededRandom } from '../fixtures/fault-files.ts'
import { listNumbers, selectShare } from '../fixtures/fault-share.ts'
import { createBatch, findFirstWrong, numberedRecord, readBack } from '../fixtures/log-records.ts'

const TOPIC = 'events.raw'
/** Frames of five records, seven to ten of them a segment, some three a block. */
const FRAMES = 40
const RECORDS = FRAMES * 5

let dir: string
let files: Files

beforeEach(async () => {
  dir = await mkdtemp(join(SCRATCH, 'ccs-log-compress-'))
  files = new FaultDisk(dir, { seed: 0 }).files
  const log = openLog()
  const writer = await log.writer(TOPIC, 0, 'test')
  for (let n = 0; n < FRAMES; n++) await writer.append(createBatch(n * 5, 5), 1_000 + n)
  await log.close()
})
afterEach(() => rm(dir, { recursive: true, force: true }))

function openLog(): EventLog {
  return openLocalLog({ dir: join(dir, 'log'), files, segmentBytes: 2_500 })
}

function partition() {
  return { topic: TOPIC, partition: 0, dir: join(dir, 'log', `${TOPIC}-0`), committedEnd: 0 }
}

function segments(): readonly { path: string; base: number; end: number }[] {
  const { dir: own } = partition()
  const names = readdirSync(own).filter((name) => name.endsWith('.log'))
  const bases = names.map((name) => Number.parseInt(name, 10))
  return names.map((name, index) => ({
    ...{ path: join(own, name), base: bases[index] ?? 0, end: bases[index + 1] ?? RECORDS },
  }))
}

async function compressAll(disk = files, some = segments().slice(0, -1)): Promise<void> {
  for (const { path, base, end } of some) {
    const fileId = statSync(path).ino.toString(36)
    const source = { path, base, end, fileId, blockBytes: 900 }
    expect(await writeCompressed(disk, source, draftPath(path))).toBeGreaterThan(0)
    await replaceBy(disk, draftPath(path), path)
  }
}

async function check() {
  const [report] = await checkLog(files, join(dir, 'log'), { committed: [] })
  if (!report) throw new Error('the partition is gone')
  return report
}

/** All records are there, from any offset on. */
async function expectWhole(records = RECORDS): Promise<void> {
  const log = openLog()
  for (let from = 0; from <= records; from += 3) {
    const found = await readBack(log, TOPIC, from)
    expect([found.error, found.records.length]).toEqual([undefined, records - from])
    expect(findFirstWrong(found.records, from)).toBe(-1)
  }
  await log.close()
}

test('all records are read from any offset, with their times, and a writer goes on', async () => {
  const before = await check()
  const times = (await readBack(openLog(), TOPIC)).frames
  await compressAll()
  const after = await check()
  const { bytes, segments: count, ...same } = before
  expect(after).toMatchObject({ ...same, compressed: count - 1 })
  expect(after.bytes).toBeLessThan(bytes)
  await expectWhole()
  expect((await readBack(openLog(), TOPIC)).frames).toEqual(times)
  const log = openLog()
  const writer = await log.writer(TOPIC, 0, 'test')
  expect(await writer.append(createBatch(RECORDS, 5), 9_000)).toBe(RECORDS)
  await log.close()
  await expectWhole(RECORDS + 5)
})

test('reading one record unpacks its block only', async () => {
  await compressAll()
  let bytes = 0
  const counting: Files = {
    ...files,
    open: async (path, mode) => {
      const file = await files.open(path, mode)
      const read = async (into: Uint8Array, position: number) => {
        const found = await file.read(into, position)
        if (path.endsWith('.log')) bytes += found
        return found
      }
      return Object.assign(Object.create(file), { read, size: () => file.size() })
    },
  }
  const [, second] = segments()
  if (!second) throw new Error('there is one segment only')
  const size = statSync(second.path).size
  const log = openLocalLog({ dir: join(dir, 'log'), files: counting })
  const reader = await log.reader(TOPIC, 0, second.end - 1)
  await reader.read(1)
  // Head, index and end of the segment, and of its three or four blocks the last one.
  expect(bytes).toBeLessThan(size)
  await log.close()
})

test('of random bit flips each one is found, and none is served', { timeout: 60_000 }, async () => {
  await compressAll()
  const random = seededRandom(33)
  const closed = segments().slice(0, -1)
  for (const number of selectShare(listNumbers(2_000), 5)) {
    const target = closed[Math.floor(random() * closed.length)]
    if (!target) throw new Error('nothing is compressed')
    const intact = readFileSync(target.path)
    const damaged = Buffer.from(intact)
    const bit = Math.floor(random() * intact.length * 8)
    damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    writeFileSync(target.path, damaged)
    const { damage } = await check()
    const where = `flip ${number}: bit ${bit} of ${target.path}`
    expect(damage.length, where).toBe(1)
    expect(damage[0]?.file, where).toBe(target.path)
    const found = await readBack(openLog(), TOPIC)
    expect(findFirstWrong(found.records), where).toBe(-1)
    const isLoss = (damage[0]?.to ?? 0) > (damage[0]?.from ?? 0)
    // Records before the damaged block are served, or all of them if no block is damaged.
    expect(found.records.length, where).toBe(isLoss ? damage[0]?.from : RECORDS)
    if (isLoss) expect(found.error, where).toMatchObject({ code: 'CCS_LOG_CORRUPT' })
    else expect(found.error, where).toBeUndefined()
    writeFileSync(target.path, intact)
  }
  await expectWhole()
})

test('a compressed file that is cut anywhere is found, and its blocks are served', async () => {
  await compressAll()
  const [first] = segments()
  if (!first) throw new Error('nothing is compressed')
  const intact = readFileSync(first.path)
  for (const length of selectShare(listNumbers(intact.length), 37)) {
    writeFileSync(first.path, intact.subarray(0, length))
    const { damage } = await check()
    expect(damage.length, `cut at ${length}`).toBeGreaterThan(0)
    const { records } = await readBack(openLog(), TOPIC)
    expect(findFirstWrong(records), `cut at ${length}`).toBe(-1)
  }
})

test('a crash at any call leaves the segment in one form or the other', async () => {
  const dry = new FaultDisk(dir, { seed: 0 })
  const saved = new Map(segments().map(({ path }) => [path, readFileSync(path)]))
  await compressAll(dry.files)
  expect(dry.calls).toBeGreaterThan(20)
  for (const end of ['kill', 'powerLoss'] as const)
    for (const when of ['before', 'during', 'after'] as const)
      for (const call of selectShare(listNumbers(dry.calls), 2)) {
        for (const [path, bytes] of saved) writeFileSync(path, bytes)
        const disk = new FaultDisk(dir, { seed: call })
        disk.crashAt(call, when)
        await compressAll(disk.files).catch((error: unknown) => {
          if (!isCrash(error)) throw error
        })
        await disk[end]()
        const where = `${when} call ${call} (${disk.trace.at(-1)}), ${end}`
        expect((await check()).damage, where).toEqual([])
        const found = await readBack(openLog(), TOPIC)
        expect([found.error, found.records.length], where).toEqual([undefined, RECORDS])
        expect(findFirstWrong(found.records), where).toBe(-1)
      }
})

test('a repair loses the records of a damaged block at most, and keeps the form', async () => {
  await compressAll()
  const [first] = segments()
  if (!first) throw new Error('nothing is compressed')
  const bytes = readFileSync(first.path)
  bytes[200] = (bytes[200] ?? 0) ^ 1
  writeFileSync(first.path, bytes)
  const restorer = { async *read() {}, breaks: async () => new Set<number>() }
  const options = { files, processes: systemProcesses(), owner: 'test', nowMs: 5_000 }
  const done = await repairPartition(partition(), { ...options, restorer, fromStart: false })
  expect(done).toMatchObject({ restored: 0, lost: 15, kept: [`${first.path}.damaged`] })
  expect(await check()).toMatchObject({ damage: [], compressed: segments().length - 1 })
  expect((await readBack(openLog(), TOPIC, 15)).records[0]).toEqual(numberedRecord(15))
})

test('records are erased from a compressed segment, which stays compressed', async () => {
  await compressAll()
  const before = await listLiveLog(files, join(dir, 'log'), expect.unreachable)
  writeFileSync(`${segments()[1]?.path}.converting`, 'left by a crash')
  const result = await erasePartition(partition(), {
    ...{ files, processes: systemProcesses(), owner: 'test', nowMs: 9_999, isDryRun: false },
    decide: ({ offset }) => (offset === 7 ? 'erased' : 'kept'),
  })
  expect(result).toEqual({ erased: 1, anonymised: 0 })
  expect(await check()).toMatchObject({ damage: [], compressed: segments().length - 1 })
  expect((await check()).lost).toMatchObject([{ from: 7, to: 8, isErased: true }])
  expect(readdirSync(partition().dir).filter((name) => name.includes('.log.'))).toEqual([])
  // Only the segment with the record has other frames, so that a backup copies only that.
  const after = await listLiveLog(files, join(dir, 'log'), expect.unreachable)
  const ids = (some: typeof after) => some[0]?.segments.map(({ fileId }) => fileId) ?? []
  const changed = ids(after).map((id, index) => id !== ids(before)[index])
  expect(changed).toEqual([
    true,
    ...segments()
      .slice(1)
      .map(() => false),
  ])
})

test.each([1_003, 1_021, 1_039])('a cut at %i keeps the frames before it', async (untilMs) => {
  await compressAll()
  rmSync(join(partition().dir, 'durable'))
  const records = (untilMs - 999) * 5
  expect(await cutLog(files, partition().dir, untilMs)).toBe(records)
  await expectWhole(records)
  const log = openLog()
  const writer = await log.writer(TOPIC, 0, 'test')
  expect(await writer.append(createBatch(records, 5), 9_000)).toBe(records)
  await log.close()
  await expectWhole(records + 5)
})

test('a writer goes on behind a compressed segment whose successors are gone', async () => {
  await compressAll()
  const [first, ...others] = segments()
  for (const { path } of others) rmSync(path)
  rmSync(join(partition().dir, 'durable'))
  const log = openLog()
  const writer = await log.writer(TOPIC, 0, 'test')
  const end = first?.end ?? 0
  expect(await writer.append(createBatch(end, 5), 9_000)).toBe(end)
  await log.close()
  await expectWhole(end + 5)
})

test('a backup sees the same frames and file ids before and after', async () => {
  const read = async () => {
    const [one] = await listLiveLog(files, join(dir, 'log'), expect.unreachable)
    return Promise.all(
      (one?.segments ?? []).map(async ({ base, fileId, findEnd, read: readBytes }) => {
        const end = await findEnd({ position: 0, offset: base })
        let sum = 0
        for await (const piece of readBytes(0, end.position)) sum = crc32(piece, sum)
        return { base, fileId, end, sum }
      }),
    )
  }
  const before = await read()
  await compressAll()
  expect(await read()).toEqual(before)
})

test('retention knows length and times of compressed segments', async () => {
  mkdirSync(join(dir, 'locks'))
  const before = await listSegmented({ files, root: dir })
  await compressAll()
  const after = await listSegmented({ files, root: dir })
  const times = (some: typeof after) =>
    some[0]?.closed.map(({ from, to, firstMs, untilMs }) => [from, to, firstMs, untilMs])
  expect(times(after)).toEqual(times(before))
  const sizes = segments().map(({ path }) => statSync(path).size)
  expect(after[0]?.closed.map(({ bytes }) => bytes)).toEqual(sizes.slice(0, -1))
})

test('a segment that was removed or replaced meanwhile does not come back', async () => {
  const ports = openLogFiles({ files, root: dir })
  const [first, second, third] = await ports.listPlain()
  if (!first || !second || !third) throw new Error('there are fewer segments')
  const before = segments().length
  for (const one of [first, second, third]) await ports.compress(one)
  await ports.remove(TOPIC, 0, first.to)
  const path = segments()[0]?.path ?? ''
  writeFileSync(`${path}.new`, readFileSync(path))
  await files.rename(`${path}.new`, path)
  expect(await ports.replace(first)).toBe(false)
  expect(await ports.replace(second)).toBe(false)
  expect(await ports.replace(third)).toBe(true)
  expect(segments()).toHaveLength(before - 1)
  expect(await check()).toMatchObject({ damage: [], compressed: 1 })
  expect(readdirSync(partition().dir).filter((name) => name.includes('.log.'))).toEqual([])
})

test('a damaged segment is not compressed', async () => {
  const [first] = segments()
  if (!first) throw new Error('there is no segment')
  const bytes = readFileSync(first.path)
  bytes[100] = (bytes[100] ?? 0) ^ 1
  writeFileSync(first.path, bytes)
  const to = draftPath(first.path)
  expect(await writeCompressed(files, { ...first, fileId: 'x' }, to)).toBeUndefined()
  expect(readdirSync(partition().dir).some((name) => name.includes('.log.'))).toBe(false)
})

test('a segment is written again as it was before', async () => {
  const [first] = segments()
  if (!first) throw new Error('there is no segment')
  const before = readFileSync(first.path)
  await compressAll()
  expect(await writePlain(files, first, draftPath(first.path))).toBe(true)
  await replaceBy(files, draftPath(first.path), first.path)
  expect(readFileSync(first.path).equals(before)).toBe(true)
})

test('a segment of a later format is refused, with what to do', async () => {
  await compressAll()
  const [first] = segments()
  if (!first) throw new Error('nothing is compressed')
  const bytes = readFileSync(first.path)
  bytes.writeUInt16LE(2, 10)
  bytes.writeUInt32LE(crc32(bytes.subarray(8, 80)), 4)
  writeFileSync(first.path, bytes)
  const { error } = await readBack(openLog(), TOPIC)
  expect(error).toMatchObject({
    code: 'CCS_LOG_CORRUPT',
    message: expect.stringContaining('has format 2; this ccs knows formats up to 1.'),
    hint: expect.stringContaining('Nothing is damaged. Run the newer ccs'),
  })
  await expect(check()).rejects.toMatchObject({ exit: 2 })
  expect(await readHead(files, first.path, 0)).toMatchObject({ isCompressed: true })
})

test('a segment ends a day after its first record, so that its records can go', async () => {
  const log = openLocalLog({ dir: join(dir, 'quiet'), files, segmentMs: 1_000 })
  for (const [n, ms] of [0, 900, 999, 1_000, 1_500, 2_100].entries()) {
    // The age is that of the record, also after a restart.
    const writer = await log.writer(TOPIC, 0, 'test')
    await writer.append(createBatch(n, 1), 5_000 + ms)
    await writer.close()
  }
  await log.close()
  const names = readdirSync(join(dir, 'quiet', `${TOPIC}-0`)).filter((one) => one.endsWith('.log'))
  expect(names.map((name) => Number.parseInt(name, 10))).toEqual([0, 3, 5])
})
