/**
 * `ccs audit` of a target whose engine fills topics: here a Kafka in memory, with what a gate and
 * Flink would have written. What is taken out, doubled or changed there is found, by its id.
 * test/flink/audit.test.ts does the same on real servers.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { withDuck } from '../../cli/adapters/duckdb/with-duck.ts'
import { openLogic } from '../../cli/app/project-logic.ts'
import type { AuditReport } from '../../cli/domain/audit/audit.ts'
import type { RejectedEvent } from '../../cli/domain/events/contracts.ts'
import { compileRejectCodec } from '../../cli/domain/gate/reject-codec.ts'
import { RecordBatch } from '../../cli/domain/log/record-batch.ts'
import type { JobStatus } from '../../cli/domain/pipeline/job-status.ts'
import { auditTarget } from '../../cli/engines/flink/audit/audit-target.ts'
import { loadProject } from '../../cli/project.ts'
import { ROOT } from '../e2e/run-ccs.ts'
import { EngineTopics } from '../fixtures/engine-topics.ts'
import { listRawRows } from '../fixtures/flink-compare.ts'
import { openOracle } from '../fixtures/ksqldb-oracle.ts'
import { drawLongVisits } from '../fixtures/long-visits.ts'

const START = Date.parse('2026-03-27T00:00:00Z')
const HOUR = 3_600_000
const SPAN = {
  keys: [['anonymous_id', 'anonymous_id']],
  start: 'session_start',
  end: 'session_end',
} as const

interface Shop {
  readonly topics: EngineTopics
  audit(how?: { readonly unread?: number; readonly watermark?: null }): Promise<AuditReport>
}

/** Events of three days, some late or doubled, three of them rejected; all is as it should be. */
async function openShop(): Promise<Shop> {
  const project = await loadProject(ROOT, { env: {} })
  const whole = await openLogic(project, { isDescribed: true })
  const overSessions = ['funnel', 'campaign', 'device'].map((one) => `gold.${one}_daily`)
  const left = new Set([...overSessions, 'gold.right_now'])
  const logic = { ...whole, graph: whole.graph.filter(({ model }) => !left.has(model.name)) }
  const oracle = await openOracle(logic.graph.map(({ model }) => model))
  onTestFinished(() => oracle.close())
  // These visits' checkouts may have a negative value, which the model's own audit reports.
  const events = drawLongVisits(3, START).filter(
    ({ appendMs, event }) => appendMs < START + 60 * HOUR && event.event_type !== 'begin_checkout',
  )
  const topics = new EngineTopics()
  for (const name of ['events.raw', 'events.valid', 'events.dlq'])
    topics.create(`shop.${name}`, [], [])
  const { timezone } = project.config
  await oracle.load(listRawRows(events, 'shop.events.valid'), { nowMs: 0, timezone })
  const codec = compileRejectCodec(logic.dlqSchemas)
  const offsets = [0, 0, 0]
  for (const [index, { partition, event }] of events.entries()) {
    if (index % 400 === 0) {
      const batch = new RecordBatch()
      codec.encode(batch, makeReject(partition, offsets[partition] ?? 0))
      topics.putBytes('shop.events.raw', Buffer.from(`broken ${index}`), partition)
      topics.putBytes('shop.events.dlq', batch.body.subarray(4))
      offsets[partition] = (offsets[partition] ?? 0) + 1
    }
    // Copies of an event are different records.
    const bytes = Buffer.from(`${index} ${JSON.stringify(event)}`)
    for (const name of ['raw', 'valid']) topics.putBytes(`shop.events.${name}`, bytes, partition)
    offsets[partition] = (offsets[partition] ?? 0) + 1
  }
  const newest = [0, 1, 2].map((one) =>
    Math.max(
      ...events
        .filter(({ partition }) => partition === one)
        .map(({ event, appendMs }) => Math.min(event.event_ts, appendMs)),
    ),
  )
  const watermarkMs = Math.min(...newest) - 5_000 - 1.5 * HOUR
  for (const { model } of logic.graph) {
    topics.create(`shop.${model.name}`, logic.columns.get(model.name) ?? [], model.key)
    const isOver = `session_end < make_timestamp_ms(${watermarkMs - 0.5 * HOUR}::BIGINT)`
    const where = model.kind === 'session' ? ` WHERE ${isOver}` : ''
    const { rows } = await oracle.query(`SELECT * FROM ${model.name}${where}`)
    for (const row of rows) topics.put(`shop.${model.name}`, row)
  }
  const audit: Shop['audit'] = async ({ unread = 0, watermark } = {}) => {
    const dir = mkdtempSync(path.join(tmpdir(), 'ccs-topic-audit-'))
    const progress = async (topic: string, short: number) =>
      ((await topics.inspect(topic))?.ranges ?? []).map((one) => ({
        ...one,
        committed: Math.max(0, one.end - (one.partition === 0 ? short : 0)),
      }))
    const status = {
      ...{ running: false, stalled: null, serial: 7, lastCommit: '2026-03-29T12:00:00.000Z' },
      watermark: watermark === null ? null : new Date(watermarkMs).toISOString(),
    } as JobStatus // an audit reads no more of it
    try {
      return await withDuck({}, (plain) =>
        withDuck({}, (served) =>
          auditTarget({
            ...{ prefix: 'shop.', logic, timezone, reader: topics, registry: topics },
            ...{ plain, served, nowMs: 0, onProgress: () => {} },
            job: {
              readStatus: async () => status,
              isRunning: async () => false,
              progress: () => progress('shop.events.valid', unread),
              checkpointMs: 0,
            },
            topicOf: (model) => (model === 'silver.people' ? undefined : `shop.${model}`),
            spans: new Map([['gold.sessions', SPAN]]),
            gate: { readPositions: () => progress('shop.events.raw', 0) },
            scratchFile: (name) => path.join(dir, `${name}.parquet`),
          }),
        ),
      )
    } finally {
      rmSync(dir, { recursive: true, force: true })
    }
  }
  return { topics, audit }
}

