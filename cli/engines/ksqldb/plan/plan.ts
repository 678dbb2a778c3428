/**
 * The plan for a ksqlDB: streams and tables that the project wants, those that were deployed last, and what the
 * server has. Pure. What was deployed is told by ccs's own record, never by the server's wording of it, and nothing
 * unchanged is ever sent again.
 */

import type { KsqlField, KsqlSource } from '../client/query-service.ts'
import type { KsqlAction, KsqlPlan, KsqlPlanInput, KsqlRefusal } from './actions.ts'
import { inputsOf, ownsTopic, type Relation, readsOf } from './relation.ts'
import { foreignReaders, removalsOf } from './removals.ts'
import { hasColumns, type Upgrade, upgradeOf } from './upgrade.ts'

export function planKsql(input: KsqlPlanInput): KsqlPlan {
  const verdicts = judgeAll(input)
  const wanted = [...verdicts.values()]
  const refused = [...twins(input.desired), ...wanted.flatMap((one) => one.refusal ?? [])]
  const versions = new Map(wanted.map((one) => [one.relation.name, one.version]))
  const removals = removalsOf(input, versions)
  refused.push(...foreignReaders(input, removals))
  const moves = wanted.flatMap(({ relation, from, version }) =>
    from !== undefined && from !== version ? [{ name: relation.name, from, to: version }] : [],
  )
  const fresh = wanted.filter((one) => moves.some((move) => move.name === one.relation.name))
  const filled = fresh.filter((one) => one.relation.body).map((one) => one.relation.name)
  return {
    actions: [
      ...removals.stale,
      ...wanted.flatMap((one) => one.action ?? []),
      ...(filled.length > 0 ? [{ do: 'await', names: filled } as const] : []),
      ...(moves.length > 0 ? [{ do: 'promote', moves } as const] : []),
      ...removals.after,
    ],
    refused,
    drifted: wanted.filter((one) => one.isDrift).map((one) => one.relation.name),
    versions,
  }
}

/** What is to be done about one relation. */
interface Verdict {
  readonly relation: Relation
  /** Version that was deployed; undefined: none. */
  readonly from: number | undefined
  readonly version: number
  readonly action?: KsqlAction
  readonly refusal?: KsqlRefusal
  readonly isDrift?: boolean
}

function judgeAll(input: KsqlPlanInput): ReadonlyMap<string, Verdict> {
  const verdicts = new Map<string, Verdict>()
  for (const relation of input.desired) {
    const read = verdicts.get(readsOf(relation) ?? '')?.relation
    const moved = inputsOf(relation)
      .map((name) => verdicts.get(name))
      .find((one) => one?.from !== undefined && one.version !== one.from)?.relation.name
    verdicts.set(relation.name, judge(relation, input, { read, moved }))
  }
  return verdicts
}

/** `read`: what it reads, where that is one of ours; `moved`: what of all that it reads is made anew. */
function judge(
  relation: Relation,
  input: KsqlPlanInput,
  { read, moved }: { readonly read: Relation | undefined; readonly moved: string | undefined },
): Verdict {
  const { placed, found, names, rebuild = false } = input
  const { name } = relation
  const was = placed.find((one) => one.relation.name === name)
  if (was === undefined) return first(relation, input)
  const { version } = was
  const base = { relation, from: version }
  const is = found.sources.find((one) => one.name === names.source(name, version))
  const anew = (why: string, isDrift = false): Verdict => {
    const next = freeVersion(relation, input, version + 1)
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
      return anew('it was dropped; its topic is left, and would get every row twice', true)
    if (moved !== undefined) return anew(`${moved} is made anew`, true)
    if (isStillRead(relation, input))
      return anew('it was dropped; what reads it would get every row twice', true)
    const action = { do: 'create', relation, version, why: 'it was dropped' } as const
    return { ...base, version, isDrift: true, action }
  }
  if (!hasTopic && ownsTopic(relation)) return anew(`its topic ${topic} was deleted`, true)
  if (moved !== undefined) return anew(`${moved} is made anew`)
  const isForeign = is.statement !== was.statement || !sameFields(is.fields, was.fields)
  const upgrade = upgradeOf(was.relation, relation, read)
  if (isForeign) return { ...mended(base, version, is, anew), isDrift: true }
  if (rebuild && relation.body) return anew('asked to be made anew')
  if (upgrade.how === 'none') return running(base, is, anew)
  if (upgrade.how === 'anew') return anew(upgrade.why)
  return { ...base, version, action: inPlace(relation, version, upgrade) }
}

