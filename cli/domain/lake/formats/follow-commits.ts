/** Publishes each commit soon after it was made, for as long as somebody makes commits. */
import type { Clock } from '../../kernel/clock.ts'

/** What it follows. */
export interface FollowPorts {
  readonly clock: Clock
  /** Another value after each commit; cheap. */
  findRevision(): Promise<string>
  publish(): Promise<void>
  readonly onNotice: (text: string) => void
}

const POLL_MS = 1_000
const RETRY_MOST_MS = 60_000

/**
 * Runs until `stop` aborts, then publishes the last commit. A failure is told once and tried again.
 * Never rejects.
 */
export async function followCommits(ports: FollowPorts, stop: AbortSignal): Promise<void> {
  const { clock, onNotice } = ports
  let done: string | undefined
  let failure: string | undefined
  let waitMs = POLL_MS
  for (;;) {
    const isLast = stop.aborted
    try {
      const revision = await ports.findRevision()
      if (revision !== done) await ports.publish()
      if (failure !== undefined) onNotice('Commits are published again.')
      done = revision
      failure = undefined
      waitMs = POLL_MS
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error)
      if (text !== failure) onNotice(`The last commit is not published: ${text} It is tried again.`)
      failure = text
      waitMs = Math.min(RETRY_MOST_MS, waitMs * 2)
    }
    if (isLast) return
    await clock.sleep(waitMs, stop)
  }
}
