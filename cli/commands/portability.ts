import { Flags } from '@oclif/core'
import { withCompiler } from '../app/compile.ts'
import { CcsCommand } from '../command.ts'
import { ENGINE_COLUMNS } from '../domain/config/engines.ts'
import {
  comparePortability,
  type PortabilityResult,
} from '../domain/dialects/compare-portability.ts'
import { type Portability, printPortability } from '../domain/dialects/portability.ts'

/** `ccs portability`. */
export default class PortabilityCommand extends CcsCommand<PortabilityResult> {
  static override summary = 'Show which engine can run which model, and why another cannot.'
  static override examples = [
    '<%= config.bin %> portability',
    '<%= config.bin %> portability --functions',
  ]
  static override flags = {
    functions: Flags.boolean({ summary: 'Show the functions of the portable subset instead.' }),
  }

  async run(): Promise<PortabilityResult> {
    const { flags } = await this.parse(PortabilityCommand)
    const result = await withCompiler(await this.loadProject(flags), comparePortability)
    const rows = flags.functions
      ? result.functions.map((one) => ({ name: one.function, cells: one }))
      : result.models.map((one) => ({ name: one.model, cells: one }))
    const mark = ({ ok, reasons }: Portability) => (ok ? (reasons.length > 0 ? '✓ *' : '✓') : '✗')
    this.printTable(
      [{ key: 'name' }, ...ENGINE_COLUMNS.map((key) => ({ key }))],
      rows.map(({ name, cells }) => ({
        name,
        ...Object.fromEntries(ENGINE_COLUMNS.map((key) => [key, mark(cells[key])])),
      })),
    )
    const remarks = rows.flatMap(({ name, cells }) =>
      ENGINE_COLUMNS.filter((key) => cells[key].reasons.length > 0).map(
        (key) => `${name} on ${key}: ${printPortability(cells[key])}`,
      ),
    )
    if (remarks.length > 0) this.print()
    for (const line of remarks) this.printWrapped(line)
    return result
  }
}
