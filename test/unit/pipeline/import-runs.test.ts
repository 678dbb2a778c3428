import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { diskFiles } from '../../../cli/adapters/files/files.ts'
import { openLocalLog } from '../../../cli/adapters/log/local-log.ts'
import { ImportLedger, type ImportLedgerEntry } from '../../../cli/domain/ingest/import-ledger.ts'
import type { EventLog, LogFrame } from '../../../cli/domain/log/event-log.ts'
import { ImportRuns } from '../../../cli/domain/pipeline/import-runs.ts'

let dir: string
let log: EventLog
let runs: ImportRuns

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ccs-runs-'))
  log = openLocalLog({ dir, files: diskFiles() })
  runs = new ImportRuns(log, 'events.raw')
})
afterEach(async () => {
  await runs.close()
  await log.close()
  await rm(dir, { recursive: true, force: true })
})

const frame = (partition: number, baseOffset: number, count: number): LogFrame => ({
  ...{ topic: 'events.raw', partition, baseOffset, count },
  ...{ appendMs: 0, body: Buffer.alloc(0) },
})

async function record(...entries: readonly Partial<ImportLedgerEntry>[]): Promise<void> {
  const ledger = await ImportLedger.open(log, 'test', 0)
  for (const entry of entries)
    await ledger.write({
      ...{ file: '', mapping: '', name: '', atMs: 0, line: 1, rows: 1, isDone: false },
      ...{ topic: 'events.raw', dlqTopic: 'events.dlq', partition: 1, rejectsEnd: 0 },
      ...{ eventsEnd: 0, ...entry },
    })
  await ledger.close()
}

/** First and last frames of runs among the given ones, as `> 0` and `< 10`. */
async function marks(...frames: readonly LogFrame[]): Promise<readonly string[]> {
  return (await runs.mark(frames)).flatMap(({ baseOffset, count, startsRun, endsRun }) => [
    ...(startsRun ? [`> ${baseOffset}`] : []),
    ...(endsRun ? [`< ${baseOffset + count}`] : []),
  ])
}

test('marks the first frame of each run, and the last of a file that is done', async () => {
  expect(await marks(frame(1, 0, 5))).toEqual([])
  await record({ runStart: 0, eventsEnd: 5 }, { runStart: 0, eventsEnd: 10, isDone: true })
  expect(await marks(frame(1, 0, 5), frame(1, 5, 5))).toEqual(['> 0', '< 10'])
  await record({ runStart: 10, eventsEnd: 12 })
  expect(await marks(frame(1, 10, 2))).toEqual(['> 10'])
  expect(await marks(frame(1, 5, 5))).toEqual([])
})

test('other partitions, topics and entries of an older ccs mark nothing', async () => {
  await record(
    { eventsEnd: 5 },
    { runStart: 5, eventsEnd: 9, isDone: true, topic: 'other' },
    { runStart: 5, eventsEnd: 9, isDone: true, partition: 2 },
  )
  expect(await marks(frame(0, 5, 4), frame(1, 0, 5), frame(1, 5, 4))).toEqual([])
  expect(await marks(frame(2, 5, 4))).toEqual(['> 5', '< 9'])
})
