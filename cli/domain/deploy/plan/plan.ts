/**
 * Plans a target: compares what the project wants, what was deployed last and what exists now,
 * resource by resource. Pure: `ccs plan` and `ccs deploy` plan in the same way, and `ccs deploy`
 * plans again once it has claimed the target.
 */
import type { ConnectorState } from '../../connectors/connect-cluster.ts'
import type { TopicState } from '../../log/topic-admin.ts'
import type { DeployedResource, Deployment, ResourceKind } from '../deployment.ts'
import { planConnector, summarizeHealth } from './connector-plan.ts'
import type { DesiredState } from './desired.ts'
import { hashText, printCanonicalJson } from './resource-content.ts'
import type { PlanContext, PlannedResource, ResourceViews } from './resource-plan.ts'
import type { Step } from './step.ts'
import { type FoundSubject, planSubject } from './subject-plan.ts'
import { planTopic } from './topic-plan.ts'

/** What exists of the resources that the project or the last deployment name. */
export interface FoundResources {
  readonly topics: readonly TopicState[]
  readonly subjects: readonly FoundSubject[]
  /** Undefined if the target has no Connect; its connectors then stay as recorded. */
  readonly connectors: readonly ConnectorState[] | undefined
}

/** What the target's engine contributes to a plan. */
export interface EnginePlan {
  /** Of kind model, schema and job, in the order in which the engine applies them. */
  readonly steps: readonly Step[]
  /** Models that are as they should be. */
  readonly unchanged: number
  /**
   * The engine's part of the deployment record, unless a step writes one; absent: it needs none.
   */
  readonly record?: string
  /** How rows of the steps' models may differ from those of other engines: one sentence each. */
  readonly remarks?: readonly string[]
}

/** All that a plan is made from. */
export interface PlanInput {
  readonly target: string
  readonly desired: DesiredState
  /** Undefined before the first deployment. */
  readonly deployment: Deployment | undefined
  /** For a target without servers: the serial of the engine's last commit. */
  readonly engineSerial?: number
  readonly found: FoundResources
  readonly engine: EnginePlan
  readonly withAdopted?: boolean
}

/** What `ccs deploy` would do to a target, as data. */
export interface Plan {
  readonly target: string
  /** Serial of the deployment that the plan was made against; 0 before the first. */
  readonly serial: number
  /** The last deployment broke off; the next one finishes it, even if it has no steps. */
  readonly isUnfinished: boolean
  /** In the order in which they are applied. */
  readonly steps: readonly Step[]
  /** Number of resources that are as they should be. */
  readonly unchanged: number
  /** What may surprise although nothing is wrong: one sentence each. */
  readonly remarks: readonly string[]
  /** Hash of all that the plan was made from. */
  readonly fingerprint: string
  readonly record: PlannedRecord
}

/** What the deployment record will say. */
export interface PlannedRecord {
  /** Once all steps are applied. */
  readonly resources: readonly DeployedResource[]
  /**
   * Before the first step: all that the steps may create, so that a later plan knows it as ccs's.
   */
  readonly intent: readonly DeployedResource[]
  /** Whether `resources` differ from those of the last deployment. */
  readonly isNew: boolean
  /** The engine's part, unless a step writes another. */
  readonly engine?: string
}

/** Makes the plan. Throws CCS_MANIFEST_INVALID if the deployment record can't be read. */
export function planTarget(input: PlanInput): Plan {
  const { target, desired, deployment, found, engine } = input
  const isComplete = deployment?.complete ?? true
  const context = { target, isComplete, withAdopted: input.withAdopted ?? false }
  const records = deployment?.resources ?? []
  const topics = planEach('topic', planTopic, {
    wanted: desired.topics,
    found: found.topics,
    records,
    context,
  })
  const subjects = planEach('subject', planSubject, {
    wanted: desired.subjects,
    found: found.subjects,
    records,
    context,
  })
  const connectors =
    found.connectors === undefined
      ? records.filter((one) => one.kind === 'connector').map((after) => ({ after }))
      : planEach('connector', planConnector, {
          wanted: desired.connectors,
          found: found.connectors,
          records,
          context,
        })
  const planned: readonly PlannedResource[] = [...topics, ...subjects, ...connectors]
  const resources = [...planned.flatMap((one) => one.after ?? []), ...desired.models]
  return {
    target,
    serial: deployment?.serial ?? input.engineSerial ?? 0,
    isUnfinished: !isComplete,
    steps: orderSteps({ topics, subjects, connectors, engine: engine.steps }),
    unchanged: planned.filter((one) => !one.step && one.after).length + engine.unchanged,
    remarks: [...desired.remarks, ...(engine.remarks ?? [])],
    fingerprint: fingerprintInput(input),
    record: {
      resources,
      intent: mergeResources(resources, records),
      isNew: printRecord(resources) !== printRecord(records),
      ...(engine.record === undefined ? {} : { engine: engine.record }),
    },
  }
}

