/** The project's models as streams and tables of ksqlDB. */
import { type CompileProject, dialectInputs } from '../../../domain/dialects/compile.ts'
import { unsupported } from '../../../domain/dialects/dialect.ts'
import { throwAll } from '../../../domain/kernel/errors.ts'
import type { Relation } from '../plan/relation.ts'
import { compileRelations } from './dialect.ts'

/**
 * The relations of all models, each after what it reads. CCS_SQL_UNSUPPORTED, with every place, for
 * models that ksqlDB can't run.
 */
export function projectRelations(project: CompileProject): readonly Relation[] {
  const compiled = dialectInputs(project).map((input) => ({
    model: input.model,
    ...compileRelations(input),
  }))
  throwAll(
    compiled.flatMap(({ model, faults }) =>
      faults.map((fault) => {
        const without = `ksqldb: { without: [${model.name}] }`
        const hint = `${fault.hint} Or leave it out on this target: ${without}`
        return unsupported(model, { ...fault, hint })
      }),
    ),
  )
  // A seed belongs to none of the models that join it, and is made once.
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
