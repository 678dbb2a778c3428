import { Flags } from '@oclif/core'
import {
  checkProjectFiles,
  describeProjectLoad,
  loadProjectIntoRedshift,
} from '../../app/warehouse/load.ts'
import { CcsCommand, targetFlag } from '../../command.ts'
import { formatPlace } from '../../domain/config/lake-s3.ts'
import { CcsError, throwAll } from '../../domain/kernel/errors.ts'
import { formatCount } from '../../domain/kernel/units.ts'
import { renderCopyJob, renderStreaming } from '../../domain/warehouse/other-ways.ts'
import type { LoadResult } from '../../domain/warehouse/run-load.ts'
import type { Project } from '../../project.ts'

/** What it does besides loading. */
type Shown =
  | { readonly files: number }
  | { readonly statements: readonly string[] }
  | { readonly sql: string }

export default class LoadRedshift extends CcsCommand<LoadResult | Shown> {
  static override summary = 'Load what has changed on S3 into Redshift.'
  static override description =
    'Replaces each day of raw.raw_clicks and of the tables of Silver whose files are others than ' +
    'the warehouse has, by the manifest of the lake’s copy (lake.s3 of ccs.yml): COPY into a ' +
    'stage table, then delete and insert in one transaction, which also notes the day in ' +
    'raw.ccs_load_ledger. So it may be repeated, broken off, and run twice at once. The login ' +
    'is RS_HOST, RS_PORT, RS_DB, RS_USER and RS_PWD, the role that reads the bucket ' +
    'RS_ROLE_ARN: of the environment, or of .env beside ccs.yml.'
  static override examples = [
    '<%= config.bin %> load redshift',
    '<%= config.bin %> load redshift --partition dt=2026-11-22',
    '<%= config.bin %> load redshift --check',
    '<%= config.bin %> load redshift --dry-run',
    '<%= config.bin %> load redshift --print copy-job',
  ]

  static override flags = {
    target: targetFlag,
    partition: Flags.string({ summary: 'Only this UTC day: dt=2026-11-22.', helpValue: 'DAY' }),
    check: Flags.boolean({
      summary: 'Only read the files’ footers: can Redshift load them? Needs no warehouse.',
      exclusive: ['dry-run', 'print', 'take-over'],
    }),
    'dry-run': Flags.boolean({
      summary: 'Print the statements for what has changed; run none.',
      exclusive: ['print'],
    }),
    print: Flags.option({ options: ['copy-job', 'streaming'] as const })({
      summary: 'Print SQL for another way to load, to run by hand; its comments say what it lacks.',
    }),
    'take-over': Flags.boolean({
      summary: 'Replace the rows of another data directory, such as the one before a restore.',
    }),
  }

  async run(): Promise<LoadResult | Shown> {
    const { flags } = await this.parse(LoadRedshift)
    const project = await this.loadProject(flags)
    if (flags.print) return this.#print(project, flags.print)
    const day = readDay(flags.partition)
    if (flags.check) return this.#check(project, day)
    const signal = this.abortOnSignal()
    const progress = this.progress('loading')
    const choice = {
      ...{ day, isTakenOver: flags['take-over'], ccsVersion: this.config.version },
      onProgress: (done: number, total: number) => progress.update(done, total),
    }
    if (flags['dry-run']) {
      const statements = await describeProjectLoad(project, choice, signal)
      for (const line of statements) this.print(line)
      return { statements }
    }
    const result = await loadProjectIntoRedshift(project, choice, signal)
    progress.end()
    this.#show(result, day)
    return result
  }

  #show(result: LoadResult, day: string | undefined): void {
    const { address, serial, tables, unchangedDays, notLoaded, strangeFolders } = result
    const of = `${day === undefined ? '' : `${day} of `}commit no. ${serial} of ${address}`
    if (tables.length === 0) this.print(`The warehouse has ${of} already.`)
    else {
      this.printRows(
        [
          ...[{ key: 'table' }, { key: 'days', align: 'right' as const }],
          ...['files', 'rows'].map((key) => ({ key, align: 'right' as const })),
        ],
        tables.map(({ table, days, files, rows, removedDays }) => ({
          ...{ table, days: days + removedDays, files, rows: formatCount(rows) },
        })),
      )
      this.print(`The warehouse has ${of}; ${formatCount(unchangedDays)} days were as they are.`)
    }
    if (notLoaded.length > 0)
      this.note(`Also changed, and not loaded: ${listFew(notLoaded)}. All: ccs load redshift`)
    if (strangeFolders.length > 0)
      this.note(
        `On S3, but of no commit, so not loaded: ${listFew(strangeFolders)}. ` +
          'See docs/redshift.md.',
      )
  }

  async #check(project: Project, day: string | undefined): Promise<Shown> {
    const { files, faults } = await checkProjectFiles(project, day)
    throwAll(faults)
    this.print(`Redshift can load the ${formatCount(files)} files.`)
    return { files }
  }

  #print({ config }: Project, way: 'copy-job' | 'streaming'): Shown {
    const { s3 } = config.lake
    const address = s3 ? formatPlace(s3) : 's3://BUCKET/PREFIX'
    const sql = way === 'copy-job' ? renderCopyJob(address) : renderStreaming('events.raw')
    for (const line of sql.trimEnd().split('\n')) this.print(line)
    return { sql }
  }
}

function listFew(names: readonly string[]): string {
  const FEW = 5
  const more = names.length - FEW
  return names.slice(0, FEW).join(', ') + (more > 0 ? ` and ${formatCount(more)} more` : '')
}

/** `dt=2026-11-22`, `event_date=2026-11-22` or the day alone. */
function readDay(partition: string | undefined): string | undefined {
  if (partition === undefined) return undefined
  const day = /^(?:(?:dt|event_date)=)?(\d{4}-\d{2}-\d{2})$/.exec(partition)?.[1]
  if (day !== undefined && !Number.isNaN(Date.parse(day))) return day
  throw new CcsError('CCS_USAGE_INVALID', `--partition must be a UTC day, not ${partition}.`, {
    hint: 'Such as --partition dt=2026-11-22',
  })
}
