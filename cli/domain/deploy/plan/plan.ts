/**
 * What a deployment would do: desired logic against what the manifest says made the present rows. A plan is
 * data, made once, printed by `ccs plan` and carried out by `ccs deploy`.
 */

import type { Manifest } from '../../lake/manifest.ts'
import type { GraphModel } from '../../models/graph.ts'
import { isSeed } from '../../models/seed-shape.ts'

export type Action = 'add' | 'change' | 'remove'

/** additive: nothing that was there changes · breaking: old rows are made anew · forward-only: old rows stay. */
export type Category = 'additive' | 'breaking' | 'forward-only'

/**
 * none: nothing is stored · build: from Silver, beside what runs · rebuild: all rows anew, from the log, beside
 * the old ones, then swapped · drop: stored rows go.
 */
export type StateEffect = 'none' | 'build from silver' | 'rebuild from log' | 'drop'

export interface Step {
  readonly action: Action
  readonly kind: 'model' | 'schema'
  readonly name: string
  readonly category: Category
  readonly state: StateEffect
  /** Why, in half a sentence. */
  readonly reason: string
  readonly before?: string
  readonly after?: string
  /** Set when the step can't be taken: why, and what to do instead. */
  readonly refused?: string
  /** Set where the engine itself saw that somebody else changed it. */
  readonly isDrift?: boolean
  /** What would be lost, beside the rows that state `drop` says. */
  readonly destroys?: string
}

export interface Plan {
  readonly steps: readonly Step[]
  /** The serial that the plan was made against; 0 before the first commit. */
  readonly serial: number
  readonly unchanged: number
}

export interface Desired {
  readonly graph: readonly GraphModel[]
  readonly schemas: Manifest['schemas']
}

/** `isLogWhole`: the log still begins with its first record. */
export function makePlan(
  desired: Desired,
  manifest: Manifest | undefined,
  isLogWhole: boolean,
): Plan {
  const deployed = new Map((manifest?.models ?? []).map((one) => [one.name, one]))
  const hasRows = manifest !== undefined && manifest.counts.records > 0
  const steps: Step[] = []
  const changed = new Set<string>()
  // Whether a changed model's rows come from the log: all that is changed after it is made from there too.
  let isLogRead = false
  for (const { model, fingerprint, reads } of desired.graph) {
    const before = deployed.get(model.name)
    if (before?.fingerprint === fingerprint) continue
    changed.add(model.name)
    isLogRead ||= model.layer !== 'gold' && model.kind !== 'view'
    const isOwn = before === undefined || before.text !== model.text
    const upstream = reads.filter((name) => changed.has(name))
    const isStored = model.kind !== 'view'
    const state: StateEffect =
      !hasRows || !isStored
        ? 'none'
        : model.layer === 'gold' && !isLogRead
          ? 'build from silver'
          : 'rebuild from log'
    const refused =
      state === 'rebuild from log' && !isLogWhole
        ? 'the log no longer holds its first records; restore them, or keep this model as it was'
        : undefined
    steps.push({
      action: before ? 'change' : 'add',
      kind: 'model',
      name: model.name,
      category: before ? (isStored ? 'breaking' : 'forward-only') : 'additive',
      state,
      reason: reasonOf(before !== undefined, isOwn, upstream, reads.some(isSeed)),
      ...(before ? { before: before.text } : {}),
      after: model.text,
      ...(refused ? { refused } : {}),
    })
  }
  const wanted = new Set(desired.graph.map(({ model }) => model.name))
  for (const { name, text } of deployed.values()) {
    if (wanted.has(name)) continue
    const isStored =
      manifest?.files.some((file) => file.table === name) ||
      manifest?.state.some((file) => file.model === name)
    steps.push({
      action: 'remove',
      kind: 'model',
      name,
      category: 'breaking',
      state: isStored ? 'drop' : 'none',
      reason: 'its file is gone',
      before: text,
    })
  }
  steps.push(...schemaSteps(desired, manifest))
  return {
    steps,
    serial: manifest?.serial ?? 0,
    unchanged: desired.graph.length - steps.filter((one) => one.after !== undefined).length,
  }
}

/** What the whole plan asks for: the widest effect of its steps. */
export function widestEffect(plan: Plan): StateEffect {
  const effects = plan.steps.map((step) => step.state)
  return (
    (['rebuild from log', 'build from silver', 'drop'] as const).find((one) =>
      effects.includes(one),
    ) ?? 'none'
  )
}

function reasonOf(
  wasThere: boolean,
  isOwn: boolean,
  upstream: readonly string[],
  hasSeed: boolean,
): string {
  if (!wasThere) return 'new'
  if (upstream.length > 0) return `reads ${upstream.join(', ')}`
  if (isOwn) return 'its SQL or header changed'
  const used = hasSeed ? 'a seed, macro or setting' : 'a macro or setting'
  return `${used} that it uses changed`
}

function schemaSteps(desired: Desired, manifest: Manifest | undefined): Step[] {
  const steps: Step[] = []
  for (const { subject, fingerprint } of desired.schemas) {
    const before = manifest?.schemas.find((one) => one.subject === subject)
    if (before?.fingerprint === fingerprint) continue
    steps.push({
      action: before ? 'change' : 'add',
      kind: 'schema',
      name: subject,
      category: before ? 'forward-only' : 'additive',
      state: 'none',
      reason: before ? 'a new version; records keep the version they were written with' : 'new',
    })
  }
  return steps
}
