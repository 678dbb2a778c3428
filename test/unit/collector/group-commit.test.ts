/** Groups of events: who waits for which write, and what a failed one takes with it. */
import { expect, test } from 'vitest'
import { GroupCommit } from '../../../cli/domain/collector/group-commit.ts'
import { assignPartition } from '../../../cli/domain/log/assign-partition.ts'
import type { LogWriter } from '../../../cli/domain/log/event-log.ts'
import type { RecordBatch } from '../../../cli/domain/log/record-batch.ts'

/** A write that a test lets succeed or fail. */
interface Write {
  readonly writers: number
  readonly topic: string
  readonly partition: number
  readonly records: readonly string[]
  readonly end: (error?: Error) => void
}

function readRecords({ body }: RecordBatch): string[] {
  const records: string[] = []
  for (let at = 0; at < body.length; ) {
    const end = at + 4 + body.readUInt32LE(at)
    records.push(body.toString('utf8', at + 4, end))
    at = end
  }
  return records
}

/** A log whose writes wait for the test. */
class SlowLog {
  readonly writes: Write[] = []
  opened = 0
  closed = 0
  failsToOpen = false
  readonly #partitions: number

  constructor(partitions = 1) {
    this.#partitions = partitions
  }

  readonly openWriters = async () => {
    if (this.failsToOpen) throw new Error('no writers')
    const writers = ++this.opened
    const open = (topic: string, partition: number): LogWriter => ({
      topic,
      partition,
      append: (batch) =>
        new Promise((resolve, reject) => {
          const end: Write['end'] = (error) => (error ? reject(error) : resolve(0))
          this.writes.push({ writers, topic, partition, records: readRecords(batch), end })
        }),
      close: async () => {},
    })
    return {
      events: Array.from({ length: this.#partitions }, (_, i) => open('events.raw', i)),
      rejects: open('events.dlq', 0),
      close: async () => {
        this.closed++
      },
    }
  }

  open() {
    const clock = { nowMs: () => 0, elapsedMs: () => 0, cpuMs: () => 0, sleep: async () => {} }
    return GroupCommit.open({ openWriters: this.openWriters, clock })
  }

  /** The records of all writes so far. */
  get records() {
    return this.writes.map(({ records }) => records)
  }
}

/** Until everything that can go on without the disk has gone on. */
const settled = () => new Promise((resolve) => setImmediate(resolve))

/** Adds a record and says how its wait ended. */
function add(group: GroupCommit, record: string, visitor = 'ann') {
  const waiter = { state: 'waiting' }
  group.addEvent(visitor, Buffer.from(record))
  void group.commit().then(
    () => Object.assign(waiter, { state: 'durable' }),
    (error: Error) => Object.assign(waiter, { state: error.message }),
  )
  return waiter
}

test('requests that arrive together are one write; nobody is answered before it ends', async () => {
  const log = new SlowLog()
  const group = await log.open()
  const waiters = ['a', 'b', 'c'].map((one) => add(group, one))
  await settled()
  expect(log.records).toEqual([['a', 'b', 'c']])
  expect(waiters.map(({ state }) => state)).toEqual(['waiting', 'waiting', 'waiting'])
  log.writes[0]?.end()
  await settled()
  expect(waiters.map(({ state }) => state)).toEqual(['durable', 'durable', 'durable'])
  expect(group.groups).toBe(1)
})

test('requests that arrive during a write share the next one, and wait for it', async () => {
  const log = new SlowLog()
  const group = await log.open()
  const first = add(group, 'a')
  await settled()
  const second = [add(group, 'b'), add(group, 'c')]
  await settled()
  expect(log.records).toEqual([['a']])
  log.writes[0]?.end()
  await settled()
  expect([first, ...second].map(({ state }) => state)).toEqual(['durable', 'waiting', 'waiting'])
  expect(log.records).toEqual([['a'], ['b', 'c']])
  log.writes[1]?.end()
  await settled()
  expect(second.map(({ state }) => state)).toEqual(['durable', 'durable'])
})

test('a failed write fails who waits for it, nobody else; new writers take the next', async () => {
  const log = new SlowLog()
  const group = await log.open()
  const lost = [add(group, 'a'), add(group, 'b')]
  await settled()
  const next = [add(group, 'c'), add(group, 'd')]
  log.writes[0]?.end(new Error('the disk is full'))
  await settled()
  expect(lost.map(({ state }) => state)).toEqual(['the disk is full', 'the disk is full'])
  expect(next.map(({ state }) => state)).toEqual(['waiting', 'waiting'])
  expect([log.opened, log.closed]).toEqual([2, 1])
  expect(log.writes.map(({ writers, records }) => [writers, records])).toEqual([
    [1, ['a', 'b']],
    [2, ['c', 'd']],
  ])
  log.writes[1]?.end()
  await settled()
  expect(next.map(({ state }) => state)).toEqual(['durable', 'durable'])
  expect(group.groups).toBe(1)
})

test('a group fails as a whole when one of its partitions or the rejects do', async () => {
  const log = new SlowLog(2)
  const group = await log.open()
  const names = Array.from({ length: 20 }, (_, i) => `visitor ${i}`)
  const other = names.find((one) => assignPartition(one, 2) !== assignPartition('ann', 2)) ?? ''
  group.addReject(Buffer.from('no event'))
  const waiters = [add(group, 'a'), add(group, 'b', other)]
  await settled()
  const places = log.writes.map(({ topic, partition }) => `${topic} ${partition}`)
  expect(places.sort()).toEqual(['events.dlq 0', 'events.raw 0', 'events.raw 1'])
  for (const { topic, end } of log.writes)
    end(topic === 'events.dlq' ? new Error('not written') : undefined)
  await settled()
  expect(waiters.map(({ state }) => state)).toEqual(['not written', 'not written'])
})

test('writers that cannot be opened again fail a group at a time, until they can', async () => {
  const log = new SlowLog()
  const group = await log.open()
  const first = add(group, 'a')
  await settled()
  log.failsToOpen = true
  log.writes[0]?.end(new Error('away'))
  await settled()
  const second = add(group, 'b')
  await settled()
  log.failsToOpen = false
  const third = add(group, 'c')
  await settled()
  log.writes[1]?.end()
  await settled()
  expect([first, second, third].map(({ state }) => state)).toEqual([
    ...['away', 'no writers', 'durable'],
  ])
})

test('too much that waits for the disk is seen before more is added', async () => {
  const log = new SlowLog()
  const group = await log.open()
  add(group, 'x'.repeat(9 * 1024 * 1024))
  await settled()
  expect(group.isBehind).toBe(false)
  add(group, 'y'.repeat(8 * 1024 * 1024))
  expect(group.isBehind).toBe(true)
  log.writes[0]?.end()
  await settled()
  log.writes[1]?.end()
  await settled()
  expect(group.isBehind).toBe(false)
})

test('a commit of nothing is durable at once, and closing writes what is left', async () => {
  const log = new SlowLog()
  const group = await log.open()
  await group.commit()
  expect(log.writes).toEqual([])
  const last = add(group, 'a')
  const closing = group.close()
  await settled()
  expect(log.closed).toBe(0)
  log.writes[0]?.end()
  await closing
  expect([last.state, log.closed]).toEqual(['durable', 1])
})
