/**
 * The plan for a cluster: what the project wants, what was deployed last and what is really there, held against one
 * another resource by resource. Pure: it is made the same way for `ccs plan`, and again by `ccs deploy` from what it
 * finds once it has the target to itself.
 */

import type { ConnectorState } from '../../connectors/connect-cluster.ts'
import type { DeployedModel } from '../../lake/manifest.ts'
import type { TopicState } from '../../log/topic-admin.ts'
import type { DeployedResource, Deployment, ResourceKind } from '../deployment.ts'
import { planConnector, stateOf } from './connector-plan.ts'
import { type DesiredState, modelsOf } from './desired.ts'
import type { Plan, Step } from './plan.ts'
import { canonicalJson, hashOf } from './resource-content.ts'
import { type FoundSubject, planSubject } from './subject-plan.ts'
import {
  type ClusterStep,
  clusterStep,
  type PlanContext,
  type Planned,
  type Task,
} from './target-step.ts'
import { planTopic } from './topic-plan.ts'

/** What is really there, of the resources that the project or the last deployment name. */
export interface FoundState {
  readonly topics: readonly TopicState[]
  readonly subjects: readonly FoundSubject[]
  /** Undefined where the target has no Connect: nothing is said of connectors then. */
  readonly connectors: readonly ConnectorState[] | undefined
  /** What the engine runs. */
  readonly models: readonly DeployedModel[]
}

export interface ClusterInput {
  readonly target: string
  readonly desired: DesiredState
  readonly deployment: Deployment | undefined
  readonly found: FoundState
  /** The engine's own plan. */
  readonly models: Plan
  /** The engine's record, should there be nothing to do for it. */
  readonly engine?: string
  readonly withAdopted?: boolean
}

export interface ClusterPlan {
  readonly target: string
  /** Of the deployment that it was made against; 0 before the first. */
  readonly serial: number
  /** The last deployment was broken off: it is to be finished, even without steps. */
  readonly isUnfinished: boolean
  /** In the order in which they are done. */
  readonly tasks: readonly Task[]
  /** Resources that are as they should be. */
  readonly unchanged: number
  /** What is kept of the target once all is done. */
  readonly resources: readonly DeployedResource[]
  /** What the record must name before the first step is taken, so that a broken-off one knows its own. */
  readonly intent: readonly DeployedResource[]
  /** Whether `resources` differ from the last deployment's. */
  readonly isNewRecord: boolean
  readonly models: Plan
  /** The engine's record, kept where no step makes another. */
  readonly engine?: string
  readonly remarks: readonly string[]
  /** Of all that the plan was made from; equal for an equal plan. */
  readonly fingerprint: string
}

export function planCluster(input: ClusterInput): ClusterPlan {
  const { target, desired, deployment, found, models, withAdopted = false } = input
  const isComplete = deployment?.complete ?? true
  const context: PlanContext = { target, isComplete, withAdopted }
  const records = deployment?.resources ?? []
  const each = <W extends Named, F extends Named>(
    kind: ResourceKind,
    wanted: readonly W[],
    there: readonly F[],
    plan: (views: {
      name: string
      wanted: W | undefined
      deployed: DeployedResource | undefined
      found: F | undefined
      context: PlanContext
    }) => Planned,
  ): readonly Planned[] => {
    const known = records.filter((one) => one.kind === kind)
    const [byWanted, byRecord, byFound] = [byName(wanted), byName(known), byName(there)]
    return [...new Set([...byWanted.keys(), ...byRecord.keys()])].map((name) =>
      plan({
        name,
        wanted: byWanted.get(name),
        deployed: byRecord.get(name),
        found: byFound.get(name),
        context,
      }),
    )
  }
  const topics = each('topic', desired.topics, found.topics, planTopic)
  const subjects = each('subject', desired.subjects, found.subjects, planSubject)
  const connectors: readonly Planned[] =
    found.connectors === undefined
      ? records
          .filter((one) => one.kind === 'connector')
          .map((after) => ({ operations: [], after }))
      : each('connector', desired.connectors, found.connectors, planConnector)
  const modelTask = modelSteps(input, records, isComplete)
  const planned = [...topics, ...subjects, ...connectors]
  const resources = [...planned.flatMap((one) => one.after ?? []), ...desired.models]
  return {
    target,
    serial: deployment?.serial ?? 0,
    isUnfinished: !isComplete,
    tasks: inOrder({ topics, subjects, connectors, models: modelTask }),
    unchanged:
      planned.filter((one) => !one.step && one.after).length +
      modelsOf(desired.models).length -
      modelTask.filter((one) => one.action !== 'remove' && one.kind === 'model').length,
    resources,
    intent: union(resources, records),
    isNewRecord: recordOf(resources) !== recordOf(records),
    models,
    ...(input.engine === undefined ? {} : { engine: input.engine }),
    remarks: desired.remarks,
    fingerprint: fingerprintOf(input),
  }
}

