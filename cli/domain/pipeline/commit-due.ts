/** When the engine commits, and when it takes in no more rows before that. */
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

/** So many checkpoints of rows may wait: those being written, and few more, for memory's sake. */
const CHECKPOINTS_AHEAD = 1.15

/** After so much time, with so many rows, or to find out what a failed engine fails on. */
export function isCommitDue(
  { hasFailed, uncommittedRows }: Pick<BatchEngine, 'hasFailed' | 'uncommittedRows'>,
  { waitedMs, isFirst, checkpointMs, checkpointRows }: CommitAge,
): boolean {
  if (hasFailed || uncommittedRows >= checkpointRows) return true
  return waitedMs >= (isFirst ? Math.min(FIRST_COMMIT_MS, checkpointMs) : checkpointMs)
}

/**
 * Whether rows must be committed before more are taken in: if commits can't keep up or can't
 * succeed, memory stays bounded.
 */
export function isFull(
  { uncommittedRows }: Pick<BatchEngine, 'uncommittedRows'>,
  { checkpointRows }: Pick<CommitAge, 'checkpointRows'>,
): boolean {
  return uncommittedRows >= CHECKPOINTS_AHEAD * checkpointRows
}
