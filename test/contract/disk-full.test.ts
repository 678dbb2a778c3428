/**
 * The disk is full at each stage of the pipeline, then there is space again: one message says so,
 * queries are answered meanwhile, and the pipeline resumes with nothing lost or doubled.
 */
import { mkdirSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../cli/adapters/process/system-clock.ts'
import type { OpenPipeline } from '../../cli/app/pipeline.ts'
import { RecordBatch } from '../../cli/domain/log/record-batch.ts'
import { OutageHandler } from '../../cli/domain/pipeline/outage-handler.ts'
import { type Call, FaultDisk, SCRATCH } from '../fixtures/fault-files.ts'
import { computeExpected, findFaults, readFound } from '../fixtures/pipeline-oracle.ts'
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

const MODELS = [
  'bronze.events',
  'silver.events',
  'silver.people',
  'gold.activity_1m',
  'gold.sessions',
]
const GOLD = ['gold.activity_1m', 'gold.sessions']
const RECORDS = 300
const HALF = 150
/** Calls that need disk space. */
const WRITING = new Set(['write', 'writeFile', 'mkdir', 'link', 'symlink'])

const STAGES: readonly { readonly stage: string; readonly begins: (call: Call) => boolean }[] = [
  { stage: 'log append', begins: at('write', /^log\/events\.raw-0\/\d+\.log$/) },
  { stage: 'DLQ append', begins: at('write', /^log\/events\.dlq-0\/\d+\.log$/) },
  { stage: 'staging directory', begins: at('mkdir', /^stage\/c\d+-\w+$/) },
  {
    stage: 'table in the staging directory',
    begins: at('mkdir', /^stage\/c\d+-\w+\/silver\.events$/),
  },
  { stage: 'state directory', begins: at('mkdir', /^state\/c\d+-\w+$/) },
  { stage: 'ids in the state', begins: at('write', /^state\/c\d+-\w+\/seen\.bin$/) },
  { stage: 'manifest', begins: at('write', /^manifest\.json\.tmp$/) },
  { stage: 'a new folder while settling', begins: at('mkdir', /^lake-1\/parts\//) },
  { stage: 'a file while settling', begins: at('link', /^lake-1\/parts\//) },
  { stage: 'a link of the tree while settling', begins: at('symlink', /^lake-1\/link\.tmp$/) },
]

function at(name: string, path: RegExp): (call: Call) => boolean {
  return (call) => call.name === name && path.test(call.path)
}

let dir: string
let rig: Rig
let stream: RecordStream
let wanted: Record<string, string>

beforeAll(async () => {
  dir = await mkdtemp(join(SCRATCH, 'ccs-disk-full-'))
  rig = await makeRig(MODELS)
  stream = await makeRecords(rig, RECORDS, 11)
  const root = join(dir, 'clean')
  mkdirSync(root)
  const open = await openRig(rig, root)
  const writer = await open.store.log.writer(RAW, 0, 'test')
  await writer.append(RecordBatch.of(stream.records), APPEND_MS)
  await drain(open)
  wanted = await queryRows(open, GOLD)
  await open.close()
})

afterAll(async () => {
  await rm(dir, { recursive: true, force: true })
})

async function until(isSo: () => boolean, what: string): Promise<void> {
  for (let waitedMs = 0; !isSo(); waitedMs += 20) {
    if (waitedMs > 20_000) throw new Error(`waited in vain: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** Appends as `ccs gen` does; resolves when everything is durable. */
async function append(
  open: OpenPipeline,
  [from, to]: readonly [number, number],
  notices: string[],
): Promise<void> {
  const disk = new OutageHandler(systemClock(), (text) => notices.push(text))
  const writer = await open.store.log.writer(RAW, 0, 'test')
  for (let next = from; next < to; next += 50) {
    const batch = RecordBatch.of(stream.records.slice(next, next + 50))
    await disk.retryWhileUnavailable('gen', () => writer.append(batch, APPEND_MS))
  }
  await writer.close()
}

describe('a disk that fills up', () => {
  test.each(STAGES)('at $stage is reported and waited for', async ({ stage, begins }) => {
    const root = join(dir, stage.replaceAll(' ', '-'))
    mkdirSync(root)
    const disk = new FaultDisk(root, { seed: 5 })
    const notices: string[] = []
    const open = await openRig(rig, root, disk.files, (text) => notices.push(text))
    const stop = new AbortController()
    const running = open.pipeline.run(stop.signal, false)
    const taken = (records: number) => () => open.pipeline.state().counts.records === records
    try {
      await append(open, [0, HALF], notices)
      await until(taken(HALF), 'the first half')
      if (!stage.includes('settling')) await open.pipeline.commit()
      const before = await open.engine.query('SELECT count(*) AS n FROM silver.events', APPEND_MS)

      let isFull = false
      disk.failWith = (call) => {
        isFull ||= begins(call)
        // The engine may fill the disk before the shop has sent everything, which it is to take in.
        const isShop = call.path.startsWith('log/events.raw-0/') && stage !== 'log append'
        return isFull && WRITING.has(call.name) && !isShop ? 'ENOSPC' : undefined
      }
      const appending = append(open, [HALF, RECORDS], notices)
      if (stage !== 'log append') await until(taken(RECORDS), 'the second half')
      const committing = stage === 'log append' ? Promise.resolve() : open.pipeline.commit()
      await until(() => notices.length > 0, 'a notice')
      expect(isFull).toBe(true)
      expect(notices).toEqual([expect.stringMatching(/^The disk is full: \S+ can't be written\. /)])
      expect(open.pipeline.state().stalled === null).toBe(stage === 'log append')
      const during = await open.engine.query('SELECT count(*) AS n FROM silver.events', APPEND_MS)
      expect(Number(during.rows[0]?.n)).toBeGreaterThanOrEqual(Number(before.rows[0]?.n))

      disk.failWith = undefined
      await Promise.all([appending, committing])
      await until(taken(RECORDS), 'all records')
      await until(() => notices.length > 1, 'a second notice')
      expect(notices.slice(1)).toEqual(['The disk has space again; continuing.'])
      expect(open.pipeline.state().stalled).toBeNull()
      stop.abort()
      await running
      expect(await queryRows(open, GOLD)).toEqual(wanted)
    } finally {
      disk.failWith = undefined
      stop.abort()
      await running.catch(() => undefined)
      const expected = await computeExpected(open.store.log, rig.logic.rawSchemas)
      await open.close()
      expect(findFaults(expected, await readFound(root, rig.logic.dlqSchemas))).toEqual([])
      expect(expected.good.size + expected.bad.size).toBe(RECORDS)
    }
  })

  test('stopping meanwhile ends with that message; the next start has everything', async () => {
    const root = join(dir, 'stopped')
    mkdirSync(root)
    const disk = new FaultDisk(root, { seed: 6 })
    const open = await openRig(rig, root, disk.files)
    const stop = new AbortController()
    await append(open, [0, RECORDS], [])
    disk.failWith = ({ name, path }) =>
      name === 'write' && path.startsWith('manifest') ? 'ENOSPC' : undefined
    const running = open.pipeline.run(stop.signal, false)
    const ended = running.then(
      () => 'well',
      (error: Error) => error.message,
    )
    await until(() => open.pipeline.state().counts.records === RECORDS, 'all records')
    const committing = open.pipeline.commit().catch(() => undefined)
    await until(() => open.pipeline.state().stalled !== null, 'a full disk')
    stop.abort()
    expect(await ended).toMatch(/^The disk is full: \S*manifest\.json\.tmp can't be written\.$/)
    await committing
    disk.failWith = undefined
    await open.close()

    const again = await openRig(rig, root)
    await drain(again)
    expect(await queryRows(again, GOLD)).toEqual(wanted)
    const expected = await computeExpected(again.store.log, rig.logic.rawSchemas)
    await again.close()
    expect(findFaults(expected, await readFound(root, rig.logic.dlqSchemas))).toEqual([])
  })
})
