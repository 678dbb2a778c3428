/**
 * What a deployment to the embedded engine would do: the project's logic compared with the logic
 * that, by the manifest, made the present rows.
 */
import type { EnginePlan } from '../../domain/deploy/plan/plan.ts'
import { makeStep, type StateEffect, type Step } from '../../domain/deploy/plan/step.ts'
import type { NamedText } from '../../domain/documents/json-document.ts'
import { CcsError } from '../../domain/kernel/errors.ts'
import type { DeployedModel, Manifest } from '../../domain/lake/manifest.ts'
import type { GraphModel } from '../../domain/models/graph.ts'
import type { Logic } from '../../domain/models/logic.ts'
import { toModelFile } from '../../domain/models/model.ts'
import { isSeed } from '../../domain/models/seed-shape.ts'

/** What the embedded engine's plan is made from. */
export interface ModelDiffInput {
  readonly logic: Pick<Logic, 'graph' | 'schemas'>
  /** Undefined before the first commit. */
  readonly manifest: Manifest | undefined
  /** What a rebuild from the log would lose, and how to keep it; absent: nothing. */
  readonly loss?: { readonly destroys: string; readonly rescue: string } | undefined
  /** Models of a finished deployment, by which changes of the data directory by others show. */
  readonly deployed?: readonly Pick<DeployedModel, 'name' | 'fingerprint'>[]
  /** Rebuild all stored rows, changed or not. */
  readonly isRebuild?: boolean
}

/** Compares models and schemas. Pure. */
export function diffModels(input: ModelDiffInput): EnginePlan {
  const { logic, manifest } = input
  const changed = changedModels(input)
  const steps = [
    ...changed,
    ...(input.isRebuild ? rebuiltModels(logic.graph, manifest, changed) : []),
    ...removedModels(logic.graph, manifest),
  ]
  const running = new Map((manifest?.models ?? []).map((one) => [one.name, one.fingerprint]))
  const deployed = new Map((input.deployed ?? []).map((one) => [one.name, one.fingerprint]))
  const drifted = steps.map((step) => markDrift(step, deployed.get(step.name), running))
  const models = input.loss ? markLoss(drifted, input.loss) : drifted
  const touched = models.filter((one) => one.action !== 'remove').length
  return {
    steps: [...models, ...changedSchemas(logic, manifest)],
    unchanged: logic.graph.length - touched,
  }
}

/** The logic in force, as a manifest keeps it. */
export function manifestLogic({
  graph,
  schemas,
}: Pick<Logic, 'graph' | 'schemas'>): Pick<Manifest, 'models' | 'schemas'> {
  const models = graph.map(({ model, fingerprint }) => {
    return { name: model.name, fingerprint, text: model.text }
  })
  return { models, schemas }
}

/** The files of the models that made the rows of the manifest. */
export function listDeployedModels({ models }: Manifest): readonly NamedText[] {
  return models.map(({ name, text }) => ({ file: toModelFile(name), text }))
}

/** Names of the deployed models whose files have changed since, or are gone. */
export function listDrafts(
  files: readonly NamedText[],
  manifest: Manifest | undefined,
): readonly string[] {
  const texts = new Map(files.map(({ file, text }) => [file, text]))
  const models = manifest?.models ?? []
  return models
    .filter((one) => texts.get(toModelFile(one.name)) !== one.text)
    .map(({ name }) => name)
}

/**
 * CCS_PLAN_CHANGES when the project's logic is not what made the rows that the manifest names.
 * `why` ends the message.
 */
export function refuseUndeployed(
  logic: Pick<Logic, 'graph' | 'schemas'>,
  manifest: Manifest | undefined,
  why = 'Old and new logic never mix.',
): void {
  if (!manifest) return
  const { steps } = diffModels({ logic, manifest })
  if (steps.length === 0) return
  const names = steps.map((step) => step.name)
  const list = names.slice(0, 5).join(', ') + (names.length > 5 ? ' …' : '')
  throw new CcsError('CCS_PLAN_CHANGES', `Not deployed yet: ${list}. ${why}`, {
    hint: 'Look at what would happen: ccs plan. Then: ccs deploy',
  })
}

