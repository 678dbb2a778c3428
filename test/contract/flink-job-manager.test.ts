/**
 * The client of a Flink JobManager against answers of a JobManager 2.3.0, recorded while a job of
 * the project's models ran, lost its TaskManager, restarted and was stopped; most frames of Java's
 * stacks are left out.
 */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { type FlinkJobManager, openJobManager } from '../../cli/engines/flink/client/job-manager.ts'
import { serveHttp } from '../fixtures/local-http.ts'

interface Recorded {
  readonly method: string
  readonly path: string
  readonly status: number
  readonly body: unknown
}

const RECORDED: Readonly<Record<string, Recorded>> = JSON.parse(
  readFileSync(path.join(import.meta.dirname, '../fixtures/flink/job-manager.json'), 'utf8'),
)
const JOB = '8db742050bffe62579ec95647fbdf57f'
const SOURCE = 'cbc357ccb763df2852fee8c4fc7d55f2'

type Answer = Pick<Recorded, 'status' | 'body'>

/** Answers one request after another, and notes what it was asked; then it repeats the last. */
async function serve(
  answers: readonly Answer[],
): Promise<{ readonly manager: FlinkJobManager; readonly asked: string[] }> {
  const asked: string[] = []
  const url = await serveHttp((request, response) => {
    let text = ''
    request.on('data', (part) => {
      text += part
    })
    request.on('end', () => {
      const { status, body } = answers[Math.min(asked.length, answers.length - 1)] as Answer
      asked.push(`${request.method} ${request.url} ${text}`.trim())
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(JSON.stringify(body))
    })
  })
  return { manager: openJobManager({ url }, { pollMs: 1 }), asked }
}

async function replay(...names: readonly string[]) {
  return serve(names.map((name) => RECORDED[name] as Recorded))
}

test('the overview has the version, the TaskManagers and the free slots', async () => {
  const { manager } = await replay('overview')
  expect(await manager.readOverview()).toEqual({
    version: '2.3.0',
    taskManagers: 1,
    slots: 2,
    freeSlots: 1,
  })
  const { manager: lonely } = await replay('overview none')
  expect(await lonely.readOverview()).toMatchObject({ taskManagers: 0, slots: 0, freeSlots: 0 })
})

test('settings and TaskManagers are read by their names and in bytes', async () => {
  const { manager } = await replay('config')
  expect(await manager.readSettings()).toMatchObject({
    'execution.checkpointing.interval': '10 s',
    'taskmanager.numberOfTaskSlots': '2',
  })
  const { manager: other } = await replay('taskmanagers')
  expect(await other.readTaskManagers()).toMatchObject([
    { slots: 2, heapBytes: 536_870_912, managedBytes: 268_435_456 },
  ])
})

test('jobs are listed with the newest first, ended ones with the time of their end', async () => {
  const { manager } = await replay('jobs')
  const jobs = await manager.listJobs()
  expect(jobs[0]).toMatchObject({ id: JOB, name: 'fl.ccs-flink', state: 'RUNNING', endMs: null })
  expect(jobs[1]).toMatchObject({ state: 'CANCELED', endMs: expect.any(Number) })
})

test('a job has its vertices and their states; an unknown one is undefined', async () => {
  const { manager } = await replay('job')
  const job = await manager.readJob(JOB)
  expect(job?.vertices[0]).toMatchObject({ id: SOURCE, parallelism: 1, state: 'RUNNING' })
  const { manager: other } = await replay('no job')
  expect(await other.readJob(JOB)).toBeUndefined()
})

test('checkpoints have size, duration and path, and why the last one failed', async () => {
  const { manager } = await replay('checkpoints')
  const { latest, completed } = await manager.readCheckpoints(JOB)
  expect(completed).toBeGreaterThan(0)
  expect(latest).toMatchObject({
    durationMs: expect.any(Number),
    stateBytes: expect.any(Number),
    path: expect.stringMatching(/^file:\/flink\/checkpoints\/8db7.*\/chk-\d+$/),
  })
  const { manager: lost } = await replay('checkpoints restarting')
  expect(await lost.readCheckpoints(JOB)).toMatchObject({ restored: 8, failed: 3 })
})

test('an exception names what was missing and why, in one sentence', async () => {
  const { manager } = await replay('exceptions')
  expect((await manager.readExceptions(JOB))[0]?.message).toBe(
    'Topic fl.bronze.events not present in metadata after 60000 ms: ' +
      'This server does not host this topic-partition',
  )
  const { manager: lost } = await replay('lost taskmanager')
  expect((await lost.readExceptions(JOB))[0]?.message).toBe(
    'Could not acquire the minimum required resources',
  )
})

test('metrics are asked for until there are some, by names that the vertex has', async () => {
  const { manager, asked } = await serve([
    { status: 200, body: [] },
    RECORDED['metric names'] as Recorded,
    RECORDED['metric values'] as Recorded,
  ])
  const found = await manager.readMetrics(JOB, SOURCE, (name) => name.endsWith('.currentOffset'))
  const offsets = found.filter(({ name }) => name.endsWith('partition.0.currentOffset'))
  expect(offsets).toMatchObject([{ max: expect.any(Number), sum: expect.any(Number) }])
  expect(asked).toHaveLength(3)
  expect(asked[2]?.match(/currentOffset/g)).toHaveLength(3)
})

