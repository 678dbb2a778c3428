import { CcsCommand } from '../../command.ts'
import { formatBytes } from '../../core/units.ts'
import type { StackStatus } from '../../flows/stack.ts'
import { stackPlace, stackState } from '../../open-stack.ts'

export default class StackStatusCommand extends CcsCommand<StackStatus> {
  static override summary = 'What runs of the servers of ccs stack: state, pid, address, memory.'
  static override examples = [
    '<%= config.bin %> stack status',
    '<%= config.bin %> stack status --json',
  ]

  async run(): Promise<StackStatus> {
    const { flags } = await this.parse(StackStatusCommand)
    const { dir } = await this.loadProject(flags)
    const result = await stackState(stackPlace(this.config.root, dir, process.env))
    const rows = result.parts.map((row) => ({
      ...row,
      memory: row.memoryBytes === null ? null : formatBytes(row.memoryBytes),
    }))
    const columns = ['part', 'state', 'pid', 'address', 'version', 'memory', 'since']
    this.printTable(
      columns.map((key) => ({ key })),
      rows,
    )
    return result
  }
}
