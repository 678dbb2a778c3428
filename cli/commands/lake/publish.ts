import { Flags } from '@oclif/core'
import { followProjectCommits, publishProjectLake } from '../../app/copy/publish.ts'
import { CcsCommand, durationFlag, targetFlag } from '../../command.ts'
import { OPEN_FORMATS } from '../../domain/config/lake-s3.ts'
import { formatCount } from '../../domain/kernel/units.ts'
import { countFiles, isLive } from '../../domain/lake/formats/open-lake.ts'

/** What `--json` prints. */
export interface LakePublishResult {
  /** Folder of the catalogues; null: nothing was committed yet. */
  readonly dir: string | null
  readonly formats: readonly string[]
  /** Number of the newest snapshot and the commit that it shows; null as above. */
  readonly snapshot: number | null
  readonly serial: number | null
  /** Whether this command made it. */
  readonly isNew: boolean
  /** How many snapshots can be read. */
  readonly snapshots: number
  readonly tables: readonly {
    readonly table: string
    readonly files: number
    readonly rows: number
  }[]
}

export default class LakePublish extends CcsCommand<LakePublishResult> {
  static override summary = 'Let other programs read the lake: as DuckLake and as Iceberg.'
  static override description =
    'Writes catalogues over the files of the newest commit: open-lake/catalog.ducklake and ' +
    'open-lake/iceberg/<table> in the data directory. The files themselves stay as they are. ' +
    'Each published commit is a snapshot; older ones can be read until lake.keep of ccs.yml has ' +
    'passed. With lake.publish in ccs.yml, ccs up and ccs run do this after each commit. Gold ' +
    'has the rows that no event can change any more.'
  static override examples = [
    '<%= config.bin %> lake publish',
    '<%= config.bin %> lake publish --format iceberg --json',
  ]
  static override flags = {
    target: targetFlag,
    format: Flags.option({
      summary: 'Only this format; may be repeated. Default: lake.publish of ccs.yml, else both.',
      options: OPEN_FORMATS,
      multiple: true,
    })(),
    follow: Flags.boolean({ summary: 'Publish each commit, until Ctrl-C.' }),
    'with-parent': Flags.boolean({
      summary: 'End when stdin does.',
      hidden: true,
      dependsOn: ['follow'],
    }),
    keep: durationFlag({
      summary: 'How long older snapshots stay; default: lake.keep of ccs.yml.',
    }),
  }

  async run(): Promise<LakePublishResult> {
    const { flags } = await this.parse(LakePublish)
    const project = await this.loadProject(flags)
    const { publish, keepMs } = project.config.lake
    const formats = flags.format ?? (publish.length > 0 ? publish : OPEN_FORMATS)
    const options = { formats, keepMs: flags.keep ?? keepMs }
    if (flags.follow) {
      const run = { hasParent: flags['with-parent'], onNotice: (text: string) => this.note(text) }
      await followProjectCommits(project, options, run, this.abortOnSignal())
      return { ...NOTHING, formats }
    }
    const published = await publishProjectLake(project, options)
    if (published === undefined) {
      this.print('Nothing was committed yet: there is nothing to publish.')
      return { ...NOTHING, formats }
    }
    const { lake, isNew, dir } = published
    const newest = lake.snapshots.at(-1)
    const tables = lake.tables
      .filter(isLive)
      .map(({ name, files }) => ({ table: name, ...countFiles(files.filter(isLive)) }))
    const result: LakePublishResult = {
      ...{ dir, formats, isNew, tables },
      snapshot: newest?.id ?? null,
      serial: newest?.serial ?? null,
      snapshots: lake.snapshots.length,
    }
    this.printTable([{ key: 'table' }, { key: 'files' }, { key: 'rows' }], tables)
    this.print()
    const what = isNew ? 'is now' : 'was already'
    this.print(
      `Commit ${result.serial} ${what} snapshot ${result.snapshot}; ` +
        `${formatCount(result.snapshots)} can be read.`,
    )
    if (formats.includes('ducklake')) this.print(`  DuckLake   ${dir}/catalog.ducklake`)
    if (formats.includes('iceberg')) this.print(`  Iceberg    ${dir}/iceberg/<table>`)
    return result
  }
}

const NOTHING = { dir: null, snapshot: null, serial: null, isNew: false, snapshots: 0, tables: [] }
