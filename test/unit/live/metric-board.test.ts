/** When metrics are queried: at the pace that their budget allows, sooner after a quiet time. */

import { expect, test } from 'vitest'
import { systemClock } from '../../../cli/adapters/process/system-clock.ts'
import type { LiveHealth } from '../../../cli/domain/live/live-document.ts'
import type { Metric } from '../../../cli/domain/live/metric.ts'
import { MetricBoard, type Round } from '../../../cli/domain/live/metric-board.ts'
import type { MetricSource } from '../../../cli/domain/live/metric-source.ts'
import { QueryBudget } from '../../../cli/domain/live/query-budget.ts'

const SHARE = 0.006
/** 15 s of the share: the most that can be saved. */
const MOST_MS = 90

test('unused budget is saved up to fifteen seconds and can be spent only once', () => {
  const budget = new QueryBudget(SHARE)
  expect(budget.leftMs(0)).toBe(MOST_MS)
  expect(budget.isAmple(0)).toBe(true)
  budget.spend(70, 0)
  expect(budget.isAmple(0)).toBe(false)
  expect(budget.leftMs(5_000)).toBeCloseTo(50)
  expect(budget.leftMs(60_000)).toBe(MOST_MS)
})

test('an overdraft is repaid first, and setting the clock back earns nothing', () => {
  const budget = new QueryBudget(SHARE)
  budget.spend(120, 100_000)
  expect(budget.leftMs(100_000)).toBeCloseTo(-30)
  expect(budget.leftMs(50_000)).toBeCloseTo(-30)
  expect(budget.leftMs(54_000)).toBeCloseTo(-6)
  budget.spend(10_000, 54_000)
  expect(budget.leftMs(54_000)).toBe(-MOST_MS)
})

function figure(id: string, everyMs: number): Metric {
  const file = `sql/live/${id}.sql`
  return { id, title: id, sql: id, everyMs, note: '', access: 'anyone', file, sqlLine: 1 }
}

/** A board with one metric per second, whose query costs CPU time; the clock is set by hand. */
function boardOf(costMs: number) {
  let nowMs = 1_000_000
  let revision = 0
  let asked = 0
  const board = new MetricBoard({
    shop: { name: 'shop', timezone: 'UTC' },
    metrics: [figure('now', 1_000)],
    broken: [],
    clock: { ...systemClock(), nowMs: () => nowMs, sleep: async () => {} },
    share: SHARE,
    source: {
      catchUp: async () => {},
      query: async () => {
        // Uses CPU and time, because the smaller of both counts.
        const from = process.cpuUsage()
        const startMs = performance.now()
        for (;;) {
          const { user, system } = process.cpuUsage(from)
          if (Math.min((user + system) / 1_000, performance.now() - startMs) >= costMs) break
        }
        return { columns: [], rows: [{ asked: asked++ }] }
      },
      health: () => Promise.reject(new Error('Nobody asks.')),
      revision: () => revision,
    },
  })
  return {
    board,
    /** Lets time pass, with or without a new event, and refreshes; whether a query ran. */
    look: async (afterMs: number, hasNews = true) => {
      nowMs += afterMs
      if (hasNews) revision++
      const before = asked
      await board.refresh()
      return asked > before
    },
  }
}

/** The first query also warms up; the cost is known after the second. */
async function known(costMs: number) {
  const shop = boardOf(costMs)
  await shop.look(0)
  await shop.look(1_000)
  return shop
}

test('after a quiet time, new events are queried at once, however expensive', async () => {
  const { board, look } = await known(10)
  expect(board.waitTimes().get('now')).toBeGreaterThan(1_600)
  for (let again = 0; again < 3; again++) {
    expect(board.checkEveryMs()).toBe(250)
    expect(await look(250)).toBe(true)
    expect(await look(15_000, false)).toBe(true)
  }
  expect(await look(250, false)).toBe(false)
})

test('once the saved budget is spent, metrics are queried at their regular pace', async () => {
  const { board, look } = await known(10)
  const askedIn = async (looks: number) => {
    let asked = 0
    for (let i = 0; i < looks; i++) if (await look(250)) asked++
    return asked
  }
  expect(await askedIn(3)).toBeGreaterThanOrEqual(2)
  // Faster than the regular pace at first, until nothing is left.
  await askedIn(160)
  expect(board.checkEveryMs()).toBe(750)
  const paceMs = board.waitTimes().get('now') ?? 0
  expect(paceMs).toBeGreaterThan(1_600)
  expect(await askedIn(80)).toBeLessThanOrEqual(Math.ceil(20_000 / (paceMs - 260)))
})

test('a metric that costs less than its share is never delayed', async () => {
  const { board, look } = await known(0.5)
  for (let i = 0; i < 40; i++) expect(await look(1_000)).toBe(true)
  expect(board.checkEveryMs()).toBe(250)
})

test('rows that a snapshot drops while they are queried again count as changed', async () => {
  let nowMs = 1_000_000
  let whileQuerying = () => {}
  const board = new MetricBoard({
    shop: { name: 'shop', timezone: 'UTC' },
    metrics: [figure('now', 1_000)],
    broken: [],
    clock: { ...systemClock(), nowMs: () => nowMs },
    source: {
      catchUp: async () => {},
      query: async () => {
        whileQuerying()
        return { columns: [], rows: [{ visitors: 3 }] }
      },
      health: () => Promise.reject(new Error('Nobody asks.')),
      revision: () => 0,
    },
  })
  await board.refresh()
  nowMs += 60_000
  const health = {} as LiveHealth // passed on as it is
  whileQuerying = () => expect(board.snapshot(health).figures).toEqual({})
  const parts: Round[] = []
  await board.refresh((part) => parts.push(part))
  expect(parts).toMatchObject([{ figures: { now: { rows: [{ visitors: 3 }] } }, unchanged: [] }])
})

/** A board with one metric per minute, whose answers are given by hand. */
function answeringBoard() {
  let nowMs = 1_000_000
  let answer: Awaited<ReturnType<MetricSource['query']>> = { columns: [], rows: [] }
  const board = new MetricBoard({
    shop: { name: 'shop', timezone: 'UTC' },
    metrics: [figure('hours', 60_000)],
    broken: [],
    clock: { ...systemClock(), nowMs: () => nowMs },
    source: {
      catchUp: async () => {},
      query: async () => answer,
      health: () => Promise.reject(new Error('nobody asks')),
      revision: () => 0,
    },
  })
  return async (next: typeof answer, afterMs: number) => {
    nowMs += afterMs
    answer = next
    const parts: Round[] = []
    await board.refresh((part) => parts.push(part))
    return parts
  }
}

test('rows that are not known yet are asked for at each round, and then stay', async () => {
  const round = answeringBoard()
  const reading = { absent: 'The topic is being read.', isPassing: true }
  expect(await round(reading, 0)).toMatchObject([
    { figures: { hours: { rows: [], absent: reading.absent } } },
  ])
  expect(await round(reading, 1_000)).toEqual([{ figures: {}, unchanged: ['hours'] }])
  const rows = [{ n: 1 }]
  const [first] = await round({ columns: [], rows }, 1_000)
  expect(first?.figures.hours).toEqual({ asOf: '1970-01-01T00:16:42.000Z', rows })
  // The last rows are shown as old as they are.
  expect(await round(reading, 60_000)).toEqual([{ figures: {}, unchanged: [] }])
  const gone = { absent: 'It needs too many records.', isPassing: false }
  expect(await round(gone, 60_000)).toMatchObject([
    { figures: { hours: { rows: [], ...{ absent: gone.absent } } } },
  ])
})
