import { Args, Flags } from '@oclif/core'
import { stackLogs, stackPlace } from '../../app/stack.ts'
import { CcsCommand } from '../../command.ts'
import type { PartLog } from '../../domain/devstack/run-stack.ts'
import { PARTS, type PartName } from '../../domain/devstack/servers.ts'
import { greatest } from '../../domain/kernel/lists.ts'

export interface StackLogs {
  readonly logs: readonly PartLog[]
}

/** The longest name, and a space. */
const NAME_WIDTH = greatest(PARTS.map((part) => part.length)) + 1

export default class StackLogsCommand extends CcsCommand<StackLogs> {
  static override summary = 'Print the last log lines of the servers of ccs stack.'
  static override examples = [
    '<%= config.bin %> stack logs',
    '<%= config.bin %> stack logs connect --follow',
  ]
  static override args = {
    part: Args.option({ options: PARTS })({ description: `${PARTS.join(', ')}; default: all.` }),
  }
  static override flags = {
    follow: Flags.boolean({ char: 'f', summary: 'At the end, wait for more, until Ctrl-C.' }),
    lines: Flags.integer({ min: 0, default: 20, summary: 'Lines per server.' }),
  }

  async run(): Promise<StackLogs> {
    const { args, flags } = await this.parse(StackLogsCommand)
    const { dir } = await this.loadProject(flags)
    const stop = this.abortOnSignal()
    const parts: readonly PartName[] = args.part === undefined ? PARTS : [args.part]
    const logs: PartLog[] = []
    const place = stackPlace(this.config.root, dir, process.env)
    for await (const { part, lines } of stackLogs(place, parts, {
      lines: flags.lines,
      isFollowing: flags.follow,
      stop,
    })) {
      if (this.jsonEnabled()) logs.push({ part, lines })
      const name = parts.length > 1 ? `${this.paint('dim', part.padEnd(NAME_WIDTH))}` : ''
      for (const line of lines) await this.printWithBackpressure(name + line, stop)
    }
    return { logs }
  }
}
