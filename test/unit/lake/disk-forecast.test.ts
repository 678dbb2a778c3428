/** How long the disk lasts by what log and lake grew by, and what is said of it. */
import { describe, expect, test } from 'vitest'
import {
  type DiskUse,
  describeDisk,
  forecastDisk,
  listLogGrowth,
} from '../../../cli/domain/lake/disk-forecast.ts'

const DAY = 86_400_000
const HOUR = DAY / 24
const GIB = 1024 ** 3
const NOW = Date.parse('2026-11-22T00:00:00Z')
const FOREVER = { rawMs: null, dlqMs: null }
const RAW = 'events.raw'

/** A log that grew evenly for `days` days up to now, by `perDay` bytes a day. */
function logOf(days: number, perDay: number): DiskUse['log'] {
  const grown = Array.from({ length: days }, (_, back) => {
    return { fromMs: NOW - (back + 1) * DAY, toMs: NOW - back * DAY, bytes: perDay }
  })
  return [{ topic: RAW, grown }]
}

/** A lake with a file for each day up to now. */
function lakeOf(days: number, perDay: number): DiskUse['lake'] {
  return Array.from({ length: days }, (_, back) => {
    const day = new Date(NOW - (back + 1) * DAY).toISOString().slice(0, 10)
    return { partition: `event_date=${day}`, bytes: perDay }
  })
}

function useOf(about: Partial<DiskUse>): DiskUse {
  const none = { log: [], lake: [], retention: FOREVER }
  return { freeBytes: 30 * GIB, nowMs: NOW, ...none, ...about }
}

describe('how long the disk lasts', () => {
  test('what is free, by what log and lake grew by in the last days', () => {
    const use = useOf({ log: logOf(10, 2 * GIB), lake: lakeOf(10, GIB) })
    expect(forecastDisk(use)).toEqual({
      ...{ freeBytes: 30 * GIB, logBytes: 20 * GIB, lakeBytes: 10 * GIB },
      ...{ bytesPerDay: 3 * GIB, fullInDays: 10 },
    })
  })

  test('only the last three days count, and a segment by its part in them', () => {
    const grown = [
      { fromMs: NOW - 100 * DAY, toMs: NOW - 4 * DAY, bytes: 900 * GIB },
      { fromMs: NOW - 4 * DAY, toMs: NOW - 2 * DAY, bytes: 2 * GIB },
      { fromMs: NOW - 2 * DAY, toMs: NOW, bytes: 5 * GIB },
    ]
    const { bytesPerDay } = forecastDisk(useOf({ log: [{ topic: RAW, grown }] }))
    expect(bytesPerDay).toBe(2 * GIB)
  })

  test('a log that is as long as its retention grows no more', () => {
    const retention = { rawMs: 10 * DAY, dlqMs: null }
    const full = useOf({ log: logOf(10, 2 * GIB), lake: lakeOf(10, GIB), retention })
    expect(forecastDisk(full)).toMatchObject({ bytesPerDay: 3 * GIB, fullInDays: 30 })
    const young = useOf({ log: logOf(5, 2 * GIB), lake: lakeOf(5, GIB), retention })
    // Five days at 3 GiB, then 15 GiB at 1 GiB a day.
    expect(forecastDisk(young).fullInDays).toBeCloseTo(20)
    expect(forecastDisk({ ...young, freeBytes: 6 * GIB }).fullInDays).toBeCloseTo(2)
    expect(forecastDisk({ ...young, lake: [] }).fullInDays).toBeNull()
  })

  test('files without a day grow with the others', () => {
    const lake = [...lakeOf(10, GIB), { partition: '', bytes: 5 * GIB }]
    expect(forecastDisk(useOf({ lake })).bytesPerDay).toBe(1.5 * GIB)
  })

  test('a shop that rests fills no disk, and one of a few hours has no trend', () => {
    const resting = logOf(3, GIB).map(({ topic, grown }) => {
      const earlier = (ms: number) => ms - 30 * DAY
      const moved = grown.map((one) => {
        return { ...one, fromMs: earlier(one.fromMs), toMs: earlier(one.toMs) }
      })
      return { topic, grown: moved }
    })
    expect(forecastDisk(useOf({ log: resting }))).toMatchObject({
      bytesPerDay: 0,
      fullInDays: null,
    })
    const grown = [{ fromMs: NOW - 2 * HOUR, toMs: NOW, bytes: GIB }]
    const young = useOf({ log: [{ topic: RAW, grown }] })
    expect(forecastDisk(young)).toMatchObject({ bytesPerDay: null, fullInDays: null })
    expect(forecastDisk(useOf({}))).toMatchObject({ logBytes: 0, bytesPerDay: null })
  })

  test('the day on which a shop began counts from its first record', () => {
    const nowMs = NOW + 18 * HOUR
    const grown = [{ fromMs: NOW + 12 * HOUR, toMs: nowMs, bytes: GIB }]
    const lake = [{ partition: 'event_date=2026-11-22', bytes: GIB }]
    const use = useOf({ nowMs, log: [{ topic: RAW, grown }], lake })
    expect(forecastDisk(use).bytesPerDay).toBe(8 * GIB)
  })

  test('of partitions, each segment is from its first record to the next one', () => {
    const closed = [{ from: 0, to: 5, bytes: 7, firstMs: 10, untilMs: 20 }]
    const last = { lastBytes: 3, lastFirstMs: 20, last: null, newestMs: 25 }
    const empty = { closed: [], lastBytes: 0, lastFirstMs: null, last: null, newestMs: null }
    const growth = listLogGrowth([
      { topic: RAW, partition: 0, closed, ...last },
      { topic: RAW, partition: 1, ...empty },
    ])
    const grown = [
      { fromMs: 10, toMs: 20, bytes: 7 },
      { fromMs: 20, toMs: 25, bytes: 3 },
    ]
    expect(growth).toEqual([{ topic: RAW, grown }])
  })
})

describe('what is said', () => {
  const forecast = { freeBytes: 7 * GIB, logBytes: 0, lakeBytes: 0 }

  test('with time left, how long; without a trend, what is free', () => {
    const calm = { ...forecast, bytesPerDay: GIB / 4, fullInDays: 28.4 }
    expect(describeDisk(calm, FOREVER)).toEqual({
      text: '7 GiB free, for about 28 days: log and lake grow by 256 MiB a day',
    })
    const unknown = { ...forecast, bytesPerDay: null, fullInDays: null }
    expect(describeDisk(unknown, FOREVER)).toEqual({ text: '7 GiB free' })
    const never = { ...forecast, bytesPerDay: 0, fullInDays: null }
    expect(describeDisk(never, FOREVER).text).toBe('7 GiB free, log and lake grow by 0 B a day')
  })

  test('days before it is full, a warning with what to type', () => {
    const soon = { ...forecast, bytesPerDay: 2 * GIB, fullInDays: 3.5 }
    const { warning } = describeDisk(soon, FOREVER)
    expect(warning?.text).toBe(
      'The disk is full in about 3 days at this rate: 7 GiB free, log and lake grow by 2 GiB a day.',
    )
    expect(warning?.hint).toContain('retention.events.raw in ccs.yml, such as 30 days')
    const kept = describeDisk({ ...soon, fullInDays: 0.3 }, { rawMs: 30 * DAY, dlqMs: null })
    expect(kept.warning?.text).toContain('in about 7 hours at this rate')
    expect(kept.warning?.hint).toContain('a shorter retention.events.raw')
  })
})
