/** What retention removes of the log, and what a manifest says of it afterwards. */
import { describe, expect, test } from 'vitest'
import type { Pruned } from '../../../cli/domain/lake/manifest.ts'
import {
  addPruned,
  type ClosedSegment,
  countPruned,
  listQuiet,
  planPrune,
  type SegmentedPartition,
} from '../../../cli/domain/lake/prune-plan.ts'

const RAW = 'events.raw'
const DLQ = 'events.dlq'
const DAY = 86_400_000
const RETENTION = { rawMs: 30 * DAY, dlqMs: null }

/** A segment of 100 records per day, days 0 to `days` - 1; the last one is not closed. */
function partitionOf(days: number, about: Partial<SegmentedPartition> = {}): SegmentedPartition {
  const closed = Array.from({ length: days - 1 }, (_, day): ClosedSegment => {
    const [from, to] = [day * 100, day * 100 + 100]
    return { from, to, bytes: 1_000, firstMs: day * DAY, untilMs: (day + 1) * DAY }
  })
  const newestMs = days * DAY - 1
  const open = { lastBytes: 500, lastFirstMs: (days - 1) * DAY, newestMs }
  const last = { from: (days - 1) * 100, to: days * 100 }
  return { topic: RAW, partition: 0, closed, ...open, last, ...about }
}

function committed(nextOffset: number, { dlqEnd = 0, partition = 0, topic = RAW } = {}) {
  return { positions: [{ topic, partition, nextOffset, maxEventMs: null }], dlqEnd }
}

const NOW = 100 * DAY

describe('which segments go', () => {
  test('those whose newest record is older than the retention; all else stays', () => {
    const [plan] = planPrune(RETENTION, committed(4_000), [partitionOf(40)], NOW)
    expect(plan).toEqual({
      ...{ topic: RAW, partition: 0, from: 0, to: 900, segments: 9, records: 900, bytes: 9_000 },
      ...{ firstMs: 0, untilMs: 9 * DAY, keptSegments: 31, keptBytes: 30_500, waiting: 0 },
    })
  })

  test('of a partition that is quiet for so long, the last one goes too', () => {
    const quiet = partitionOf(3, { partition: 1 })
    const manifest = {
      positions: [...committed(4_000).positions, ...committed(300, { partition: 1 }).positions],
      dlqEnd: 0,
    }
    const all = [partitionOf(40), quiet]
    const [, plan] = planPrune(RETENTION, manifest, all, NOW)
    expect(plan).toMatchObject({ from: 0, to: 300, segments: 3, keptSegments: 1, keptBytes: 0 })
    expect(listQuiet(plan ? [plan] : [], all)).toEqual([{ topic: RAW, partition: 1, end: 300 }])
    const behind = { ...manifest, positions: committed(4_000).positions }
    const [, waiting] = planPrune(RETENTION, behind, all, NOW)
    expect(waiting).toMatchObject({ segments: 0, waiting: 3 })
    expect(listQuiet(waiting ? [waiting] : [], all)).toEqual([])
  })

  test('with all topics kept forever nothing is planned', () => {
    const forever = { rawMs: null, dlqMs: null }
    expect(planPrune(forever, committed(4_000), [partitionOf(40)], NOW)).toEqual([])
  })

  test('never one with a record that is not committed, nor one behind it', () => {
    const [plan] = planPrune(RETENTION, committed(499), [partitionOf(40)], NOW)
    expect(plan).toMatchObject({ to: 400, segments: 4, waiting: 5 })
    const [none] = planPrune(RETENTION, committed(4_000, { partition: 7 }), [partitionOf(40)], NOW)
    expect(none).toMatchObject({ from: 0, to: 0, segments: 0, records: 0, waiting: 9 })
  })

  test('age counts from the newest record of the topic: a shop that rests keeps what it has', () => {
    const [plan] = planPrune(RETENTION, committed(2_000), [partitionOf(20)], 1_000 * DAY)
    expect(plan).toMatchObject({ segments: 0 })
    const ended = partitionOf(20, { partition: 1 })
    const both = { positions: [0, 1].flatMap((n) => committed(9e9, { partition: n }).positions) }
    const [, second] = planPrune(RETENTION, { ...both, dlqEnd: 0 }, [partitionOf(60), ended], NOW)
    expect(second).toMatchObject({ segments: 20, keptSegments: 1, keptBytes: 0 })
  })

  test('a record from a clock that is ahead makes nothing old', () => {
    const ahead = partitionOf(20, { newestMs: 3_650 * DAY })
    const [plan] = planPrune(RETENTION, committed(2_000), [ahead], 20 * DAY)
    expect(plan).toMatchObject({ segments: 0 })
  })

  test('a segment whose time is not known stays, with all behind it', () => {
    const { closed, ...rest } = partitionOf(60)
    const unreadable = closed.map((one) => (one.from === 300 ? { ...one, untilMs: null } : one))
    const [plan] = planPrune(RETENTION, committed(9e9), [{ ...rest, closed: unreadable }], NOW)
    expect(plan).toMatchObject({ to: 300 })
  })

  test('of events.dlq, rejects of the engine that are committed, and any of imports', () => {
    const dlq = [0, 1024].map((partition) => partitionOf(60, { topic: DLQ, partition }))
    const retention = { rawMs: null, dlqMs: 30 * DAY }
    const plan = planPrune(retention, { positions: [], dlqEnd: 250 }, dlq, NOW)
    expect(plan.map(({ partition, to }) => [partition, to])).toEqual([
      [0, 200],
      [1024, 2_900],
    ])
  })
})

describe('what the manifest says', () => {
  const range = (from: number, to: number, topic = RAW) => ({ topic, partition: 0, from, to })

  test('ranges that follow one another are joined; others stay apart', () => {
    const first = addPruned(undefined, [range(0, 100)])
    expect(first).toEqual({ records: [range(0, 100)], rejects: 0 })
    expect(addPruned(first, [range(100, 250)])?.records).toEqual([range(0, 250)])
    // Somebody has deleted 100 to 199 by hand.
    const apart = addPruned(first, [range(200, 250)])
    expect(apart?.records).toEqual([range(0, 100), range(200, 250)])
    expect(countPruned(apart, range(0, 0), 250)).toBe(150)
    expect(countPruned(apart, range(0, 0), 220)).toBe(120)
    expect(countPruned(apart, { topic: RAW, partition: 1 }, 220)).toBe(0)
  })

  test('rejects of the engine are counted, those of imports are not', () => {
    const engine = addPruned(undefined, [range(10, 30, DLQ)])
    expect(engine?.rejects).toBe(20)
    const twice = addPruned(engine, [{ ...range(0, 50, DLQ), partition: 1024 }, range(0, 40, DLQ)])
    expect(twice?.rejects).toBe(30)
  })

  test('removing again what a crash has left changes nothing', () => {
    const before: Pruned = { records: [range(0, 300), range(0, 40, DLQ)], rejects: 40 }
    expect(addPruned(before, [range(100, 300), range(20, 40, DLQ)])).toBe(before)
    expect(addPruned(undefined, [range(0, 0)])).toBeUndefined()
  })
})
