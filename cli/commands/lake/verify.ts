import { openLake } from '../../app/lake.ts'
import { CcsCommand, targetFlag } from '../../command.ts'
import { CcsError, EXIT } from '../../domain/kernel/errors.ts'
import { formatBytes, formatCount } from '../../domain/kernel/units.ts'
import type { VerifyResult } from '../../domain/lake/verify.ts'

export default class LakeVerify extends CcsCommand<VerifyResult> {
  static override summary = 'Check that every file of the lake is as it was written.'
  static override description =
    'Reads each file that the manifest names and checks that it exists, has its size and ' +
    'checksum, and opens as Parquet with its number of rows. Exit code 5: some are damaged or ' +
    'missing; they are listed.'
  static override examples = [
    '<%= config.bin %> lake verify',
    '<%= config.bin %> lake verify --json',
  ]

  static override flags = { target: targetFlag }

  async run(): Promise<VerifyResult> {
    const { flags } = await this.parse(LakeVerify)
    const opened = await openLake(await this.loadProject(flags))
    try {
      const progress = this.progress('verifying')
      const result = await opened.verify((done, total) => progress.update(done, total))
      progress.end()
      if (!result.ok) {
        if (!this.jsonEnabled()) throw damaged(result)
        this.exitWith(EXIT.checkFailed)
      }
      const { files, rows, bytes, serial } = result
      if (serial === null) this.print('Nothing was committed yet.')
      else
        this.print(
          `${formatCount(files)} files, ${formatCount(rows)} rows, ` +
            `${formatBytes(bytes)}: all as they were written.`,
        )
      return result
    } finally {
      await opened.close()
    }
  }
}

const SHOWN_MAX = 20

function damaged({ damaged: found, files }: VerifyResult): CcsError {
  const shown = found.slice(0, SHOWN_MAX).map((one) => `\n  ${one.file} ${one.fault}`)
  const more = found.length > SHOWN_MAX ? `\n  … and ${found.length - SHOWN_MAX} more` : ''
  const what = `${found.length} of ${files} files are not as they were written:`
  return new CcsError('CCS_CHECK_FAILED', `${what}${shown.join('')}${more}`, {
    hint:
      'Rebuild the lake from the log, if that is whole (ccs log verify): ' +
      'ccs deploy --rebuild --yes',
  })
}
