/** Rejects of a span of time in a topic whose offsets are not all records. */
import { expect, test } from 'vitest'
import { RejectCounter } from '../../../cli/domain/dlq/count-rejects.ts'
import type { EventLog, LogFrame } from '../../../cli/domain/log/event-log.ts'
import { DLQ_TOPIC } from '../../../cli/domain/log/topics.ts'

/** One partition, in which an offset of a transaction follows each frame. */
function createLog() {
  const frames: LogFrame[] = []
  let end = 0
  let reads = 0
  const log: EventLog = {
    partitions: async (topic) => (topic === DLQ_TOPIC ? [0] : []),
    identity: async () => null,
    range: async () => ({ start: 0, end }),
    reader: async (_topic, _partition, from) => {
      let at = from
      return {
        read: async () => {
          const next = frames.find(({ baseOffset, count }) => baseOffset + count > at)
          if (next === undefined) return []
          reads++
          at = next.baseOffset + next.count
          return [next]
        },
        position: () => at,
        close: async () => undefined,
      }
    },
    writer: () => Promise.reject(new Error('nobody writes')),
    close: async () => undefined,
  }
  return {
    log,
    reads: () => reads,
    append: (count: number, appendMs: number) => {
      const place = { topic: DLQ_TOPIC, partition: 0, baseOffset: end }
      frames.push({ ...place, count, appendMs, body: Buffer.alloc(0) })
      end += count + 1
    },
  }
}

test('offsets of transactions are no rejects, and each frame is read for the count once', async () => {
  const { log, append, reads } = createLog()
  for (const [count, ms] of [
    [5, 10],
    [2, 100],
    [3, 110],
  ] as const)
    append(count, ms)
  const counter = new RejectCounter(log, { isWhole: false })
  expect(await counter.count(100, 200)).toMatchObject({ records: 5, recordsTotal: 0 })
  append(4, 150)
  expect(await counter.count(100, 200)).toMatchObject({ records: 9 })
  const before = reads()
  expect(await counter.count(100, 200)).toMatchObject({ records: 9 })
  expect(reads()).toBe(before)
  expect(await counter.count(0, 200)).toMatchObject({ records: 14 })
})

test('where each offset is a record, offsets alone are counted', async () => {
  const { log, append } = createLog()
  append(5, 10)
  append(2, 20)
  expect(await new RejectCounter(log).count(0, 200)).toMatchObject({ records: 8, recordsTotal: 9 })
})
