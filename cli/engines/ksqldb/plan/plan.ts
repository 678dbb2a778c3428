/**
 * Makes the plan for a ksqlDB from what the project wants, what was deployed last and what the
 * server has. Pure. What was deployed is read from ccs's record, since the server prints statements
 * in its own form. Nothing unchanged is sent again.
 */

import { appendAll } from '../../../domain/kernel/lists.ts'
import type { KsqlField, KsqlSource } from '../client/server-answers.ts'
import type { PlanBlocker, RelationAction, RelationPlan, RelationPlanInput } from './actions.ts'
import { findInput, listInputs, ownsTopic, type Relation } from './relation.ts'
import { findForeignReaders, planRemovals } from './removals.ts'
import { hasSameColumns, planUpgrade, type Upgrade } from './upgrade.ts'

/** Plans all relations. */
export function planRelations(input: RelationPlanInput): RelationPlan {
  const planned = planAll(input)
  const wanted = [...planned.values()]
  const refused = [...findNameClashes(input.desired), ...wanted.flatMap((one) => one.blocker ?? [])]
  const versions = new Map(wanted.map((one) => [one.relation.name, one.version]))
  const removals = planRemovals(input, versions)
  appendAll(refused, findForeignReaders(input, removals))
  const moves = wanted.flatMap(({ relation, from, version }) =>
    from !== undefined && from !== version ? [{ name: relation.name, from, to: version }] : [],
  )
  const recreated = wanted.filter((one) => moves.some((move) => move.name === one.relation.name))
  const filled = recreated.filter((one) => one.relation.body).map((one) => one.relation.name)
  return {
    actions: [
      ...removals.leftovers,
      ...wanted.flatMap((one) => one.action ?? []),
      ...(filled.length > 0 ? [{ do: 'await', names: filled } as const] : []),
      ...(moves.length > 0 ? [{ do: 'promote', moves } as const] : []),
      ...removals.after,
    ],
    blockers: refused,
    drifted: wanted.filter((one) => one.isDrift).map((one) => one.relation.name),
    versions,
  }
}

/** What happens to one relation. */
interface PlannedRelation {
  readonly relation: Relation
  /** Version that was deployed; undefined: none. */
  readonly from: number | undefined
  readonly version: number
  readonly action?: RelationAction
  readonly blocker?: PlanBlocker
  readonly isDrift?: boolean
}

function planAll(input: RelationPlanInput): ReadonlyMap<string, PlannedRelation> {
  const planned = new Map<string, PlannedRelation>()
  for (const relation of input.desired) {
    const read = planned.get(findInput(relation) ?? '')?.relation
    const moved = listInputs(relation)
      .map((name) => planned.get(name))
      .find((one) => one?.from !== undefined && one.version !== one.from)?.relation.name
    planned.set(relation.name, planOne(relation, input, { read, moved }))
  }
  return planned
}

/** `read`: the relation that it reads; `moved`: the name of an input that is recreated. */
function planOne(
  relation: Relation,
  input: RelationPlanInput,
  { read, moved }: { readonly read: Relation | undefined; readonly moved: string | undefined },
): PlannedRelation {
  const { deployed, found, names, rebuild = false } = input
  const { name } = relation
  const was = deployed.find((one) => one.relation.name === name)
  if (was === undefined) return planNew(relation, input)
  const { version } = was
  const base = { relation, from: version }
  const is = found.sources.find((one) => one.name === names.source(name, version))
  const recreate = (why: string, isDrift = false): PlannedRelation => {
    const next = findFreeVersion(relation, input, version + 1)
    return {
      ...base,
      version: next,
      isDrift,
      action: { do: 'create', relation, version: next, why },
    }
  }
  const topic = names.topic(relation.topic, version)
  const hasTopic = found.topics.has(topic)
  if (is === undefined) {
    if (ownsTopic(relation) && hasTopic)
      return recreate('it was dropped; its old topic would get every row twice', true)
    if (moved !== undefined) return recreate(`${moved} is recreated`, true)
    if (isStillRead(relation, input))
      return recreate('it was dropped; what reads it would get every row twice', true)
    const action = { do: 'create', relation, version, why: 'it was dropped' } as const
    return { ...base, version, isDrift: true, action }
  }
  if (!hasTopic && ownsTopic(relation)) return recreate(`its topic ${topic} was deleted`, true)
  if (moved !== undefined) return recreate(`${moved} is recreated`)
  const isForeign = is.statement !== was.statement || !isSameFields(is.fields, was.fields)
  const upgrade = planUpgrade(was.relation, relation, read)
  if (isForeign) return { ...planRepair(base, version, is, recreate), isDrift: true }
  if (rebuild && relation.body) return recreate('a rebuild was asked for')
  if (upgrade.how === 'none') return planUnchanged(base, is, recreate)
  if (upgrade.how === 'recreate') return recreate(upgrade.why)
  return { ...base, version, action: toInPlaceAction(relation, version, upgrade) }
}

