/** Where backups are kept: objects by key, such as the files of a folder or of an S3 bucket. */

/** An object; `modifiedMs` is when it was written, ms since 1970. */
export interface StoredObject {
  readonly key: string
  readonly bytes: number
  readonly modifiedMs: number
}

/** Keys are relative paths with `/`. Errors are CCS_BACKUP_UNREACHABLE, CCS_DISK_FULL, ... */
export interface BackupStore {
  /** For messages: a path, or `s3://bucket/prefix`. */
  readonly address: string
  /** Objects whose keys begin so, by key. */
  list(prefix: string): Promise<readonly StoredObject[]>
  /** The object's bytes in pieces. CCS_BACKUP_INVALID if there is none. */
  read(key: string): AsyncIterable<Uint8Array>
  /** Replaces the object; it is complete and durable when this resolves, and unseen before. */
  write(key: string, bytes: number, pieces: () => AsyncIterable<Uint8Array>): Promise<void>
  remove(key: string): Promise<void>
}
