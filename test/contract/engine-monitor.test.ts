/** GET /metrics and GET /healthz of a real engine: they agree with its status, and with its disk. */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openServer } from '../../cli/app/page.ts'
import { FigureCounter } from '../../cli/domain/collector/figures.ts'
import { RecordBatch } from '../../cli/domain/log/record-batch.ts'
import { METRIC_ABOUTS } from '../../cli/domain/monitoring/engine-metrics.ts'
import { FaultDisk, SCRATCH } from '../fixtures/fault-files.ts'
import { createEventNow, type LiveShop, openLiveShop } from '../fixtures/live-shop.ts'
import {
  APPEND_MS,
  makeRecords,
  makeRig,
  openRig,
  RAW,
  type Rig,
} from '../fixtures/pipeline-rig.ts'

const SETTLES = { timeout: 30_000, interval: 100 }
const dir = mkdtempSync(join(SCRATCH, 'ccs-engine-monitor-'))
let rig: Rig
let shop: LiveShop

beforeAll(async () => {
  rig = await makeRig()
  shop = await openLiveShop(rig, join(dir, 'shop'))
})
afterAll(async () => {
  await shop?.close()
  await rm(dir, { recursive: true, force: true })
})

/** Samples by name and labels, as they are written. */
async function scrape(url = shop.url): Promise<ReadonlyMap<string, number>> {
  const response = await fetch(`${url}/metrics`)
  expect(response.status).toBe(200)
  expect(response.headers.get('content-type')).toMatch(/^application\/openmetrics-text; version=1/)
  const text = await response.text()
  expect(text.endsWith('\n# EOF\n')).toBe(true)
  const samples = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(
    samples.map((line) => {
      const at = line.lastIndexOf(' ')
      return [line.slice(0, at), Number(line.slice(at + 1))]
    }),
  )
}

test('the metrics count what arrived, what was rejected and why, queries and commits', async () => {
  const twice = createEventNow()
  await shop.appendBytes([Buffer.from('{"broken"'), Buffer.from([9, 9, 9])])
  await shop.append([twice, twice, createEventNow({ device: 'bot' })])
  const post = (path: string, body: object) =>
    fetch(`${shop.url}${path}`, {
      method: 'POST',
      headers: { ...shop.headers, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  await expect.poll(async () => (await scrape()).get('ccs_dlq_records'), SETTLES).toBe(2)
  await post('/commit', {})
  expect((await post('/query', { sql: 'SELECT nope' })).status).toBe(400)
  // Read in the background: the first scrape has neither.
  await expect
    .poll(async () => {
      const now = await scrape()
      return now.has('ccs_disk_bytes{part="log"}') && now.has('ccs_left_out_events{kind="bot"}')
    }, SETTLES)
    .toBe(true)
  const now = await scrape()
  const of = (name: string) => now.get(name)
  expect(of('ccs_events_total{outcome="accepted"}')).toBe(2)
  expect(of('ccs_events_total{outcome="duplicate"}')).toBe(1)
  expect(of('ccs_events_total{outcome="rejected"}')).toBe(2)
  expect(of('ccs_rejects_total{reason="bad_magic"}')).toBe(2)
  expect(of('ccs_rejects_total{reason="too_large"}')).toBe(0)
  expect(of('ccs_lag_events{topic="events.raw",partition="0"}')).toBe(0)
  expect(of('ccs_uncommitted_rows')).toBe(0)
  expect(of('ccs_commit_duration_seconds_count')).toBeGreaterThan(0)
  expect(of('ccs_commit_duration_seconds_bucket{le="+Inf"}')).toBe(
    of('ccs_commit_duration_seconds_count'),
  )
  expect(of('ccs_queries_total{outcome="refused"}')).toBe(1)
  expect(of('ccs_dedupe_ids{kind="event"}')).toBe(2)
  for (const part of ['log', 'bronze', 'silver', 'state'])
    expect(of(`ccs_disk_bytes{part="${part}"}`), part).toBeGreaterThan(0)
  for (const name of ['ccs_disk_free_bytes', 'ccs_duckdb_memory_bytes', 'ccs_freshness_seconds'])
    expect(of(name), name).toBeGreaterThan(0)
  expect(of('process_resident_memory_bytes')).toBeGreaterThan(of('ccs_duckdb_memory_bytes') ?? 0)
  expect([...now].filter(([name]) => name.startsWith('ccs_problem'))).toEqual([
    ['ccs_problem{kind="stalled"}', 0],
    ['ccs_problem{kind="commit_overdue"}', 0],
    ['ccs_problem{kind="loop_frozen"}', 0],
  ])
})

test('all metrics of a running engine are given, with the labels that are documented', async () => {
  const counter = new FigureCounter(1)
  const figures = counter.of('web')
  Object.assign(figures, { reasons: { wrong_type: 1 }, bots: { rate: 1 } })
  counter.refuse(401)
  writeFileSync(join(dir, 'shop/collect.json'), JSON.stringify(counter.read(2, 1)))
  const found = new Map<string, Set<string>>()
  for (const sample of (await scrape()).keys()) {
    const [, name = '', labels = ''] =
      /^(\w+?)(?:_bucket|_count|_sum)?(?:\{(.*)\})?$/.exec(sample) ?? []
    const known = found.get(name) ?? new Set()
    for (const [, label = ''] of labels.matchAll(/(\w+)="/g)) known.add(label)
    found.set(name, known)
  }
  // This shop has no copy on S3.
  const abouts = METRIC_ABOUTS.filter(({ name }) => !name.startsWith('ccs_s3_'))
  expect([...found].map(([name, labels]) => [name, [...labels]])).toEqual(
    abouts.map(({ name, labels }) => [name, labels]),
  )
})

test('/healthz is ok, says that the disk is full while it is, and is ok again', async () => {
  const root = join(dir, 'full')
  mkdirSync(root)
  const disk = new FaultDisk(root, { seed: 3 })
  const open = await openRig(rig, root, disk.files)
  const server = await openServer(rig.project(root), open, { port: 0 })
  const stop = new AbortController()
  const running = open.pipeline.run(stop.signal, false)
  const health = async () => {
    const response = await fetch(`${server.url}/healthz`)
    return `${response.status} ${await response.text()}`
  }
  try {
    const { records } = await makeRecords(rig, 20, 5)
    const writer = await open.store.log.writer(RAW, 0, 'test')
    await writer.append(RecordBatch.of(records), APPEND_MS)
    await writer.close()
    expect(await health()).toBe('200 ok\n')
    disk.failWith = ({ name, path }) =>
      name === 'write' && path.startsWith('manifest') ? 'ENOSPC' : undefined
    await expect.poll(() => open.pipeline.state().counts.records, SETTLES).toBe(20)
    const committing = open.pipeline.commit()
    await expect.poll(health, SETTLES).toMatch(/^503 stalled: Intake waits: The disk is full: /)
    expect((await scrape(server.url)).get('ccs_problem{kind="stalled"}')).toBe(1)
    disk.failWith = undefined
    await committing
    await expect.poll(health, SETTLES).toBe('200 ok\n')
  } finally {
    disk.failWith = undefined
    stop.abort()
    await running
    await server.close()
    await open.close()
  }
})
