/** When marts are built beside a running pipeline, and which failures are reported. */

import { expect, test } from 'vitest'
import { systemClock } from '../../../cli/adapters/process/system-clock.ts'
import { CcsError } from '../../../cli/domain/kernel/errors.ts'
import { NO_MARTS } from '../../../cli/domain/marts/marts.ts'
import { scheduleMarts } from '../../../cli/domain/marts/marts-scheduler.ts'
import type { DbtResult } from '../../../cli/domain/marts/run-dbt.ts'

const EVERY_MS = 900_000

/** A pipeline that commits at given times, with a clock that jumps; records when builds ran. */
async function watch(options: {
  readonly untilMs: number
  readonly serialAt: (ms: number) => number
  readonly build: (ms: number) => Partial<DbtResult>
}) {
  const stop = new AbortController()
  const builds: number[] = []
  const notices: string[] = []
  let nowMs = 0
  const clock = {
    ...systemClock(),
    nowMs: () => nowMs,
    sleep: async (ms: number) => {
      nowMs += ms
      if (nowMs >= options.untilMs) stop.abort()
    },
  }
  await scheduleMarts(
    {
      clock,
      committedSerial: () => options.serialAt(nowMs),
      build: async () => {
        builds.push(nowMs)
        const failures: DbtResult['failures'] = []
        const green = { ok: true, serial: options.serialAt(nowMs), failures, marts: NO_MARTS }
        return { ...green, ...options.build(nowMs) } as DbtResult // the rest is not looked at
      },
      onNotice: (text) => notices.push(text),
    },
    EVERY_MS,
    stop.signal,
  )
  return { builds, notices }
}

test('the first build starts with the first rows, later ones only for new rows', async () => {
  const { builds, notices } = await watch({
    untilMs: 5 * EVERY_MS,
    serialAt: (ms) => (ms < 30_000 ? 0 : ms < 2 * EVERY_MS ? 1 : 2),
    build: () => ({}),
  })
  expect(builds).toEqual([30_000, 2 * EVERY_MS])
  expect(notices).toHaveLength(1)
})

test('the same failure is reported once and retried each time', async () => {
  const { builds, notices } = await watch({
    untilMs: 3 * EVERY_MS,
    serialAt: () => 1,
    build: () => ({ ok: false }),
  })
  expect(builds).toEqual([0, EVERY_MS, 2 * EVERY_MS])
  expect(notices).toHaveLength(1)
})

test('without Python there is one notice and no further attempt', async () => {
  const { builds, notices } = await watch({
    untilMs: 3 * EVERY_MS,
    serialAt: () => 1,
    build: () => {
      throw new CcsError('CCS_PYTHON_MISSING', 'There is no Python.', { hint: 'Install one.' })
    },
  })
  expect(builds).toEqual([0])
  expect(notices).toEqual(['No daily marts: There is no Python. Install one.'])
})
