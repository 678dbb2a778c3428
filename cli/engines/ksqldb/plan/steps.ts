/**
 * Turns the plan for a ksqlDB into the steps of `ccs plan`: one step per model, however many
 * streams and tables it has.
 */
import { makeStep, type Step } from '../../../domain/deploy/plan/step.ts'
import type { Names, PlanBlocker, RelationAction, RelationPlan } from './actions.ts'
import type { KsqlRecord } from './record.ts'
import { ownsTopic, type Relation } from './relation.ts'

/** What the steps are made from. */
export interface StepsInput {
  readonly plan: RelationPlan
  readonly desired: readonly Relation[]
  readonly record: KsqlRecord
  readonly names: Names
  /** Texts of the desired models by name, in order. */
  readonly wanted: ReadonlyMap<string, string>
  /** Texts of the deployed models by name. */
  readonly deployed: ReadonlyMap<string, string>
  /** Rows that a rebuild can't bring back; absent: none. */
  readonly lost?: string
  /** The last deployment was finished, so what differs from its record was changed by others. */
  readonly isComplete: boolean
}

/** The steps of all models. */
export function toSteps(input: StepsInput): readonly Step[] {
  const owners = mapOwners(input)
  const byModel = new Map<string, RelationAction[]>()
  for (const action of input.plan.actions)
    for (const model of listModels(action, owners))
      byModel.set(model, [...(byModel.get(model) ?? []), action])
  const refused = new Map(
    input.plan.blockers.map((one) => [owners.get(one.name) ?? one.name, one] as const),
  )
  const wanted = [...input.wanted.keys()]
  const others = [...byModel.keys(), ...refused.keys(), ...input.record.deployed.map(getModel)]
  const gone = [...new Set(others)].filter((one) => !input.wanted.has(one))
  return [
    ...wanted.flatMap((name) =>
      toWantedStep(name, byModel.get(name) ?? [], refused.get(name), input),
    ),
    ...gone.map((name) => toRemovalStep(name, refused.get(name), input)),
  ]
}

function toWantedStep(
  name: string,
  actions: readonly RelationAction[],
  blocker: PlanBlocker | undefined,
  { plan, desired, record, names, wanted, deployed, lost, isComplete }: StepsInput,
): readonly Step[] {
  const own = desired.filter((one) => one.model === name).map((one) => one.name)
  const isDrift = own.some((one) => plan.drifted.includes(one))
  if (actions.length === 0 && blocker === undefined && !isDrift) return []
  const placed = record.deployed.filter((one) => one.relation.model === name)
  const made = actions.filter((one) => one.do === 'create')
  const [first] = made
  const before = deployed.get(name)
  const base = {
    kind: 'model',
    name,
    after: wanted.get(name) ?? '',
    ...(before === undefined ? {} : { before }),
    drift: isDrift && isComplete,
    ...(blocker === undefined ? {} : { refused: printBlocker(blocker) }),
  } as const
  const isThere = (name: string) => placed.some((one) => one.relation.name === name)
  if ((first ?? blocker) !== undefined && !made.some((one) => isThere(one.relation.name))) {
    const kinds = made.map((one) => `${one.relation.kind} ${names.source(one.relation.name, 1)}`)
    const reason = blocker === undefined ? kinds.join(', ') : 'new'
    const action = placed.length === 0 ? 'add' : 'change'
    return [makeStep({ ...base, action, reason })]
  }
  if (first !== undefined) {
    const recreated = made.map((one) => names.source(one.relation.name, one.version)).join(', ')
    const isOld = made.some((one) => ownsTopic(one.relation) && one.version > 1)
    return [
      makeStep({
        ...base,
        action: 'replace',
        category: 'breaking',
        state: 'rebuild from log',
        reason: `${first.why}; recreated${isOld ? ' beside the old' : ''} as ${recreated}`,
        ...(lost === undefined ? {} : { destroys: lost }),
      }),
    ]
  }
  const reasons = actions.map(explainInPlace)
  const reason =
    [...new Set(reasons)].join('; ') ||
    'somebody already changed it to what the project wants; only the record changes'
  return [makeStep({ ...base, action: 'change', category: 'forward-only', reason })]
}

function explainInPlace(action: RelationAction): string {
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

/** The step of a model that the project no longer has. */
function toRemovalStep(
  name: string,
  blocker: PlanBlocker | undefined,
  { record, deployed }: StepsInput,
): Step {
  const isPlaced = record.deployed.some((one) => getModel(one) === name)
  const before = deployed.get(name)
  return makeStep({
    action: 'remove',
    kind: 'model',
    name,
    category: isPlaced ? 'breaking' : 'forward-only',
    state: isPlaced ? 'drop' : 'none',
    reason: isPlaced ? 'the project no longer has it' : 'an unfinished deployment left parts of it',
    ...(isPlaced ? { destroys: 'its rows' } : {}),
    ...(before === undefined ? {} : { before }),
    ...(blocker === undefined ? {} : { refused: printBlocker(blocker) }),
  })
}

function printBlocker({ why, hint }: PlanBlocker): string {
  return `${why}; ${hint.charAt(0).toLowerCase()}${hint.slice(1).replace(/\.$/, '')}`
}

/** Models by the names of their relations, sources and topics. */
function mapOwners({ desired, record, plan, names }: StepsInput): ReadonlyMap<string, string> {
  const owners = new Map<string, string>()
  for (const { source, topic, model } of record.inProgress)
    for (const name of [source, topic ?? source]) owners.set(name, model)
  const add = (relation: Relation, version: number) => {
    const { name, model } = relation
    owners.set(name, model).set(names.source(name, version), model)
    if (ownsTopic(relation)) owners.set(names.topic(relation.topic, version), model)
  }
  for (const { relation, version } of record.deployed) add(relation, version)
  for (const relation of desired) add(relation, plan.versions.get(relation.name) ?? 1)
  return owners
}

function listModels(
  action: RelationAction,
  owners: ReadonlyMap<string, string>,
): readonly string[] {
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

function getModel({ relation }: { readonly relation: Relation }): string {
  return relation.model
}
