/**
 * Does something about each commit soon after it was made, for as long as somebody makes commits: a
 * failure is told once and tried again, and what waits then is what the newest commit needs.
 */
import type { Clock } from '../kernel/clock.ts'
import { CcsError } from '../kernel/errors.ts'

/** Why the newest commit was not dealt with. */
export interface FollowFailure {
  readonly code: string
  /** A sentence. */
  readonly message: string
  /** Since when it has not succeeded. */
  readonly sinceMs: number
}

/** What follows commits. */
export interface FollowPorts {
  readonly clock: Clock
  /** Another value after each commit; cheap. */
  findRevision(): Promise<string>
  /** Whether there is something to do although nothing was committed; absent: never. */
  isDue?(): boolean
  /** Deals with the newest commit. */
  work(): Promise<void>
  /** Keeps a failure; null: it succeeds again. */
  saveFailure?(failure: FollowFailure | null): Promise<void>
  readonly onNotice: (text: string) => void
  /** Begins the notice of a failure, without a colon; and the notice that it succeeds again. */
  readonly words: { readonly failing: string; readonly again: string }
}

const POLL_MS = 1_000
const RETRY_MOST_MS = 60_000

/** Runs until `stop` aborts, then works once more if that is needed. Never rejects. */
export async function followCommits(ports: FollowPorts, stop: AbortSignal): Promise<void> {
  const { clock, onNotice, words } = ports
  let failure: FollowFailure | null = null
  let done: string | undefined
  let waitMs = POLL_MS
  for (let isLast = false; ; ) {
    isLast = stop.aborted
    try {
      const revision = await ports.findRevision()
      if (failure !== null || revision !== done || ports.isDue?.()) {
        await ports.work()
        if (failure !== null) {
          await ports.saveFailure?.(null)
          onNotice(words.again)
        }
        done = revision
        failure = null
      }
      waitMs = POLL_MS
    } catch (error) {
      const found = describe(error, failure?.sinceMs ?? clock.nowMs())
      if (found.message !== failure?.message)
        onNotice(`${words.failing}: ${found.message} It is tried again.`)
      failure = found
      // A full disk must not end it.
      await ports.saveFailure?.(failure).catch(() => undefined)
    }
    if (isLast) return
    await clock.sleep(waitMs, stop)
    if (failure !== null) waitMs = Math.min(RETRY_MOST_MS, waitMs * 2)
  }
}

function describe(error: unknown, sinceMs: number): FollowFailure {
  const message = error instanceof Error ? error.message : String(error)
  return { code: error instanceof CcsError ? error.code : 'CCS_UNEXPECTED', message, sinceMs }
}
