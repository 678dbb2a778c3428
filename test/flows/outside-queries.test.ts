/**
 * Queries of people run in processes of their own, over committed files and files of the rows that
 * no commit has: each answer is of one moment, with every event exactly once.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { OpenPipeline } from '../../cli/app/pipeline.ts'
import { RecordBatch } from '../../cli/domain/log/record-batch.ts'
import type { QueryControl, QueryResult } from '../../cli/domain/sql/query-result.ts'
import {
  APPEND_MS,
  makeRecords,
  makeRig,
  openRig,
  RAW,
  type RecordStream,
  type Rig,
} from '../fixtures/pipeline-rig.ts'

const SEED = Number(process.env.CCS_SEED ?? 5)
const RECORDS = 2_000
const CHUNK = 100

let dir: string
let rig: Rig
let stream: RecordStream
let tables: readonly string[]

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ccs-outside-'))
  rig = await makeRig(undefined, { mergeSizeMin: 500, closedRowsMin: 20, sliceSize: 5_000 })
  stream = await makeRecords(rig, RECORDS, SEED)
  tables = rig.logic.graph.map(({ model }) => model.name)
})

afterAll(() => rm(dir, { recursive: true, force: true }))

async function ask(open: OpenPipeline, sql: string, control?: QueryControl): Promise<QueryResult> {
  const { json, rows } = await open.engine.ask(sql, APPEND_MS, control)
  const answer: QueryResult = JSON.parse(Buffer.concat(json).toString('utf8'))
  expect(rows).toBe(answer.rows.length)
  return answer
}

async function ingestAll({ engine, store }: OpenPipeline): Promise<void> {
  const reader = await store.log.reader(RAW, 0, engine.positions[0]?.nextOffset ?? 0)
  await engine.ingest(await reader.read(1e9))
  await reader.close()
}

test(`each table has the same rows as in the engine's process (seed ${SEED})`, async () => {
  const open = await openRig(rig, join(dir, 'same'))
  const log = await open.store.log.writer(RAW, 0, 'test')
  try {
    for (let at = 0, step = 0; at < RECORDS; at += CHUNK, step++) {
      await log.append(RecordBatch.of(stream.records.slice(at, at + CHUNK)), APPEND_MS)
      // Every fifth step commits; the others only take records in.
      if (step % 5 === 4) await open.pipeline.run(new AbortController().signal, true)
      else await ingestAll(open)
      // Not all each time: what is handed over was then made of more than one step.
      for (const table of tables.filter((_, index) => (index + step) % 3 === 0)) {
        const sql = `SELECT * FROM ${table} ORDER BY ALL`
        const inside = await open.engine.query(sql, APPEND_MS)
        expect(await ask(open, sql), `${table} at ${at}`).toEqual(inside)
      }
    }
    for (const table of tables) {
      const sql = `SELECT * FROM ${table} ORDER BY ALL`
      expect(await ask(open, sql), table).toEqual(await open.engine.query(sql, APPEND_MS))
    }
  } finally {
    await log.close()
    await open.close()
  }
})

test(`answers beside intake and commits have each event once (seed ${SEED})`, async () => {
  const open = await openRig(rig, join(dir, 'beside'))
  const log = await open.store.log.writer(RAW, 0, 'test')
  const end = new AbortController()
  const running = open.pipeline.run(end.signal, false)
  const offsets = 'list("offset" ORDER BY "offset")'
  const sql = `SELECT (SELECT ${offsets} FROM bronze.events) AS bronze,
    (SELECT ${offsets} FROM silver.events) AS silver,
    (SELECT coalesce(sum(events), 0)::BIGINT FROM gold.activity_1m) AS gold,
    (SELECT count(*) FROM silver.people WHERE late_ms <= 600000) AS people`
  const answers: Record<string, unknown>[] = []
  try {
    let at = 0
    const append = async () => {
      for (; at < RECORDS; at += 10) {
        await log.append(RecordBatch.of(stream.records.slice(at, at + 10)), APPEND_MS)
        if (at % 300 === 0) await open.pipeline.commit()
        await sleep(5)
      }
    }
    const read = async () => {
      while (at < RECORDS || answers.length < 10) {
        await open.pipeline.catchUp()
        answers.push((await ask(open, sql)).rows[0] ?? {})
      }
    }
    // As the page does: Gold moves on while its rows are handed over.
    const look = async () => {
      for (; at < RECORDS; await sleep(1)) {
        await open.pipeline.catchUp()
        await open.engine.query('SELECT count(*) AS n FROM gold.activity_1m', APPEND_MS)
      }
    }
    await Promise.all([append(), read(), read(), look()])
    await open.pipeline.catchUp()
    answers.push((await ask(open, sql)).rows[0] ?? {})
  } finally {
    end.abort()
    await running
    await log.close()
    await open.close()
  }
  const last = answers.at(-1)
  const all = { bronze: last?.bronze as number[], silver: last?.silver as number[] }
  expect(answers.length).toBeGreaterThan(10)
  for (const { bronze, silver, gold, people } of answers as Record<string, number[]>[]) {
    // The answer has the events up to one offset, as the last answer has them, and all of them.
    const end = bronze?.at(-1) ?? -1
    expect(bronze ?? []).toEqual(all.bronze.filter((offset) => offset <= end))
    expect(silver ?? []).toEqual(all.silver.filter((offset) => offset <= end))
    expect(gold).toEqual(people)
  }
})
