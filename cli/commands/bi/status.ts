import { biStatus } from '../../app/warehouse/bi.ts'
import { CcsCommand } from '../../command.ts'
import type { BiStatus } from '../../domain/bi/run-superset.ts'
import { formatBytes } from '../../domain/kernel/units.ts'

export default class BiStatusCommand extends CcsCommand<BiStatus> {
  static override summary = 'Show Superset: state, address, version, warehouse, dashboards.'
  static override examples = ['<%= config.bin %> bi status', '<%= config.bin %> bi status --json']

  async run(): Promise<BiStatus> {
    const { flags } = await this.parse(BiStatusCommand)
    const result = await biStatus(await this.loadProject(flags))
    const { state, address, version, warehouse, pid, since, memoryBytes, log, dashboards } = result
    const colour = state === 'running' ? 'green' : state === 'down' ? 'dim' : 'red'
    const facts = pid === null ? [] : [address, `pid ${pid}`]
    const memory = memoryBytes === null ? [] : [formatBytes(memoryBytes)]
    const begun = since === null ? [] : [`since ${since.replace(/\.\d+Z$/, 'Z')}`]
    this.print(
      [`Superset ${version}`, this.paint(colour, state), ...facts, ...memory, ...begun].join('  '),
    )
    this.print(`over ${warehouse}; its log: ${log}`)
    for (const { title, url } of dashboards) this.print(`${title}: ${url}`)
    return result
  }
}
