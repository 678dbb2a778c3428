import { Args } from '@oclif/core'
import { openSinks } from '../../app/sinks.ts'
import { CcsCommand, durationFlag, targetFlag } from '../../command.ts'
import { findSink, restartConnector } from '../../domain/connectors/sinks.ts'

/** What `--json` prints. */
export interface SinkRestartResult {
  readonly target: string
  readonly name: string
  readonly state: string
}

export default class SinkRestart extends CcsCommand<SinkRestartResult> {
  static override summary =
    'Restart the failed tasks of a connector, and wait until all of them run.'
  static override examples = ['<%= config.bin %> sink restart bronze-iceberg --target kafka']
  static override args = {
    name: Args.string({
      required: true,
      description: 'The connector, with or without the target’s prefix.',
    }),
  }
  static override flags = {
    target: targetFlag,
    timeout: durationFlag({ summary: 'How long to wait until it runs.', default: 60_000 }),
  }

  async run(): Promise<SinkRestartResult> {
    const { args, flags } = await this.parse(SinkRestart)
    const project = await this.loadProject(flags)
    const open = await openSinks(project)
    try {
      const { name } = await findSink(open.connect, args.name, project.target.prefix)
      const secrets = open.desired.find((one) => one.name === name)?.secrets ?? []
      const progress = this.progress(`restarting ${name}`)
      await restartConnector(open, { name, secrets }, { timeoutMs: flags.timeout })
      progress.end()
      this.print(`${name} runs.`)
      return { target: project.target.name, name, state: 'RUNNING' }
    } finally {
      await open.close()
    }
  }
}
