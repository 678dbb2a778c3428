/**
 * Use case: remove all that ccs created on a target, in the reverse order of its creation. The
 * deployment record is removed last, so that an unfinished destroy can be repeated.
 */
import { type ApplyOptions, runSteps, withClaim } from './apply.ts'
import { readTarget, type ServerTarget } from './deploy-target.ts'
import { DEPLOYMENT_FORMAT } from './deployment.ts'
import type { Plan } from './plan/plan.ts'
import { isEngineStep, makeStep, type Step } from './plan/step.ts'

/** The `--json` document of `ccs destroy`. */
export interface DestroyResult {
  readonly target: string
  readonly removed: readonly { readonly kind: string; readonly name: string }[]
  /** Adopted resources, left as they are. */
  readonly kept: readonly { readonly kind: string; readonly name: string }[]
}

/** Makes steps that remove these models with their rows. */
export function removeModels(
  models: readonly { readonly name: string; readonly text: string }[],
): readonly Step[] {
  return models.map(({ name, text }) =>
    makeStep({
      action: 'remove',
      kind: 'model',
      name,
      category: 'breaking',
      state: 'drop',
      reason: 'the whole target is removed',
      destroys: 'its rows',
      before: text,
    }),
  )
}

/** Removes all that the target's record names, then `recordTopic`, which stores the record. */
export async function destroyTarget(
  target: ServerTarget,
  recordTopic: string,
  options: ApplyOptions,
): Promise<DestroyResult> {
  const { servers, clock, by } = target
  const plan = await withClaim(target, async (claim) => {
    const reading = await readTarget(target)
    const { deployment } = reading
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
      target.afterChange?.()
    }
    await save(deployment?.engine)
    await runSteps(target, reading, claim, { ...options, saveRecord: save })
    return reading.plan
  })
  await servers.topics.remove([recordTopic])
  return describeResult(plan)
}

function describeResult({ target, steps }: Plan): DestroyResult {
  const isRemoved = (step: Step) => isEngineStep(step) || step.operations.length > 0
  const list = (some: readonly Step[]) => some.map(({ kind, name }) => ({ kind, name }))
  return {
    target,
    removed: list(steps.filter(isRemoved)),
    kept: list(steps.filter((step) => !isRemoved(step))),
  }
}
