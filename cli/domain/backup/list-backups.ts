/** The snapshots of a place. */
import type { Manifest } from '../lake/manifest.ts'
import { parseManifest } from '../lake/manifest-text.ts'
import type { BackupStore } from './backup-store.ts'
import { readWhole } from './saved-reader.ts'
import { parseSnapshotKey, SNAPSHOT_PREFIX, type Snapshot, type SnapshotName } from './snapshot.ts'
import { parseSnapshot } from './snapshot-text.ts'

/** Snapshots by time. */
export async function listBackups(store: BackupStore): Promise<readonly SnapshotName[]> {
  return (await store.list(SNAPSHOT_PREFIX)).flatMap(({ key }) => parseSnapshotKey(key) ?? [])
}

/** CCS_BACKUP_INVALID if it is damaged. */
export async function readBackup(store: BackupStore, { key }: SnapshotName): Promise<Snapshot> {
  return parseSnapshot(await readWhole(store.read(key)), `${key} in ${store.address}`)
}

/** The manifest of its commit; undefined: it has none. */
export async function readSavedManifest(
  store: BackupStore,
  { commit }: Snapshot,
): Promise<Manifest | undefined> {
  if (!commit) return undefined
  return parseManifest(await readWhole(store.read(commit.key)), `${commit.key} in ${store.address}`)
}
