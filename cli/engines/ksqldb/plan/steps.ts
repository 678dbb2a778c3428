/**
 * A plan for a ksqlDB in the words of all plans: one step a model, whatever streams and tables it has. What happens to
 * rows is said where they are made anew.
 */
import { makeStep, type Step } from '../../../domain/deploy/plan/step.ts'
import type { KsqlAction, KsqlPlan, KsqlRefusal, Names } from './actions.ts'
import type { KsqlRecord } from './record.ts'
import { ownsTopic, type Relation } from './relation.ts'

export interface StepsInput {
  readonly plan: KsqlPlan
  readonly desired: readonly Relation[]
  readonly record: KsqlRecord
  readonly names: Names
  /** Texts of the models that are wanted, in order. */
  readonly wanted: ReadonlyMap<string, string>
  /** Of those that were deployed. */
  readonly deployed: ReadonlyMap<string, string>
  /** What could not be made again: undefined where the log has all. */
  readonly lost?: string
  /** The last deployment was finished, so what differs from its record was changed by others. */
  readonly isComplete: boolean
}

export function ksqlSteps(input: StepsInput): readonly Step[] {
  const owners = ownersOf(input)
  const byModel = new Map<string, KsqlAction[]>()
  for (const action of input.plan.actions)
    for (const model of modelsOf(action, owners))
      byModel.set(model, [...(byModel.get(model) ?? []), action])
  const refused = new Map(
    input.plan.refused.map((one) => [owners.get(one.name) ?? one.name, one] as const),
  )
  const wanted = [...input.wanted.keys()]
  const others = [...byModel.keys(), ...refused.keys(), ...input.record.placed.map(modelOf)]
  const gone = [...new Set(others)].filter((one) => !input.wanted.has(one))
  return [
    ...wanted.flatMap((name) =>
      wantedStep(name, byModel.get(name) ?? [], refused.get(name), input),
    ),
    ...gone.map((name) => goneStep(name, refused.get(name), input)),
  ]
}

function wantedStep(
  name: string,
  actions: readonly KsqlAction[],
  refusal: KsqlRefusal | undefined,
  { plan, desired, record, names, wanted, deployed, lost, isComplete }: StepsInput,
): readonly Step[] {
  const own = desired.filter((one) => one.model === name).map((one) => one.name)
  const isDrift = own.some((one) => plan.drifted.includes(one))
  if (actions.length === 0 && refusal === undefined && !isDrift) return []
  const placed = record.placed.filter((one) => one.relation.model === name)
  const made = actions.filter((one) => one.do === 'create')
  const [first] = made
  const before = deployed.get(name)
  const base = {
    kind: 'model',
    name,
    after: wanted.get(name) ?? '',
    ...(before === undefined ? {} : { before }),
    drift: isDrift && isComplete,
    ...(refusal === undefined ? {} : { refused: refusalText(refusal) }),
  } as const
  const isThere = (name: string) => placed.some((one) => one.relation.name === name)
  if ((first ?? refusal) !== undefined && !made.some((one) => isThere(one.relation.name))) {
    const kinds = made.map((one) => `${one.relation.kind} ${names.source(one.relation.name, 1)}`)
    const reason = refusal === undefined ? kinds.join(', ') : 'new'
    const action = placed.length === 0 ? 'add' : 'change'
    return [makeStep({ ...base, action, reason })]
  }
  if (first !== undefined) {
    const anew = made.map((one) => names.source(one.relation.name, one.version)).join(', ')
    const isOld = made.some((one) => ownsTopic(one.relation) && one.version > 1)
    return [
      makeStep({
        ...base,
        action: 'replace',
        category: 'breaking',
        state: 'rebuild from log',
        reason: `${first.why}; ${isOld ? 'made anew beside the old' : 'made again'} as ${anew}`,
        ...(lost === undefined ? {} : { destroys: lost }),
      }),
    ]
  }
  const reasons = actions.map(inPlaceReason)
  const reason =
    [...new Set(reasons)].join('; ') ||
    'somebody changed it, to what the project says; only the record follows'
  return [makeStep({ ...base, action: 'change', category: 'forward-only', reason })]
}

function inPlaceReason(action: KsqlAction): string {
  switch (action.do) {
    case 'replace':
    case 'alter':
      return `${action.do === 'alter' ? 'altered' : 'replaced'} in place: ${action.why}`
    case 'resume':
    case 'drop':
    case 'remove topic':
    case 'create':
      return action.why
    case 'await':
    case 'promote':
      return ''
  }
}

/** All of it goes, or what a broken-off deployment has left of it. */
function goneStep(
  name: string,
  refusal: KsqlRefusal | undefined,
  { record, deployed }: StepsInput,
): Step {
  const isPlaced = record.placed.some((one) => modelOf(one) === name)
  const before = deployed.get(name)
  return makeStep({
    action: 'remove',
    kind: 'model',
    name,
    category: isPlaced ? 'breaking' : 'forward-only',
    state: isPlaced ? 'drop' : 'none',
    reason: isPlaced
      ? 'the project no longer has it'
      : 'a deployment that broke off has left parts of it',
    ...(isPlaced ? { destroys: 'its rows' } : {}),
    ...(before === undefined ? {} : { before }),
    ...(refusal === undefined ? {} : { refused: refusalText(refusal) }),
  })
}

function refusalText({ why, hint }: KsqlRefusal): string {
  return `${why}; ${hint.charAt(0).toLowerCase()}${hint.slice(1).replace(/\.$/, '')}`
}

/** Models by what plans call their parts: relations, and sources and topics of the cluster. */
function ownersOf({ desired, record, plan, names }: StepsInput): ReadonlyMap<string, string> {
  const owners = new Map<string, string>()
  for (const { source, topic, model } of record.begun)
    for (const name of [source, topic ?? source]) owners.set(name, model)
  const add = (relation: Relation, version: number) => {
    const { name, model } = relation
    owners.set(name, model).set(names.source(name, version), model)
    if (ownsTopic(relation)) owners.set(names.topic(relation.topic, version), model)
  }
  for (const { relation, version } of record.placed) add(relation, version)
  for (const relation of desired) add(relation, plan.versions.get(relation.name) ?? 1)
  return owners
}

function modelsOf(action: KsqlAction, owners: ReadonlyMap<string, string>): readonly string[] {
  const of = (name: string) => owners.get(name) ?? []
  switch (action.do) {
    case 'create':
    case 'replace':
    case 'alter':
      return [action.relation.model]
    case 'resume':
      return [of(action.name)].flat()
    case 'drop':
      return [of(action.source)].flat()
    case 'remove topic':
      return [of(action.topic)].flat()
    case 'await':
    case 'promote':
      return []
  }
}

function modelOf({ relation }: { readonly relation: Relation }): string {
  return relation.model
}
