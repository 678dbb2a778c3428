/**
 * Open rows as a table: an engine that is queried all the time gives the same rows as one that is queried
 * once, for any order of events, across commits, closing rows and restarts.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { RecordBatch } from '../../cli/domain/log/record-batch.ts'
import {
  APPEND_MS,
  drain,
  makeRecords,
  makeRig,
  openRig,
  queryRows,
  RAW,
  type RecordStream,
  type Rig,
} from '../fixtures/pipeline-rig.ts'

const SEED = Number(process.env.CCS_SEED ?? 11)
const GOLD = [
  'gold.sessions',
  'gold.activity_1m',
  'gold.revenue_daily',
  'gold.revenue_by_category_daily',
  'gold.top_pages_1h',
  'gold.funnel_daily',
]
const RECORDS = 3_000
const CHUNK = 150

let dir: string
let rig: Rig
let stream: RecordStream

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ccs-open-rows-'))
  rig = await makeRig()
  stream = await makeRecords(rig, RECORDS, SEED)
})

afterAll(() => rm(dir, { recursive: true, force: true }))

test(`an engine queried often has the rows of one queried seldom (seed ${SEED})`, async () => {
  const often = await openRig(rig, join(dir, 'often'))
  const seldom = await openRig(rig, join(dir, 'seldom'))
  const logs = [
    await often.store.log.writer(RAW, 0, 'test'),
    await seldom.store.log.writer(RAW, 0, 'test'),
  ]
  try {
    for (let at = 0, step = 0; at < RECORDS; at += CHUNK, step++) {
      const records = stream.records.slice(at, at + CHUNK)
      for (const log of logs) await log.append(RecordBatch.of(records), APPEND_MS)
      // Every fourth step commits; the others only ingest and query.
      for (const { engine, store, pipeline } of [often, seldom]) {
        if (step % 4 === 3) await pipeline.run(new AbortController().signal, true)
        else {
          const reader = await store.log.reader(RAW, 0, engine.positions[0]?.nextOffset ?? 0)
          await engine.ingest(await reader.read(1e9))
          await reader.close()
        }
      }
      await queryRows(often, GOLD)
    }
    await drain(often)
    await drain(seldom)
    expect(await queryRows(often, GOLD)).toEqual(await queryRows(seldom, GOLD))
  } finally {
    for (const log of logs) await log.close()
    await often.close()
    await seldom.close()
  }
  const again = await openRig(rig, join(dir, 'often'))
  const other = await openRig(rig, join(dir, 'seldom'))
  try {
    for (let i = 0; i < 3; i++) await queryRows(again, GOLD)
    expect(await queryRows(again, GOLD)).toEqual(await queryRows(other, GOLD))
  } finally {
    await again.close()
    await other.close()
  }
})
