/**
 * Use case: record resources that existed before ccs as they are. Nothing but the deployment record
 * changes.
 */
import { didYouMean } from '../kernel/did-you-mean.ts'
import { CcsError, throwAll } from '../kernel/errors.ts'
import { type AdoptableKind, adoptResource } from './adopt.ts'
import { withClaim } from './apply.ts'
import { readTarget, type ServerTarget } from './deploy-target.ts'
import { DEPLOYMENT_FORMAT } from './deployment.ts'
import type { DesiredState } from './plan/desired.ts'
import type { Plan } from './plan/plan.ts'

/** The `--json` document of `ccs adopt`. */
export interface AdoptResult {
  readonly target: string
  readonly adopted: readonly { readonly kind: AdoptableKind; readonly name: string }[]
  /** Serial of the deployment that names them; that of the last one if nothing was adopted. */
  readonly serial: number
}

/**
 * Adopts the picked resources, or all that the plan refuses because ccs did not create them.
 * CCS_USAGE_INVALID for a name that the project or the target does not have.
 */
export async function adoptResources(
  target: ServerTarget,
  picked: { readonly kind: AdoptableKind; readonly names: readonly string[] } | undefined,
): Promise<AdoptResult> {
  const { desired, clock, by } = target
  return withClaim(target, async (claim) => {
    const { plan, found, deployment } = await readTarget(target)
    const wanted = picked
      ? picked.names.map((name) => ({ kind: picked.kind, name }))
      : findForeign(plan)
    const faults: CcsError[] = []
    const taken = wanted.flatMap(({ kind, name }) => {
      const one = adoptResource(kind, name, desired, found)
      if (one === undefined) faults.push(explainMissing(kind, name, desired, plan.target))
      return one ?? []
    })
    throwAll(faults)
    if (taken.length === 0) return { target: plan.target, adopted: [], serial: plan.serial }
    const isTaken = (kind: string, name: string) =>
      taken.some((one) => one.kind === kind && one.name === name)
    const others = (deployment?.resources ?? []).filter((one) => !isTaken(one.kind, one.name))
    const isComplete = deployment?.complete ?? true
    const serial = isComplete ? plan.serial + 1 : plan.serial
    await claim.save({
      format: DEPLOYMENT_FORMAT,
      serial,
      epoch: claim.epoch,
      complete: isComplete,
      deployedMs: clock.nowMs(),
      by,
      resources: [...taken, ...others],
      ...(deployment?.engine === undefined ? {} : { engine: deployment.engine }),
    })
    return { target: plan.target, adopted: wanted, serial }
  })
}

function findForeign({ steps }: Plan): readonly { kind: AdoptableKind; name: string }[] {
  return steps.flatMap(({ kind, name, refused }) =>
    refused?.includes('ccs adopt') && kind !== 'model' && kind !== 'schema' && kind !== 'job'
      ? [{ kind, name }]
      : [],
  )
}

function explainMissing(
  kind: AdoptableKind,
  name: string,
  desired: DesiredState,
  target: string,
): CcsError {
  const known = { topic: desired.topics, subject: desired.subjects, connector: desired.connectors }
  const names = known[kind].map((one) => one.name)
  return names.includes(name)
    ? new CcsError('CCS_USAGE_INVALID', `There is no ${kind} ${name} on target ${target} yet.`, {
        hint: `To create it: ccs deploy --target ${target}`,
      })
    : new CcsError('CCS_USAGE_INVALID', `The project has no ${kind} ${name}.`, {
        hint: didYouMean(name, names),
      })
}
