/**
 * `ccs audit` on generated shops: it passes on a healthy directory, however dirty the input, and
 * reports the right ids for every kind of damage that leaves files, checksums and manifest
 * consistent.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { runAudit } from '../../cli/app/audit.ts'
import type { AuditReport } from '../../cli/domain/audit/audit.ts'
import { loadProject } from '../../cli/project.ts'
import {
  dropRecord,
  queryStored,
  readManifest,
  rewriteLake,
  rewriteState,
} from '../fixtures/tamper.ts'
import { ROOT, runCcs } from './run-ccs.ts'

const CLI = path.join(ROOT, 'bin/run.js')
const COMMITS = 3
const RECORDS = 6_000
const DIRT = ['--late', '0.05', '--duplicates', '0.05', '--invalid', '0.02', '--disorder', '0.1']

let dir: string
let healthy: string

function generate(data: string, day: number, ...more: readonly string[]) {
  const from = `2026-03-0${day}`
  const to = `2026-03-0${day + 1}`
  const when = ['--seed', String(day), '--from', from, '--to', to, '--count', String(RECORDS)]
  return runCcs(['gen', '--data', data, ...when, ...DIRT, ...more])
}

async function auditOf(data: string): Promise<AuditReport> {
  return runAudit(await loadProject(ROOT, { env: {}, data }))
}

beforeAll(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'ccs-audit-'))
  healthy = path.join(dir, 'healthy')
  for (let day = 1; day <= COMMITS; day++) {
    expect(await generate(healthy, day)).toMatchObject({ code: 0 })
    expect(await runCcs(['run', '--once', '--data', healthy])).toMatchObject({ code: 0 })
  }
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

describe('a healthy directory with late, duplicate, invalid and disordered events', () => {
  test('balances, and the commands leave no files behind', async () => {
    const { code, stdout, stderr } = await runCcs(['audit', '--data', healthy, '--json'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const report: AuditReport = JSON.parse(stdout)
    expect(report).toMatchObject({ ok: true, serial: COMMITS, faults: [] })
    for (const { remainder, ...row } of report.models) {
      expect({ model: row.model, remainder }).toEqual({ model: row.model, remainder: 0 })
      expect(row.out + row.duplicates + row.filtered + row.late + row.dlq).toBe(row.in)
    }
    const { counts } = await readManifest(healthy)
    const named = new Map(report.models.map((row) => [row.model, row]))
    const bronze = { in: counts.records, out: counts.bronze, dlq: counts.dlq }
    expect(counts.records).toBe(COMMITS * RECORDS)
    expect(named.get('bronze.events')).toMatchObject(bronze)
    expect(named.get('silver.events')).toMatchObject({ duplicates: counts.duplicates })
    for (const name of ['gold.activity_1m', 'gold.sessions', 'gold.top_pages_1h'])
      expect({ name, isLate: (named.get(name)?.late ?? 0) > 0 }).toEqual({ name, isLate: true })
    expect(Math.min(counts.duplicates, counts.dlq)).toBeGreaterThan(RECORDS * 0.02)
    expect(report.models).toHaveLength(readdirSql().length)
    expect(readdirSync(path.join(healthy, 'tmp'))).toEqual([])
  })

  test('is printed as a table of at most 80 columns', async () => {
    const { code, stdout, stderr } = await runCcs(['audit', '--data', healthy])
    expect(code).toBe(0)
    expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([])
    expect(stdout).toMatch(/^gold\.sessions +\d+ +\d+/m)
    expect(stderr).toContain('everything adds up')
  })

  test('a running engine commits first, and continues during the audit', async () => {
    const data = path.join(dir, 'running')
    cpSync(healthy, data, { recursive: true, verbatimSymlinks: true })
    const args = [CLI, 'run', '--port', '0', '--data', data]
    const engine = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] })
    try {
      await once(engine.stderr, 'data')
      expect(await generate(data, COMMITS + 1)).toMatchObject({ code: 0 })
      await takenIn(data, (COMMITS + 1) * RECORDS)
      const report = await auditOf(data)
      expect(report).toMatchObject({ ok: true, faults: [] })
      expect(report.models[0]).toMatchObject({ in: (COMMITS + 1) * RECORDS })
    } finally {
      engine.kill('SIGTERM')
      if (engine.exitCode === null) await once(engine, 'exit')
    }
  })

  test('files that a killed audit left are deleted by the next one', async () => {
    const tmp = path.join(healthy, 'tmp')
    const killed = spawn(process.execPath, [CLI, 'audit', '--data', healthy], { stdio: 'ignore' })
    const exit = once(killed, 'exit')
    const list = () => (existsSync(tmp) ? readdirSync(tmp) : [])
    const hasState = (name: string) => existsSync(path.join(tmp, name, 'state'))
    try {
      while (killed.exitCode === null && !list().some(hasState)) await setTimeout(5)
    } finally {
      killed.kill('SIGKILL')
      await exit
    }
    const left = new RegExp(`^audit-${killed.pid}-[0-9a-f]{8}$`)
    expect(list()).toEqual([expect.stringMatching(left)])
    expect(await auditOf(healthy)).toMatchObject({ ok: true })
    expect(readdirSync(tmp)).toEqual([])
  })

  test('a directory without a commit passes', async () => {
    expect(await auditOf(path.join(dir, 'nothing'))).toEqual({
      ...{ ok: true, serial: null, asOf: null, models: [], faults: [], setAside: [], gaps: [] },
      ...{ log: [], remarks: [] },
    })
  })
})

async function takenIn(data: string, records: number): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    const { stdout } = await runCcs(['status', '--data', data, '--json'])
    if (JSON.parse(stdout).counts.records === records) return
  }
  throw new Error(`the engine has not taken in ${records} records`)
}

/** Files of models, without those of the live page. */
function readdirSql(): readonly string[] {
  const files = readdirSync(path.join(ROOT, 'sql'), { recursive: true, encoding: 'utf8' })
  return files.filter((file) => /^(bronze|silver|gold)[/\\].+\.sql$/.test(file))
}