/** Whether a relation declared over its topic exists; the server does not know of that link. */
function isStillRead({ name }: Relation, { deployed, found, names }: RelationPlanInput): boolean {
  return deployed.some(
    ({ relation, version }) =>
      listInputs(relation).includes(name) &&
      found.sources.some((one) => one.name === names.source(relation.name, version)),
  )
}

function toInPlaceAction(
  relation: Relation,
  version: number,
  upgrade: Extract<Upgrade, { how: 'replace' | 'alter' }>,
): RelationAction {
  const { why } = upgrade
  return upgrade.how === 'replace'
    ? { do: 'replace', relation, version, why }
    : { do: 'alter', relation, version, columns: upgrade.columns, why }
}

/** Plans a relation that was not deployed before. */
function planNew(
  relation: Relation,
  { found, names, inProgress = [] }: RelationPlanInput,
): PlannedRelation {
  const name = names.source(relation.name, 1)
  const base = { relation, from: undefined, version: 1 }
  const isThere = found.sources.some((one) => one.name === name)
  if (isThere && !inProgress.includes(name))
    return {
      ...base,
      blocker: notOursBlocker(relation.name, `${name} exists, and ccs did not create it`),
    }
  const topic = names.topic(relation.topic, 1)
  if (ownsTopic(relation) && found.topics.has(topic) && !inProgress.includes(name))
    return {
      ...base,
      blocker: notOursBlocker(
        relation.name,
        `the topic ${topic} exists, and ccs did not create it`,
      ),
    }
  return { ...base, action: { do: 'create', relation, version: 1, why: 'it is new' } }
}

function notOursBlocker(name: string, why: string): PlanBlocker {
  return {
    name,
    why,
    hint: 'Drop it in ksqlDB, or give the target a prefix of its own in ccs.yml.',
  }
}

/** Plans a relation that others replaced: back to what the project says. */
function planRepair(
  base: { readonly relation: Relation; readonly from: number },
  version: number,
  is: KsqlSource,
  recreate: (why: string) => PlannedRelation,
): PlannedRelation {
  const { relation } = base
  const isSame = hasSameColumns(is.fields, relation.columns)
  if (relation.body && relation.memory === 'none' && isSame) {
    const why = 'somebody changed it; rows written since then stay as they are'
    return { ...base, version, action: { do: 'replace', relation, version, why } }
  }
  if (!relation.body && isSame) return { ...base, version }
  return recreate('somebody changed it')
}

/** Plans an unchanged relation: exactly one query must write it, and run. */
function planUnchanged(
  base: { readonly relation: Relation; readonly from: number },
  is: KsqlSource,
  recreate: (why: string, isDrift: boolean) => PlannedRelation,
): PlannedRelation {
  const { relation, from: version } = base
  if (!relation.body) return { ...base, version }
  const [query, other] = is.writers
  if (query === undefined)
    return recreate('somebody ended its query; another would write every row a second time', true)
  if (other !== undefined)
    return recreate(`somebody lets ${other.id} write into it; its rows can't be told apart`, true)
  if ((query.counts.PAUSED ?? 0) === 0) return { ...base, version }
  const why = 'somebody paused its query'
  const action = { do: 'resume', name: relation.name, queryId: query.id, why } as const
  return { ...base, version, isDrift: true, action }
}

/** The next version whose names are free. */
function findFreeVersion(
  relation: Relation,
  { found, names }: RelationPlanInput,
  from: number,
): number {
  let version = from
  const isTaken = () =>
    found.sources.some((one) => one.name === names.source(relation.name, version)) ||
    (ownsTopic(relation) && found.topics.has(names.topic(relation.topic, version)))
  while (isTaken()) version++
  return version
}

/** Relations whose names differ only in case or dots, which ksqlDB does not tell apart. */
function findNameClashes(desired: readonly Relation[]): readonly PlanBlocker[] {
  const seen = new Map<string, Relation>()
  return desired.flatMap((one) => {
    const key = one.name.toLowerCase()
    const other = seen.get(key)
    seen.set(key, one)
    if (other === undefined) return []
    return [
      {
        name: one.name,
        why: `the models ${other.model} and ${one.model} would both get this name`,
        hint: 'Rename one of them: names in ksqlDB must differ in more than dots and case.',
      },
    ]
  })
}

function isSameFields(a: readonly KsqlField[], b: readonly KsqlField[]): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
