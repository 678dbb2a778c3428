import { Flags } from '@oclif/core'
import { openBackupStore } from '../../app/backup/place.ts'
import { recordCommand } from '../../app/store.ts'
import { CcsCommand, durationFlag } from '../../command.ts'
import { backupPlaceArg } from '../../command-args.ts'
import { type BackupPrune, pruneBackups } from '../../domain/backup/prune-backups.ts'
import { EXIT } from '../../domain/kernel/errors.ts'
import { formatBytes, formatCount } from '../../domain/kernel/units.ts'

/** The `--json` document of `ccs backup prune`. */
export interface BackupPruneResult extends BackupPrune {
  readonly place: string
  readonly applied: boolean
}

export default class BackupPruneCommand extends CcsCommand<BackupPruneResult> {
  static override summary = 'Remove old backups and what only they had.'
  static override description =
    'Shows the plan first. The newest backup always stays. What no backup ever had stays for a ' +
    'day, as it may belong to one that is being taken. Exit code 3: there is something to ' +
    'remove, and it was not confirmed.'
  static override examples = ['<%= config.bin %> backup prune --keep 30d --yes']
  static override args = { place: backupPlaceArg }
  static override flags = {
    keep: durationFlag({ summary: 'Backups of this time stay.', helpValue: '30d', required: true }),
    yes: Flags.boolean({ char: 'y', summary: 'Do not ask.' }),
  }

  async run(): Promise<BackupPruneResult> {
    const { args, flags } = await this.parse(BackupPruneCommand)
    const project = await this.loadProject(flags)
    const store = await openBackupStore(project, args.place)
    const limits = { keepMs: flags.keep, nowMs: this.clock.nowMs() }
    const confirm = async (plan: BackupPrune) => {
      const { backups, kept, objects, bytes } = plan
      this.print(
        `Backups to remove: ${formatCount(backups)}; ${formatCount(kept)} stay. ` +
          `Objects: ${formatCount(objects)}, ${formatBytes(bytes)}.`,
      )
      return flags.yes || (await this.confirm('Remove them?'))
    }
    const done = await recordCommand(project, this, () => pruneBackups(store, limits, confirm))
    if (done.objects === 0) this.print('Nothing to remove.')
    else if (!done.applied) {
      this.note('Nothing was removed. To remove them, type the same with --yes.')
      this.exitWith(EXIT.changes)
    } else this.print('Removed.')
    return { place: store.address, ...done }
  }
}
