/** Whether a running engine does its work, for /healthz and a metric of /metrics. */
import { formatDuration } from '../kernel/units.ts'
import type { VitalSigns } from '../pipeline/loop-vitals.ts'

/** What can be wrong. */
export const PROBLEM_KINDS = ['stalled', 'commit_overdue', 'loop_frozen'] as const

/** Something that is wrong, and what it means in a sentence. */
export interface Problem {
  readonly kind: (typeof PROBLEM_KINDS)[number]
  readonly message: string
}

/** What the health follows from. */
export interface HealthInput {
  /** Why ingestion is waiting; null: it isn't. */
  readonly stalled: string | null
  readonly uncommittedRows: number
  readonly vitals: VitalSigns
  /** `engine.checkpoint_every` of ccs.yml. */
  readonly checkpointMs: number
}

/** A commit may take long on a busy machine: so many times `checkpoint_every`, and a minute. */
const CHECKPOINTS_MAX = 4
const COMMIT_MS = 60_000
/** A turn may wait for a commit, or read a model's failing records again. */
const TURN_MS = 120_000

/** Nothing in the list: it does its work. */
export function findProblems(input: HealthInput): readonly Problem[] {
  const { stalled, uncommittedRows, checkpointMs } = input
  const { sinceTurnMs, sinceCommitMs } = input.vitals
  const commitMs = CHECKPOINTS_MAX * checkpointMs + COMMIT_MS
  const problems: Problem[] = []
  if (stalled !== null) problems.push({ kind: 'stalled', message: `Intake waits: ${stalled}` })
  if (uncommittedRows > 0 && sinceCommitMs > commitMs)
    problems.push({
      kind: 'commit_overdue',
      message:
        `${uncommittedRows} rows wait for a commit; the last one was begun ` +
        `${formatDuration(sinceCommitMs)} ago, checkpoint_every is ` +
        `${formatDuration(checkpointMs)}.`,
    })
  if (sinceTurnMs > TURN_MS)
    problems.push({
      kind: 'loop_frozen',
      message: `The engine has looked for no new events for ${formatDuration(sinceTurnMs)}.`,
    })
  return problems
}