/** Whether there is anything to do. */
export function hasChanges(plan: Pick<Plan, 'steps' | 'isUnfinished'>): boolean {
  return plan.steps.length > 0 || plan.isUnfinished
}

interface Named {
  readonly name: string
}

function planEach<W extends Named, F extends Named>(
  kind: ResourceKind,
  plan: (views: ResourceViews<W, F>) => PlannedResource,
  all: {
    readonly wanted: readonly W[]
    readonly found: readonly F[]
    readonly records: readonly DeployedResource[]
    readonly context: PlanContext
  },
): readonly PlannedResource[] {
  const wanted = indexByName(all.wanted)
  const deployed = indexByName(all.records.filter((one) => one.kind === kind))
  const found = indexByName(all.found)
  return [...new Set([...wanted.keys(), ...deployed.keys()])].map((name) =>
    plan({
      name,
      wanted: wanted.get(name),
      deployed: deployed.get(name),
      found: found.get(name),
      context: all.context,
    }),
  )
}

function indexByName<T extends Named>(items: readonly T[]): ReadonlyMap<string, T> {
  return new Map(items.map((one) => [one.name, one]))
}

/** What others depend on is created first and removed last. */
function orderSteps(parts: {
  readonly topics: readonly PlannedResource[]
  readonly subjects: readonly PlannedResource[]
  readonly connectors: readonly PlannedResource[]
  readonly engine: readonly Step[]
}): readonly Step[] {
  const pick = (some: readonly PlannedResource[], isRemoval: boolean) =>
    some.flatMap(({ step }) => (step && (step.action === 'remove') === isRemoval ? [step] : []))
  return [
    ...pick(parts.connectors, true),
    ...pick(parts.topics, false),
    ...pick(parts.subjects, false),
    ...parts.engine,
    ...pick(parts.connectors, false),
    ...pick(parts.subjects, true),
    ...pick(parts.topics, true).toReversed(),
  ]
}

function makeKey({ kind, name }: DeployedResource): string {
  return `${kind} ${name}`
}

function mergeResources(
  first: readonly DeployedResource[],
  others: readonly DeployedResource[],
): readonly DeployedResource[] {
  const known = new Set(first.map(makeKey))
  return [...first, ...others.filter((one) => !known.has(makeKey(one)))]
}

function printRecord(resources: readonly DeployedResource[]): string {
  return resources
    .map((one) => `${makeKey(one)} ${one.fingerprint} ${one.adopted}`)
    .sort()
    .join('\n')
}

function fingerprintInput({ target, desired, deployment, found, engine }: PlanInput): string {
  const { topics, subjects, connectors } = found
  const read = {
    target,
    // Without the engine's serial: it grows while the engine runs, and the plan stays the same.
    deployment: deployment && [deployment.serial, deployment.complete],
    desired: [
      desired.topics,
      desired.subjects,
      desired.connectors.map(({ name, config }) => [name, config]),
      desired.models.map((one) => [one.name, one.fingerprint]),
    ],
    topics: [...topics].sort(compareNames),
    subjects: [...subjects].sort(compareNames),
    connectors:
      connectors &&
      [...connectors].sort(compareNames).map((one) => [one.name, summarizeHealth(one), one.config]),
    models: engine.steps,
  }
  return hashText(printCanonicalJson(read))
}

function compareNames(a: Named, b: Named): number {
  return a.name < b.name ? -1 : 1
}
