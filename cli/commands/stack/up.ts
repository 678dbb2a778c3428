import { Args, Flags } from '@oclif/core'
import { stackPlace, stackUp } from '../../app/stack.ts'
import { CcsCommand } from '../../command.ts'
import type { StackUp } from '../../domain/devstack/run-stack.ts'
import { STACKS, type StackName } from '../../domain/devstack/servers.ts'
import { formatDuration } from '../../domain/kernel/units.ts'

export default class StackUpCommand extends CcsCommand<StackUp> {
  static override summary = 'Start Kafka and the servers that ccs uses with it, on this machine.'
  static override description =
    'core: Apache Kafka and a schema registry with Confluent’s API. sink: also Kafka Connect ' +
    'with the Iceberg sink, and an S3 server. Needs Java 17 and, the first time, Maven. Running ' +
    'servers are left alone; ended ones are started again with their data. They run until: ccs ' +
    'stack down'
  static override examples = [
    '<%= config.bin %> stack up',
    '<%= config.bin %> stack up sink --port-base 19000',
  ]
  static override args = {
    stack: Args.option({ options: ['core', 'sink'] as const })({
      default: 'core',
      description: 'core or sink.',
    }),
  }
  static override flags = {
    'port-base': Flags.integer({
      min: 0,
      max: 65_000,
      helpValue: 'N',
      summary:
        'Use ports from N on instead of the defaults; 0: any free ones. Kept for the next start.',
    }),
  }

  async run(): Promise<StackUp> {
    const { args, flags } = await this.parse(StackUpCommand)
    const { dir } = await this.loadProject(flags)
    const name: StackName = args.stack ?? 'core'
    let fetching = ''
    let progress = this.progress('')
    const result = await stackUp(stackPlace(this.config.root, dir, process.env), STACKS[name], {
      portBase: flags['port-base'],
      signal: this.abortOnSignal(),
      onNotice: (text) => this.note(text),
      onFetch: (what, done) => {
        if (what !== fetching) progress = this.progress(`fetching ${what}`)
        fetching = what
        progress.update(done)
      },
      onReady: (part, tookMs) => this.note(`${part} is ready after ${formatDuration(tookMs)}.`),
    })
    progress.end()
    this.#show(result, STACKS[name])
    return result
  }

  #show(result: StackUp, parts: readonly string[]): void {
    const rows = result.parts.filter(({ part }) => parts.includes(part))
    this.printTable(
      [{ key: 'part' }, { key: 'state' }, { key: 'address' }, { key: 'version' }],
      rows,
    )
    for (const { part, reason } of result.missing)
      this.note(`${part} was not started: ${reason} Sinks can write to a folder instead: file:///…`)
    this.note('Next: ccs deploy --target kafka. To end them: ccs stack down')
  }
}
