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
