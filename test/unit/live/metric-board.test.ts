/** When the board asks: at the pace that its share allows, and sooner from what a quiet time saved up. */

import { expect, test } from 'vitest'
import { systemClock } from '../../../cli/adapters/process/system-clock.ts'
import type { Metric } from '../../../cli/domain/live/metric.ts'
import { MetricBoard } from '../../../cli/domain/live/metric-board.ts'
import { QueryBudget } from '../../../cli/domain/live/query-budget.ts'

const SHARE = 0.006
/** 15 s of the share. */
const MOST_MS = 90

test('a quiet time is saved up to fifteen seconds of the share, and spent only once', () => {
  const credit = new QueryBudget(SHARE)
  expect(credit.leftMs(0)).toBe(MOST_MS)
  expect(credit.isAmple(0)).toBe(true)
  credit.spend(70, 0)
  expect(credit.isAmple(0)).toBe(false)
  expect(credit.leftMs(5_000)).toBeCloseTo(50)
  expect(credit.leftMs(60_000)).toBe(MOST_MS)
})

test('what is overdrawn is paid back first, and a clock put back earns nothing', () => {
  const credit = new QueryBudget(SHARE)
  credit.spend(120, 100_000)
  expect(credit.leftMs(100_000)).toBeCloseTo(-30)
  expect(credit.leftMs(50_000)).toBeCloseTo(-30)
  expect(credit.leftMs(54_000)).toBeCloseTo(-6)
  credit.spend(10_000, 54_000)
  expect(credit.leftMs(54_000)).toBe(-MOST_MS)
})

function figure(id: string, everyMs: number): Metric {
  return { id, title: id, sql: id, everyMs, note: '', file: `sql/live/${id}.sql`, sqlLine: 1 }
}

/** A board of one figure of each second, whose question costs CPU time; the clock moves by hand. */
function boardOf(costMs: number) {
  let nowMs = 1_000_000
  let news = 0
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
        // Of both, since the least of them counts.
        const from = process.cpuUsage()
        const startMs = performance.now()
        for (;;) {
          const { user, system } = process.cpuUsage(from)
          if (Math.min((user + system) / 1_000, performance.now() - startMs) >= costMs) break
        }
        return { columns: [], rows: [{ asked: asked++ }] }
      },
      health: () => Promise.reject(new Error('Nobody asks.')),
      revision: () => news,
    },
  })
  return {
    board,
    /** Whether it was asked by somebody who looks when time went by, with news or without. */
    look: async (afterMs: number, isNews = true) => {
      nowMs += afterMs
      if (isNews) news++
      const before = asked
      await board.refresh()
      return asked > before
    },
  }
}

/** The first question pays for much else; what one costs is known after the second. */
async function known(costMs: number) {
  const shop = boardOf(costMs)
  await shop.look(0)
  await shop.look(1_000)
  return shop
}

test('after a quiet time news are asked for at once, however dear the figure', async () => {
  const { board, look } = await known(10)
  expect(board.waitTimes().get('now')).toBeGreaterThan(1_600)
  for (let again = 0; again < 3; again++) {
    expect(board.checkEveryMs()).toBe(250)
    expect(await look(250)).toBe(true)
    expect(await look(15_000, false)).toBe(true)
  }
  expect(await look(250, false)).toBe(false)
})

test('when what was saved up is spent, the pace alone holds', async () => {
  const { board, look } = await known(10)
  const askedIn = async (looks: number) => {
    let asked = 0
    for (let i = 0; i < looks; i++) if (await look(250)) asked++
    return asked
  }
  expect(await askedIn(3)).toBeGreaterThanOrEqual(2)
  // First faster than the pace, until nothing is left.
  await askedIn(160)
  expect(board.checkEveryMs()).toBe(750)
  const paceMs = board.waitTimes().get('now') ?? 0
  expect(paceMs).toBeGreaterThan(1_600)
  expect(await askedIn(80)).toBeLessThanOrEqual(Math.ceil(20_000 / (paceMs - 260)))
})

test('a figure that costs less than the share keeps what it says, and something stays saved up', async () => {
  const { board, look } = await known(0.5)
  for (let i = 0; i < 40; i++) expect(await look(1_000)).toBe(true)
  expect(board.checkEveryMs()).toBe(250)
})
