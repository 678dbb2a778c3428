/** Composition of taking a backup. */
import { crc32 } from 'node:zlib'
import type { BackupStore } from '../../domain/backup/backup-store.ts'
import type { TakenBackup } from '../../domain/backup/take-backup.ts'
import type { Project } from '../../project.ts'

/** How to take a backup. */
export interface TakeRun {
  /** A commit of the last backup that is no older is not copied anew; 0: it always is. */
  readonly commitAgeMsMax?: number
  readonly onDamage: (text: string) => void
  readonly onCopied?: (bytes: number) => void
}

/** Takes one, beside a running engine if there is one. */
export async function takeProjectBackup(
  project: Project,
  place: BackupStore,
  { commitAgeMsMax = 0, onDamage, onCopied = () => {} }: TakeRun,
): Promise<TakenBackup> {
  const [{ openBackupSource }, { listLiveLog }, { takeBackup }, backups, store] = await Promise.all(
    [
      import('../../adapters/lake/backup-source.ts'),
      import('../../adapters/log/live-log.ts'),
      import('../../domain/backup/take-backup.ts'),
      import('../../domain/backup/list-backups.ts'),
      import('../store.ts').then(({ openStore }) => openStore(project.dataDir)),
    ],
  )
  try {
    const { dataLayout } = await import('../../domain/lake/layout.ts')
    const last = (await backups.listBackups(place)).at(-1)
    const previous = last && (await backups.readBackup(place, last))
    const previousManifest = previous && (await backups.readSavedManifest(place, previous))
    const prefixes = previousManifest ? [] : ['lake/', 'state/']
    const present = (await Promise.all(prefixes.map((one) => place.list(one)))).flat()
    const dir = dataLayout(store.root).log
    const log = async () => (project.target.kafka ? [] : listLiveLog(store.files, dir, onDamage))
    return await takeBackup(
      place,
      { ...openBackupSource(store), log },
      {
        ...{ nowMs: () => Date.now(), crc32, commitAgeMsMax, previous, previousManifest, onCopied },
        present: new Set(present.map(({ key }) => key)),
      },
    )
  } finally {
    await store.log.close()
  }
}
