/** When the engine commits. */
import type { BatchEngine } from './batch-engine.ts'

/** When a new lake gets its first commit, so that there is soon something to see. */
const FIRST_COMMIT_MS = 3_000

/** What decides beside the engine. */
export interface CommitAge {
  /** Since the last commit, or the start. */
  readonly waitedMs: number
  /** There is no commit yet. */
  readonly isFirst: boolean
  readonly checkpointMs: number
  readonly checkpointRows: number
}

/** After so much time, with so many rows, or to find out what a failed engine fails on. */
export function isCommitDue(
  { hasFailed, uncommittedRows }: Pick<BatchEngine, 'hasFailed' | 'uncommittedRows'>,
  { waitedMs, isFirst, checkpointMs, checkpointRows }: CommitAge,
): boolean {
  if (hasFailed || uncommittedRows >= checkpointRows) return true
  return waitedMs >= (isFirst ? Math.min(FIRST_COMMIT_MS, checkpointMs) : checkpointMs)
}
