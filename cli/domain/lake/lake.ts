/** The Parquet lake and its manifest as ports. */
import type { Manifest } from './manifest.ts'

/** A Parquet file that waits outside the lake until a manifest names it. */
export interface StagedFile {
  readonly table: string
  /** Hive partition such as `event_date=2026-11-22`, '' for a table without. */
  readonly partition: string
  readonly path: string
  readonly rows: number
}

/** Parquet files in Hive partitions. What a manifest names is in the lake; nothing else is ever read. */
export interface Lake {
  /** An empty directory for the files of one commit. */
  stage(commit: string): Promise<string>
  /** Makes staged files durable and gives each its final name; they are not visible yet. */
  seal(staged: readonly StagedFile[], commit: string): Promise<Manifest['files']>
  /** Moves what `manifest` names to where it names it, and clears away what none names; repeatable. */
  finalize(manifest: Manifest): Promise<void>
  /** Absolute path of a file that the manifest names. */
  path(file: Manifest['files'][number]): string
}

/** The manifest on disk, replaced by one rename. */
export interface ManifestStore {
  /** undefined before the first commit; CCS_MANIFEST_INVALID for damaged bytes or a newer format. */
  load(): Promise<Manifest | undefined>
  /** Durable when it resolves; its serial must be the current one's plus 1, else CCS_ENGINE_LOCKED. */
  commit(manifest: Manifest): Promise<void>
}