/** The steps of a plan in the order in which they are done. */
export function stepsOf(plan: ClusterPlan): readonly ClusterStep[] {
  return plan.tasks.flatMap((task) => task.steps)
}

/** Whether there is anything to do. */
export function hasChanges(plan: ClusterPlan): boolean {
  return plan.tasks.length > 0 || plan.isUnfinished
}

interface Named {
  readonly name: string
}

function byName<T extends Named>(items: readonly T[]): ReadonlyMap<string, T> {
  return new Map(items.map((one) => [one.name, one]))
}

/** What is needed comes before what needs it; what goes, goes the other way round. */
function inOrder(parts: {
  readonly topics: readonly Planned[]
  readonly subjects: readonly Planned[]
  readonly connectors: readonly Planned[]
  readonly models: readonly ClusterStep[]
}): readonly Task[] {
  const { topics, subjects, connectors, models } = parts
  const tasks = (some: readonly Planned[], isRemoval: boolean): readonly Task[] =>
    some.flatMap(({ step, operations }) =>
      step && (step.action === 'remove') === isRemoval ? [{ steps: [step], operations }] : [],
    )
  return [
    ...tasks(connectors, true),
    ...tasks(topics, false),
    ...tasks(subjects, false),
    ...(models.length > 0
      ? [{ steps: models, operations: [{ op: 'deploy models' } as const] }]
      : []),
    ...tasks(connectors, false),
    ...tasks(subjects, true),
    ...tasks(topics, true).toReversed(),
  ]
}

/** The engine's plan as steps of this one, with what the engine should have had by the last deployment. */
function modelSteps(
  { models, found }: ClusterInput,
  records: readonly DeployedResource[],
  isComplete: boolean,
): readonly ClusterStep[] {
  const recorded = byName(modelsOf(records))
  const running = byName(found.models)
  return models.steps.map((step) => {
    const was = step.kind === 'model' ? recorded.get(step.name) : undefined
    const is = running.get(step.name)
    const drift = isComplete && was !== undefined && was.fingerprint !== is?.fingerprint
    const seen = modelStep(step, drift ? (is ? 'changed' : 'gone') : undefined)
    return isComplete && step.isDrift ? { ...seen, drift: true } : seen
  })
}

function modelStep(step: Step, drift: 'changed' | 'gone' | undefined): ClusterStep {
  const { action, state, refused, before, after } = step
  const destroys = state === 'drop' ? 'its rows' : step.destroys
  const drifted =
    drift === 'gone'
      ? 'the data directory no longer has it'
      : 'the data directory has another version than was deployed'
  return clusterStep({
    action: action === 'change' && state !== 'none' ? 'replace' : action,
    kind: step.kind,
    name: step.name,
    category: step.category,
    state,
    reason: drift ? drifted : step.reason,
    drift: drift !== undefined,
    ...(destroys === undefined ? {} : { destroys }),
    ...(refused === undefined ? {} : { refused }),
    ...(before === undefined ? {} : { before }),
    ...(after === undefined ? {} : { after }),
  })
}

const keyOf = ({ kind, name }: DeployedResource) => `${kind} ${name}`

function union(
  first: readonly DeployedResource[],
  others: readonly DeployedResource[],
): readonly DeployedResource[] {
  const known = new Set(first.map(keyOf))
  return [...first, ...others.filter((one) => !known.has(keyOf(one)))]
}

function recordOf(resources: readonly DeployedResource[]): string {
  return resources
    .map((one) => `${keyOf(one)} ${one.fingerprint} ${one.adopted}`)
    .sort()
    .join('\n')
}

function fingerprintOf({ target, desired, deployment, found, models }: ClusterInput): string {
  const { topics, subjects, connectors } = found
  const read = {
    target,
    deployment: deployment && [deployment.serial, deployment.complete],
    desired: [
      desired.topics,
      desired.subjects,
      desired.connectors.map(({ name, config }) => [name, config]),
      desired.models.map((one) => [one.name, one.fingerprint]),
    ],
    topics: [...topics].sort(inNames),
    subjects: [...subjects].sort(inNames),
    connectors:
      connectors &&
      [...connectors].sort(inNames).map((one) => [one.name, stateOf(one), one.config]),
    // Not the engine's serial: it commits while it runs, and the plan stays the same.
    models: models.steps,
  }
  return hashOf(canonicalJson(read))
}

function inNames(a: Named, b: Named): number {
  return a.name < b.name ? -1 : 1
}
