/**
 * A step of a plan: what happens to one resource and why, in words for `ccs plan`, and the
 * operations that make it happen, as data for `ccs deploy`.
 */
import type { TopicState } from '../../log/topic-admin.ts'
import type { ResourceKind } from '../deployment.ts'

/** replace: created again beside the existing one, which is then dropped. */
export type StepAction = 'add' | 'change' | 'replace' | 'remove'

/**
 * schema: a version of a subject that the engine must know before it reads records with it · job:
 * what an engine runs on a cluster for several models together.
 */
export type StepKind = ResourceKind | 'schema' | 'job'

/**
 * additive: nothing that exists changes · breaking: existing rows are rebuilt, or readers break ·
 * forward-only: existing rows stay as they are, new ones differ.
 */
export type Category = 'additive' | 'breaking' | 'forward-only'

/**
 * What happens to stored rows. none: nothing · build from silver: the model's rows are computed
 * from committed Silver · rebuild from log: all rows are computed again from the log · drop: they
 * are deleted.
 */
export type StateEffect = 'none' | 'build from silver' | 'rebuild from log' | 'drop'

/** One setting that is not as the project wants it; null: not set. */
export interface Difference {
  readonly key: string
  /** Value that the last deployment left; absent unless somebody changed it since. */
  readonly deployed?: string | null
  readonly found: string | null
  readonly wanted: string | null
}

/** What a deployment does about one resource. */
export interface Step {
  readonly action: StepAction
  readonly kind: StepKind
  /** As the target knows it, so with the target's prefix for topics, subjects and connectors. */
  readonly name: string
  readonly category: Category
  readonly state: StateEffect
  /** Why, as half a sentence without a full stop. */
  readonly reason: string
  /** Whether somebody else changed the resource since the last deployment. */
  readonly drift: boolean
  readonly differences: readonly Difference[]
  /** What would be lost, in words; such a step needs --allow-destructive. */
  readonly destroys?: string
  /** How to keep what would be lost, as a sentence. */
  readonly rescue?: string
  /** Why the step can't be applied, and what to do instead; a plan with such a step is refused. */
  readonly refused?: string
  /** The resource as text, as found and as wanted, for `ccs diff`. */
  readonly before?: string
  readonly after?: string
  /** In order. Empty for models, schemas and jobs, which the engine applies together. */
  readonly operations: readonly Operation[]
}

/** One request to a server of the target; each may be repeated without harm. */
export type Operation =
  | { readonly op: 'create topic'; readonly topic: TopicState }
  | {
      readonly op: 'configure topic'
      readonly name: string
      /** null unsets a setting. */
      readonly config: Readonly<Record<string, string | null>>
    }
  | { readonly op: 'add partitions'; readonly name: string; readonly total: number }
  | { readonly op: 'remove topic'; readonly name: string }
  | { readonly op: 'register'; readonly name: string; readonly schema: string }
  | { readonly op: 'remove version'; readonly name: string; readonly version: number }
  | { readonly op: 'set compatibility'; readonly name: string; readonly level: string }
  | { readonly op: 'remove subject'; readonly name: string }
  | { readonly op: 'put connector'; readonly name: string }
  | { readonly op: 'resume connector'; readonly name: string }
  | { readonly op: 'restart connector'; readonly name: string }
  /** Waits until the connector and its tasks run. */
  | { readonly op: 'await connector'; readonly name: string }
  | { readonly op: 'remove connector'; readonly name: string }

/** Makes a step; by default it is additive, leaves rows as they are, and is no drift. */
export function makeStep(
  parts: Pick<Step, 'action' | 'kind' | 'name' | 'reason'> & Partial<Step>,
): Step {
  const usual = { category: 'additive', state: 'none', drift: false } as const
  return { ...usual, differences: [], operations: [], ...parts }
}

/** Whether the engine applies the step rather than the servers around it. */
export function isEngineStep({ kind }: Pick<Step, 'kind'>): boolean {
  return kind === 'model' || kind === 'schema' || kind === 'job'
}

/** Finds the widest effect that any of the steps has on stored rows. */
export function findWidestEffect(steps: readonly Pick<Step, 'state'>[]): StateEffect {
  const effects = steps.map((step) => step.state)
  const widestFirst = ['rebuild from log', 'build from silver', 'drop'] as const
  return widestFirst.find((one) => effects.includes(one)) ?? 'none'
}

/** Lists the keys whose values differ, with the deployed value if others changed it since. */
export function compareSettings(
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

/** Whether somebody else made the difference, by hand or with another tool. */
export function isDrift({ deployed }: Difference): boolean {
  return deployed !== undefined
}
