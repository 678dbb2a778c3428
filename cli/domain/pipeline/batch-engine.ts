/** The port of an engine that runs in this process and takes the log in small batches. */
import type { Reject } from '../gate/reject.ts'
import type { StagedFile } from '../lake/lake.ts'
import type { Counts, Manifest, PartitionPosition, StateFile } from '../lake/manifest.ts'
import type { LogFrame } from '../log/event-log.ts'
import type { QueryResult } from '../sql/query-result.ts'

/** Rows and state up to a point, unchanging, while the engine takes in more. */
export interface FrozenRows {
  /** Rows that are not in the lake yet. */
  readonly rows: number
  readonly positions: readonly PartitionPosition[]
  readonly counts: Counts
}

/** What a frozen part has become on disk; it counts once a manifest names it. */
export interface WrittenCommit {
  readonly staged: readonly StagedFile[]
  readonly state: readonly StateFile[]
  /** Tables whose rows are all in this commit: it does not name their earlier lake files any more. */
  readonly replaced: readonly string[]
}

/** An engine in this process that takes the log in small batches: the local and kafka targets have one. */
export interface BatchEngine<
  F extends FrozenRows = FrozenRows,
  W extends WrittenCommit = WrittenCommit,
> {
  readonly positions: readonly PartitionPosition[]
  readonly counts: Counts
  /** Least watermark of all partitions, ms; null: none yet. */
  readonly watermarkMs: number | null
  /** Rows that no commit holds yet. */
  readonly uncommittedRows: number
  /** Takes frames in, in order; their rows can be asked for when it resolves. */
  ingest(frames: readonly LogFrame[]): Promise<readonly Reject[]>
  /** One SELECT over Bronze, Silver and Gold as of now; `nowMs` is the clock of right_now(). The signal makes it fail. */
  query(sql: string, nowMs: number, signal?: AbortSignal): Promise<QueryResult>
  /** Everything taken in so far; undefined when nothing came since the last. */
  freeze(): Promise<F | undefined>
  /** Writes a frozen part: lake files below `stage`, state below its own directory. Repeatable. */
  write(frozen: F, commit: WriteOptions): Promise<W>
  /** The frozen part is committed: it leaves memory, and queries see `manifest`'s files. */
  release(frozen: F, written: W, manifest: Manifest): Promise<void>
  /** The lake's files changed without new rows. */
  refresh(manifest: Manifest): Promise<void>
  close(): Promise<void>
}

export interface WriteOptions {
  /** Serial of the commit to be. */
  readonly serial: number
  readonly stage: string
  readonly previous: readonly StateFile[]
}