function makeReject(partition: number, offset: number): RejectedEvent {
  return {
    ...{ reason: 'undecodable', message: 'it is broken', topic: 'events.raw', partition, offset },
    ...{ first_seen: 0, schema_id: null, origin: null, model: null, bytes: Buffer.of(1) },
  }
}

/** Faults in a line each. */
function list({ faults }: AuditReport): readonly string[] {
  return faults.map(({ model, check, count }) => `${model} ${check}: ${count}`)
}

test('what a gate and an engine have written as they should adds up', async () => {
  const { audit } = await openShop()
  const report = await audit()
  expect(list(report)).toEqual([])
  expect(report).toMatchObject({ ok: true, serial: 7, asOf: '2026-03-29T12:00:00.000Z' })
  const named = new Map(report.models.map((one) => [one.model, one]))
  for (const { remainder, ...row } of report.models) {
    expect({ model: row.model, remainder }).toEqual({ model: row.model, remainder: 0 })
    expect(row.out + row.duplicates + row.filtered + row.late + row.dlq).toBe(row.in)
  }
  expect(named.get('events.valid')?.dlq).toBeGreaterThan(2)
  expect(named.get('bronze.events')?.out).toBe(named.get('events.valid')?.out)
  expect(named.get('silver.events')?.duplicates).toBeGreaterThan(0)
  expect(named.get('gold.activity_1m')?.late).toBeGreaterThan(0)
  // Sessions that are under way need not be there, and their events are no remainder.
  expect(named.get('gold.sessions')?.filtered).toBeGreaterThan(0)
  // Without a watermark nobody knows which sessions must be there.
  expect((await audit({ watermark: null })).ok).toBe(true)
})

test('records that the gate lost, doubled or rejected twice are found', async () => {
  const { topics, audit } = await openShop()
  topics.takeOut('shop.events.valid', ({ offset }) => offset === 5)
  topics.takeOut('shop.bronze.events', ({ offset }) => offset === 5)
  topics.double('shop.events.dlq')
  const report = await audit()
  expect(report.ok).toBe(false)
  expect(list(report)).toEqual(
    expect.arrayContaining([
      'events.raw neither in events.valid nor rejected: 1',
      'events.dlq rejected twice: 1',
    ]),
  )
  const lost = report.faults.find(({ model }) => model === 'events.raw')
  expect(lost?.ids).toEqual(['events.raw-0:5'])
  const { topics: others, audit: auditOthers } = await openShop()
  others.double('shop.events.valid')
  expect(list(await auditOthers())).toEqual([
    'events.valid doubled in events.valid: 1',
    'shop.events.valid neither in Bronze nor rejected: 1',
  ])
})

test('a row that is missing, doubled or changed is found, by its id', async () => {
  const { topics, audit } = await openShop()
  topics.double('shop.bronze.events')
  topics.takeOut('shop.silver.page_view', ({ offset }) => offset === 3)
  topics.double('shop.silver.events')
  topics.takeOut('shop.gold.sessions', ({ offset }) => offset === 2)
  topics.put('shop.gold.top_pages_1h', {
    ...{ window_start: '2026-03-27T09:00:00.000Z', page: '/never', views: 3 },
  })
  const report = await audit()
  expect(report.ok).toBe(false)
  const found = list(report)
  expect(found).toEqual(
    expect.arrayContaining([
      'shop.events.valid doubled in Bronze: 1',
      'silver.page_view missing: 1',
      'silver.events doubled: 1',
      'gold.sessions missing: 1',
      'gold.top_pages_1h unexpected: 1',
    ]),
  )
  const page = report.faults.find(({ model }) => model === 'gold.top_pages_1h')
  expect(page?.ids).toEqual(['2026-03-27 09:00:00|/never'])
})

test('what came after the last checkpoint is not counted, and the report says so', async () => {
  const { topics, audit } = await openShop()
  topics.put('shop.gold.top_pages_1h', {
    ...{ window_start: '2026-03-27T09:00:00.000Z', page: '/never', views: 3 },
  })
  const report = await audit({ unread: 4 })
  expect(list(report)).toEqual([])
  expect(report.models.map(({ model }) => model)).not.toContain('gold.top_pages_1h')
  const silver = report.models.find(({ model }) => model === 'silver.events')
  const valid = report.models.find(({ model }) => model === 'events.valid')
  expect((valid?.out ?? 0) - (silver?.in ?? 0)).toBe(4)
  expect(report.remarks.join(' ')).toContain('4 records of events.valid are not read yet')
})
