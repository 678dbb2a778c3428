import { Flags } from '@oclif/core'
import { openCompiler } from '../app/compile.ts'
import { CcsCommand } from '../command.ts'
import { comparePortability, type PortabilityResult } from '../domain/dialects/portability.ts'
import { type Verdict, verdictText } from '../domain/dialects/portability-table.ts'
import { ENGINES } from '../domain/sql/types.ts'

export default class Portability extends CcsCommand<PortabilityResult> {
  static override summary = 'Show which engine can run which model, and why not.'
  static override examples = [
    '<%= config.bin %> portability',
    '<%= config.bin %> portability --functions',
  ]
  static override flags = {
    functions: Flags.boolean({ summary: 'Show the functions of the portable subset instead.' }),
  }

  async run(): Promise<PortabilityResult> {
    const { flags } = await this.parse(Portability)
    const result = await comparePortability(await openCompiler(await this.loadProject(flags)))
    const rows = flags.functions
      ? result.functions.map((one) => ({ name: one.function, ...one }))
      : result.models.map((one) => ({ name: one.model, ...one }))
    const mark = ({ ok, reasons }: Verdict) => (ok ? (reasons.length > 0 ? '✓ *' : '✓') : '✗')
    this.printTable(
      [{ key: 'name' }, ...ENGINES.map((key) => ({ key }))],
      rows.map((one) => ({
        name: one.name,
        local: mark(one.local),
        flink: mark(one.flink),
        ksqldb: mark(one.ksqldb),
      })),
    )
    const remarks = rows.flatMap((one) =>
      ENGINES.flatMap((engine) =>
        one[engine].reasons.length > 0
          ? [{ name: one.name, engine, text: verdictText(one[engine]) }]
          : [],
      ),
    )
    if (remarks.length > 0) this.print()
    for (const { name, engine, text } of remarks) this.print(`${name} on ${engine}: ${text}`)
    return result
  }
}
