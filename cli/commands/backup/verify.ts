import { openBackupStore } from '../../app/backup/place.ts'
import { verifyBackup } from '../../app/backup/restore.ts'
import { CcsCommand, targetFlag } from '../../command.ts'
import { backupPlaceArg } from '../../command-args.ts'
import type { AuditReport } from '../../domain/audit/audit.ts'
import { EXIT } from '../../domain/kernel/errors.ts'
import { formatBytes, formatCount } from '../../domain/kernel/units.ts'

/** The `--json` document of `ccs backup verify`. */
export interface BackupVerifyResult {
  readonly ok: boolean
  readonly place: string
  readonly taken: string
  readonly bytes: number
  readonly audit: AuditReport
}

export default class BackupVerify extends CcsCommand<BackupVerifyResult> {
  static override summary = 'Restore the newest backup beside the data, audit it, and remove it.'
  static override description =
    'Reads every object of the newest backup and compares its checksum, restores it into a ' +
    'temporary directory in the data directory, which needs room for it, and runs `ccs audit` ' +
    'there. Exit code 5: it is damaged or does not add up.'
  static override examples = ['<%= config.bin %> backup verify']
  static override args = { place: backupPlaceArg }
  static override flags = { target: targetFlag }

  async run(): Promise<BackupVerifyResult> {
    const { args, flags } = await this.parse(BackupVerify)
    const project = await this.loadProject(flags)
    const store = await openBackupStore(project, args.place)
    const progress = this.progress('restoring')
    const { restored, audit } = await verifyBackup(project, store, (bytes) =>
      progress.update(bytes),
    )
    progress.end()
    const taken = new Date(restored.takenMs).toISOString()
    const rows = formatCount(audit.models.length)
    this.print(
      `The backup of ${taken} was restored (${formatBytes(restored.bytes)}) and audited: ` +
        (audit.ok ? `${rows} models, everything adds up.` : 'it does not add up.'),
    )
    for (const { model, check, count } of audit.faults)
      this.print(`  ${model}  ${check}: ${formatCount(count)}`)
    if (!audit.ok) this.exitWith(EXIT.checkFailed)
    return { ok: audit.ok, place: store.address, taken, bytes: restored.bytes, audit }
  }
}
