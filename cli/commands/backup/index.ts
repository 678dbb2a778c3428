import { openBackupStore, repeatProjectBackup } from '../../app/backup/place.ts'
import { takeProjectBackup } from '../../app/backup/take.ts'
import { CcsCommand, durationFlag, targetFlag } from '../../command.ts'
import { backupPlaceArg } from '../../command-args.ts'
import { EXIT } from '../../domain/kernel/errors.ts'
import { formatBytes, formatCount } from '../../domain/kernel/units.ts'

/** The `--json` document of `ccs backup`. */
export interface BackupResult {
  readonly place: string
  /** Key of the snapshot; null: backups were repeated until they were stopped. */
  readonly snapshot: string | null
  readonly taken: string | null
  /** The commit that it has; null: none yet. */
  readonly serial: number | null
  readonly copiedObjects: number
  readonly copiedBytes: number
  /** Damaged files of the log, which were copied as they are. */
  readonly damage: readonly string[]
}

export default class Backup extends CcsCommand<BackupResult> {
  static override summary = 'Back up the data directory to a folder or to S3.'
  static override description =
    'Copies what is new since the last backup: the files of the last commit, and the log up to ' +
    'its end. The engine and writers go on meanwhile. The daily marts are not copied: ' +
    '`ccs dbt build` makes them again. On Kafka the log stays with Kafka. Exit code 5: a file of ' +
    'the log is damaged; it was copied as it is.'
  static override examples = [
    '<%= config.bin %> backup /mnt/backup',
    '<%= config.bin %> backup s3://bucket/shop --every 1min',
    '<%= config.bin %> backup',
  ]
  static override args = { place: backupPlaceArg }
  static override flags = {
    target: targetFlag,
    every: durationFlag({
      summary: 'Take one after the other at this pace, until Ctrl-C.',
      helpValue: '1min',
    }),
  }

  async run(): Promise<BackupResult> {
    const { args, flags } = await this.parse(Backup)
    const project = await this.loadProject(flags)
    const stop = this.abortOnSignal()
    const store = await openBackupStore(project, args.place)
    const nothing = { place: store.address, snapshot: null, taken: null, serial: null }
    if (flags.every !== undefined) {
      this.note(`Backing up to ${store.address}; Ctrl-C ends it.`)
      const onNotice = (text: string) => this.note(text)
      await repeatProjectBackup(project, store, { everyMs: flags.every, onNotice }, stop)
      return { ...nothing, copiedObjects: 0, copiedBytes: 0, damage: [] }
    }
    const progress = this.progress('copying')
    const damage: string[] = []
    const { snapshot, key, copiedObjects, copiedBytes } = await takeProjectBackup(project, store, {
      onDamage: (text) => damage.push(text),
      onCopied: (bytes) => progress.update(bytes),
    })
    progress.end()
    const { takenMs, commit } = snapshot
    const what = commit ? `commit ${commit.serial} and the log` : 'the log'
    this.print(
      `Backed up ${what} to ${store.address}: ${formatCount(copiedObjects)} objects, ` +
        `${formatBytes(copiedBytes)} new.`,
    )
    for (const text of damage) this.print(this.paint('yellow', text))
    if (damage.length > 0) {
      this.note('To see all damage: ccs log verify')
      this.exitWith(EXIT.checkFailed)
    }
    const taken = new Date(takenMs).toISOString()
    const serial = commit?.serial ?? null
    return { ...nothing, snapshot: key, taken, serial, copiedObjects, copiedBytes, damage }
  }
}
