/**
 * A step of a plan for a cluster: what is done to one resource and why, in words, and the operations that do it, as
 * data. The words are printed by `ccs plan`, the operations carried out by `ccs deploy`.
 */

import type { TopicState } from '../../log/topic-admin.ts'
import type { DeployedResource, ResourceKind } from '../deployment.ts'
import type { Category, StateEffect } from './plan.ts'

/** replace: made anew beside what is there, which then goes. */
export type StepAction = 'add' | 'change' | 'replace' | 'remove'

/** schema: a version that the engine is to know beside the subject's. */
export type StepKind = ResourceKind | 'schema'

/** One setting that is not as it should be; null: not set. */
export interface Difference {
  readonly key: string
  /** As it was left by the last deployment; absent where that is no news. */
  readonly deployed?: string | null
  readonly found: string | null
  readonly wanted: string | null
}

export interface ClusterStep {
  readonly action: StepAction
  readonly kind: StepKind
  readonly name: string
  readonly category: Category
  readonly state: StateEffect
  /** Why, in half a sentence. */
  readonly reason: string
  /** Somebody else changed it since the last deployment. */
  readonly drift: boolean
  readonly differences: readonly Difference[]
  /** What would be lost: the step needs --allow-destructive. */
  readonly destroys?: string
  /** Set when the step can't be taken: why, and what to type instead. */
  readonly refused?: string
  /** For the diff. */
  readonly before?: string
  readonly after?: string
}

export type Operation =
  | { readonly op: 'create topic'; readonly topic: TopicState }
  | {
      readonly op: 'configure topic'
      readonly name: string
      readonly config: Readonly<Record<string, string | null>>
    }
  | { readonly op: 'add partitions'; readonly name: string; readonly total: number }
  | { readonly op: 'remove topic'; readonly name: string }
  | { readonly op: 'register'; readonly name: string; readonly schema: string }
  | { readonly op: 'remove version'; readonly name: string; readonly version: number }
  | { readonly op: 'set compatibility'; readonly name: string; readonly level: string }
  | { readonly op: 'remove subject'; readonly name: string }
  /** All of the engine's models at once: they are committed by one rename. */
  | { readonly op: 'deploy models' }
  | { readonly op: 'put connector'; readonly name: string }
  | { readonly op: 'resume connector'; readonly name: string }
  | { readonly op: 'restart connector'; readonly name: string }
  /** Until it runs steadily. */
  | { readonly op: 'await connector'; readonly name: string }
  | { readonly op: 'remove connector'; readonly name: string }

/** What is done to one resource; of models to all of them at once. */
export interface Task {
  readonly steps: readonly ClusterStep[]
  readonly operations: readonly Operation[]
}

/** What the plan says of one resource. */
export interface Planned {
  /** Absent: it is as it should be. */
  readonly step?: ClusterStep
  readonly operations: readonly Operation[]
  /** What will be kept of it once it is as it should be; absent: nothing. */
  readonly after?: DeployedResource
}

/** Three views of one resource. */
export interface Views<Wanted, Found> {
  readonly name: string
  readonly wanted: Wanted | undefined
  readonly deployed: DeployedResource | undefined
  readonly found: Found | undefined
  readonly context: PlanContext
}

export interface PlanContext {
  readonly target: string
  /** The last deployment was finished: what differs from it was done by others. */
  readonly isComplete: boolean
  /** Resources that were taken over are removed too. */
  readonly withAdopted: boolean
}

type StepParts = Pick<ClusterStep, 'action' | 'kind' | 'name' | 'reason'> & Partial<ClusterStep>

export function clusterStep(parts: StepParts): ClusterStep {
  return { category: 'additive', state: 'none', drift: false, differences: [], ...parts }
}

/** The resource is there and nobody said that it is ours. */
export function foreignStep(
  kind: ResourceKind,
  { name, context }: Pick<Views<unknown, unknown>, 'name' | 'context'>,
  differences: readonly Difference[],
): Planned {
  const step = clusterStep({
    action: 'change',
    kind,
    name,
    reason: 'it is there, and ccs did not make it',
    differences,
    refused: `take it over as it is: ccs adopt ${kind} ${name} --target ${context.target}`,
  })
  return { step, operations: [] }
}

/** The project does not want it any more. `found` false: it is gone already. */
export function removedStep(
  kind: ResourceKind,
  { name, deployed, context }: Pick<Views<unknown, unknown>, 'name' | 'deployed' | 'context'>,
  how: { readonly isThere: boolean; readonly operation: Operation; readonly destroys?: string },
): Planned {
  const base = { action: 'remove', kind, name } as const
  if (!how.isThere) {
    const reason = 'it is gone already; its record goes'
    return { step: clusterStep({ ...base, reason, drift: context.isComplete }), operations: [] }
  }
  if (deployed?.adopted && !context.withAdopted) {
    const reason = 'the project has it no more; it was there before ccs, and stays'
    return { step: clusterStep({ ...base, reason }), operations: [] }
  }
  const step = clusterStep({
    ...base,
    reason: 'the project has it no more',
    category: how.destroys === undefined ? 'forward-only' : 'breaking',
    ...(how.destroys === undefined ? {} : { destroys: how.destroys }),
    ...(deployed ? { before: deployed.content } : {}),
  })
  return { step, operations: [how.operation] }
}

/** Of keys that differ between found and wanted, what was deployed where that says who did it. */
export function differencesOf(
  found: Readonly<Record<string, string>>,
  wanted: Readonly<Record<string, string>>,
  deployed: Readonly<Record<string, string>> | undefined,
): readonly Difference[] {
  const keys = [...new Set([...Object.keys(found), ...Object.keys(wanted)])].sort()
  return keys
    .filter((key) => found[key] !== wanted[key])
    .map((key) => ({
      key,
      ...(deployed && deployed[key] !== found[key] ? { deployed: deployed[key] ?? null } : {}),
      found: found[key] ?? null,
      wanted: wanted[key] ?? null,
    }))
}

/** Whether a difference is of somebody else's making. */
export function isDrift({ deployed }: Difference): boolean {
  return deployed !== undefined
}
