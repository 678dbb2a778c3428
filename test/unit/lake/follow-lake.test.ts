/** Following commits: each goes up once, failures are kept and told once, and stopping is clean. */
import { expect, test } from 'vitest'
import { CcsError } from '../../../cli/domain/kernel/errors.ts'
import type { FollowFailure } from '../../../cli/domain/lake/follow-commits.ts'
import { type FollowPorts, followLake } from '../../../cli/domain/lake/s3/follow-lake.ts'

const DONE = { visible: undefined, uploadedFiles: 0, uploadedBytes: 0, removedFiles: 0 }

/** A loop in which each wait is one step; `at` decides what happens at a step. */
function openLoop(at: (step: number, loop: Loop) => void) {
  const stop = new AbortController()
  const loop: Loop = {
    ...{ revision: 'r1', isDown: false, passes: [], waits: [], notices: [], failures: [] },
    ...{ nextDueMs: undefined, stop: () => stop.abort() },
  }
  let nowMs = 0
  const ports: FollowPorts = {
    clock: {
      nowMs: () => nowMs,
      elapsedMs: () => nowMs,
      cpuMs: () => 0,
      sleep: async (ms) => {
        nowMs += ms
        loop.waits.push(ms)
        if (loop.waits.length > 100) throw new Error('it never ends')
        at(loop.waits.length, loop)
      },
    },
    pusher: {
      get nextDueMs() {
        return loop.nextDueMs
      },
      isListDue: false,
      pass: async () => {
        loop.passes.push(loop.revision)
        if (loop.isDown) throw new CcsError('CCS_S3_UNREACHABLE', 'The bucket is away.')
        return DONE
      },
    },
    findRevision: async () => loop.revision,
    saveFailure: async (failure) => {
      loop.failures.push(failure)
    },
    onPassed: async () => undefined,
    onNotice: (text) => loop.notices.push(text),
  }
  return { loop, run: () => followLake(ports, stop.signal) }
}

interface Loop {
  revision: string
  isDown: boolean
  nextDueMs: number | undefined
  readonly passes: string[]
  readonly waits: number[]
  readonly notices: string[]
  readonly failures: (FollowFailure | null)[]
  stop(): void
}

test('a commit goes up once, and the last one before the end', async () => {
  const { loop, run } = openLoop((step, one) => {
    if (step === 3) one.revision = 'r2'
    if (step === 6) {
      one.revision = 'r3'
      one.stop()
    }
  })
  await run()
  expect(loop.passes).toEqual(['r1', 'r2', 'r3'])
  expect(new Set(loop.waits)).toEqual(new Set([1_000]))
  expect(loop.notices).toEqual([])
})

test('while nothing goes up it waits longer and longer, tells it once, and goes on', async () => {
  const { loop, run } = openLoop((step, one) => {
    one.isDown = step < 9
    one.revision = `r${step}`
    if (step === 12) one.stop()
  })
  loop.isDown = true
  await run()
  expect(loop.waits.slice(0, 9)).toEqual([
    ...[1_000, 2_000, 4_000, 8_000, 16_000, 32_000],
    ...[60_000, 60_000, 60_000],
  ])
  expect(loop.waits[9]).toBe(1_000)
  expect(loop.notices).toEqual([
    'The last commit is not on S3 yet: The bucket is away. It is tried again.',
    'Files go up to S3 again.',
  ])
  expect(loop.failures[0]).toMatchObject({ code: 'CCS_S3_UNREACHABLE', sinceMs: 0 })
  // Since when it fails does not move.
  expect(new Set(loop.failures.slice(0, 9).map((one) => one?.sinceMs))).toEqual(new Set([0]))
  expect(loop.failures.at(-1)).toBe(null)
})

test('it comes back when files are due to be removed, though nothing was committed', async () => {
  const { loop, run } = openLoop((step, one) => {
    if (step === 1) one.nextDueMs = 4_500
    if (step === 6) one.stop()
  })
  await run()
  expect(loop.passes.length).toBeGreaterThan(1)
  expect(loop.waits.slice(0, 4)).toEqual([1_000, 1_000, 1_000, 1_000])
})

test('it ends although the bucket is away', async () => {
  const { loop, run } = openLoop((step, one) => {
    if (step === 2) one.stop()
  })
  loop.isDown = true
  await run()
  expect(loop.passes).toHaveLength(3)
})
