/** The Parquet lake and its manifest as ports. */
import type { LakeFile, Manifest } from './manifest.ts'

/** A Parquet file outside the lake, until a manifest names it. */
export interface StagedFile {
  readonly table: string
  /** Hive partition such as `event_date=2026-11-22`; '' for a table without partitions. */
  readonly partition: string
  readonly path: string
  readonly rows: number
}

/** Parquet files in Hive partitions. Readers see only files that the manifest names. */
export interface Lake {
  /**
   * Creates an empty directory for the files of one commit. Repeated for the same commit it is the
   * same one; no other process ever has one of that name.
   */
  stage(commit: string): Promise<string>
  /** Makes staged files durable and gives each its final name; they are not visible yet. */
  seal(staged: readonly StagedFile[], commit: string): Promise<Manifest['files']>
  /** Moves what `manifest` names to its final place and deletes all other files; idempotent. */
  finalize(manifest: Manifest): Promise<void>
  /** Absolute path of a file that the manifest names. */
  path(file: Manifest['files'][number]): string
}

/** How files are checked before they are read. */
export interface GuardOptions {
  /** Aborted: the check ends with the signal's reason; what was checked stays known. */
  readonly signal?: AbortSignal
  /** A reader has failed, so every file is looked at now, however recently it was. */
  readonly isSuspect?: boolean
}

/** Keeps damaged files of the lake from being read. */
export interface LakeGuard {
  /**
   * Throws CCS_LAKE_DAMAGED unless all these files, which lie at `pathOf(file)`, are as they were
   * written. Each is read once, and again when it was changed.
   */
  requireIntact(
    files: readonly LakeFile[],
    pathOf: (file: LakeFile) => string,
    options?: GuardOptions,
  ): Promise<void>
  /** Whether the file was damaged when it was last checked; false for one that was not checked. */
  isDamaged(file: LakeFile): boolean
}

/** The manifest on disk, replaced by a single rename. */
export interface ManifestStore {
  /** undefined before the first commit; CCS_MANIFEST_INVALID for damage or a newer format. */
  load(): Promise<Manifest | undefined>
  /**
   * Durable when it resolves. CCS_ENGINE_LOCKED unless the serial is the current one plus 1, and if
   * the lock of `fence` is lost or a newer epoch has committed.
   */
  commit(manifest: Manifest): Promise<void>
  /** From now on commits carry this epoch, and `isHeld` is asked before each. */
  fence(epoch: number, isHeld: () => Promise<boolean>): void
}
