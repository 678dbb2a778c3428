/**
 * `ccs status` of a Flink target against the recorded answers of a JobManager 2.3.0: a job that
 * runs, one that lost its TaskManager, failed, was cancelled or is not known, and no job at all.
 */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { describeJobStatus, type JobStatus } from '../../cli/domain/pipeline/job-status.ts'
import { openJobManager } from '../../cli/engines/flink/client/job-manager.ts'
import { readJobStatus } from '../../cli/engines/flink/client/read-status.ts'
import { serveHttp } from '../fixtures/local-http.ts'

const RECORDED: Readonly<Record<string, { readonly status: number; readonly body: object }>> =
  JSON.parse(
    readFileSync(path.join(import.meta.dirname, '../fixtures/flink/job-manager.json'), 'utf8'),
  )
const ID = '8db742050bffe62579ec95647fbdf57f'
const DEPLOYED = { id: ID, name: 'fl.ccs-flink', version: 1 }
const NOW_MS = 1_796_037_090_000

/** Answers each path by the name of a recorded answer, or by a body. */
async function read(
  answers: Readonly<Record<string, string | object>>,
  deployed: typeof DEPLOYED | null = DEPLOYED,
): Promise<JobStatus> {
  const url = await serveHttp((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://x')
    const key = pathname.replace(`/jobs/${ID}`, '')
    const values = searchParams.has('get') ? 'values' : 'names'
    const found =
      answers[key.endsWith('/subtasks/metrics') ? values : key.replace(/.*\/back/, 'back')]
    const { status, body } =
      typeof found === 'string'
        ? (RECORDED[found] ?? { status: 500, body: {} })
        : { status: found ? 200 : 404, body: found ?? { errors: ['there is none'] } }
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(JSON.stringify(body))
  })
  return readJobStatus({
    target: 'flink',
    manager: openJobManager({ url }, { pollMs: 1 }),
    topics: {
      progress: async (topic) =>
        topic === 'raw'
          ? [{ partition: 0, start: 0, end: 40, committed: 30 }]
          : [
              { partition: 1, start: 0, end: 1_000_000, committed: 3 },
              { partition: 0, start: 0, end: 0, committed: null },
            ],
    },
    deployed: deployed ?? undefined,
    jobStart: 'fl.ccs',
    valid: { topic: 'valid', group: 'job' },
    raw: { topic: 'raw', group: 'gate' },
    nowMs: NOW_MS,
    pauseMs: 1,
  })
}

const RUNNING = {
  '': 'job',
  '/jobs/overview': 'jobs',
  '/checkpoints': 'checkpoints',
  '/exceptions': { exceptionHistory: { entries: [] } },
  backpressure: 'backpressure',
  names: 'metric names',
  values: 'metric values',
  '/metrics': 'jobmetrics',
  '/overview': 'overview',
}

test('a job that runs has its lag, watermark, checkpoint and backpressure', async () => {
  const status = await read(RUNNING)
  expect(status).toMatchObject({
    ...{ target: 'flink', running: true, stalled: null, hint: null, others: [] },
    job: { id: ID, state: 'RUNNING', restarts: 0 },
    gateLagEvents: 10,
    watermark: expect.stringMatching(/^2026-11-30T\d\d:\d\d/),
    late: 0,
    backpressure: { level: 'ok' },
    exception: null,
  })
  const [first, second] = status.partitions
  expect(first).toMatchObject({ partition: 0, lag: 0 })
  // What the job has read and not committed yet is no lag.
  expect(second?.nextOffset).toBeGreaterThan(1_000)
  expect(status.lagEvents).toBe(1_000_000 - (second?.nextOffset ?? 0))
  const { completed, ageMs, bytes } = status.checkpoints
  expect(completed).toBeGreaterThan(3)
  expect(ageMs).toBe(NOW_MS - Date.parse(status.lastCommit ?? ''))
  expect(bytes).toBeGreaterThan(1_000_000)
  const rows = new Map(describeJobStatus(status))
  expect(rows.get('engine')).toBe('running')
  expect(rows.get('lag')).toMatch(/^[\d,]+ records \(partition 1: [\d,]+\); 10 wait for the gate$/)
  expect(rows.get('backpressure')).toBe('none')
})

test('a job without a TaskManager says so, and keeps the time of its last checkpoint', async () => {
  const status = await read({
    ...RUNNING,
    '': 'restarting',
    '/checkpoints': 'checkpoints restarting',
    '/exceptions': 'lost taskmanager',
    '/overview': 'overview none',
  })
  expect(status).toMatchObject({
    running: false,
    stalled: 'restarting: no TaskManager has signed on',
    hint: expect.stringContaining('ccs stack up flink'),
    watermark: null,
    late: null,
    lastCommit: expect.stringMatching(/^2026/),
    exception: { message: 'Could not acquire the minimum required resources' },
  })
})

test('a job that restarts says what was wrong', async () => {
  const status = await read({ ...RUNNING, '': 'restarting', '/exceptions': 'exceptions' })
  expect(status.stalled).toMatch(/^restarting: Topic fl\.bronze\.events not present in metadata/)
  expect(status.hint).toContain('ccs doctor')
})

test.each([
  ['FAILED', /^failed since 2026-.*: Topic fl.bronze.events not present/, 'Remove the cause'],
  ['CANCELED', /^not running since 2026-.*: somebody cancelled it$/, 'It goes on from its last'],
  ['FINISHED', /^not running since 2026-.*: somebody stopped it$/, 'It goes on from its last'],
])('a job that is %s says since when and why', async (state, stalled, hint) => {
  const job = { ...RECORDED.job?.body, state, 'end-time': NOW_MS }
  const status = await read({ ...RUNNING, '': job, '/exceptions': 'exceptions' })
  expect(status.stalled).toMatch(stalled)
  expect(status.hint).toContain(hint)
  expect(status.hint).toContain('ccs deploy --target flink')
  expect(new Map(describeJobStatus(status)).get('watermark')).toBe('-')
})

test.each(['FAILED', 'CANCELED'])('a job that is %s for a day can’t go on', async (state) => {
  const job = { ...RECORDED.job?.body, state, 'end-time': NOW_MS - 25 * 3_600_000 }
  const status = await read({ ...RUNNING, '': job, '/exceptions': 'exceptions' })
  expect(status.hint).toContain('the next version is built from the earliest event by: ccs deploy')
})

test('a job that a JobManager is recovering goes on by itself', async () => {
  const job = { ...RECORDED.job?.body, state: 'INITIALIZING', vertices: [] }
  const status = await read({ ...RUNNING, '': job })
  expect(status).toMatchObject({
    running: false,
    stalled: 'starting: the JobManager is recovering the job, or has just got it',
    hint: expect.stringContaining('The job goes on by itself.'),
  })
})

test('a job that the JobManager forgot is to be deployed again', async () => {
  const { '': _, ...others } = RUNNING
  const status = await read(others)
  expect(status.job).toMatchObject({ name: 'fl.ccs-flink', state: null, since: null })
  expect(status.stalled).toBe('not running: the JobManager does not know the job any more')
  expect(status.hint).toContain('without high availability')
})

test('without a deployment there is no job; one of the same name is shown beside it', async () => {
  const status = await read(RUNNING, null)
  expect(status).toMatchObject({ stalled: 'not deployed', job: null, others: ['fl.ccs-flink'] })
  expect(describeJobStatus(status)).toEqual([['engine', 'not deployed']])
})
