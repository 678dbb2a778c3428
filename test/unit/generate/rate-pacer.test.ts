import { describe, expect, it } from 'vitest'
import { systemClock } from '../../../cli/adapters/process/system-clock.ts'
import type { Clock } from '../../../cli/domain/kernel/clock.ts'
import { type GenerateResult, generate, rateMissedError } from '../../../cli/generate/generate.ts'
import type { ArrivalSink } from '../../../cli/generate/log-sink.ts'
import { RatePacer } from '../../../cli/generate/rate-pacer.ts'
import { NO_FAULTS } from '../../fixtures/no-faults.ts'

const START_MS = Date.parse('2026-02-03T04:05:06.000Z')

/**
 * A clock that moves only with sleep and work; sleeps take longer than requested, as real ones do.
 */
function slowClock(oversleepMs: (call: number) => number) {
  let ms = 0
  let calls = 0
  const clock: Clock = {
    ...systemClock(),
    nowMs: () => START_MS + Math.floor(ms),
    elapsedMs: () => ms,
    sleep: async (wantedMs) => {
      ms += wantedMs + oversleepMs(calls++)
    },
  }
  return { clock, work: (tookMs: number) => (ms += tookMs) }
}

interface PacedRun {
  readonly eps: number
  readonly forMs?: number
  readonly count?: number
  /** Duration of the work per event, ms. */
  readonly costMs?: number
  readonly oversleepMs?: (call: number) => number
}

async function paced(
  run: PacedRun,
): Promise<{ result: GenerateResult; times: number[]; lags: number[] }> {
  const { eps, forMs, count, costMs = 0, oversleepMs = () => 1.3 } = run
  const { clock, work } = slowClock(oversleepMs)
  const times: number[] = []
  const lags: number[] = []
  const sink: ArrivalSink = {
    add: (arrival) => {
      work(costMs)
      times.push(arrival.dueMs)
      lags.push(clock.nowMs() - arrival.dueMs)
      return 0
    },
    flush: async () => {},
    drain: async () => {},
  }
  const result = await generate(
    {
      seed: 1,
      eps,
      faultProfile: NO_FAULTS,
      timezone: 'UTC',
      ...(forMs === undefined ? {} : { forMs }),
      ...(count === undefined ? {} : { count }),
    },
    { clock, sink },
  )
  return { result, times, lags }
}

describe('the rate', () => {
  for (const eps of [100, 1000, 10_000]) {
    it(`is within 0.1 % of ${eps} events per second over a minute`, async () => {
      const forMs = eps === 10_000 ? 10_000 : 60_000
      const { result, times, lags } = await paced({ eps, forMs })
      expect(result.records).toBe((eps * forMs) / 1000)
      expect(Math.abs((result.live?.eps ?? 0) / eps - 1)).toBeLessThan(0.001)
      expect(result.live?.isKept).toBe(true)
      const span = (times.at(-1) ?? 0) - (times[0] ?? 0)
      expect(Math.abs(span - (forMs - 1000 / eps))).toBeLessThanOrEqual(1)
      expect(Math.max(...lags.slice(0, 10_000))).toBeLessThan(50)
    })
  }

  it('catches up after a pause', async () => {
    const { result, times } = await paced({
      eps: 1000,
      forMs: 10_000,
      oversleepMs: (call) => (call === 100 ? 3000 : 1),
    })
    expect(result.records).toBe(10_000)
    expect(result.live?.isKept).toBe(true)
    const uneven = times.filter((ms, i) => ms !== START_MS + i)
    expect(uneven).toEqual([])
  })

  it('is given up in time, and the deficit is reported, if the machine is too slow', async () => {
    const { result } = await paced({ eps: 1000, forMs: 10_000, costMs: 2 })
    const { live } = result
    expect(live?.isKept).toBe(false)
    expect(live?.seconds).toBeLessThan(20)
    expect(live?.eps).toBeGreaterThan(400)
    expect(live?.eps).toBeLessThan(520)
    expect(live?.deficit).toBeGreaterThan(4000)
    if (live === undefined) throw new Error('there was a live run')
    const error = rateMissedError(1000, live)
    expect(error.exit).toBe(3)
    expect(error.code).toBe('CCS_RATE_MISSED')
  })

  it('applies to the live run only, after a range of history', async () => {
    const { clock } = slowClock(() => 1)
    const times: number[] = []
    const sink: ArrivalSink = {
      add: (arrival) => {
        times.push(arrival.dueMs)
        return 0
      },
      flush: async () => {},
      drain: async () => {},
    }
    const fromMs = START_MS - 86_400_000
    const shop = { seed: 1, eps: 10, faultProfile: NO_FAULTS, timezone: 'UTC' }
    const range = { ...shop, fromMs, toMs: fromMs + 3_600_000 }
    const both = await generate({ ...range, forMs: 5000 }, { clock, sink })
    expect([both.history, both.live?.made]).toEqual([36_000, 50])
    expect(times.slice(0, 36_000).every((ms) => ms >= fromMs && ms < range.toMs)).toBe(true)
    expect(times.slice(36_000).every((ms, i) => ms === START_MS + i * 100)).toBe(true)
    const alone = await generate({ ...range, count: 777 }, { clock, sink })
    expect([alone.records, alone.live]).toEqual([777, undefined])
  })

  it('gives exactly as many events as asked for', async () => {
    for (const count of [1, 99, 12_345]) {
      const { result } = await paced({ eps: 20_000, count })
      expect(result.records).toBe(count)
    }
  })

  it('counts as due only what is due and exists', () => {
    const pace = new RatePacer({ eps: 250, count: 100, nowMs: 5000 })
    expect(pace.countDue(5000)).toBe(0)
    expect(pace.countDue(5003.9)).toBe(0)
    expect(pace.countDue(5004)).toBe(1)
    pace.noteMade(1)
    expect(pace.countDue(5200)).toBe(49)
    expect(pace.countDue(99_000)).toBe(99)
    pace.noteMade(99)
    expect(pace.isDone).toBe(true)
    expect(pace.report(5400).isKept).toBe(true)
  })
})