describe('damage that checksums do not show', () => {
  let data: string
  /** A person's search, on time and sent once; searches are in silver.events and Gold only. */
  let victim: { event_id: string; offset: number; partition: number; minute: string }

  beforeEach(async () => {
    data = path.join(dir, 'damaged')
    cpSync(healthy, data, { recursive: true, verbatimSymlinks: true })
    const once = `SELECT event_id FROM stored GROUP BY event_id HAVING count(*) = 1`
    const ids = await queryStored(data, 'bronze.events', once)
    const known = new Set(ids.map((row) => row.event_id))
    const rows = await queryStored(
      data,
      'silver.events',
      `SELECT event_id, "offset", partition,
         CAST(time_bucket(INTERVAL 1 MINUTE, event_time) AS VARCHAR) AS minute
       FROM stored WHERE event_type = 'search' AND NOT is_bot AND late_ms = 0 ORDER BY event_id`,
    )
    victim = rows.find((row) => known.has(row.event_id)) as typeof victim // the columns asked for
  })
  afterEach(() => rmSync(data, { recursive: true, force: true }))

  const isVictim = () => `event_id = '${victim.event_id}'`
  const faultOf = ({ faults }: AuditReport, model: string, check: string) =>
    faults.find((one) => one.model === model && one.check === check)
  const remainderOf = ({ models }: AuditReport, model: string) =>
    models.find((one) => one.model === model)?.remainder

  test('a changed row in Silver is the only one reported', async () => {
    await rewriteLake(data, {
      table: 'silver.events',
      where: isVictim(),
      change: `SELECT * REPLACE (CASE WHEN ${isVictim()} THEN 'x' ELSE search_term END AS search_term)
        FROM stored`,
    })
    const report = await auditOf(data)
    expect(report.ok).toBe(false)
    expect(report.faults).toEqual([
      { model: 'silver.events', check: 'differs', count: 1, ids: [victim.event_id] },
    ])
    expect(report.models.filter(({ remainder }) => remainder !== 0)).toMatchObject([
      { model: 'silver.events', remainder: 1 },
    ])
  })

  test('a row lost from Silver is reported, and the Gold row that counted it', async () => {
    await rewriteLake(data, {
      table: 'silver.events',
      where: isVictim(),
      change: `SELECT * FROM stored WHERE NOT ${isVictim()}`,
    })
    const report = await auditOf(data)
    expect(report.ok).toBe(false)
    expect(faultOf(report, 'silver.events', 'missing')).toMatchObject({
      count: 1,
      ids: [victim.event_id],
    })
    const minutes = ['differs', 'unexpected'].flatMap(
      (check) => faultOf(report, 'gold.activity_1m', check)?.ids ?? [],
    )
    expect(minutes).toEqual([victim.minute])
    expect(remainderOf(report, 'silver.events')).toBe(1)
  })

  test("a doubled row in Silver is reported, and breaks the header's audit", async () => {
    await rewriteLake(data, {
      table: 'silver.events',
      where: isVictim(),
      change: `SELECT * FROM stored UNION ALL SELECT * FROM stored WHERE ${isVictim()}`,
    })
    const { code, stdout } = await runCcs(['audit', '--data', data, '--json'])
    expect(code).toBe(5)
    const report: AuditReport = JSON.parse(stdout)
    for (const check of ['doubled', 'unique(event_id)'])
      expect(faultOf(report, 'silver.events', check)).toMatchObject({
        count: 1,
        ids: [victim.event_id],
      })
    expect(remainderOf(report, 'silver.events')).toBe(1)
  })

  test('a record neither in Bronze nor rejected is reported by its offset', async () => {
    await rewriteLake(data, {
      table: 'bronze.events',
      where: isVictim(),
      change: `SELECT * FROM stored WHERE NOT ${isVictim()}`,
    })
    const { code, stdout } = await runCcs(['audit', '--data', data])
    expect(code).toBe(5)
    expect(stdout).toContain('neither in Bronze nor rejected: 1')
    expect(stdout).toContain(`events.raw-${victim.partition}:${victim.offset}`)
    expect(stdout).toContain('silver.events  unexpected: 1')
    expect(stdout).toContain(victim.event_id)
  })

  test('a lost reject is reported by the offset of its record', async () => {
    const shown = await runCcs(['dlq', 'show', '7', '--data', data, '--json'])
    const { source } = JSON.parse(shown.stdout)
    await dropRecord(data, 'events.dlq', 7)
    const report = await auditOf(data)
    expect(report.ok).toBe(false)
    expect(faultOf(report, 'events.raw', 'neither in Bronze nor rejected')).toMatchObject({
      count: 1,
      ids: [`events.raw-${source.partition}:${source.offset}`],
    })
    expect(faultOf(report, 'events.dlq', 'fewer rejects than committed')?.count).toBe(1)
    expect(remainderOf(report, 'bronze.events')).toBe(1)
  })

  test('a changed state file is detected by its checksum', async () => {
    const { state } = await readManifest(data)
    const file = state.find((one) => one.model === 'gold.sessions')?.path ?? ''
    const bytes = readFileSync(`${data}/state/${file}`)
    bytes[100] = (bytes[100] ?? 0) ^ 1
    writeFileSync(`${data}/state/${file}`, bytes)
    expect(await auditOf(data)).toMatchObject({
      ok: false,
      faults: [
        { model: 'files', check: 'has other bytes than were written', ids: [`state/${file}`] },
      ],
    })
  })

  test('wrong state with a matching checksum is reported by its wrong row', async () => {
    const where = `k0 = TIMESTAMP '${victim.minute}'`
    await rewriteState(data, {
      model: 'gold.activity_1m',
      where,
      change: `SELECT * REPLACE (CASE WHEN ${where} THEN a0 + 1 ELSE a0 END AS a0) FROM stored`,
    })
    const report = await auditOf(data)
    expect(report.faults).toEqual([
      { model: 'gold.activity_1m', check: 'differs', count: 1, ids: [victim.minute] },
    ])
    expect(remainderOf(report, 'gold.activity_1m')).toBeGreaterThan(0)
  })
})
