/**
 * Waits until a job has read all events that there were. A job commits its offsets with each
 * checkpoint. They never reach the end of a topic whose last record is the mark of a transaction,
 * so a job that reads nothing more for two checkpoints has read all.
 */
import { sleep } from '../../../adapters/process/system-clock.ts'
import type { TopicAdmin } from '../../../domain/log/topic-admin.ts'

/** What waiting needs. */
export interface CatchUpParts {
  readonly topics: Pick<TopicAdmin, 'progress'>
  /** Throws if the job does not run any more, or if that was long enough. */
  readonly checkRunning: () => Promise<void>
  readonly checkpointMs: number
  readonly pollMs?: number
}

/** Resolves when `group` has read all of `topic` up to where it ends now. */
export async function awaitCaughtUp(
  topic: string,
  group: string,
  { topics, checkRunning, checkpointMs, pollMs = 500 }: CatchUpParts,
): Promise<void> {
  const quietMs = 2 * checkpointMs + 5_000
  let progress = await topics.progress(topic, group)
  const goals = new Map(progress.map((one) => [one.partition, one.end]))
  let [read, sinceMs] = [-1, Date.now()]
  for (;;) {
    // One record at the end may be the mark of a transaction, which nobody reads.
    const isRead = progress.every(({ partition, start, committed }) => {
      const goal = goals.get(partition) ?? 0
      return goal <= start || (committed ?? 0) >= goal - 1
    })
    if (isRead) return
    const now = progress.reduce((sum, one) => sum + (one.committed ?? 0), 0)
    if (now !== read) [read, sinceMs] = [now, Date.now()]
    else if (now > 0 && Date.now() - sinceMs > quietMs) return
    await sleep(pollMs)
    await checkRunning()
    progress = await topics.progress(topic, group)
  }
}
