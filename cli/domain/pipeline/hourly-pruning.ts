/** Retention in a running engine: after a commit, at most once an hour, with one line on it. */
import type { Retention } from '../config/retention.ts'
import type { Clock } from '../kernel/clock.ts'
import type { PruneResult } from '../lake/prune.ts'
import { hasRetention } from '../lake/prune-plan.ts'
import { describePruned } from '../lake/prune-text.ts'

const EVERY_MS = 3_600_000

/** What is kept, and who hears of what went. */
export interface HourlyPruningOptions {
  /** Absent: everything is kept. */
  readonly retention?: Retention
  readonly onNotice: (text: string) => void
}

/**
 * Returns what to call after each commit. An hour is one of the monotonic clock, and begins with
 * the first commit, which prunes too: an engine that is often restarted also prunes. A failure is
 * told to `onNotice` and tried again an hour later.
 */
export function createHourlyPruning(
  { retention, onNotice }: HourlyPruningOptions,
  clock: Clock,
  prune: (retention: Retention) => Promise<PruneResult>,
): () => Promise<void> {
  let dueMs = Number.NEGATIVE_INFINITY
  return async () => {
    const nowMs = clock.elapsedMs()
    if (retention === undefined || !hasRetention(retention) || nowMs < dueMs) return
    dueMs = nowMs + EVERY_MS
    try {
      const result = await prune(retention)
      if (result.applied) onNotice(describePruned(result))
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      onNotice(`The log could not be pruned: ${message} The next try is in an hour.`)
    }
  }
}
