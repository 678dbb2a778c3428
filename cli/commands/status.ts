import { Flags } from '@oclif/core'
import { forecastProjectDisk } from '../app/lake.ts'
import { openAnswers } from '../app/query.ts'
import { readJobStatus } from '../app/status.ts'
import { runLeftOut } from '../app/why.ts'
import { CcsCommand, targetFlag } from '../command.ts'
import { wrapLine } from '../domain/console/text.ts'
import { CcsError } from '../domain/kernel/errors.ts'
import { formatBytes } from '../domain/kernel/units.ts'
import { type DiskForecast, describeDisk } from '../domain/lake/disk-forecast.ts'
import { formatCopyStatus } from '../domain/lake/s3/copy-status.ts'
import { describeJobStatus, type JobStatus } from '../domain/pipeline/job-status.ts'
import { describeGap } from '../domain/pipeline/partition-readers.ts'
import type { StatusResult } from '../domain/pipeline/read-status.ts'
import { type LeftOut, renderLeftOut } from '../domain/provenance/left-out.ts'
import type { Project } from '../project.ts'

/** What `--json` prints. */
export interface StatusOutput extends StatusResult {
  readonly disk: DiskForecast
  /** What the numbers of the day leave out; null: it can't be counted. */
  readonly leftOut: LeftOut | null
}

export default class Status extends CcsCommand<StatusOutput | JobStatus> {
  static override summary =
    'Lag, watermark, freshness, disk, what the numbers leave out, and the last commit.'
  static override description =
    'Counts since the log began; then how many events the numbers of one day leave out, and why. ' +
    'Of a target whose models run as a job on a cluster: its state, lag, checkpoints, last error.'
  static override examples = [
    '<%= config.bin %> status',
    '<%= config.bin %> status --day 2026-10-25',
    '<%= config.bin %> status --json',
  ]

  static override flags = {
    target: targetFlag,
    day: Flags.string({
      summary: 'Day of the shop whose left-out events are counted; default: today.',
      helpValue: 'DAY',
    }),
  }

  async run(): Promise<StatusOutput | JobStatus> {
    const { flags } = await this.parse(Status)
    const project = await this.loadProject(flags)
    const job = await readJobStatus(project)
    if (job) return this.#showJob(job)
    const answers = await openAnswers(project)
    try {
      const status = await answers.status()
      const { freeBytes } = await this.machine()
      const disk = await forecastProjectDisk(project, await freeBytes(project.dataDir))
      const { text, warning } = describeDisk(disk, project.config.retention)
      const rows = [...statusRows(status), ['disk', text]]
      for (const [label = '', value] of rows) this.print(`${label.padEnd(16)}${value}`)
      if (warning)
        for (const line of [warning.text, warning.hint]) this.print(this.paint('yellow', line))
      for (const { file, fault, found } of status.scrub.damaged)
        this.print(this.paint('red', `Damaged since ${found} at the latest: ${file} ${fault}`))
      for (const gap of status.gaps) this.print(this.paint('yellow', describeGap(gap)))
      this.print()
      return { ...status, disk, leftOut: await this.#showLeftOut(project, flags.day) }
    } finally {
      await answers.close()
    }
  }

  #showJob(status: JobStatus): JobStatus {
    for (const [label, value] of describeJobStatus(status))
      this.print(`${label.padEnd(16)}${value}`)
    if (status.hint !== null) this.print(this.paint('cyan', status.hint))
    return status
  }

  /** The rest of the status is worth printing even if the models can't be opened. */
  async #showLeftOut(project: Project, day: string | undefined): Promise<LeftOut | null> {
    try {
      const leftOut = await runLeftOut(project, day)
      const wrap = (line: string, indent: number) => wrapLine(line, this.width, indent)
      for (const line of renderLeftOut(leftOut, wrap)) this.print(line)
      return leftOut
    } catch (error) {
      if (!(error instanceof CcsError) || error.code === 'CCS_USAGE_INVALID') throw error
      this.print(`What the numbers leave out can’t be counted: ${error.message}`)
      return null
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
    ['files checked', describeScrub(status.scrub)],
    ...(status.s3 ? [['s3', formatCopyStatus(status.s3, status.serial)] as const] : []),
  ]
}

function describeScrub({ lastEnd, started, doneBytes, totalBytes }: StatusResult['scrub']): string {
  const last = lastEnd === null ? 'never all of them' : `all until ${lastEnd}`
  if (started === null) return last
  const share =
    totalBytes === 0 ? 'interrupted' : `${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}`
  return `${last}; again since ${started}: ${share}`
}

function describeRejected(share: string, { counts, importRejects }: StatusResult): string {
  const aside = counts.setAside > 0 ? `, ${counts.setAside} of them as a model fails on them` : ''
  const rows = importRejects > 0 ? ` and ${importRejects} rows of imports` : ''
  return `${share}${aside}${rows}${counts.dlq + importRejects > 0 ? '   see: ccs dlq ls' : ''}`
}
