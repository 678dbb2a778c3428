/** The page's state of a job on a cluster: what is not known is null and said, and nobody waits. */
import { expect, test } from 'vitest'
import { systemClock } from '../../../cli/adapters/process/system-clock.ts'
import { CcsError } from '../../../cli/domain/kernel/errors.ts'
import { type JobHealthPorts, JobHealthReader } from '../../../cli/domain/live/job-health.ts'
import type { JobStatus } from '../../../cli/domain/pipeline/job-status.ts'
import { healthFacts, troubles } from '../../../cli/web/live/page/health.js'

const STATUS: JobStatus = {
  target: 'big',
  running: true,
  stalled: null,
  hint: null,
  job: { name: 'ccs-v1', id: 'a', state: 'RUNNING', since: null, restarts: 0 },
  others: [],
  lagEvents: 4,
  gateLagEvents: 0,
  watermark: null,
  late: 7,
  lastCommit: null,
  serial: 3,
  checkpoints: {
    ...{ completed: 3, failed: 0, ageMs: null, bytes: null, durationMs: null },
    ...{ path: null, failure: null },
  },
  backpressure: null,
  exception: null,
  partitions: [],
}
const TOPICS = { from: 'kafka:9092', newestMs: 1_000, readMs: 3_000, isEmpty: false, fault: null }

function readerOf(ports: Partial<JobHealthPorts>) {
  let elapsedMs = 0
  const reader = new JobHealthReader({
    // Whoever waits gives up at once.
    clock: {
      ...systemClock(),
      elapsedMs: () => elapsedMs,
      nowMs: () => 5_000,
      sleep: async () => {},
    },
    target: 'big',
    status: async () => STATUS,
    topics: () => TOPICS,
    dlq: async () => ({ total: 2, byReason: { bad_magic: 2 }, isComplete: true }),
    marts: async () => null,
    leftOut: async () => null,
    ...ports,
  })
  return async (ms = 0) => {
    elapsedMs += ms
    await reader.read()
    await new Promise((resolve) => setImmediate(resolve))
    return reader.read()
  }
}

test('a job that runs is in the words of ccs status, with the time of the newest record', async () => {
  const health = await readerOf({})()
  expect(health).toMatchObject({
    ...{ running: true, stalled: null, lagEvents: 4, late: 7, dlq: 2, freshnessMs: 4_000 },
    ...{ records: null, duplicates: null, setAside: null, eventsPerSecond: null },
    job: { target: 'big', from: 'kafka:9092', newestAt: '1970-01-01T00:00:01.000Z' },
  })
  expect(troubles(health)).toEqual([])
  expect(healthFacts(health)).toContainEqual(['job', 'ccs-v1, RUNNING'])
  expect(healthFacts(health).map(([name]) => name)).not.toContain('Events per second')
})

test('a job that does not run says why, and what to do', async () => {
  const hint = 'It goes on by: ccs deploy --target big'
  const stopped = { ...STATUS, running: false, stalled: 'not running: somebody stopped it', hint }
  const health = await readerOf({ status: async () => stopped })()
  expect(troubles(health)).toEqual([
    'The job is not running: somebody stopped it. It goes on by: ccs deploy --target big.',
  ])
})

test('servers that are away are a sentence each, and one for one server', async () => {
  const away = new CcsError('CCS_KAFKA_UNREACHABLE', 'No Kafka answers', { hint: 'Start it' })
  const fail = async () => {
    throw away
  }
  const fault = 'No Kafka answers. Start it.'
  const both = await readerOf({ status: fail, dlq: fail, topics: () => ({ ...TOPICS, fault }) })()
  expect(both).toMatchObject({ running: false, stalled: fault, lagEvents: null, dlq: null })
  const one = await readerOf({ status: fail })()
  expect(one.stalled).toBe(`The state of the job is not known: ${fault}`)
})

test('a status that takes long delays nothing, and a later one replaces it', async () => {
  let answer: (status: JobStatus) => void = () => {}
  const status = () =>
    new Promise<JobStatus>((resolve) => {
      answer = resolve
    })
  const read = readerOf({ status })
  expect((await read()).stalled).toBe('The state of the job is not known yet.')
  answer(STATUS)
  expect((await read()).running).toBe(true)
  await read(10_000)
  answer({ ...STATUS, lagEvents: 9 })
  expect((await read()).lagEvents).toBe(9)
})
