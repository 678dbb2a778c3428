/** Where a project's backups are, and taking them again and again. */
import type { BackupStore } from '../../domain/backup/backup-store.ts'
import { CcsError } from '../../domain/kernel/errors.ts'
import type { Project } from '../../project.ts'
import { takeProjectBackup } from './take.ts'

/** The place: that of the command line, or `backup.to` of ccs.yml. CCS_USAGE_INVALID: neither. */
export async function openBackupStore(
  project: Project,
  place: string | undefined,
): Promise<BackupStore> {
  const to = place ?? project.config.backup.to
  if (to === '')
    throw new CcsError('CCS_USAGE_INVALID', 'It is not known where the backup is.', {
      hint: 'Name a folder or s3://bucket/prefix, or set backup.to in ccs.yml.',
    })
  if (to.startsWith('s3://')) {
    const { openS3BackupStore } = await import('../../adapters/s3/backup-store.ts')
    return openS3BackupStore(to, process.env)
  }
  const [{ openFolderStore }, { diskFiles }, { resolve }] = await Promise.all([
    import('../../adapters/backup/folder-store.ts'),
    import('../../adapters/files/files.ts'),
    import('node:path'),
  ])
  // As written in ccs.yml it is relative to the project, on the command line to where the user is.
  return openFolderStore(diskFiles(), place === undefined ? resolve(project.dir, to) : resolve(to))
}

/** How many backups there are; null: ccs.yml names no place. */
export async function countBackups(project: Project): Promise<number | null> {
  if (project.config.backup.to === '') return null
  const { listBackups } = await import('../../domain/backup/list-backups.ts')
  return (await listBackups(await openBackupStore(project, undefined))).length
}

/** A commit this recent is not copied again by backups that follow one another. */
const COMMIT_EVERY_MS = 15 * 60_000

/** Takes backups again and again, beside whatever runs; never rejects. */
export async function repeatProjectBackup(
  project: Project,
  backups: BackupStore,
  { everyMs, onNotice }: { readonly everyMs: number; readonly onNotice: (text: string) => void },
  stop: AbortSignal,
): Promise<void> {
  const [{ scheduleBackups }, { systemClock }] = await Promise.all([
    import('../../domain/backup/schedule-backups.ts'),
    import('../../adapters/process/system-clock.ts'),
  ])
  const run = { commitAgeMsMax: COMMIT_EVERY_MS, onDamage: onNotice }
  const take = async () => {
    await takeProjectBackup(project, backups, run)
  }
  await scheduleBackups({ clock: systemClock(), everyMs, take, onNotice }, stop)
}

/** Takes backups until the signal aborts; undefined: ccs.yml asks for none (`backup.every`). */
export async function openKeptBackups(
  project: Project,
  onNotice: (text: string) => void,
): Promise<((stop: AbortSignal) => Promise<void>) | undefined> {
  const { everyMs } = project.config.backup
  if (everyMs === 0) return undefined
  const store = await openBackupStore(project, undefined)
  return (stop) => repeatProjectBackup(project, store, { everyMs, onNotice }, stop)
}
