/** Uploads each commit soon after it was made, for as long as somebody makes commits. */
import type { Clock } from '../../kernel/clock.ts'
import { CcsError } from '../../kernel/errors.ts'
import type { CopyFailure } from './copy-status.ts'
import type { LakePusher } from './push-lake.ts'

/** What it follows. */
export interface FollowPorts {
  readonly clock: Clock
  readonly pusher: Pick<LakePusher, 'pass' | 'nextDueMs' | 'isListDue'>
  /** Another value after each commit; cheap. */
  findRevision(): Promise<string>
  /** Keeps why nothing goes up, for `ccs status`; null: it does. */
  saveFailure(failure: CopyFailure | null): Promise<void>
  /** Called after each pass that succeeded. */
  onPassed(): Promise<void>
  readonly onNotice: (text: string) => void
}

const POLL_MS = 1_000
const RETRY_MOST_MS = 60_000

/**
 * Runs until `stop` aborts, then makes a last pass if one is needed. Errors are kept and tried
 * again; whatever waits then is what the newest commit needs. Never rejects.
 */
export async function followLake(ports: FollowPorts, stop: AbortSignal): Promise<void> {
  const { clock, pusher, onNotice } = ports
  let failure: CopyFailure | null = null
  let done: string | undefined
  let waitMs = POLL_MS
  const isDue = async (revision: string) =>
    revision !== done || pusher.isListDue || clock.nowMs() >= (pusher.nextDueMs ?? Infinity)
  for (let isLast = false; ; ) {
    isLast = stop.aborted
    try {
      const revision = await ports.findRevision()
      if (failure !== null || (await isDue(revision))) {
        await pusher.pass()
        await ports.onPassed()
        if (failure !== null) {
          await ports.saveFailure(null)
          onNotice('Files go up to S3 again.')
        }
        done = revision
        failure = null
      }
      waitMs = POLL_MS
    } catch (error) {
      const found = describe(error, failure?.sinceMs ?? clock.nowMs())
      if (found.message !== failure?.message)
        onNotice(`The last commit is not on S3 yet: ${found.message} It is tried again.`)
      failure = found
      // A full disk must not end it.
      await ports.saveFailure(failure).catch(() => undefined)
    }
    if (isLast) return
    await clock.sleep(waitMs, stop)
    if (failure !== null) waitMs = Math.min(RETRY_MOST_MS, waitMs * 2)
  }
}

function describe(error: unknown, sinceMs: number): CopyFailure {
  const message = error instanceof Error ? error.message : String(error)
  return { code: error instanceof CcsError ? error.code : 'CCS_UNEXPECTED', message, sinceMs }
}
