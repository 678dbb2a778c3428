import { Args, Flags } from '@oclif/core'
import { openKubernetes, withCompiler } from '../app/compile.ts'
import { CcsCommand, targetFlag } from '../command.ts'
import { ENGINE_NAMES, type EngineName } from '../domain/config/engines.ts'
import { type CompileResult, pickModels, requireSupported } from '../domain/dialects/compile.ts'
import { printStatements, type Statement } from '../domain/dialects/dialect.ts'

interface CompileDocument {
  readonly engine: EngineName
  readonly models: readonly {
    readonly model: string
    readonly statements: readonly Pick<Statement, 'what' | 'sql'>[]
    /** Where the engine's rows may differ from the SELECT's. */
    readonly notes: readonly string[]
  }[]
}

/** `ccs compile`. */
export default class Compile extends CcsCommand<CompileDocument> {
  static override summary = 'Print what an engine would run for the SQL models.'
  static override description =
    'Addresses stay as ${VARIABLES}. If an engine cannot run a model, the error says where and ' +
    'what ' +
    'to write instead.'
  static override examples = [
    `<%= config.bin %> compile gold.sessions --engine ${ENGINE_NAMES[1]}`,
    `<%= config.bin %> compile --engine ${ENGINE_NAMES.at(-1)} > pipeline.sql`,
    '<%= config.bin %> compile --target staging',
  ]
  static override args = {
    model: Args.string({ description: 'One model, such as gold.sessions; default: all.' }),
  }
  static override flags = {
    engine: Flags.option({
      summary: 'The engine to compile for; default: that of the target.',
      options: ENGINE_NAMES,
    })(),
    format: Flags.option({
      summary: 'sql: statements; k8s: resources of the Kubernetes operator, with all models.',
      options: ['sql', 'k8s'] as const,
      default: 'sql' as const,
    })(),
    target: targetFlag,
  }

  async run(): Promise<CompileDocument> {
    const { args, flags } = await this.parse(Compile)
    const project = await this.loadProject(flags)
    const engine = flags.engine ?? project.target.engine
    const compiled = await withCompiler(project, (compile) => compile(engine))
    // What a target excludes is not deployed there; by its name a model is printed all the same.
    const excluded = (flags.engine === undefined ? project.target.excluded : undefined) ?? []
    const kept = compiled.filter(({ model }) => !excluded.includes(model.name))
    const results = args.model === undefined ? kept : pickModels(compiled, args.model)
    requireSupported(results)
    if (flags.format === 'k8s') {
      const print = await openKubernetes(engine)
      this.printLines(print(results, project.config.name).trimEnd().split('\n'))
    } else this.#printStatements(results)
    return {
      engine,
      models: results.map(({ model, compiled: { statements, notes } }) => ({
        model: model.name,
        statements: statements.map(({ what, sql }) => ({ what, sql })),
        notes,
      })),
    }
  }

  #printStatements(results: readonly CompileResult[]): void {
    for (const { model, compiled } of results) {
      if (results.length > 1) this.print(`-- ${model.name}`)
      this.printLines(printStatements(compiled).split('\n'))
    }
  }
}
