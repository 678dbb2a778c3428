import { openBackupStore } from '../../app/backup/place.ts'
import { CcsCommand } from '../../command.ts'
import { backupPlaceArg } from '../../command-args.ts'
import { listBackups } from '../../domain/backup/list-backups.ts'

/** The `--json` document of `ccs backup ls`. */
export interface BackupList {
  readonly place: string
  readonly backups: readonly { readonly taken: string; readonly snapshot: string }[]
}

export default class BackupLs extends CcsCommand<BackupList> {
  static override summary = 'List the backups of a place, oldest first.'
  static override examples = [
    '<%= config.bin %> backup ls',
    '<%= config.bin %> backup ls s3://bucket/shop',
  ]
  static override args = { place: backupPlaceArg }

  async run(): Promise<BackupList> {
    const { args, flags } = await this.parse(BackupLs)
    const store = await openBackupStore(await this.loadProject(flags), args.place)
    const backups = (await listBackups(store)).map(({ key, takenMs }) => {
      return { taken: new Date(takenMs).toISOString(), snapshot: key }
    })
    if (backups.length === 0) this.print(`There is no backup in ${store.address}.`)
    for (const { taken } of backups) this.print(taken)
    return { place: store.address, backups }
  }
}
