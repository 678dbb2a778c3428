/** `ccs dlq collect` as it is run: once, or on and on, waiting for servers that are unreachable. */
import type { Clock } from '../kernel/clock.ts'
import { CcsError } from '../kernel/errors.ts'
import { retryWhileUnreachable } from '../kernel/retry.ts'
import { addCounts, type CollectCounts } from './collect-rejects.ts'

/** What `ccs dlq collect --json` prints. */
export interface Collected extends CollectCounts {
  /** Topic of the processing log. */
  readonly log: string
}

/** How to collect. */
export interface CollectRun {
  /** Goes on until the signal aborts. */
  readonly isFollowing: boolean
  readonly signal: AbortSignal
  readonly clock: Clock
  /** Gets the counts of all attempts so far. */
  readonly onProgress: (counts: CollectCounts) => void
  readonly onNotice: (text: string) => void
}

const RETRY = { firstMs: 500, mostMs: 10_000 }

/** Each attempt goes on from what is in Kafka, and counts from 0. */
export async function collectUntilStopped(
  collectOnce: (onProgress: CollectRun['onProgress']) => Promise<Collected>,
  { isFollowing, signal, clock, onProgress, onNotice }: CollectRun,
): Promise<Collected> {
  if (!isFollowing) return collectOnce(onProgress)
  let total: CollectCounts | undefined
  return retryWhileUnreachable(
    async (onSuccess) => {
      const before = total
      const result = await collectOnce((counts) => {
        total = addCounts(before, counts)
        onSuccess()
        onProgress(total)
      })
      return { ...result, ...addCounts(before, result) }
    },
    { ...RETRY, clock, signal, onWait: (error) => onNotice(`${error.message} Waiting for it.`) },
  )
}

/** CCS_CONFIG_INVALID for a target whose processing log is not known; `problem`: `has no Kafka`. */
export function noProcessingLog(target: string, problem: string): CcsError {
  return new CcsError('CCS_CONFIG_INVALID', `Target "${target}" ${problem}.`, {
    hint:
      'Name a target whose engine keeps one: ccs dlq collect --target NAME. ' +
      'Or name its topic: --log TOPIC',
  })
}
