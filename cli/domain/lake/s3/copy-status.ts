/** How far the lake's copy on S3 is, for `ccs status`, the page and the metrics. */
import { formatBytes, formatCount } from '../../kernel/units.ts'
import type { FollowFailure } from '../follow-commits.ts'

/** What a data directory keeps of its copy. */
export interface CopyState {
  /** By which the copy knows that it is this directory's. */
  readonly lake: string
  readonly address: string
  /** The commit that readers of the bucket see; null: none. */
  readonly serial: number | null
  readonly committedMs: number | null
  /** Files of the newest commit that are not there yet. */
  readonly waitingFiles: number
  readonly waitingBytes: number
  /** Why nothing goes up; null: it does. */
  readonly failure: FollowFailure | null
}

/** What `ccs status` shows. */
export interface CopyStatus {
  /** `s3://bucket/prefix` */
  readonly address: string
  /** The commit that readers of the bucket see; null: none yet. */
  readonly serial: number | null
  /** When it was committed, ISO 8601. */
  readonly committed: string | null
  /** As of the last attempt. */
  readonly waitingFiles: number
  readonly waitingBytes: number
  readonly failure: { readonly message: string; readonly since: string } | null
}

/** `state` may be that of another place: then nothing is there yet. */
export function describeCopy(address: string, state: CopyState | undefined): CopyStatus {
  const own = state?.address === address ? state : undefined
  const { serial = null, committedMs = null, waitingFiles = 0, waitingBytes = 0 } = own ?? {}
  const failure = own?.failure ?? null
  return {
    ...{ address, serial, waitingFiles, waitingBytes },
    committed: formatTime(committedMs),
    failure: failure && {
      message: failure.message,
      since: new Date(failure.sinceMs).toISOString(),
    },
  }
}

function formatTime(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString()
}

/** One line; `serial` is that of the last commit. */
export function formatCopyStatus(copy: CopyStatus, serial: number): string {
  const { address, waitingFiles, waitingBytes, failure } = copy
  const commit = copy.serial === null ? 'no commit yet' : `commit no. ${copy.serial}`
  const seen = copy.serial === serial ? `${commit}, the last one` : `${commit} of ${serial}`
  const files = `${formatCount(waitingFiles)} files (${formatBytes(waitingBytes)}) wait`
  const waiting = waitingFiles > 0 ? `; ${files}` : ''
  const why = failure ? `; since ${failure.since}: ${failure.message}` : ''
  return `${address}: ${seen}${waiting}${why}`
}
