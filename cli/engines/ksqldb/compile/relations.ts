/** Compiles all models of a project to streams and tables of ksqlDB. */
import { type CompileProject, toDialectInputs } from '../../../domain/dialects/compile.ts'
import { toUnsupportedError } from '../../../domain/dialects/dialect.ts'
import { throwAll } from '../../../domain/kernel/errors.ts'
import type { Relation } from '../plan/relation.ts'
import { compileRelations } from './dialect.ts'

/** A project as streams and tables. */
export interface CompiledProject {
  /** Each after those that it reads. */
  readonly relations: readonly Relation[]
  /** How the rows of a model may differ from those of its SELECT, by name: one sentence each. */
  readonly notes: ReadonlyMap<string, readonly string[]>
}

/**
 * Compiles all models. Throws CCS_SQL_UNSUPPORTED, with every place, for models that ksqlDB can't
 * run.
 */
export function compileProjectRelations(project: CompileProject): CompiledProject {
  const compiled = toDialectInputs(project).map((input) => ({
    model: input.model,
    ...compileRelations(input),
  }))
  throwAll(
    compiled.flatMap(({ model, faults }) =>
      faults.map((fault) => {
        const setting = `ksqldb: { without: [${model.name}] }`
        const hint = `${fault.hint} Or exclude it from this target in ccs.yml: ${setting}`
        return toUnsupportedError(model, { ...fault, hint })
      }),
    ),
  )
  // Several models may join the same seed; it is created once.
  const seeds = new Set<string>()
  const relations = compiled
    .flatMap((one) => one.relations)
    .filter(({ name, seed }) => {
      if (seed === undefined) return true
      const isFirst = !seeds.has(name)
      seeds.add(name)
      return isFirst
    })
  return { relations, notes: new Map(compiled.map(({ model, notes }) => [model.name, notes])) }
}
