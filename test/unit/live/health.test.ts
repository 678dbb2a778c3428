/** The page's status line: what it measures rarely, and when it speaks of the disk. */
import { expect, test } from 'vitest'
import { systemClock } from '../../../cli/adapters/process/system-clock.ts'
import { HealthReader } from '../../../cli/domain/live/health.ts'
import type { LiveHealth } from '../../../cli/domain/live/live-document.ts'
import type { StatusResult } from '../../../cli/domain/pipeline/read-status.ts'
import { healthFacts, troubles } from '../../../cli/web/live/page/health.js'

const SOON = { text: 'The disk is full in about 3 days.', hint: 'Keep less of the log.' }

function readerOf(disk: () => Promise<LiveHealth['disk']>) {
  let elapsedMs = 0
  const counts = { records: 1, late: 0, duplicates: 0, setAside: 0 }
  const reader = new HealthReader({
    clock: { ...systemClock(), elapsedMs: () => elapsedMs },
    // The reader takes no other parts of it.
    status: async () => ({ counts, running: true, stalled: null, lagEvents: 0 }) as StatusResult,
    dlq: async () => ({ total: 0, byReason: {}, isComplete: true }),
    marts: async () => null,
    leftOut: async () => null,
    disk,
  })
  return {
    after: (ms: number) => {
      elapsedMs += ms
      return reader.read()
    },
  }
}

test('the disk is measured once a minute at most, and nobody waits for it', async () => {
  const answers = [SOON, null, SOON]
  let measured = 0
  const reader = readerOf(async () => answers[measured++] ?? null)
  expect((await reader.after(0)).disk).toBeNull()
  expect((await reader.after(1_000)).disk).toEqual(SOON)
  expect((await reader.after(58_999)).disk).toEqual(SOON)
  expect(measured).toBe(1)
  await reader.after(1)
  expect((await reader.after(1)).disk).toBeNull()
  expect(measured).toBe(2)
})

test('a disk that can not be measured costs the sentence, not the status', async () => {
  const reader = readerOf(() => Promise.reject(new Error('gone')))
  await reader.after(0)
  expect(await reader.after(1)).toMatchObject({ running: true, disk: null })
})

test('the page says when the disk is full, in the strip and the dialog, if it knows', async () => {
  const health = await readerOf(async () => null).after(0)
  expect(troubles(health)).toEqual([])
  expect(healthFacts(health).map(([name]) => name)).not.toContain('Disk')
  expect(troubles({ ...health, disk: SOON })).toEqual([SOON.text])
  expect(healthFacts({ ...health, disk: SOON }).at(-1)).toEqual(['Disk', SOON.hint])
})
