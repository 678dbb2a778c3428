/** The port of an engine that runs in this process and takes the log in small batches. */
import type { FailingRecord } from '../gate/failing-record.ts'
import type { Reject } from '../gate/reject.ts'
import type { StagedFile } from '../lake/lake.ts'
import type {
  Counts,
  DedupedDay,
  Manifest,
  PartitionEnd,
  PartitionPosition,
  StateFile,
} from '../lake/manifest.ts'
import type { LogFrame } from '../log/event-log.ts'
import type { QueryControl, QueryResult } from '../sql/query-result.ts'

/** A snapshot of rows and state that stays unchanged while the engine ingests more. */
export interface FrozenRows {
  /** Rows that are not in the lake yet. */
  readonly rows: number
  readonly positions: readonly PartitionPosition[]
  readonly counts: Counts
  readonly dedupedDays: readonly DedupedDay[]
}

/** A snapshot as written to disk; it becomes visible once a manifest names its files. */
export interface WrittenCommit {
  readonly staged: readonly StagedFile[]
  readonly state: readonly StateFile[]
  /** Tables that this commit rewrites as a whole; their earlier lake files are dropped. */
  readonly replaced: readonly string[]
  /** Models that could not compute their final rows, which stay in the state, and why. */
  readonly unfinished: readonly { readonly model: string; readonly message: string }[]
}

/**
 * An engine in this process that ingests the log in small batches; targets
 * `local` and `kafka` use one.
 */
export interface BatchEngine<
  F extends FrozenRows = FrozenRows,
  W extends WrittenCommit = WrittenCommit,
> {
  readonly positions: readonly PartitionPosition[]
  readonly counts: Counts
  /** The least watermark of all partitions, ms; null before the first event. */
  readonly watermarkMs: number | null
  /** Rows that are in no commit yet. */
  readonly uncommittedRows: number
  /** Whether a query met a record that a model fails on; the next commit will meet it, too. */
  readonly hasFailed: boolean
  /**
   * Ingests frames in order; their rows are visible to queries when it
   * resolves. Returns the rejects.
   */
  ingest(frames: readonly LogFrame[]): Promise<readonly Reject[]>
  /**
   * Counts what lies before these offsets as read: behind the last frame there may be marks of
   * records that were erased or lost. Called between two calls of `ingest`; never goes back.
   */
  skipTo(ends: readonly PartitionEnd[]): void
  /**
   * Runs one SELECT over the current Bronze, Silver and Gold; `nowMs` is the time of right_now().
   * CCS_QUERY_LIMIT if it exceeds the limits of ccs.yml or its own.
   */
  query(sql: string, nowMs: number, control?: QueryControl): Promise<QueryResult>
  /**
   * Takes a snapshot of everything ingested so far; undefined if nothing is new since the last one.
   */
  freeze(): Promise<F | undefined>
  /** Writes a snapshot: lake files below `stage`, state below its own directory. Repeatable. */
  write(frozen: F, commit: WriteOptions): Promise<W>
  /** Drops a committed snapshot from memory; from now on queries read `manifest`'s files. */
  release(frozen: F, written: W, manifest: Manifest): Promise<void>
  /** Makes queries read `manifest`'s files, which changed without new rows (compaction). */
  refresh(manifest: Manifest): Promise<void>
  /**
   * After `freeze` or `write` failed with `error`: finds the uncommitted records that models fail
   * on, [] if the error has other causes. Once `isOverdue`, records may be among them that stand
   * beside one that fails. Afterwards only `restart` and `close` may be called.
   */
  findFailing(error: unknown, isOverdue: () => boolean): Promise<readonly FailingRecord[]>
  /**
   * Forgets everything since the commit of `manifest`; undefined: everything. From now on these
   * records, and those of earlier calls, are rejected.
   */
  restart(manifest: Manifest | undefined, failing: readonly FailingRecord[]): Promise<void>
  close(): Promise<void>
}

/** Where a commit is written. */
export interface WriteOptions {
  /** The commit's staging directory, whose name no other attempt at a commit has. */
  readonly stage: string
  readonly previous: readonly StateFile[]
}
