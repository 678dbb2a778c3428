import { Args, Flags } from '@oclif/core'
import { stackDown, stackPlace } from '../../app/stack.ts'
import { CcsCommand } from '../../command.ts'
import type { StackDown } from '../../domain/devstack/run-stack.ts'
import { FLINK_PARTS, PARTS, type PartName } from '../../domain/devstack/servers.ts'

/** Without the core nothing works; without the sink's own parts the core does. */
const DOWN: Readonly<Record<'core' | 'sink' | 'flink', readonly PartName[]>> = {
  core: PARTS,
  sink: ['connect', 's3'],
  flink: ['zookeeper', ...FLINK_PARTS],
}

export default class StackDownCommand extends CcsCommand<StackDown> {
  static override summary = 'Stop the servers that ccs stack up started, and no others.'
  static override examples = [
    '<%= config.bin %> stack down',
    '<%= config.bin %> stack down sink',
    '<%= config.bin %> stack down --purge',
  ]
  static override args = {
    stack: Args.option({ options: ['core', 'sink', 'flink'] as const })({
      default: 'core',
      description: 'core: all of them; sink: Connect and S3 alone; flink: Flink alone.',
    }),
  }
  static override flags = {
    purge: Flags.boolean({ summary: 'Delete their data and logs too.' }),
  }

  async run(): Promise<StackDown> {
    const { args, flags } = await this.parse(StackDownCommand)
    const { dir } = await this.loadProject(flags)
    const result = await stackDown(
      stackPlace(this.config.root, dir, process.env),
      DOWN[args.stack ?? 'core'],
      {
        isPurge: flags.purge,
        signal: this.abortOnSignal(),
        onNotice: (text) => this.note(text),
      },
    )
    const { stopped, purged } = result
    this.print(stopped.length > 0 ? `Stopped: ${stopped.join(', ')}.` : 'Nothing was running.')
    if (purged) this.print('Data and logs are deleted.')
    return result
  }
}
