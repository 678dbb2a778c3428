/**
 * Clocks that are wrong: one device's, and the server's own. Neither may make the events of others
 * late, and what was counted before must stay as it was.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import type { OpenPipeline } from '../../cli/app/pipeline.ts'
import type { Event } from '../../cli/domain/events/contracts.ts'
import { drain, makeRig, openRig, type Rig } from '../fixtures/pipeline-rig.ts'
import { appendEvents, shopEvent } from '../fixtures/shop-events.ts'

const MINUTE = 60_000
const YEAR = 365 * 86_400_000
const NOON = Date.parse('2026-03-01T12:00:00Z')
const MODELS = ['bronze.events', 'silver.events', 'silver.people', 'gold.activity_1m']

let rig: Rig
let root: string

beforeAll(async () => {
  // Rows move to the lake as soon as they are closed.
  rig = await makeRig(MODELS, { mergeSizeMin: 1, closedRowsMin: 1, sliceSize: 3 })
})
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'ccs-clock-'))
})
afterEach(() => rm(root, { recursive: true, force: true }))

const eachMinute = (name: string, count: number, fromMs: number): Event[] =>
  Array.from({ length: count }, (_, i) => shopEvent(`${name}-${i}`, fromMs + i * MINUTE))

async function run<T>(ask: (open: OpenPipeline) => Promise<T>): Promise<T> {
  const open = await openRig(rig, root)
  try {
    await drain(open)
    return await ask(open)
  } finally {
    await open.close()
  }
}

const inGold = (): Promise<number> =>
  run(async ({ engine }) => {
    const { rows } = await engine.query(
      `SELECT sum(events)::INTEGER AS n FROM gold.activity_1m WHERE window_start < '2030-01-01'`,
      NOON,
    )
    return Number(rows[0]?.n)
  })

test('a device that is 50 minutes fast takes no event of others out of a minute', async () => {
  await appendEvents(root, eachMinute('a', 6, NOON))
  await appendEvents(root, [shopEvent('fast', NOON + 56 * MINUTE)], NOON + 6 * MINUTE)
  await appendEvents(root, eachMinute('b', 24, NOON + 7 * MINUTE))
  expect(await inGold()).toBe(31)
  expect(await run(async ({ engine }) => engine.counts.late)).toBe(0)
})

test('after a server clock that was ten years ahead is put right, all goes on', async () => {
  await appendEvents(root, eachMinute('before', 30, NOON))
  expect(await inGold()).toBe(30)
  await appendEvents(root, eachMinute('jump', 3, NOON + 10 * YEAR))
  expect(await inGold()).toBe(30)
  await appendEvents(root, eachMinute('after', 200, NOON + 30 * MINUTE))
  expect(await inGold()).toBe(230)
  await appendEvents(root, [shopEvent('future', NOON + 10 * YEAR)], NOON + 231 * MINUTE)
  const { counts, watermarkMs } = await run(async ({ engine }) => engine)
  expect(counts).toMatchObject({ bronze: 233, dlq: 1, late: 0 })
  expect(watermarkMs).toBe(NOON + 229 * MINUTE - 5_000)
})