function changedModels({ logic, manifest }: ModelDiffInput): readonly Step[] {
  const deployed = new Map((manifest?.models ?? []).map((one) => [one.name, one]))
  const hasRows = manifest !== undefined && manifest.counts.records > 0
  const steps: Step[] = []
  const changed = new Set<string>()
  // Once one changed model reads the log, all changed models after it are rebuilt from there too.
  let isLogRead = false
  for (const { model, fingerprint, reads } of logic.graph) {
    const before = deployed.get(model.name)
    if (before?.fingerprint === fingerprint) continue
    changed.add(model.name)
    const isStored = model.kind !== 'view'
    isLogRead ||= model.layer !== 'gold' && isStored
    const fromSilver = model.layer === 'gold' && !isLogRead
    const state: StateEffect =
      !hasRows || !isStored ? 'none' : fromSilver ? 'build from silver' : 'rebuild from log'
    const reason = explainChange({
      isNew: before === undefined,
      isOwn: before === undefined || before.text !== model.text,
      upstream: reads.filter((name) => changed.has(name)),
      hasSeed: reads.some(isSeed),
    })
    steps.push(
      makeStep({
        action: before === undefined ? 'add' : state === 'none' ? 'change' : 'replace',
        kind: 'model',
        name: model.name,
        category: before ? (isStored ? 'breaking' : 'forward-only') : 'additive',
        state,
        reason,
        ...(before ? { before: before.text } : {}),
        after: model.text,
      }),
    )
  }
  return steps
}

/** The first step that reads the log says what is lost by that. */
function markLoss(
  steps: readonly Step[],
  loss: NonNullable<ModelDiffInput['loss']>,
): readonly Step[] {
  const first = steps.find(({ state }) => state === 'rebuild from log')
  return steps.map((step) => (step === first ? { ...step, ...loss } : step))
}

function explainChange(change: {
  readonly isNew: boolean
  /** Its own text changed. */
  readonly isOwn: boolean
  readonly upstream: readonly string[]
  readonly hasSeed: boolean
}): string {
  if (change.isNew) return 'new'
  if (change.upstream.length > 0) return `reads ${change.upstream.join(', ')}`
  if (change.isOwn) return 'its SQL or header changed'
  const used = change.hasSeed ? 'a seed, macro or setting' : 'a macro or setting'
  return `${used} that it uses changed`
}

/** Stored models that no step is about. */
function rebuiltModels(
  graph: readonly GraphModel[],
  manifest: Manifest | undefined,
  changed: readonly Step[],
): readonly Step[] {
  if (!manifest) return []
  return graph.flatMap(({ model: { name, kind, text } }) => {
    if (kind === 'view' || changed.some((step) => step.name === name)) return []
    return makeStep({
      action: 'replace',
      kind: 'model',
      name,
      category: 'breaking',
      state: 'rebuild from log',
      reason: 'a rebuild was asked for',
      before: text,
      after: text,
    })
  })
}

function removedModels(
  graph: readonly GraphModel[],
  manifest: Manifest | undefined,
): readonly Step[] {
  if (!manifest) return []
  const wanted = new Set(graph.map(({ model }) => model.name))
  return manifest.models.flatMap(({ name, text }) => {
    if (wanted.has(name)) return []
    const isStored =
      manifest.files.some((file) => file.table === name) ||
      manifest.state.some((file) => file.model === name)
    return makeStep({
      action: 'remove',
      kind: 'model',
      name,
      category: 'breaking',
      state: isStored ? 'drop' : 'none',
      reason: 'its file is gone',
      ...(isStored ? { destroys: 'its rows' } : {}),
      before: text,
    })
  })
}

/** A model that the data directory has otherwise than it was deployed. */
function markDrift(
  step: Step,
  deployed: string | undefined,
  running: ReadonlyMap<string, string>,
): Step {
  const found = running.get(step.name)
  if (deployed === undefined || deployed === found) return step
  const reason =
    found === undefined
      ? 'the data directory no longer has it'
      : 'the data directory has another version than was deployed'
  return { ...step, reason, drift: true }
}

function changedSchemas(
  { schemas }: Pick<Logic, 'schemas'>,
  manifest: Manifest | undefined,
): readonly Step[] {
  return schemas.flatMap(({ subject, fingerprint }) => {
    const before = manifest?.schemas.find((one) => one.subject === subject)
    if (before?.fingerprint === fingerprint) return []
    return makeStep({
      action: before ? 'change' : 'add',
      kind: 'schema',
      name: subject,
      category: before ? 'forward-only' : 'additive',
      reason: before ? 'a new version; records keep the version they were written with' : 'new',
    })
  })
}
