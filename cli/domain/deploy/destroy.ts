/**
 * Use case: all that ccs made of a project on a target goes, in the order opposite to that of its making; the record of
 * it goes last, so that a broken-off one can be repeated.
 */

import { type ClusterDeployOptions, type ClusterDeployParts, claimed, takeTasks } from './deploy.ts'
import { DEPLOYMENT_FORMAT } from './deployment.ts'
import type { DesiredState } from './plan/desired.ts'
import type { Plan } from './plan/plan.ts'
import type { ClusterPlan } from './plan/target-plan.ts'

export const NOTHING: DesiredState = {
  topics: [],
  subjects: [],
  connectors: [],
  models: [],
  remarks: [],
}

/** The `--json` document of `ccs destroy`. */
export interface DestroyResult {
  readonly target: string
  readonly removed: readonly { readonly kind: string; readonly name: string }[]
  /** Taken over, and left as they are. */
  readonly kept: readonly { readonly kind: string; readonly name: string }[]
}

/** The engine's plan when all models go. */
export function withoutModels(plan: Plan, models: readonly { name: string; text: string }[]): Plan {
  return {
    ...plan,
    steps: models.map(({ name, text }) => ({
      action: 'remove',
      kind: 'model',
      name,
      category: 'breaking',
      state: 'drop',
      reason: 'all of the target goes',
      before: text,
    })),
  }
}

export async function destroyCluster(
  parts: ClusterDeployParts & { readonly manifestTopic: string },
  options: Pick<ClusterDeployOptions, 'onStep'>,
): Promise<DestroyResult> {
  const { ports, clock, by, manifestTopic } = parts
  const plan = await claimed(parts, async (claim) => {
    const found = await parts.plan()
    const deployment = await ports.deployments.load()
    const save = async (engine: string | undefined) => {
      if (deployment)
        await claim.save({
          ...deployment,
          format: DEPLOYMENT_FORMAT,
          epoch: claim.epoch,
          complete: false,
          deployedMs: clock.nowMs(),
          by,
          ...(engine === undefined ? {} : { engine }),
        })
      parts.onReached?.()
    }
    await save(deployment?.engine)
    await takeTasks(found, claim, parts, { ...options, keep: save })
    return found
  })
  await ports.topics.remove([manifestTopic])
  return destroyed(plan)
}

function destroyed(plan: ClusterPlan): DestroyResult {
  const named = (isGone: boolean) =>
    plan.tasks
      .filter((task) => task.operations.length > 0 === isGone)
      .flatMap((task) => task.steps)
      .map(({ kind, name }) => ({ kind, name }))
  return { target: plan.target, removed: named(true), kept: named(false) }
}
