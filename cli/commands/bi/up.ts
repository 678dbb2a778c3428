import { Flags } from '@oclif/core'
import { biUp } from '../../app/warehouse/bi.ts'
import { CcsCommand } from '../../command.ts'
import { describeChanges } from '../../domain/bi/describe.ts'
import type { BiUp } from '../../domain/bi/run-superset.ts'
import { WAREHOUSES } from '../../domain/bi/warehouse.ts'

export default class BiUpCommand extends CcsCommand<BiUp> {
  static override summary = 'Start Superset with the dashboards of infra/superset/assets.'
  static override description =
    'The first time it installs a locked Apache Superset (Python 3.10 to 3.12, 720 MB), makes ' +
    'its database, and an administrator whose password it shows once. Then it imports the ' +
    'dashboards over the published marts. One that runs is left alone. It runs until: ccs bi down'
  static override examples = [
    '<%= config.bin %> bi up',
    '<%= config.bin %> bi up --port 8090',
    '<%= config.bin %> bi up --warehouse redshift',
  ]
  static override flags = {
    port: Flags.integer({
      min: 1,
      max: 65_535,
      helpValue: 'N',
      summary: 'Port on 127.0.0.1; default: that of the last start, else 8088.',
    }),
    warehouse: Flags.option({ options: WAREHOUSES })({
      summary: 'Where the marts are; default: that of the last start, else duckdb.',
    }),
    demo: Flags.boolean({
      default: false,
      summary: 'User admin with the password admin: for a demonstration.',
    }),
  }

  async run(): Promise<BiUp> {
    const { flags } = await this.parse(BiUpCommand)
    const project = await this.loadProject(flags)
    let installing: ReturnType<typeof this.progress> | undefined
    let password: string | undefined
    const result = await biUp(project, {
      port: flags.port,
      warehouse: flags.warehouse,
      isDemo: flags.demo,
      signal: this.abortOnSignal(),
      onNotice: (text) => this.note(text),
      onInstall: (done, total) => {
        installing ??= this.progress('Installing Superset')
        installing.update(done, total)
      },
      onPassword: (text) => {
        password = text
      },
    })
    const { started, address, user, passwordFile, changes, dashboards } = result
    this.print(started ? `Superset runs at ${address}` : `Superset runs already at ${address}`)
    this.printLines(describeChanges(changes))
    for (const { title, url } of dashboards) this.print(`${title}: ${url}`)
    if (password === undefined) this.print(`Log in as ${user}; the password is in ${passwordFile}`)
    else
      this.printLines([
        `Log in as ${user} with the password ${password}`,
        `It is shown this once, and kept in ${passwordFile}, which only you can read.`,
      ])
    return result
  }
}
