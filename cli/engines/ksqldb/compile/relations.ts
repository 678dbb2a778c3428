/** Compiles all models of a project to streams and tables of ksqlDB. */
import { type CompileProject, toDialectInputs } from '../../../domain/dialects/compile.ts'
import { toUnsupportedError } from '../../../domain/dialects/dialect.ts'
import { throwAll } from '../../../domain/kernel/errors.ts'
import type { Relation } from '../plan/relation.ts'
import { compileRelations } from './dialect.ts'

/**
 * Returns the relations of all models, each after those that it reads. Throws CCS_SQL_UNSUPPORTED,
 * with every place, for models that ksqlDB can't run.
 */
export function compileProjectRelations(project: CompileProject): readonly Relation[] {
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
  return compiled
    .flatMap((one) => one.relations)
    .filter(({ name, seed }) => {
      if (seed === undefined) return true
      const isFirst = !seeds.has(name)
      seeds.add(name)
      return isFirst
    })
}
