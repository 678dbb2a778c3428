import { Args, Flags } from '@oclif/core'
import { openCompiler } from '../app/compile.ts'
import { CcsCommand } from '../command.ts'
import { pickModels, requireSupported } from '../domain/dialects/compile.ts'
import { statementsText } from '../domain/dialects/dialect.ts'
import { ENGINES, type EngineName } from '../domain/sql/types.ts'

interface CompileDocument {
  readonly target: EngineName
  readonly models: readonly {
    readonly model: string
    readonly statements: readonly { readonly what: string; readonly sql: string }[]
    readonly notes: readonly string[]
  }[]
}

export default class Compile extends CcsCommand<CompileDocument> {
  static override summary = 'Print what an engine would run for the SQL models.'
  static override description =
    'Addresses stay ${VARIABLES}. What an engine cannot run is an error that says where and what to write instead.'
  static override examples = [
    '<%= config.bin %> compile gold.sessions --target flink',
    '<%= config.bin %> compile --target ksqldb > pipeline.sql',
  ]
  static override args = {
    model: Args.string({ description: 'One model, such as gold.sessions; default: all.' }),
  }
  static override flags = {
    target: Flags.option({
      summary: 'The engine to compile for.',
      options: ENGINES,
      default: 'local' as const,
    })(),
  }

  async run(): Promise<CompileDocument> {
    const { args, flags } = await this.parse(Compile)
    const compile = await openCompiler(await this.loadProject(flags))
    const results = pickModels(await compile(flags.target), args.model)
    requireSupported(results)
    for (const { model, compiled } of results) {
      if (results.length > 1) this.print(`-- ${model.name}`)
      this.print(statementsText(compiled))
    }
    return {
      target: flags.target,
      models: results.map(({ model, compiled: { statements, notes } }) => ({
        model: model.name,
        statements,
        notes,
      })),
    }
  }
}
