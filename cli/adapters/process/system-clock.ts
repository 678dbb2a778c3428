/** This machine's clocks behind the Clock port, and the only way in which adapters wait. */
import type { Clock } from '../../domain/kernel/clock.ts'

/** The longest time of a timer of Node; one that is set to more ends at once. */
const TIMER_MS_MAX = 2 ** 31 - 1

/** Resolves after `ms`, which may be Infinity, or when the signal aborts; never rejects. */
export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  const untilMs = performance.now() + ms
  for (let restMs = ms; ; restMs = untilMs - performance.now()) {
    await waitOnce(Math.min(restMs, TIMER_MS_MAX), signal)
    if (restMs <= TIMER_MS_MAX || signal?.aborted) return
  }
}

function waitOnce(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve()
    const done = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, Math.max(0, ms))
    signal?.addEventListener('abort', done)
  })
}

/** Work that is done from time to time, until it is ended. */
export interface RepeatedWork {
  /** Resolves when no more is done. */
  end(): Promise<void>
}

/** Does the work now and after each pause of `ms`. What it can't do is for the next time. */
export function repeatEach(ms: number, work: () => Promise<void>): RepeatedWork {
  const ended = new AbortController()
  const run = async () => {
    while (!ended.signal.aborted) {
      await work().catch(() => undefined)
      await sleep(ms, ended.signal)
    }
  }
  const running = run()
  return {
    end: () => {
      ended.abort()
      return running
    },
  }
}

/** The system's time, a monotonic clock, this process's CPU time, and timers. */
export function systemClock(): Clock {
  return {
    nowMs: () => Date.now(),
    sleep,
    elapsedMs: () => performance.now(),
    cpuMs: () => {
      const { user, system } = process.cpuUsage()
      return (user + system) / 1000
    },
  }
}
