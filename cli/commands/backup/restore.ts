import { Flags } from '@oclif/core'
import { openBackupStore } from '../../app/backup/place.ts'
import { restoreBackup } from '../../app/backup/restore.ts'
import { recordCommand } from '../../app/store.ts'
import { CcsCommand, targetFlag } from '../../command.ts'
import { backupPlaceArg } from '../../command-args.ts'
import { parseInstantMs } from '../../domain/kernel/time-argument.ts'
import { formatBytes, formatCount } from '../../domain/kernel/units.ts'

/** The `--json` document of `ccs backup restore`. */
export interface RestoreResult {
  readonly place: string
  readonly dir: string
  /** When the backup was taken. */
  readonly taken: string
  /** Records appended later were left out; null: all that the backup has is there. */
  readonly until: string | null
  readonly serial: number | null
  readonly bytes: number
  /** The log: offset after the last record of each partition. */
  readonly partitions: readonly {
    readonly topic: string
    readonly partition: number
    readonly end: number
  }[]
}

export default class BackupRestore extends CcsCommand<RestoreResult> {
  static override aliases = ['restore']
  static override summary = 'Restore a backup into an empty data directory.'
  static override description =
    'Restores the newest backup, or the state at a time: the newest commit before it, and the ' +
    'log up to that time; the engine then takes in the rest of the log. Each byte is compared ' +
    'with its checksum. The directory gets its name at the end, so that a restore that was ' +
    'interrupted leaves none. The daily marts are made again by `ccs dbt build`.'
  static override examples = [
    '<%= config.bin %> restore /mnt/backup --data restored',
    '<%= config.bin %> restore s3://bucket/shop --data restored --to 2026-11-30T10:00:00Z',
  ]
  static override args = { place: backupPlaceArg }
  static override flags = {
    target: targetFlag,
    to: Flags.string({
      summary: 'A time as ISO 8601: what was appended later is left out.',
      helpValue: '2026-11-30T10:00:00Z',
    }),
  }

  async run(): Promise<RestoreResult> {
    const { args, flags } = await this.parse(BackupRestore)
    const project = await this.loadProject(flags)
    const store = await openBackupStore(project, args.place)
    const atMs = flags.to === undefined ? undefined : parseInstantMs(flags.to, '--to')
    const progress = this.progress('restoring')
    const run = { atMs, onRestored: (bytes: number) => progress.update(bytes) }
    const found = await recordCommand(project, this, () =>
      restoreBackup(store, project.dataDir, run),
    )
    progress.end()
    const { takenMs, untilMs, manifest, bytes, partitions } = found
    const taken = new Date(takenMs).toISOString()
    const until = untilMs === null ? null : new Date(untilMs).toISOString()
    this.print(`Restored ${formatBytes(bytes)} into ${project.dataDir}.`)
    this.print(manifest ? `Rows are those of commit ${manifest.serial}.` : 'There are no rows yet.')
    for (const { topic, partition, end } of partitions)
      this.print(
        end === 0
          ? `The log of ${topic}-${partition} is empty.`
          : `The log of ${topic}-${partition} ends with record ${formatCount(end - 1)}.`,
      )
    if (atMs !== undefined && untilMs === null)
      this.note(`The newest backup is of ${taken}: what came after it is not in it.`)
    this.note('To take in the rest of the log: ccs run --once. To check everything: ccs audit')
    const serial = manifest?.serial ?? null
    return {
      ...{ place: store.address, dir: project.dataDir, taken, until },
      ...{ serial, bytes, partitions },
    }
  }
}
