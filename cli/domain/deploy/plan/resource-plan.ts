/**
 * The way in which every resource of a target's servers is planned: it is removed, created, refused
 * because somebody else made it, or brought from what it is to what the project wants.
 */
import type { DeployedResource, ResourceKind } from '../deployment.ts'
import { type Difference, makeStep, type Operation, type Step } from './step.ts'

/** What planning says about one resource. */
export interface PlannedResource {
  /** Absent: the resource is as it should be. */
  readonly step?: Step
  /** What the deployment record will hold of it afterwards; absent: nothing. */
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
  /** What a new one is, in words. */
  describe(wanted: Wanted): string
  /** What else to say of one that was deployed and that somebody deleted. */
  readonly afterLoss?: string
  /** The resource as `ccs diff` shows it. */
  format(wanted: Wanted): string
  create(wanted: Wanted): readonly Operation[]
  record(wanted: Wanted, deployed: DeployedResource | undefined): DeployedResource
  /** Differences of a resource that ccs did not make. */
  compare(found: Found, wanted: Wanted): readonly Difference[]
  /** Of a resource that exists and was deployed or adopted. */
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
  if (found === undefined) return planNew(views, wanted, rules)
  if (deployed === undefined) return refuseForeign(views, rules.kind, rules.compare(found, wanted))
  return rules.change({ name, wanted, deployed, found, context })
}

function planNew<Wanted, Found>(
  { name, deployed, context }: ResourceViews<Wanted, Found>,
  wanted: Wanted,
  rules: ResourceRules<Wanted, Found>,
): PlannedResource {
  const isLost = deployed !== undefined && context.isComplete
  const step = makeStep({
    action: 'add',
    kind: rules.kind,
    name,
    reason: isLost ? `it was deleted by hand${rules.afterLoss ?? ''}` : rules.describe(wanted),
    drift: isLost,
    after: rules.format(wanted),
    operations: rules.create(wanted),
  })
  return { step, after: rules.record(wanted, deployed) }
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
    reason: 'it is there, and ccs did not make it',
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
    const reason = 'it is gone already; its record goes'
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