/** By one that was declared over its topic, which the server does not know of. */
function isStillRead({ name }: Relation, { placed, found, names }: KsqlPlanInput): boolean {
  return placed.some(
    ({ relation, version }) =>
      inputsOf(relation).includes(name) &&
      found.sources.some((one) => one.name === names.source(relation.name, version)),
  )
}

function inPlace(
  relation: Relation,
  version: number,
  upgrade: Extract<Upgrade, { how: 'replace' | 'alter' }>,
): KsqlAction {
  const { why } = upgrade
  return upgrade.how === 'replace'
    ? { do: 'replace', relation, version, why }
    : { do: 'alter', relation, version, columns: upgrade.columns, why }
}

/** Nothing of it was deployed yet. */
function first(relation: Relation, { found, names, begun = [] }: KsqlPlanInput): Verdict {
  const name = names.source(relation.name, 1)
  const base = { relation, from: undefined, version: 1 }
  const isThere = found.sources.some((one) => one.name === name)
  if (isThere && !begun.includes(name))
    return { ...base, refusal: foreign(relation.name, `${name} is there, and ccs did not make it`) }
  const topic = names.topic(relation.topic, 1)
  if (ownsTopic(relation) && found.topics.has(topic) && !begun.includes(name))
    return {
      ...base,
      refusal: foreign(relation.name, `the topic ${topic} is there, and ccs did not make it`),
    }
  return { ...base, action: { do: 'create', relation, version: 1, why: 'it is new' } }
}

function foreign(name: string, why: string): KsqlRefusal {
  return {
    name,
    why,
    hint: 'Drop it in ksqlDB, or give the target a prefix of its own in ccs.yml.',
  }
}

/** Somebody replaced it: back to what the project says. */
function mended(
  base: { readonly relation: Relation; readonly from: number },
  version: number,
  is: KsqlSource,
  anew: (why: string) => Verdict,
): Verdict {
  const { relation } = base
  const isSame = hasColumns(is.fields, relation.columns)
  if (relation.body && relation.memory === 'none' && isSame) {
    const why = 'somebody changed it; rows that it made meanwhile stay as they are'
    return { ...base, version, action: { do: 'replace', relation, version, why } }
  }
  if (!relation.body && isSame) return { ...base, version }
  return anew('somebody changed it')
}

/** Unchanged: is its query at work, and alone? */
function running(
  base: { readonly relation: Relation; readonly from: number },
  is: KsqlSource,
  anew: (why: string, isDrift: boolean) => Verdict,
): Verdict {
  const { relation, from: version } = base
  if (!relation.body) return { ...base, version }
  const [query, other] = is.writers
  if (query === undefined)
    return anew('somebody ended its query; another would write every row a second time', true)
  if (other !== undefined)
    return anew(`somebody lets ${other.id} write into it; those rows can't be told apart`, true)
  if ((query.counts.PAUSED ?? 0) === 0) return { ...base, version }
  const why = 'somebody paused its query'
  const action = { do: 'resume', name: relation.name, queryId: query.id, why } as const
  return { ...base, version, isDrift: true, action }
}

/** The next version whose names nobody has. */
function freeVersion(relation: Relation, { found, names }: KsqlPlanInput, from: number): number {
  let version = from
  const isTaken = () =>
    found.sources.some((one) => one.name === names.source(relation.name, version)) ||
    (ownsTopic(relation) && found.topics.has(names.topic(relation.topic, version)))
  while (isTaken()) version++
  return version
}

/** Names that are one where case or dots don't count. */
function twins(desired: readonly Relation[]): readonly KsqlRefusal[] {
  const seen = new Map<string, Relation>()
  return desired.flatMap((one) => {
    const key = one.name.toLowerCase()
    const other = seen.get(key)
    seen.set(key, one)
    if (other === undefined) return []
    return [
      {
        name: one.name,
        why: `the models ${other.model} and ${one.model} would both have it`,
        hint: 'Rename one of them: dots and case do not tell them apart in ksqlDB.',
      },
    ]
  })
}

function sameFields(a: readonly KsqlField[], b: readonly KsqlField[]): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
