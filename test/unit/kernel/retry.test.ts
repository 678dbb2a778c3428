import { expect, test } from 'vitest'
import { systemClock } from '../../../cli/adapters/process/system-clock.ts'
import { CcsError, EXIT } from '../../../cli/domain/kernel/errors.ts'
import { retryWhileUnreachable, retryWithin } from '../../../cli/domain/kernel/retry.ts'

const away = () => new CcsError('CCS_KAFKA_UNREACHABLE', 'Away.', { exit: EXIT.unreachable })

/** Runs attempts that end as given, an error or a value, and notes waits and notices. */
async function retry(attempts: readonly unknown[], stopAfterWaits = Number.POSITIVE_INFINITY) {
  const waits: number[] = []
  const notices: string[] = []
  const stop = new AbortController()
  const clock = {
    ...systemClock(),
    sleep: async (ms: number) => {
      waits.push(ms)
      if (waits.length === stopAfterWaits) stop.abort()
    },
  }
  let at = 0
  const run = async (onSuccess: () => void) => {
    const outcome = attempts[at++]
    if (outcome === 'progress') {
      onSuccess()
      throw away()
    }
    if (outcome instanceof Error) throw outcome
    return outcome
  }
  const result = await retryWhileUnreachable(run, {
    ...{ clock, signal: stop.signal, firstMs: 500, mostMs: 2_000 },
    onWait: (error) => notices.push(error.message),
  }).catch((error: unknown) => error)
  return { result, waits, notices }
}

test('waits double up to a limit, and only the first is reported', async () => {
  const { result, waits, notices } = await retry([away(), away(), away(), away(), 'done'])
  expect(result).toBe('done')
  expect(waits).toEqual([500, 1_000, 2_000, 2_000])
  expect(notices).toEqual(['Away.'])
})

test('after a success the next wait is the first again', async () => {
  const { waits, notices } = await retry([away(), away(), 'progress', 'done'])
  expect(waits).toEqual([500, 1_000, 500])
  expect(notices).toHaveLength(2)
})

test('other errors are thrown at once', async () => {
  const error = new Error('wrong')
  expect(await retry([error])).toEqual({ result: error, waits: [], notices: [] })
})

test('stopping ends the waiting with the last error', async () => {
  const error = away()
  expect(await retry([error, 'done'], 1)).toMatchObject({ result: error, waits: [500] })
})

const LIMIT = { clock: systemClock(), waitMs: 5, onLimit: () => away() }

test('within a limit, tries go on until one succeeds', async () => {
  let tries = 0
  const run = async () => {
    if (++tries < 3) throw away()
    return 'done'
  }
  expect(await retryWithin(run, { ...LIMIT, limitMs: 20_000 })).toBe('done')
  expect(tries).toBe(3)
})

test('at the limit the last error is thrown, or that a try has no end', async () => {
  const last = away()
  const failing = retryWithin(() => Promise.reject(last), { ...LIMIT, limitMs: 30 })
  await expect(failing).rejects.toBe(last)
  const silent = away()
  const never = retryWithin(() => new Promise(() => undefined), {
    ...{ ...LIMIT, limitMs: 30 },
    onLimit: () => silent,
  })
  await expect(never).rejects.toBe(silent)
})
