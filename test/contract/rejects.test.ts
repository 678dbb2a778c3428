/**
 * Rejects over several crashes of an engine: each is in events.dlq once, wherever a run ended and
 * whatever it had committed by then.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { diskFiles } from '../../cli/adapters/files/files.ts'
import { openLocalLog } from '../../cli/adapters/log/local-log.ts'
import { RejectCounter } from '../../cli/domain/dlq/count-rejects.ts'
import type { Reject } from '../../cli/domain/gate/reject.ts'
import { compileRejectCodec } from '../../cli/domain/gate/reject-codec.ts'
import { openRejectWriter } from '../../cli/domain/gate/reject-writer.ts'
import { RecordBatch } from '../../cli/domain/log/record-batch.ts'
import { DLQ_TOPIC } from '../../cli/domain/log/topics.ts'
import { makeRig, RAW } from '../fixtures/pipeline-rig.ts'

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ccs-rejects-'))
})
afterEach(() => rm(dir, { recursive: true, force: true }))

const reject = (offset: number, partition = 0): Reject => ({
  reason: 'undecodable',
  message: 'no',
  schemaId: null,
  bytes: Buffer.from([offset]),
  topic: RAW,
  partition,
  offset,
  appendMs: 1,
})
const at = (partition: number, nextOffset: number) => ({
  topic: RAW,
  partition,
  nextOffset,
  maxEventMs: null,
})

test('a commit during replay counts only the rejects that were reached again', async () => {
  const codec = compileRejectCodec((await makeRig(['bronze.events'])).logic.dlqSchemas)
  const open = async (committed?: Parameters<typeof openRejectWriter>[2]['committed']) => {
    const log = openLocalLog({ dir, files: diskFiles() })
    const rejects = await openRejectWriter(log, codec, {
      owner: 'test',
      ...(committed && { committed }),
    })
    return { log, rejects }
  }
  const first = await open()
  expect(await first.rejects.write([reject(3), reject(1, 1), reject(5), reject(9)])).toBe(4)
  await first.rejects.close()
  await first.log.close()

  // It crashed before any commit; the next run replays partition 0 up to offset 6, commits and
  // crashes.
  const second = await open()
  expect(second.rejects.replayedEnd).toBe(0)
  expect(await second.rejects.write([reject(3), reject(5)])).toBe(1)
  await second.rejects.close()
  await second.log.close()

  const third = await open({ dlqEnd: 1, positions: [at(0, 6), at(1, 0)] })
  expect(third.rejects.replayedEnd).toBe(1)
  expect(await third.rejects.write([reject(1, 1)])).toBe(3)
  expect(await third.rejects.write([reject(9), reject(12)])).toBe(5)
  expect(third.rejects.end).toBe(5)
  await third.rejects.close()
  expect((await third.log.range(DLQ_TOPIC, 0)).end).toBe(5)
  await third.log.close()
})

test('the newest reject is that of the latest time, whatever its partition', async () => {
  const log = openLocalLog({ dir, files: diskFiles() })
  for (const [partition, atMs] of [
    [1, 100],
    [2, 900],
    [3, 500],
  ] as const) {
    const writer = await log.writer(DLQ_TOPIC, partition, 'test')
    await writer.append(RecordBatch.of([Buffer.from('a'), Buffer.from('b')]), atMs)
    await writer.close()
  }
  const counter = new RejectCounter(log)
  expect(await counter.findNewest(0, 1_000, false)).toEqual({ partition: 2, offset: 1 })
  expect(await counter.findNewest(0, 600, false)).toEqual({ partition: 3, offset: 1 })
  expect(await counter.findNewest(1_000, 2_000, false)).toBeUndefined()
  await log.close()
})
