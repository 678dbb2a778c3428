import { Flags } from '@oclif/core'
import { verifyProjectCopy } from '../../app/copy/push.ts'
import { openLake } from '../../app/lake.ts'
import { repairProjectLake } from '../../app/lake-repair.ts'
import { recordCommand } from '../../app/store.ts'
import { CcsCommand, targetFlag } from '../../command.ts'
import { describeLakeRepair } from '../../domain/dlq/plan-lake-repair.ts'
import type { LakeRepairResult } from '../../domain/dlq/repair-lake.ts'
import { CcsError, EXIT } from '../../domain/kernel/errors.ts'
import { formatBytes, formatCount } from '../../domain/kernel/units.ts'
import { REPAIR_COMMAND } from '../../domain/lake/damage.ts'
import type { VerifyCopyResult } from '../../domain/lake/s3/verify-copy.ts'
import type { VerifyResult } from '../../domain/lake/verify.ts'
import type { Project } from '../../project.ts'

export default class LakeVerify extends CcsCommand<
  VerifyResult | LakeRepairResult | VerifyCopyResult
> {
  static override summary = 'Check that every file of the lake is as it was written; repair it.'
  static override description =
    'Reads each file that the manifest names and checks that it exists, has its size and ' +
    'checksum, and opens as Parquet with its number of rows. Exit code 5: some are damaged or ' +
    'missing; they are listed. With --repair, damaged Gold is computed again from Silver, and ' +
    'anything else is rebuilt from the log, into which records that it no longer has are put ' +
    'back from Bronze. Nothing else may run on the data directory then. Exit code 3: there is ' +
    'something to repair, and it was not confirmed. With --s3, the files of the copy on S3 are ' +
    'checked instead: by the checksums of the server, or by reading them if it has none.'
  static override examples = [
    '<%= config.bin %> lake verify',
    '<%= config.bin %> lake verify --json',
    '<%= config.bin %> lake verify --repair --yes',
    '<%= config.bin %> lake verify --s3',
  ]

  static override flags = {
    target: targetFlag,
    repair: Flags.boolean({ summary: 'Make damaged files good again; shows the plan first.' }),
    s3: Flags.boolean({ summary: 'Check the copy on S3.', exclusive: ['repair'] }),
    yes: Flags.boolean({ char: 'y', summary: 'Do not ask.', dependsOn: ['repair'] }),
    'allow-destructive': Flags.boolean({
      summary: 'Give up records that are found nowhere any more.',
      dependsOn: ['repair'],
    }),
  }

  async run(): Promise<VerifyResult | LakeRepairResult | VerifyCopyResult> {
    const { flags } = await this.parse(LakeVerify)
    const project = await this.loadProject(flags)
    if (flags.repair)
      return this.#repair(project, { yes: flags.yes, mayLoseRows: flags['allow-destructive'] })
    if (flags.s3) return this.#verifyCopy(project)
    const opened = await openLake(project)
    try {
      const progress = this.progress('verifying')
      const result = await opened.verify((done, total) => progress.update(done, total))
      progress.end()
      this.#finish(result)
      return result
    } finally {
      await opened.close()
    }
  }

  async #verifyCopy(project: Project): Promise<VerifyCopyResult> {
    const progress = this.progress('verifying')
    const result = await verifyProjectCopy(project, (done, total) => progress.update(done, total))
    progress.end()
    const { address, ok, serial, lastSerial, files, rows, bytes, unnamed } = result
    if (!ok && !this.jsonEnabled())
      throw new CcsError('CCS_CHECK_FAILED', `${address}: ${listDamaged(result)}`, {
        hint: 'To upload them again: ccs lake push --repair',
      })
    if (!ok) this.exitWith(EXIT.checkFailed)
    const of = serial === lastSerial ? '' : ` of ${lastSerial}`
    this.print(
      serial === null
        ? `${address} has no commit yet.`
        : `${address} has commit no. ${serial}${of}: ` +
            `${formatCount(files)} files, ${formatCount(rows)} rows, ` +
            `${formatBytes(bytes)}: all as they were written.`,
    )
    if (unnamed > 0)
      this.note(
        `${formatCount(unnamed)} objects belong to no commit: the next upload removes them.`,
      )
    return result
  }

  async #repair(
    project: Project,
    { yes, mayLoseRows }: { readonly yes: boolean; readonly mayLoseRows: boolean },
  ): Promise<LakeRepairResult> {
    const progress = this.progress('verifying')
    const repairIt = () =>
      repairProjectLake(project, {
        mayLoseRows,
        onProgress: (done, total) => progress.update(done, total),
        onNotice: (text) => this.note(text),
        confirm: async ({ damaged, files, repair }) => {
          progress.end()
          for (const line of listDamaged({ damaged, files }).split('\n')) this.print(line)
          if (repair) for (const line of describeLakeRepair(repair)) this.print(line)
          return yes || (await this.confirm('Repair it?'))
        },
      })
    const result = await recordCommand(project, this, repairIt)
    progress.end()
    if (result.repair === null || result.repair.applied) this.#finish(result)
    else {
      this.note(`Nothing was changed. To repair it: ${REPAIR_COMMAND} --yes`)
      this.exitWith(EXIT.changes)
    }
    if (result.repair?.applied) this.note('To check what that means for the models: ccs audit')
    return result
  }

  #finish(result: VerifyResult): void {
    const { ok, files, rows, bytes, serial } = result
    if (!ok) {
      if (!this.jsonEnabled())
        throw new CcsError('CCS_CHECK_FAILED', listDamaged(result), {
          hint: `To repair it: ${REPAIR_COMMAND}`,
        })
      this.exitWith(EXIT.checkFailed)
    }
    if (serial === null) this.print('Nothing was committed yet.')
    else
      this.print(
        `${formatCount(files)} files, ${formatCount(rows)} rows, ` +
          `${formatBytes(bytes)}: all as they were written.`,
      )
  }
}

const SHOWN_MAX = 20

type Damaged = Pick<VerifyResult, 'damaged' | 'files'>

function listDamaged({ damaged: found, files }: Damaged): string {
  const shown = found.slice(0, SHOWN_MAX).map((one) => `\n  ${one.file} ${one.fault}`)
  const more = found.length > SHOWN_MAX ? `\n  … and ${found.length - SHOWN_MAX} more` : ''
  const what = `${found.length} of ${files} files are not as they were written:`
  return `${what}${shown.join('')}${more}`
}