test('many names of metrics are split over lines that Flink reads', async () => {
  const names = Array.from({ length: 100 }, (_, index) => ({
    id: `Calc[${index}].${'x'.repeat(90)}`,
  }))
  const { manager, asked } = await serve([
    { status: 200, body: names },
    { status: 200, body: [] },
  ])
  await manager.readMetrics(JOB, SOURCE, () => true)
  expect(asked.length).toBeGreaterThan(3)
  for (const line of asked) expect(line.length).toBeLessThan(4_000)
  expect(asked.join()).toContain('Calc%5B99%5D')
})

test('backpressure is asked for until it is measured', async () => {
  const { manager, asked } = await serve([
    { status: 200, body: { status: 'deprecated' } },
    RECORDED.backpressure as Recorded,
  ])
  expect(await manager.readBackpressure(JOB, SOURCE)).toEqual({ level: 'ok', ratio: 0 })
  expect(asked).toHaveLength(2)
})

test('restarts of a job are read as a number', async () => {
  const { manager } = await replay('jobmetrics')
  expect(await manager.readJobMetrics(JOB, ['numRestarts'])).toEqual({ numRestarts: 0 })
})

test('a job stops with a savepoint, without draining', async () => {
  const { manager, asked } = await replay('stop', 'savepoint running', 'savepoint done')
  const saved = await manager.stopWithSavepoint(JOB, { triggerId: `${'0'.repeat(30)}ab` })
  expect(saved).toMatch(/^file:\/flink\/savepoints\/savepoint-8db742-[0-9a-f]+$/)
  expect(asked[0]).toBe(
    `POST /jobs/${JOB}/stop {"drain":false,"triggerId":"000000000000000000000000000000ab"}`,
  )
})

test('a job that can’t be stopped says why, and that it goes on', async () => {
  const { manager } = await replay('stop', 'savepoint failed')
  await expect(manager.stopWithSavepoint(JOB)).rejects.toMatchObject({
    code: 'CCS_ENGINE_REFUSED',
    message: expect.stringContaining('was not stopped with a savepoint: '),
    hint: expect.stringContaining('ccs status'),
  })
  const { manager: restarted } = await replay('stop', 'no savepoint')
  await expect(restarted.stopWithSavepoint(JOB)).rejects.toThrow('the JobManager was restarted')
  const { manager: slow } = await replay('stop', 'savepoint running')
  await expect(slow.stopWithSavepoint(JOB, { waitMaxMs: 3 })).rejects.toThrow('longer than')
})

test('cancelling waits until the job has ended; one that is unknown is no error', async () => {
  const cancelled = { ...(RECORDED.job as Recorded), body: { jid: JOB, state: 'CANCELED' } }
  const { manager, asked } = await serve([
    RECORDED.cancel as Recorded,
    RECORDED.job as Recorded,
    cancelled,
  ])
  await manager.cancel(JOB)
  expect(asked[0]).toBe(`PATCH /jobs/${JOB}?mode=cancel`)
  expect(asked).toHaveLength(3)
  const { manager: other } = await replay('no job')
  await other.cancel(JOB)
})

test.each([
  [401, {}, 'refuses the credentials'],
  [404, 'nothing here', 'is not a JobManager of Flink'],
  [200, { productName: 'Apache Flink' }, 'is not a JobManager of Flink'],
  [
    503,
    { errors: ['Service temporarily unavailable due to an ongoing leader election.'] },
    'is recovering: it waits to be elected as the one in charge.',
  ],
])('an answer with status %s is one sentence: %j', async (status, body, sentence) => {
  const { manager } = await serve([{ status, body }])
  await expect(manager.readOverview()).rejects.toMatchObject({
    code: 'CCS_ENGINE_UNREACHABLE',
    message: expect.stringContaining(sentence),
  })
})

const INITIALIZING = {
  status: 500,
  body: {
    errors: [
      'Internal server error.',
      '<Exception on server side:\njava.util.concurrent.CompletionException: org.apache.flink.' +
        'runtime.messages.FlinkJobNotFoundException: x\nCaused by: org.apache.flink.runtime.' +
        'dispatcher.UnavailableDispatcherOperationException: Unable to get JobMasterGateway for ' +
        'initializing job. The requested operation is not available while the JobManager is ' +
        'initializing.\n\tat x',
    ],
  },
}

test('a job that a new JobManager is recovering is there, without its parts', async () => {
  const body = { jobs: [{ jid: JOB, name: 'ccs-v1', state: 'INITIALIZING', 'end-time': -1 }] }
  const { manager } = await serve([INITIALIZING, { status: 200, body }])
  expect(await manager.readJob(JOB)).toMatchObject({ state: 'INITIALIZING', vertices: [] })
  const { manager: other } = await serve([INITIALIZING])
  expect(await other.readExceptions(JOB)).toEqual([])
  expect(await other.readCheckpoints(JOB)).toMatchObject({ completed: 0, statePath: undefined })
  await expect(other.startStop(JOB)).rejects.toMatchObject({
    code: 'CCS_ENGINE_UNREACHABLE',
    message: expect.stringContaining('is recovering: it reads what it kept of the job.'),
  })
})

test('an address at which nothing listens is named in the error', async () => {
  const nobody = openJobManager({ url: 'http://127.0.0.1:1' })
  await expect(nobody.readOverview()).rejects.toThrow(
    'The JobManager at http://127.0.0.1:1 does not answer: nothing listens there.',
  )
})
