import { openAnswers } from '../app/query.ts'
import { CcsCommand, targetFlag } from '../command.ts'
import { describeGap } from '../domain/pipeline/partition-readers.ts'
import type { StatusResult } from '../domain/pipeline/read-status.ts'

export default class Status extends CcsCommand<StatusResult> {
  static override summary =
    'Lag, watermark, freshness, late, duplicates, rejects and the last commit.'
  static override examples = ['<%= config.bin %> status', '<%= config.bin %> status --json']

  static override flags = { target: targetFlag }

  async run(): Promise<StatusResult> {
    const { flags } = await this.parse(Status)
    const answers = await openAnswers(await this.loadProject(flags))
    try {
      const status = await answers.status()
      for (const [label, value] of statusRows(status)) this.print(`${label.padEnd(16)}${value}`)
      for (const gap of status.gaps) this.print(this.paint('yellow', describeGap(gap)))
      return status
    } finally {
      await answers.close()
    }
  }
}

function statusRows(status: StatusResult): readonly (readonly [string, string])[] {
  const { counts } = status
  const share = (part: number) =>
    counts.records === 0 ? '0' : `${part} (${((100 * part) / counts.records).toFixed(2)} %)`
  return [
    ['engine', status.running ? (status.stalled ?? 'running') : 'not running'],
    ['data', status.data],
    ['records', String(counts.records)],
    ['lag', `${status.lagEvents} records`],
    ['watermark', status.watermark ?? '-'],
    ['newest record', status.newestAgeMs === null ? '-' : `${status.newestAgeMs} ms ago`],
    ['bronze', String(counts.bronze)],
    ['duplicates', share(counts.duplicates)],
    ['late', share(counts.late)],
    ['rejected', describeRejected(share(counts.dlq), status)],
    ['last commit', status.lastCommit ? `${status.lastCommit}  (no. ${status.serial})` : '-'],
    ['uncommitted', `${status.uncommittedRows} rows`],
  ]
}

function describeRejected(share: string, { counts, importRejects }: StatusResult): string {
  const aside = counts.setAside > 0 ? `, ${counts.setAside} of them as a model fails on them` : ''
  const rows = importRejects > 0 ? ` and ${importRejects} rows of imports` : ''
  return `${share}${aside}${rows}${counts.dlq + importRejects > 0 ? '   see: ccs dlq ls' : ''}`
}
