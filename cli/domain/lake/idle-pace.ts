/** Work that a running engine does beside its own, slowly and only while it has nothing to do. */
import type { Clock } from '../kernel/clock.ts'

const BUSY_MS = 250

/** How slowly, and when. */
export interface IdlePace {
  readonly clock: Clock
  /** Whether the engine has read all of the log. */
  readonly isIdle: () => boolean
  /** Bytes for each second. */
  readonly rateBytes: number
}

/** Waits until so many bytes may be worked on; rejects when `stop` aborts. */
export async function waitForTurn(
  { clock, isIdle, rateBytes }: IdlePace,
  bytes: number,
  stop: AbortSignal,
): Promise<void> {
  while (!isIdle() && !stop.aborted) await clock.sleep(BUSY_MS, stop)
  await clock.sleep((1000 * bytes) / rateBytes, stop)
  stop.throwIfAborted()
}
