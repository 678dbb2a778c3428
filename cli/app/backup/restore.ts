/** Composition of restoring a backup, and of verifying one by restoring it beside the data. */
import { crc32 } from 'node:zlib'
import type { AuditReport } from '../../domain/audit/audit.ts'
import type { BackupStore } from '../../domain/backup/backup-store.ts'
import type { RestoredState } from '../../domain/backup/restore-backup.ts'
import { CcsError } from '../../domain/kernel/errors.ts'
import type { Project } from '../../project.ts'

/** What came back, and of when. */
export interface RestoredBackup extends RestoredState {
  /** When the log was read that was restored, and up to which append time; null: all of it. */
  readonly takenMs: number
  readonly untilMs: number | null
  readonly bytes: number
}

/** How to restore: a time, ms since 1970, or the newest backup. */
export interface RestoreRun {
  readonly atMs?: number | undefined
  readonly onRestored?: (bytes: number) => void
}

/** CCS_USAGE_INVALID if `root` has files; CCS_BACKUP_INVALID if there is no such backup. */
export async function restoreBackup(
  store: BackupStore,
  root: string,
  { atMs, onRestored }: RestoreRun,
): Promise<RestoredBackup> {
  const [choose, backups, { SavedReader }, { restoreState }, log, lake, files, dir] =
    await Promise.all([
      import('../../domain/backup/choose-snapshots.ts'),
      import('../../domain/backup/list-backups.ts'),
      import('../../domain/backup/saved-reader.ts'),
      import('../../domain/backup/restore-backup.ts'),
      import('../../adapters/log/restore-log.ts'),
      import('../../adapters/lake/restore-commit.ts'),
      import('../../adapters/files/files.ts').then(({ diskFiles }) => diskFiles()),
      import('../../adapters/files/new-directory.ts'),
    ])
  const names = await backups.listBackups(store)
  const load = (name: (typeof names)[number]) => backups.readBackup(store, name)
  const chosen = await choose.chooseSnapshots(names, load, atMs)
  if (!chosen)
    throw new CcsError('CCS_BACKUP_INVALID', `There is no backup in ${store.address}.`, {
      hint: 'To make one: ccs backup',
    })
  const reader = new SavedReader(store, crc32, onRestored)
  const restored = await dir.fillNewDirectory(files, root, (own) =>
    restoreState(chosen, {
      restoreLog: (saved, untilMs) =>
        log.restoreLog(files, reader, saved, { dir: `${own}/log`, untilMs }),
      restoreNote: (note) => dir.writeNewFile(files, `${own}/${note.path}`, reader.read(note)),
      restoreCommit: (commit) =>
        lake.restoreCommit(files, reader, commit, { root: own, nowMs: Date.now() }),
    }),
  )
  const { log: newest, untilMs = null } = chosen
  return { ...restored, takenMs: newest.takenMs, untilMs, bytes: reader.bytes }
}

/** Restores the newest backup beside the data, audits it and removes it again. */
export async function verifyBackup(
  project: Project,
  store: BackupStore,
  onRestored: (bytes: number) => void,
): Promise<{ readonly restored: RestoredBackup; readonly audit: AuditReport }> {
  const [{ withScratch }, { diskFiles }, { runAudit }] = await Promise.all([
    import('../../adapters/files/scratch-dir.ts'),
    import('../../adapters/files/files.ts'),
    import('../audit.ts'),
  ])
  const place = { parent: `${project.dataDir}/tmp`, name: 'verify-backup' }
  return withScratch(diskFiles(), place, Date.now(), async (scratch) => {
    const dataDir = `${scratch}/data`
    const restored = await restoreBackup(store, dataDir, { onRestored })
    return { restored, audit: await runAudit({ ...project, dataDir }) }
  })
}
