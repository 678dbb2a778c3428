/**
 * A log with deleted, cut and damaged segments below a lake that has everything: `ccs audit` says
 * what is missing, a rebuild never silently has fewer rows, and `ccs log repair` brings back from
 * Bronze and events.dlq what is needed to rebuild the same rows.
 */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { diskFiles } from '../../cli/adapters/files/files.ts'
import { openLocalLog } from '../../cli/adapters/log/local-log.ts'
import { runAudit } from '../../cli/app/audit.ts'
import { checkProjectLog, repairProjectLog } from '../../cli/app/log.ts'
import type { AuditReport } from '../../cli/domain/audit/audit.ts'
import type { LogRepairResult } from '../../cli/domain/dlq/plan-log-repair.ts'
import { frameRecords } from '../../cli/domain/log/frame-records.ts'
import type { LogVerifyResult } from '../../cli/domain/log/log-report.ts'
import { RecordBatch } from '../../cli/domain/log/record-batch.ts'
import { loadProject } from '../../cli/project.ts'
import { ROOT, runCcs } from '../e2e/run-ccs.ts'
import { IS_WHOLE } from '../fixtures/fault-share.ts'
import { queryStored, readManifest } from '../fixtures/tamper.ts'

const DIRT = ['--late', '5%', '--duplicates', '5%', '--invalid', '2%', '--disorder', '10%']
const RECORDS = 3_000

let dir: string
let whole: string
let data: string

const ccs = (...args: readonly string[]) => runCcs([...args, '--data', data])

function generate(seed: string) {
  const when = ['--from', '2026-03-01', '--to', '2026-03-03', '--count', String(RECORDS)]
  return ccs('gen', '--seed', seed, ...when, ...DIRT)
}

/** Writes the log again with segments of `segmentBytes`. */
async function cutSegments(segmentBytes: number): Promise<void> {
  const files = diskFiles()
  const old = openLocalLog({ dir: path.join(data, 'log'), files })
  const fresh = openLocalLog({ dir: path.join(data, 'log-cut'), files, segmentBytes })
  const reader = await old.reader('events.raw', 0, 0)
  const writer = await fresh.writer('events.raw', 0, 'test')
  for (let frames = await reader.read(1e6); frames.length > 0; frames = await reader.read(1e6))
    for (const frame of frames) {
      const records = [...frameRecords(frame)].map(({ bytes }) => bytes)
      for (let at = 0; at < records.length; at += 100)
        await writer.append(RecordBatch.of(records.slice(at, at + 100)), frame.appendMs)
    }
  await old.close()
  await fresh.close()
  rmSync(path.join(data, 'log/events.raw-0'), { recursive: true })
  cpSync(path.join(data, 'log-cut/events.raw-0'), path.join(data, 'log/events.raw-0'), {
    recursive: true,
  })
  rmSync(path.join(data, 'log-cut'), { recursive: true })
}

function segments(): readonly string[] {
  const at = path.join(data, 'log/events.raw-0')
  return readdirSync(at)
    .filter((name) => name.endsWith('.log'))
    .map((name) => path.join(at, name))
}

function baseOf(file: string | undefined): number {
  return Number.parseInt(path.basename(file ?? ''), 10)
}

function flipMiddle(file: string): void {
  const bytes = readFileSync(file)
  const at = bytes.length >> 1
  bytes[at] = (bytes[at] ?? 0) ^ 8
  writeFileSync(file, bytes)
}

/** How many rows each layer has, and a hash of them. */
function rows(): Promise<readonly (readonly Record<string, unknown>[])[]> {
  const hash = 'SELECT count(*) AS n, bit_xor(hash(x::VARCHAR))::VARCHAR AS h FROM stored AS x'
  const tables = ['bronze.events', 'silver.events', 'silver.order_items']
  return Promise.all(tables.map((table) => queryStored(data, table, hash)))
}

async function auditOf(): Promise<AuditReport> {
  return runAudit(await loadProject(ROOT, { env: {}, data }))
}

async function verify(): Promise<LogVerifyResult> {
  const project = await loadProject(ROOT, { env: {}, data })
  return checkProjectLog(project, () => {})
}

async function repair(): Promise<LogRepairResult> {
  const project = await loadProject(ROOT, { env: {}, data })
  return repairProjectLog(
    project,
    () => {},
    async () => true,
  )
}

beforeAll(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'ccs-log-repair-'))
  whole = path.join(dir, 'whole')
  data = whole
  expect(await generate('1')).toMatchObject({ code: 0 })
  await cutSegments(120_000)
  expect(await ccs('run', '--once')).toMatchObject({ code: 0 })
  expect(segments().length).toBeGreaterThan(4)
}, 120_000)
afterAll(() => rmSync(dir, { recursive: true, force: true }))

