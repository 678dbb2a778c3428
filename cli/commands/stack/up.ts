import { Args, Flags } from '@oclif/core'
import { stackPlace, stackUp } from '../../app/stack.ts'
import { CcsCommand } from '../../command.ts'
import type { StackUp } from '../../domain/devstack/run-stack.ts'
import {
  FLINK_GATEWAY_ONLY,
  FLINK_WITH_HA,
  type PartName,
  STACKS,
  type StackName,
} from '../../domain/devstack/servers.ts'
import { CcsError } from '../../domain/kernel/errors.ts'
import { formatDuration } from '../../domain/kernel/units.ts'

export default class StackUpCommand extends CcsCommand<StackUp> {
  static override summary = 'Start Kafka and the servers that ccs uses with it, on this machine.'
  static override description =
    'core: Apache Kafka and a schema registry with Confluent’s API. sink: also Kafka Connect ' +
    'with the Iceberg sink, and an S3 server. flink: the core, and Apache Flink (JobManager, ' +
    'TaskManager, SQL Gateway; 365 MB to download, about 1.5 GB of memory). Needs Java 17 and, ' +
    'the first time, Maven. Running servers are left alone; ended ones are started again with ' +
    'their data. They run until: ccs stack down'
  static override examples = [
    '<%= config.bin %> stack up',
    '<%= config.bin %> stack up sink --port-base 19000',
    '<%= config.bin %> stack up flink',
    '<%= config.bin %> stack up flink --ha',
  ]
  static override args = {
    stack: Args.option({ options: ['core', 'sink', 'flink'] as const })({
      default: 'core',
      description: 'core, sink or flink.',
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
    'gateway-only': Flags.boolean({
      summary: 'Of flink, only the SQL Gateway, which then runs jobs by itself: for tests.',
    }),
    ha: Flags.boolean({
      summary: 'With flink, a ZooKeeper too: jobs outlive a JobManager that ends.',
      exclusive: ['gateway-only'],
    }),
  }

  async run(): Promise<StackUp> {
    const { args, flags } = await this.parse(StackUpCommand)
    const { dir } = await this.loadProject(flags)
    const name: StackName = args.stack ?? 'core'
    const parts = chooseParts(name, flags)
    let fetching = ''
    let progress = this.progress('')
    const result = await stackUp(stackPlace(this.config.root, dir, process.env), parts, {
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
    this.#show(result, parts)
    return result
  }

  #show(result: StackUp, parts: readonly string[]): void {
    const rows = result.parts.filter(({ part }) => parts.includes(part))
    this.printTable(
      [{ key: 'part' }, { key: 'state' }, { key: 'address' }, { key: 'version' }],
      rows,
    )
    for (const { part, reason } of result.missing) {
      const more = part === 's3' ? ' Sinks can write to a folder instead: file:///…' : ''
      this.note(`${part} was not started: ${reason}${more}`)
    }
    this.note('Next: ccs deploy --target kafka. To end them: ccs stack down')
  }
}

function chooseParts(
  name: StackName,
  flags: { readonly 'gateway-only': boolean; readonly ha: boolean },
): readonly PartName[] {
  const flag = flags['gateway-only'] ? '--gateway-only' : flags.ha ? '--ha' : undefined
  if (flag === undefined) return STACKS[name]
  if (name === 'flink') return flags.ha ? FLINK_WITH_HA : FLINK_GATEWAY_ONLY
  throw new CcsError('CCS_USAGE_INVALID', `${flag} is for flink, not for ${name}.`, {
    hint: `Run: ccs stack up flink ${flag}`,
  })
}
