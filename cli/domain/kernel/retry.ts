/** Repeats work that failed for a passing reason, with waits in between that double. */
import type { Clock } from './clock.ts'
import { CcsError, EXIT } from './errors.ts'

/** How to wait. */
export interface RetryOptions {
  readonly clock: Clock
  /** Aborting it ends the waiting with the last error. */
  readonly signal: AbortSignal
  /** The first wait and the longest one, ms. */
  readonly firstMs: number
  readonly mostMs: number
  /** Called before a wait of `firstMs`, not before the longer ones that follow it. */
  readonly onWait: (error: CcsError) => void
}

/** Repeats `run` while a server is unreachable; `onSuccess` makes the next wait the first again. */
export async function retryWhileUnreachable<T>(
  run: (onSuccess: () => void) => Promise<T>,
  { clock, signal, firstMs, mostMs, onWait }: RetryOptions,
): Promise<T> {
  let waitMs = firstMs
  for (;;)
    try {
      return await run(() => {
        waitMs = firstMs
      })
    } catch (error) {
      const isPassing = error instanceof CcsError && error.exit === EXIT.unreachable
      if (!isPassing || signal.aborted) throw error
      if (waitMs === firstMs) onWait(error)
      await clock.sleep(waitMs, signal)
      if (signal.aborted) throw error
      waitMs = Math.min(mostMs, waitMs * 2)
    }
}

/** How to wait, and for how long at most. */
export interface LimitedRetryOptions {
  readonly clock: Clock
  readonly waitMs: number
  readonly limitMs: number
  /** The error if the first try is still under way then. */
  readonly onLimit: () => CcsError
}

/**
 * Repeats `run` while a server is unreachable, for `limitMs`; then the last error is thrown. A try
 * that is still under way goes on, but nobody sees what becomes of it.
 */
export async function retryWithin<T>(
  run: () => Promise<T>,
  { clock, waitMs, limitMs, onLimit }: LimitedRetryOptions,
): Promise<T> {
  const over = new AbortController()
  let last: CcsError | undefined
  const limit = clock.sleep(limitMs, over.signal).then((): never => {
    over.abort()
    throw last ?? onLimit()
  })
  const tries = retryWhileUnreachable(run, {
    ...{ clock, signal: over.signal, firstMs: waitMs, mostMs: waitMs },
    onWait: (error) => {
      last = error
    },
  })
  try {
    return await Promise.race([tries, limit])
  } finally {
    over.abort()
  }
}