beforeEach(() => {
  data = path.join(dir, 'data')
  cpSync(whole, data, { recursive: true, verbatimSymlinks: true })
})
afterEach(() => rmSync(data, { recursive: true, force: true }))

const SLOW = { timeout: 120_000 }

describe('the oldest segment was deleted', SLOW, () => {
  let start: number
  beforeEach(() => {
    rmSync(segments()[0] ?? '')
    start = baseOf(segments()[0])
  })

  test('audit says so, a rebuild is refused; after a repair it gives the same rows', async () => {
    const before = await rows()
    const audit = await ccs('audit')
    expect(audit.code, audit.stderr).toBe(0)
    expect(audit.stdout).toContain(`The log of events.raw-0 begins with record ${start}`)
    const refused = await ccs('deploy', '--rebuild', '--yes')
    expect(refused.code).toBe(2)
    expect(refused.stderr).toMatch(
      new RegExp(
        'This would delete \\d+ events \\(of [-0-9]{10} to [-0-9]{10}\\) that Bronze has and ' +
          `the log no longer has: events.raw-0, records 0 to ${start - 1}\\.`,
      ),
    )
    expect(refused.stderr).toContain('ccs log repair')
    expect(refused.stderr).toContain('--rebuild --allow-destructive')
    expect(await rows()).toEqual(before)

    const planned = await ccs('log', 'repair')
    expect([planned.code, planned.stdout]).toEqual([3, expect.stringContaining('lost: 0 records')])
    const partitions = [{ restored: start, lost: 0, restoredBefore: start }]
    expect(await repair()).toMatchObject({ applied: true, partitions })
    const raw = { topic: 'events.raw', start: 0, records: RECORDS, damage: [] }
    expect((await verify()).partitions).toContainEqual(expect.objectContaining(raw))
    expect(await ccs('deploy', '--rebuild', '--yes')).toMatchObject({ code: 0 })
    expect(await rows()).toEqual(before)
    expect(await auditOf()).toMatchObject({ ok: true, gaps: [], log: [{ start: 0 }] })
  })

  test('with --allow-destructive it is rebuilt without, and says how many rows are gone', async () => {
    const { code, stderr } = await ccs('deploy', '--rebuild', '--yes', '--allow-destructive')
    expect(code, stderr).toBe(0)
    expect(stderr).toMatch(/silver\.events: [\d,]+ instead of [\d,]+, [\d,]+ fewer/)
    const gaps = [{ from: 0, to: start, why: 'given up' }]
    expect(await auditOf()).toMatchObject({ ok: true, gaps, log: [{ start }] })
  })
})

test('of many damages all are found; what is committed comes back, the rest is given up', {
  timeout: 120_000,
}, async () => {
  expect(await generate('2')).toMatchObject({ code: 0 })
  await cutSegments(120_000)
  const [first = '', second = '', third = '', fourth = ''] = segments()
  flipMiddle(first)
  writeFileSync(second, readFileSync(second).subarray(0, 5_000))
  rmSync(third)
  writeFileSync(fourth, Buffer.alloc(300, 7), { flag: 'a' })
  flipMiddle(segments().at(-2) ?? '')
  const verified = await ccs('log', 'verify')
  expect(verified.code).toBe(5)
  for (const file of [first, second, fourth]) expect(verified.stderr).toContain(file)
  const fault = { model: 'events.raw', check: 'records of the log that cannot be read' }
  expect(await auditOf()).toMatchObject({ ok: false, faults: [fault] })

  const [repaired] = (await repair()).partitions
  const { lost = 0, restored = 0, kept = [] } = repaired ?? {}
  expect(kept.length).toBeGreaterThan(2)
  expect(restored).toBeGreaterThan(500)
  expect([lost > 0, lost <= 100]).toEqual([true, true])
  expect(await verify()).toMatchObject({ ok: true })
  expect(await ccs('run', '--once')).toMatchObject({ code: 0 })
  const log = [{ partition: 0, start: 0, end: 2 * RECORDS, lost }]
  expect(await auditOf()).toMatchObject({ ok: true, log })
  expect((await readManifest(data)).counts.records).toBe(2 * RECORDS - lost)
  if (!IS_WHOLE) return
  const before = await rows()
  expect(await ccs('deploy', '--rebuild', '--yes')).toMatchObject({ code: 0 })
  expect(await rows()).toEqual(before)
})
