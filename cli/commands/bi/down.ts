import { Flags } from '@oclif/core'
import { biDown } from '../../app/warehouse/bi.ts'
import { CcsCommand } from '../../command.ts'
import type { BiDown } from '../../domain/bi/run-superset.ts'

export default class BiDownCommand extends CcsCommand<BiDown> {
  static override summary = 'Stop the Superset that ccs bi up started.'
  static override examples = ['<%= config.bin %> bi down', '<%= config.bin %> bi down --purge']
  static override flags = {
    purge: Flags.boolean({
      summary: 'Delete its data too: accounts, and charts that people made in it.',
    }),
  }

  async run(): Promise<BiDown> {
    const { flags } = await this.parse(BiDownCommand)
    const result = await biDown(await this.loadProject(flags), {
      isPurge: flags.purge,
      signal: this.abortOnSignal(),
      onNotice: (text) => this.note(text),
    })
    this.print(result.stopped ? 'Superset is stopped.' : 'Nothing was running.')
    if (result.purged) this.print('Its data are deleted.')
    return result
  }
}
