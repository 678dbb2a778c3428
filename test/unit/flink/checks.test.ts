/** What `ccs doctor` finds wrong with a Flink, and what it says to do. */
import { expect, test } from 'vitest'
import { checkFlink, checkTransactions } from '../../../cli/engines/flink/client/checks.ts'
import type { FlinkState } from '../../../cli/engines/flink/client/inspect-cluster.ts'

const HEALTHY: FlinkState = {
  gateway: { url: 'http://gateway:8083', version: '2.3.0' },
  jobManagerUrl: 'http://jobmanager:8081',
  overview: { version: '2.3.0', taskManagers: 2, slots: 4, freeSlots: 3 },
  taskManagers: [
    { id: 'a', slots: 2, freeSlots: 1, heapBytes: 1024 ** 3, managedBytes: 512 * 1024 ** 2 },
    { id: 'b', slots: 2, freeSlots: 2, heapBytes: 1024 ** 3, managedBytes: 512 * 1024 ** 2 },
  ],
  settings: {
    'high-availability.type': 'kubernetes',
    'high-availability.storageDir': 's3://shop/ha',
    'execution.checkpointing.dir': 's3://shop/checkpoints',
    'execution.checkpointing.savepoint-dir': 's3://shop/savepoints',
  },
  jobs: [],
  faults: { connector: undefined, format: undefined, functions: undefined, timezone: undefined },
  trial: { tookMs: 1_100 },
}

function check(more: Partial<FlinkState>) {
  const all = checkFlink({ ...HEALTHY, ...more }, { name: 'flink' })
  return all.filter((one) => one.status !== 'ok')
}

test('a Flink for production has no fault', () => {
  expect(check({})).toEqual([])
  expect(checkFlink(HEALTHY, { name: 'flink' }).map(({ name }) => name)).toEqual([
    'sql gateway',
    'jobmanager',
    'jars',
    'trial job',
    'slots',
    'slot memory',
    'availability',
    'checkpoints',
    'savepoints',
  ])
})

test.each([
  ['2.2.1', 'failed', 'ccs needs 2.3 or later'],
  ['1.20.0', 'failed', 'ccs needs 2.3 or later'],
  ['unknown', 'failed', 'ccs needs 2.3 or later'],
  ['2.4.0', 'warning', 'tested on 2.3'],
])('a gateway of version %s is %s', (version, status, detail) => {
  const overview = { ...HEALTHY.overview, version }
  const found = check({ gateway: { ...HEALTHY.gateway, version }, overview })
  expect(found).toMatchObject([{ status, detail: expect.stringContaining(detail) }])
  expect(found[0]?.hint).toBeDefined()
})

test('a JobManager of another version than the gateway’s can’t run its jobs', () => {
  expect(check({ overview: { ...HEALTHY.overview, version: '2.3.1' } })).toMatchObject([
    { name: 'jobmanager', status: 'failed', hint: 'Give both the same version.' },
  ])
})

test('missing jars are named with what Flink said; the format’s fault follows the connector’s', () => {
  const connector = "Could not find any factory for identifier 'kafka'"
  const faults = { ...HEALTHY.faults, connector, format: connector, functions: 'ccs.LinesRevenue' }
  const [jars] = check({ faults, trial: { skipped: 'jars are missing' } })
  expect(jars?.detail).toBe(
    `The gateway can't use the Kafka connector (${connector}), ccs's functions (ccs.LinesRevenue).`,
  )
  expect(jars?.hint).toContain('flink-sql-connector-kafka-5.0.0-2.2.jar, ccs-functions.jar')
})

test('a job that can’t run on the cluster is a failure, one that could not be tried is not', () => {
  expect(check({ trial: { fault: 'Timed out waiting for a node assignment' } })).toMatchObject([
    { name: 'trial job', status: 'failed', hint: expect.stringContaining('kafka.brokers') },
  ])
  expect(check({ trial: { skipped: 'no slot is free' } })).toMatchObject([
    { name: 'trial job', status: 'warning', detail: 'None was run: no slot is free.' },
  ])
})

test('without a slot a job waits; beside a running one there is no room for its successor', () => {
  const overview = { ...HEALTHY.overview, freeSlots: 0 }
  expect(check({ overview })).toMatchObject([{ name: 'slots', status: 'failed' }])
  const job = { id: '1', name: 'flink.ccs-v1-0', state: 'RUNNING', startMs: 0, endMs: null }
  expect(check({ overview, jobs: [job] })).toMatchObject([{ name: 'slots', status: 'warning' }])
  const none = { ...overview, taskManagers: 0, slots: 0 }
  expect(check({ overview: none, taskManagers: [] })).toMatchObject([
    { name: 'slots', status: 'failed', detail: 'No TaskManager has signed on: jobs wait.' },
  ])
})

test('too little heap in a slot of any TaskManager is reported with the setting', () => {
  const [first, second] = HEALTHY.taskManagers
  if (!first || !second) throw new Error('two are needed')
  const small = { ...second, heapBytes: 256 * 1024 ** 2 }
  expect(check({ taskManagers: [first, small] })).toMatchObject([
    { name: 'slot memory', hint: expect.stringContaining('taskmanager.memory.task.heap.size') },
  ])
})

test('state that does not outlive a JobManager or a machine is reported', () => {
  expect(check({ settings: {} }).map(({ name, status }) => [name, status])).toEqual([
    ['availability', 'warning'],
    ['checkpoints', 'failed'],
    ['savepoints', 'failed'],
  ])
  const dir = 'file:///var/flink'
  const settings = {
    'high-availability': 'zookeeper',
    'high-availability.storageDir': dir,
    'state.checkpoints.dir': dir,
    'state.savepoints.dir': dir,
    'restart-strategy.type': 'none',
  }
  expect(check({ settings }).map(({ name, status }) => [name, status])).toEqual([
    ['availability', 'warning'],
    ['checkpoints', 'warning'],
    ['savepoints', 'warning'],
    ['restarts', 'warning'],
  ])
})

test('with high availability a cluster on one machine may keep its jobs on its own disk', () => {
  const settings = { ...HEALTHY.settings, 'high-availability.storageDir': 'file:///var/flink' }
  expect(check({ settings })).toMatchObject([{ name: 'availability', status: 'warning' }])
  expect(check({ settings, jobManagerUrl: 'http://127.0.0.1:8084' })).toEqual([])
})

test('an unknown time zone is a failure', () => {
  const faults = { ...HEALTHY.faults, timezone: 'Unknown time-zone ID: Europe/Nowhere' }
  expect(check({ faults })).toMatchObject([{ name: 'time zone', status: 'failed' }])
})

test('a broker whose transactions are shorter than the job’s is a failure', () => {
  expect(checkTransactions({ 'transaction.max.timeout.ms': '60000' })).toMatchObject({
    status: 'failed',
    hint: "In the broker's server.properties: transaction.max.timeout.ms=900000",
  })
  expect(checkTransactions({}).status).toBe('ok')
})
