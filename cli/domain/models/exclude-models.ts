/** The models of a project without those that its target leaves out. */

import type { Target } from '../config/target.ts'
import { didYouMean } from '../kernel/did-you-mean.ts'
import { CcsError, EXIT, throwAll } from '../kernel/errors.ts'
import type { GraphModel } from './graph.ts'

/** CCS_CONFIG_INVALID for a name that is no model, and for one that a model which stays reads. */
export function keepIncluded(
  graph: readonly GraphModel[],
  { name: target, without = [] }: Pick<Target, 'name' | 'without'>,
): readonly GraphModel[] {
  const names = graph.map(({ model }) => model.name)
  const kept = graph.filter(({ model }) => !without.includes(model.name))
  throwAll([
    ...without
      .filter((one) => !names.includes(one))
      .map((one) =>
        fault(`Target "${target}" leaves out ${one}, which is no model.`, didYouMean(one, names)),
      ),
    ...kept.flatMap(({ model, reads }) =>
      reads
        .filter((one) => without.includes(one))
        .map((one) =>
          fault(
            `Target "${target}" leaves out ${one}, which ${model.name} reads.`,
            `Leave out both: without: [${[...without, model.name].join(', ')}]`,
          ),
        ),
    ),
  ])
  return kept
}

function fault(message: string, hint: string): CcsError {
  return new CcsError('CCS_CONFIG_INVALID', message, { exit: EXIT.usage, hint })
}
