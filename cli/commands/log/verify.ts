import { checkProjectLog } from '../../app/log.ts'
import { CcsCommand, targetFlag } from '../../command.ts'
import { CcsError, EXIT } from '../../domain/kernel/errors.ts'
import { formatBytes, formatCount } from '../../domain/kernel/units.ts'
import {
  countUnreadable,
  describeDamage,
  describeLost,
  type LogVerifyResult,
  type VerifiedPartition,
} from '../../domain/log/log-report.ts'

export default class LogVerify extends CcsCommand<LogVerifyResult> {
  static override summary = 'Check that every record of the log can be read.'
  static override description =
    'Reads each frame of each segment and checks its checksum, also while others write. Prints ' +
    'the files, records, offsets and days of each partition, and each damaged place with its ' +
    'file and byte. Exit code 5: something is damaged or missing. To repair it: ccs log repair'
  static override examples = ['<%= config.bin %> log verify', '<%= config.bin %> log verify --json']

  static override flags = { target: targetFlag }

  async run(): Promise<LogVerifyResult> {
    const { flags } = await this.parse(LogVerify)
    const project = await this.loadProject(flags)
    const progress = this.progress('verifying')
    const result = await checkProjectLog(project, (done, total) => progress.update(done, total))
    progress.end()
    this.#show(result)
    if (!result.ok) {
      if (!this.jsonEnabled()) throw damaged(result)
      this.exitWith(EXIT.checkFailed)
    }
    return result
  }

  #show({ ok, partitions }: LogVerifyResult): void {
    if (partitions.length === 0) {
      this.print('The log is empty: nothing was appended yet.')
      return
    }
    this.printTable(
      [
        { key: 'name', title: 'partition', align: 'left' },
        { key: 'segments', title: 'files' },
        { key: 'records' },
        { key: 'start', title: 'first' },
        { key: 'last' },
        { key: 'appended', align: 'left' },
        { key: 'size', align: 'right' },
      ],
      partitions.map(describeRow),
    )
    for (const { topic, partition, lost } of partitions) {
      for (const text of describeLost(`${topic}-${partition}`, lost)) this.print(text)
    }
    for (const { topic, partition, start, pruned } of partitions)
      for (const text of describeStart(`${topic}-${partition}`, start, pruned)) this.print(text)
    if (ok) this.print('Every frame is as it was written.')
  }
}

/** What was removed from the beginning, and how. */
function describeStart(place: string, start: number, pruned: number): readonly string[] {
  const deleted = formatCount(start - pruned)
  return [
    ...(pruned > 0 ? [`Retention removed ${formatCount(pruned)} records of ${place}.`] : []),
    ...(start > pruned ? [`${deleted} records of ${place} were deleted in another way.`] : []),
  ]
}

function describeRow(one: VerifiedPartition) {
  const { topic, partition, end, records, first, last, bytes } = one
  return {
    ...one,
    name: `${topic}-${partition}`,
    last: records > 0 ? end - 1 : null,
    appended: first === null || last === null ? '' : describeDays(first, last),
    size: formatBytes(bytes),
  }
}

function describeDays(first: string, last: string): string {
  const [from, to] = [first.slice(0, 10), last.slice(0, 10)]
  return from === to ? from : `${from} to ${to}`
}

const SHOWN_MAX = 20

function damaged({ partitions }: LogVerifyResult): CcsError {
  const all = partitions.flatMap(({ damage }) => damage)
  const shown = all.slice(0, SHOWN_MAX).map((one) => `\n  ${describeDamage(one)}`)
  const more = all.length > SHOWN_MAX ? `\n  … and ${all.length - SHOWN_MAX} more` : ''
  const records = formatCount(countUnreadable(all))
  return new CcsError(
    'CCS_CHECK_FAILED',
    `${records} records of the log can't be read:${shown.join('')}${more}`,
    { hint: 'To see what can be brought back: ccs log repair' },
  )
}
