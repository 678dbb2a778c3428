import { describe, expect, test } from 'vitest'
import type { LakeFile, Manifest } from '../../../cli/domain/lake/manifest.ts'
import type { LogFrame } from '../../../cli/domain/log/event-log.ts'
import { ArrivalTracker } from '../../../cli/engines/embedded/intake/arrival-tracker.ts'
import { DedupeIndex } from '../../../cli/engines/embedded/intake/dedupe-index.ts'
import { IdStore } from '../../../cli/engines/embedded/intake/id-store.ts'

/** No test has so many ids that they go to disk. */
function inMemory(): IdStore {
  return new IdStore(() => {
    throw new Error('there is no disk')
  })
}

const HOUR = 3_600_000
const DAY = 24 * HOUR
const DELAY = 5_000
/** Midnight. */
const START = Date.parse('2026-03-01T00:00:00Z')
const startDay = START / DAY

function createTracker(
  files: readonly Pick<LakeFile, 'partition'>[] = [],
  manifest?: Manifest,
): ArrivalTracker {
  const whole = files.map((one): LakeFile => {
    return { table: 'silver.events', name: '', rows: 1, bytes: 1, crc32: 1, ...one }
  })
  return new ArrivalTracker(
    { events: new DedupeIndex(48 * HOUR, inMemory()) },
    DELAY,
    manifest,
    whole,
  )
}

interface Frame extends Partial<LogFrame> {
  readonly times: readonly number[]
}

/** Tracks a frame of new events; returns how late each was, ms. */
function ingest(tracker: ArrivalTracker, { times, ...given }: Frame): readonly number[] {
  const frame: LogFrame = {
    ...{ topic: 'events.raw', partition: 0, baseOffset: 0, count: times.length },
    ...{ appendMs: START + 1_000 * DAY, body: Buffer.alloc(0), ...given },
  }
  tracker.beginFrame(frame)
  const late = times.map((ms) => {
    const { baseOffset, partition } = frame
    tracker.track(ms, Math.floor(ms / 2 ** 32), baseOffset, partition, ms, undefined)
    return tracker.lateMs
  })
  tracker.endFrame(frame, times.length, 0)
  return late
}

describe('the watermark of a partition', () => {
  test('follows its newest event', () => {
    const tracker = createTracker()
    expect(ingest(tracker, { times: [START, START + HOUR, START] })).toEqual([0, 0, HOUR - DELAY])
    expect(ingest(tracker, { times: [START], partition: 1 })).toEqual([0])
    expect(tracker.leastWatermarkMs).toBe(START - DELAY)
  })

  test('is moved by an event at most to the time at which that was appended', () => {
    const tracker = createTracker()
    const times = [START, START + 50 * HOUR, START + 1]
    expect(ingest(tracker, { times, appendMs: START + 2 })).toEqual([0, 0, 0])
    expect(tracker.leastWatermarkMs).toBe(START + 2 - DELAY)
  })

  test('goes back with the clock of the log', () => {
    const tracker = createTracker()
    ingest(tracker, { times: [START] })
    ingest(tracker, { times: [START + 900 * DAY] })
    const times = [START + HOUR, START + 2 * HOUR]
    expect(ingest(tracker, { times, appendMs: START + 2 * HOUR })).toEqual([HOUR - DELAY, 0])
    expect(tracker.greatestWatermarkMs).toBe(START + 2 * HOUR - DELAY)
  })

  test('starts anew with a run of ccs import, and is not waited for after its end', () => {
    const tracker = createTracker()
    ingest(tracker, { times: [START + 90 * DAY] })
    ingest(tracker, { times: [START + 60 * DAY], partition: 1, startsRun: true })
    const run = { partition: 1, baseOffset: 1, startsRun: true, endsRun: true }
    expect(ingest(tracker, { times: [START, START + DAY], ...run })).toEqual([0, 0])
    expect(tracker.leastWatermarkMs).toBe(START + 90 * DAY - DELAY)
    expect(tracker.positions()[1]).toMatchObject({ hasEnded: true, maxEventMs: START + DAY })
    ingest(tracker, { times: [START + 2 * DAY], partition: 1, baseOffset: 3 })
    expect(tracker.leastWatermarkMs).toBe(START + 2 * DAY - DELAY)
  })
})

describe('the days that the dedupe index covers', () => {
  const noon = START + 12 * HOUR
  const uncovered = (tracker: ArrivalTracker, times: readonly number[]) => {
    ingest(tracker, { times })
    return [...tracker.uncoveredDays]
  }

  test('are those whose first event it has seen, within the horizon', () => {
    const tracker = createTracker()
    expect(uncovered(tracker, [noon, noon + DAY, noon])).toEqual([])
    expect(uncovered(tracker, [noon + 3 * DAY, noon + 2 * DAY])).toEqual([])
    expect(uncovered(tracker, [noon, noon + DAY])).toEqual([startDay])
  })

  test('are not those of which Silver has rows already', () => {
    const tracker = createTracker([{ partition: 'event_date=2026-03-01' }])
    expect(uncovered(tracker, [noon, noon + DAY])).toEqual([startDay])
  })

  test('near midnight include the day beside', () => {
    const tracker = createTracker([{ partition: 'event_date=2026-03-01' }])
    expect(uncovered(tracker, [START + DAY + HOUR])).toEqual([])
    expect(uncovered(tracker, [START + DAY + HOUR - 1])).toEqual([startDay + 1])
  })

  test('are remembered by the manifest', () => {
    const tracker = createTracker()
    ingest(tracker, { times: [noon] })
    const { dedupedDays, newIds, hasForgotten } = tracker.freeze()
    expect(dedupedDays).toEqual([{ day: startDay, hour: Math.floor((noon - DELAY) / HOUR) }])
    expect([newIds.length, hasForgotten]).toEqual([5, false])
  })

  test('are those within the horizon after an older ccs', () => {
    const counts = { records: 1, bronze: 1, duplicates: 0, dlq: 0, setAside: 0, late: 0 }
    const position = {
      topic: 'events.raw',
      partition: 0,
      nextOffset: 1,
      maxEventMs: noon + 2 * DAY,
    }
    const manifest: Manifest = {
      ...{ format: 1, serial: 1, generation: 1, committedMs: 0, dlqEnd: 0, counts },
      ...{ positions: [position], files: [], state: [], models: [], schemas: [] },
    }
    const days = ['2026-03-01', '2026-03-02', '2026-03-03']
    const tracker = createTracker(
      days.map((day) => ({ partition: `event_date=${day}` })),
      manifest,
    )
    expect(uncovered(tracker, [noon, noon + DAY, noon + 2 * DAY])).toEqual([startDay])
  })

  test('are none after the log’s clock went back by more than the horizon', () => {
    const tracker = createTracker()
    ingest(tracker, { times: [noon + 90 * DAY] })
    ingest(tracker, { times: [noon], appendMs: noon + 1 })
    expect(uncovered(tracker, [noon + 90 * DAY])).toEqual([startDay + 90])
    expect(tracker.freeze()).toMatchObject({ hasForgotten: true })
    expect(tracker.freeze()).toMatchObject({ hasForgotten: false })
  })
})
