import { stackPlace, stackState } from '../../app/stack.ts'
import { CcsCommand } from '../../command.ts'
import { PARTS } from '../../domain/devstack/servers.ts'
import type { PartStatus, StackStatus } from '../../domain/devstack/stack.ts'
import { greatest } from '../../domain/kernel/lists.ts'
import { formatBytes } from '../../domain/kernel/units.ts'

/** The longest name. */
const NAME_WIDTH = greatest(PARTS.map((part) => part.length))

export default class StackStatusCommand extends CcsCommand<StackStatus> {
  static override summary = 'Show the servers of ccs stack: state, pid, address, memory.'
  static override examples = [
    '<%= config.bin %> stack status',
    '<%= config.bin %> stack status --json',
  ]

  async run(): Promise<StackStatus> {
    const { flags } = await this.parse(StackStatusCommand)
    const { dir } = await this.loadProject(flags)
    const result = await stackState(stackPlace(this.config.root, dir, process.env))
    for (const row of result.parts) this.print(this.#line(row))
    return result
  }

  /** A table would truncate addresses, which must stay whole so that they can be copied. */
  #line({ part, state, pid, address, memoryBytes, since }: PartStatus): string {
    const colour = state === 'running' ? 'green' : state === 'down' ? 'dim' : 'red'
    const facts =
      pid === null || since === null
        ? []
        : [
            address,
            `pid ${pid}`,
            ...(memoryBytes === null ? [] : [formatBytes(memoryBytes)]),
            `since ${since.replace(/\.\d+Z$/, 'Z')}`,
          ]
    const head = `${part.padEnd(NAME_WIDTH)}  ${this.paint(colour, state.padEnd(13))}`
    return `${head}  ${facts.join('  ')}`.trimEnd()
  }
}
