/**
 * Plans a resource of a target's servers: it is removed, created, refused because ccs did not
 * create it, or changed to what the project wants.
 */
import type { DeployedResource, ResourceKind } from '../deployment.ts'
import { type Difference, makeStep, type Operation, type Step } from './step.ts'

/** The plan for one resource. */
export interface PlannedResource {
  /** Absent: the resource is as it should be. */
  readonly step?: Step
  /** Its entry in the deployment record afterwards; absent: none. */
  readonly after?: DeployedResource
}

/** One resource as the project wants it, as the last deployment left it, and as it is. */
export interface ResourceViews<Wanted, Found> {
  readonly name: string
  readonly wanted: Wanted | undefined
  readonly deployed: DeployedResource | undefined
  readonly found: Found | undefined
  readonly context: PlanContext
}

/** What all resources of one plan have in common. */
export interface PlanContext {
  readonly target: string
  /** The last deployment was finished, so what differs from its record was changed by others. */
  readonly isComplete: boolean
  /** Adopted resources are removed too, as `ccs destroy --adopted` asks. */
  readonly withAdopted: boolean
}

/** What differs between topics, subjects and connectors when they are planned. */
export interface ResourceRules<Wanted, Found> {
  readonly kind: ResourceKind
  /** What is lost when such a resource is removed; absent: nothing. */
  readonly removalDestroys?: string
  removal(name: string): Operation
  /** `isLost`: it was deployed, and somebody deleted it. */
  add(wanted: Wanted, isLost: boolean, deployed: DeployedResource | undefined): PlannedResource
  /** Compares a resource that ccs did not create. */
  compare(found: Found, wanted: Wanted): readonly Difference[]
  /** Plans a resource that exists and was deployed or adopted. */
  change(known: KnownResource<Wanted, Found>): PlannedResource
}

/** A resource that is wanted, was deployed, and exists. */
export interface KnownResource<Wanted, Found> {
  readonly name: string
  readonly wanted: Wanted
  readonly deployed: DeployedResource
  readonly found: Found
  readonly context: PlanContext
}

/** Plans one resource by the rules of its kind. */
export function planResource<Wanted, Found>(
  views: ResourceViews<Wanted, Found>,
  rules: ResourceRules<Wanted, Found>,
): PlannedResource {
  const { name, wanted, deployed, found, context } = views
  if (wanted === undefined) return planRemoval(views, rules)
  if (found === undefined)
    return rules.add(wanted, deployed !== undefined && context.isComplete, deployed)
  if (deployed === undefined) return refuseForeign(views, rules.kind, rules.compare(found, wanted))
  return rules.change({ name, wanted, deployed, found, context })
}

function refuseForeign(
  { name, context }: Pick<ResourceViews<unknown, unknown>, 'name' | 'context'>,
  kind: ResourceKind,
  differences: readonly Difference[],
): PlannedResource {
  const step = makeStep({
    action: 'change',
    kind,
    name,
    reason: 'it exists, and ccs did not create it',
    differences,
    refused: `take it over as it is: ccs adopt ${kind} ${name} --target ${context.target}`,
  })
  return { step }
}

function planRemoval<Wanted, Found>(
  { name, deployed, found, context }: ResourceViews<Wanted, Found>,
  { kind, removal, removalDestroys: destroys }: ResourceRules<Wanted, Found>,
): PlannedResource {
  const base = { action: 'remove', kind, name } as const
  if (found === undefined) {
    const reason = 'it no longer exists; its record is removed'
    return { step: makeStep({ ...base, reason, drift: context.isComplete }) }
  }
  if (deployed?.adopted && !context.withAdopted) {
    const reason = 'the project no longer has it; it was there before ccs, and stays'
    return { step: makeStep({ ...base, reason }) }
  }
  const step = makeStep({
    ...base,
    reason: 'the project no longer has it',
    category: destroys === undefined ? 'forward-only' : 'breaking',
    ...(destroys === undefined ? {} : { destroys }),
    ...(deployed ? { before: deployed.content } : {}),
    operations: [removal(name)],
  })
  return { step }
}
