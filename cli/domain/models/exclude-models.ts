/** Leaves out the models that a target excludes. */

import type { Target } from '../config/target.ts'
import { didYouMean } from '../kernel/did-you-mean.ts'
import { CcsError, throwAll } from '../kernel/errors.ts'
import type { GraphModel } from './graph.ts'

/** CCS_CONFIG_INVALID if an excluded name is not a model, or if a remaining model reads it. */
export function keepIncluded(
  graph: readonly GraphModel[],
  { name: target, excluded = [] }: Pick<Target, 'name' | 'excluded'>,
): readonly GraphModel[] {
  const names = graph.map(({ model }) => model.name)
  const kept = graph.filter(({ model }) => !excluded.includes(model.name))
  throwAll([
    ...excluded
      .filter((one) => !names.includes(one))
      .map((one) =>
        invalidError(
          `Target "${target}" excludes ${one}, which is not a model.`,
          didYouMean(one, names),
        ),
      ),
    ...kept.flatMap(({ model, reads }) =>
      reads
        .filter((one) => excluded.includes(one))
        .map((one) =>
          invalidError(
            `Target "${target}" excludes ${one}, which ${model.name} reads.`,
            `Exclude both: without: [${[...excluded, model.name].join(', ')}]`,
          ),
        ),
    ),
  ])
  return kept
}

function invalidError(message: string, hint: string): CcsError {
  return new CcsError('CCS_CONFIG_INVALID', message, { hint })
}
