/** Use case: resources that were there before ccs go into its record as they are; nothing else is touched. */

import type { Clock } from '../kernel/clock.ts'
import { didYouMean } from '../kernel/did-you-mean.ts'
import { CcsError, EXIT, throwAll } from '../kernel/errors.ts'
import { adoptedResource } from './adopt.ts'
import { claimed } from './deploy.ts'
import { DEPLOYMENT_FORMAT, type Deployment, type ResourceKind } from './deployment.ts'
import type { DesiredState } from './plan/desired.ts'
import { type ClusterPlan, type FoundState, stepsOf } from './plan/target-plan.ts'
import type { ClusterPorts } from './read.ts'

export type AdoptableKind = Exclude<ResourceKind, 'model'>

export interface ClusterReading {
  readonly plan: ClusterPlan
  readonly found: FoundState
  readonly deployment: Deployment | undefined
}

export interface AdoptParts {
  readonly ports: ClusterPorts
  readonly desired: DesiredState
  readonly clock: Clock
  readonly by: string
  readonly read: () => Promise<ClusterReading>
}

/** The `--json` document of `ccs adopt`. */
export interface AdoptResult {
  readonly target: string
  readonly adopted: readonly { readonly kind: AdoptableKind; readonly name: string }[]
  /** Of the deployment that names them; 0 when there was nothing to take over. */
  readonly serial: number
}

/** `names` undefined: all that the plan refuses because ccs did not make it. */
export async function adoptResources(
  parts: AdoptParts,
  picked: { readonly kind: AdoptableKind; readonly names: readonly string[] } | undefined,
): Promise<AdoptResult> {
  return claimed(parts, async (claim) => {
    const { plan, found, deployment } = await parts.read()
    const wanted = picked
      ? picked.names.map((name) => ({ kind: picked.kind, name }))
      : foreignOf(plan)
    const faults: CcsError[] = []
    const taken = wanted.flatMap(({ kind, name }) => {
      const one = adoptedResource(kind, name, parts.desired, found)
      if (one === undefined) faults.push(missing(kind, name, parts.desired, plan.target))
      return one ?? []
    })
    throwAll(faults)
    const { target } = plan
    if (taken.length === 0) return { target, adopted: [], serial: plan.serial }
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
      deployedMs: parts.clock.nowMs(),
      by: parts.by,
      resources: [...taken, ...others],
      ...(deployment?.engine === undefined ? {} : { engine: deployment.engine }),
    })
    return { target, adopted: wanted, serial }
  })
}

function foreignOf(plan: ClusterPlan): readonly { kind: AdoptableKind; name: string }[] {
  return stepsOf(plan).flatMap(({ kind, name, refused }) =>
    refused?.includes('ccs adopt') && kind !== 'model' && kind !== 'schema' ? [{ kind, name }] : [],
  )
}

function missing(
  kind: AdoptableKind,
  name: string,
  desired: DesiredState,
  target: string,
): CcsError {
  const known = { topic: desired.topics, subject: desired.subjects, connector: desired.connectors }
  const names = known[kind].map((one) => one.name)
  return names.includes(name)
    ? new CcsError('CCS_USAGE_INVALID', `There is no ${kind} ${name} on target ${target} yet.`, {
        exit: EXIT.usage,
        hint: `It is made by: ccs deploy --target ${target}`,
      })
    : new CcsError('CCS_USAGE_INVALID', `The project has no ${kind} ${name}.`, {
        exit: EXIT.usage,
        hint: didYouMean(name, names),
      })
}
