import { describe, expect, it } from 'vitest'
import { readTruth, renderTruth, type Truth } from '../../../cli/domain/audit/truth.ts'
import { renderDifferences, verify } from '../../../cli/domain/audit/verify.ts'
import { assignPartition } from '../../../cli/domain/log/assign-partition.ts'
import {
  createHistorySchedule,
  createLiveSchedule,
  type Schedule,
} from '../../../cli/generate/schedule.ts'
import { ShopDays } from '../../../cli/generate/shop-days.ts'
import { Simulation } from '../../../cli/generate/simulation.ts'
import { TruthRecorder } from '../../../cli/generate/truth-recorder.ts'
import { openOracle, type RawRow } from '../truth-oracle.ts'

const FAULT_SHARES = { late: 0.05, duplicates: 0.05, disorder: 0.1, invalid: 0.02, skew: 0.1 }

interface Case {
  readonly seed: number
  readonly timezone: string
  readonly partitions: number
  /** Used once: a schedule keeps its position. */
  readonly schedule: Schedule
}

/** The valid records of a case as rows, and its truth. */
function simulate(one: Case, faultProfile = FAULT_SHARES): { rows: RawRow[]; truth: Truth } {
  const { seed, timezone, partitions, schedule } = one
  const simulation = new Simulation({ seed, schedule, faultProfile })
  const recorder = new TruthRecorder({ seed, startMs: schedule.startMs, timezone, partitions })
  const offsets = new Array<number>(partitions).fill(0)
  const rows: RawRow[] = []
  for (let arrival = simulation.next(); arrival !== null; arrival = simulation.next()) {
    const partition = assignPartition(arrival.event.anonymous_id, partitions)
    recorder.add(arrival, partition)
    const offset = offsets[partition] ?? 0
    offsets[partition] = offset + 1
    if (arrival.broken !== null) continue
    rows.push({
      ...arrival.event,
      topic: 'events.raw',
      partition,
      offset,
      ingest_time: arrival.dueMs,
    })
  }
  return { rows, truth: recorder.finish() }
}

function history(from: string, to: string, count: number, timezone: string): Schedule {
  const range = { fromMs: Date.parse(from), toMs: Date.parse(to) }
  return createHistorySchedule(range, count, new ShopDays(timezone))
}

const BERLIN = 'Europe/Berlin'
const CASES: Readonly<Record<string, Case>> = {
  'half an hour at ten events a second': {
    seed: 1,
    timezone: BERLIN,
    partitions: 1,
    schedule: createLiveSchedule(Date.parse('2026-03-03T22:10:00.123Z'), 10, 20_000),
  },
  'five days over the end of summer time in three partitions': {
    seed: 2,
    timezone: BERLIN,
    partitions: 3,
    schedule: history('2025-10-24T05:00:00Z', '2025-10-29T05:00:00Z', 20_000, BERLIN),
  },
  'three days over the beginning of summer time in New York': {
    seed: 3,
    timezone: 'America/New_York',
    partitions: 2,
    schedule: history('2026-03-07T00:00:00Z', '2026-03-10T00:00:00Z', 20_000, 'America/New_York'),
  },
  'a day and a half at a half-hour offset': {
    seed: 4,
    timezone: 'Asia/Kolkata',
    partitions: 1,
    schedule: history('2026-01-01T12:00:00Z', '2026-01-03T00:00:00Z', 20_000, 'Asia/Kolkata'),
  },
}

describe('the truth', () => {
  for (const [name, one] of Object.entries(CASES)) {
    it(`equals the SQL models on ${name} (seed ${one.seed})`, { timeout: 60_000 }, async () => {
      const { rows, truth } = simulate(one)
      const oracle = await openOracle(rows, one.timezone)
      try {
        const { report, comparisons } = await verify(truth, (sql) => oracle.all(sql))
        expect(renderDifferences(comparisons)).toEqual([])
        expect(report.ok).toBe(true)
        for (const { table, rows: count } of report.tables) expect(count, table).toBeGreaterThan(0)
        const late = await oracle.all('SELECT count(*) AS n FROM silver.events WHERE late_ms > 0')
        expect(late.rows[0]?.n).toBe(truth.header.counts.late)
        const { duplicates } = truth.header.counts
        const seen = await oracle.all('SELECT count(*) AS n FROM silver.events')
        expect(seen.rows[0]?.n).toBe(rows.length - duplicates)
      } finally {
        oracle.close()
      }
    })
  }

  it('contains late events, all kinds of rejects and very long sessions', () => {
    const schedule = history('2026-01-01T00:00:00Z', '2026-01-04T00:00:00Z', 40_000, BERLIN)
    const wild = { ...FAULT_SHARES, late: 0.25 }
    const { truth } = simulate({ seed: 7, timezone: BERLIN, partitions: 2, schedule }, wild)
    const { tooLate, dlq, late } = truth.header.counts
    for (const [table, count] of Object.entries(tooLate)) expect(count, table).toBeGreaterThan(0)
    expect(Object.keys(dlq).length).toBeGreaterThanOrEqual(6)
    expect(late).toBeGreaterThan(1000)
    const sessions = truth.tables.find(({ table }) => table.name === 'gold.sessions')
    const at = Object.keys(sessions?.table.columns ?? {}).indexOf('duration_ms')
    const longest = Math.max(...(sessions?.rows ?? []).map((row) => Number(row[at])))
    expect(longest).toBeGreaterThan(6 * 3_600_000)
  })

  it('is the same after rendering and reading', async () => {
    const schedule = createLiveSchedule(1_760_000_000_000, 10, 2000)
    const { truth } = simulate({ seed: 5, timezone: 'UTC', partitions: 1, schedule })
    expect(await readTruth(renderTruth(truth))).toEqual(truth)
  })

  it('is rejected if the file is cut off, damaged or something else', async () => {
    const schedule = createLiveSchedule(1_760_000_000_000, 10, 500)
    const { truth } = simulate({ seed: 6, timezone: 'UTC', partitions: 1, schedule })
    const lines = [...renderTruth(truth)]
    await expect(readTruth(lines.slice(0, -1))).rejects.toThrow(/cut off/)
    await expect(readTruth([])).rejects.toThrow(/empty/)
    await expect(readTruth(['{"event":1}'])).rejects.toThrow(/header/)
    await expect(readTruth([...lines.slice(0, 3), '{"half'])).rejects.toThrow(/line 4/)
  })
})
