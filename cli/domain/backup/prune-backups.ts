/** Removes old backups, and the objects that only they named. */
import { appendAll } from '../kernel/lists.ts'
import type { BackupStore } from './backup-store.ts'
import { listBackups, readBackup, readSavedManifest } from './list-backups.ts'
import { listOwnKeys, type SnapshotName } from './snapshot.ts'
import { listCommitKeys } from './take-backup.ts'

/** Objects that no backup ever named may belong to one that is being taken. */
const GRACE_MS = 24 * 3_600_000

/** What is removed, or would be. */
export interface BackupPrune {
  readonly backups: number
  readonly kept: number
  readonly objects: number
  readonly bytes: number
}

/** Plans it and, if `confirm` says yes, does it. The newest backup always stays. */
export async function pruneBackups(
  store: BackupStore,
  { keepMs, nowMs }: { readonly keepMs: number; readonly nowMs: number },
  confirm: (plan: BackupPrune) => Promise<boolean>,
): Promise<BackupPrune & { readonly applied: boolean }> {
  const all = await listBackups(store)
  const newest = all.at(-1)
  const isKept = (one: (typeof all)[number]) => one === newest || one.takenMs >= nowMs - keepMs
  const [kept, old] = [all.filter(isKept), all.filter((one) => !isKept(one))]
  const named = new Set([...kept.map(({ key }) => key), ...(await listNamed(store, kept))])
  const going = new Set(old.map(({ key }) => key))
  // A backup in progress builds on the newest, so it needs nothing that only older ones name.
  const freed = new Set(await listNamed(store, old))
  const objects = (await store.list('')).filter(({ key, modifiedMs }) => {
    if (going.has(key)) return true
    return !named.has(key) && (freed.has(key) || modifiedMs < nowMs - GRACE_MS)
  })
  const bytes = objects.reduce((sum, one) => sum + one.bytes, 0)
  const plan = { backups: old.length, kept: kept.length, objects: objects.length, bytes }
  if (objects.length === 0 || !(await confirm(plan))) return { ...plan, applied: false }
  // A backup is gone before what it names, so that none is ever incomplete.
  for (const { key } of objects) if (going.has(key)) await store.remove(key)
  for (const { key } of objects) if (!going.has(key)) await store.remove(key)
  return { ...plan, applied: true }
}

/** Keys of all objects that these backups need. */
async function listNamed(
  store: BackupStore,
  backups: readonly SnapshotName[],
): Promise<readonly string[]> {
  const named: string[] = []
  const manifests = new Set<string>()
  for (const name of backups) {
    const snapshot = await readBackup(store, name)
    appendAll(named, listOwnKeys(snapshot))
    const { commit } = snapshot
    if (!commit || manifests.has(commit.key)) continue
    manifests.add(commit.key)
    const manifest = await readSavedManifest(store, snapshot)
    if (manifest) appendAll(named, listCommitKeys(manifest))
  }
  return named
}
