/** A log that is cut at a time keeps exactly the records that were appended until then. */
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { diskFiles } from '../../cli/adapters/files/files.ts'
import { systemProcesses } from '../../cli/adapters/files/process-id.ts'
import { cutLog } from '../../cli/adapters/log/cut-log.ts'
import { erasePartition } from '../../cli/adapters/log/erase-partition.ts'
import { openLocalLog } from '../../cli/adapters/log/local-log.ts'
import { SCRATCH } from '../fixtures/fault-files.ts'
import { createBatch, findFirstWrong, readBack } from '../fixtures/log-records.ts'

const TOPIC = 'events.raw'
/** Of five records each, in several segments; frame n was appended at 1,000 + n. */
const FRAMES = 40

let dir: string
const files = diskFiles()

beforeEach(async () => {
  dir = await mkdtemp(join(SCRATCH, 'ccs-cut-log-'))
  const log = openLocalLog({ dir, files, segmentBytes: 2_500 })
  const writer = await log.writer(TOPIC, 0, 'test')
  for (let n = 0; n < FRAMES; n++) await writer.append(createBatch(n * 5, 5), 1_000 + n)
  await log.close()
  // Written anew, as in a directory that is restored.
  await rm(join(dir, `${TOPIC}-0`, 'durable'))
})
afterEach(async () => {
  await rm(dir, { recursive: true, force: true })
})

async function read() {
  const log = openLocalLog({ dir, files })
  const found = await readBack(log, TOPIC)
  await log.close()
  return found
}

test.each([
  { what: 'before the first frame', untilMs: 999, frames: 0 },
  { what: 'in the first segment', untilMs: 1_001, frames: 2 },
  { what: 'in a later segment', untilMs: 1_025, frames: 26 },
  { what: 'after the last frame', untilMs: 9_999, frames: FRAMES },
])('cut $what', async ({ untilMs, frames }) => {
  expect(await cutLog(files, join(dir, `${TOPIC}-0`), untilMs)).toBe(frames * 5)
  const { records, error } = await read()
  expect(error).toBeUndefined()
  expect(records).toHaveLength(frames * 5)
  expect(findFirstWrong(records)).toBe(-1)
})

test('marks of records that were erased later do not end the log', async () => {
  const place = { topic: TOPIC, partition: 0, dir: join(dir, `${TOPIC}-0`), committedEnd: 0 }
  await erasePartition(place, {
    ...{ files, processes: systemProcesses(), owner: 'test', nowMs: 50_000, isDryRun: false },
    decide: ({ offset }) => (offset === 7 ? 'erased' : 'kept'),
  })
  await rm(join(dir, `${TOPIC}-0`, 'durable'))
  expect(await cutLog(files, join(dir, `${TOPIC}-0`), 1_020)).toBe(21 * 5)
})
