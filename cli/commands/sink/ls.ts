import { openSinks } from '../../app/sinks.ts'
import { CcsCommand, targetFlag } from '../../command.ts'
import { chooseConnectors } from '../../domain/connectors/desired-connectors.ts'
import { listSinks, type Sink } from '../../domain/connectors/sinks.ts'
import { formatCount } from '../../domain/kernel/units.ts'

/** What `--json` prints. */
export interface SinkLsResult {
  readonly target: string
  readonly sinks: readonly Sink[]
}

export default class SinkLs extends CcsCommand<SinkLsResult> {
  static override summary = 'List the connectors of a target: state, lag, and what differs.'
  static override description =
    'Shows the connectors that connectors/ declares for the target, with their state in Kafka ' +
    'Connect, and the other connectors of that Connect.'
  static override examples = [
    '<%= config.bin %> sink ls --target kafka',
    '<%= config.bin %> sink ls --target kafka --json',
  ]
  static override flags = { target: targetFlag }

  async run(): Promise<SinkLsResult> {
    const { flags } = await this.parse(SinkLs)
    const project = await this.loadProject(flags)
    const open = await openSinks(project)
    try {
      const plugins = await open.connect.plugins()
      const { chosen, skipped, faults } = chooseConnectors(open.desired, plugins)
      const sinks = await listSinks(open.connect, { chosen, skipped, log: open.log })
      this.#show(sinks)
      for (const fault of faults) this.note(`Not deployable: ${fault.message}`)
      return { target: project.target.name, sinks }
    } finally {
      await open.close()
    }
  }

  #show(sinks: readonly Sink[]): void {
    if (sinks.length === 0) {
      this.print('Kafka Connect has no connectors, and the project wants none.')
      return
    }
    this.printTable(
      [
        { key: 'name' },
        { key: 'state' },
        { key: 'tasks' },
        { key: 'lag', align: 'right' },
        { key: 'file' },
      ],
      sinks.map((one) => ({
        name: one.name,
        state: one.state,
        tasks: one.tasks.map((task) => task.state.toLowerCase()).join(' '),
        lag: one.lag === null ? '' : formatCount(one.lag),
        file: one.file ?? '(not of this project)',
      })),
    )
    for (const { name, reason, faults, changes } of sinks) {
      if (reason !== null) this.note(`${name}: ${reason}`)
      for (const fault of faults) this.note(`${name}: ${fault}`)
      for (const { key, wanted, found } of changes)
        this.note(`${name}: ${key} is ${found ?? 'not set'}, wanted ${wanted ?? 'not set'}`)
    }
  }
}
