/** This machine's clocks behind the Clock port, and the only way in which adapters wait. */
import type { Clock } from '../../domain/kernel/clock.ts'

/** Resolves after `ms`, or as soon as the signal aborts; never rejects. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
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
