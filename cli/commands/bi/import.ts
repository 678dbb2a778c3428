import { Flags } from '@oclif/core'
import { biExport, biImport } from '../../app/warehouse/bi.ts'
import { CcsCommand } from '../../command.ts'
import { describeChanges } from '../../domain/bi/describe.ts'
import type { SyncPlan } from '../../domain/bi/sync-plan.ts'
import { WAREHOUSES } from '../../domain/bi/warehouse.ts'

/** What was changed, or what was written instead. */
export type BiImport = SyncPlan | { readonly dir: string; readonly files: number }

export default class BiImportCommand extends CcsCommand<BiImport> {
  static override summary = 'Make the running Superset show what infra/superset/assets says.'
  static override description =
    'Creates, changes and removes what ccs made, and nothing else: charts of other people ' +
    'stay. All files are checked before anything is changed. Repeating it changes nothing.'
  static override examples = [
    '<%= config.bin %> bi import',
    '<%= config.bin %> bi import --out assets --warehouse redshift',
  ]
  static override flags = {
    out: Flags.string({
      helpValue: 'DIR',
      summary: 'Write the files of Superset’s own import into a new folder instead.',
    }),
    warehouse: Flags.option({ options: WAREHOUSES })({
      dependsOn: ['out'],
      summary: 'With --out: where the marts are; default: duckdb.',
    }),
  }

  async run(): Promise<BiImport> {
    const { flags } = await this.parse(BiImportCommand)
    const project = await this.loadProject(flags)
    if (flags.out !== undefined) {
      const files = await biExport(project, flags.warehouse ?? 'duckdb', flags.out)
      this.print(`${files} files are in ${flags.out}: superset import-directory -o ${flags.out}`)
      return { dir: flags.out, files }
    }
    const changes = await biImport(project, {
      signal: this.abortOnSignal(),
      onNotice: (text) => this.note(text),
    })
    this.printLines(describeChanges(changes))
    return changes
  }
}
