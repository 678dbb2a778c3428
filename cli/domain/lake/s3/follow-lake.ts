/** Uploads each commit soon after it was made, for as long as somebody makes commits. */
import { type FollowPorts as CommitPorts, followCommits } from '../follow-commits.ts'
import type { LakePusher } from './push-lake.ts'

/** What it follows. */
export interface FollowPorts
  extends Pick<CommitPorts, 'clock' | 'findRevision' | 'onNotice'>,
    Required<Pick<CommitPorts, 'saveFailure'>> {
  readonly pusher: Pick<LakePusher, 'pass' | 'nextDueMs' | 'isListDue'>
  /** Called after each pass that succeeded. */
  onPassed(): Promise<void>
}

/** Runs until `stop` aborts, then makes a last pass if one is needed. Never rejects. */
export function followLake(ports: FollowPorts, stop: AbortSignal): Promise<void> {
  const { pusher, clock } = ports
  const follow: CommitPorts = {
    ...ports,
    isDue: () => pusher.isListDue || clock.nowMs() >= (pusher.nextDueMs ?? Infinity),
    work: async () => {
      await pusher.pass()
      await ports.onPassed()
    },
    words: {
      failing: 'The last commit is not on S3 yet',
      again: 'Files go up to S3 again.',
    },
  }
  return followCommits(follow, stop)
}
