/**
 * Plans removals: leftovers of an unfinished deployment, relations that the project no longer has,
 * and versions that were replaced. Readers are dropped before what they read.
 */

import type { KsqlSource } from '../client/server-answers.ts'
import type { PlanBlocker, RelationAction, RelationPlanInput } from './actions.ts'
import { ownsTopic } from './relation.ts'

/** What a plan removes. */
export interface Removals {
  /** Leftovers of an unfinished deployment, removed before anything is created. */
  readonly leftovers: readonly RelationAction[]
  /** No longer in the project, or replaced by a newer version: removed last. */
  readonly after: readonly RelationAction[]
}

/** Plans removals; `versions` are those of the desired relations after the deployment. */
export function planRemovals(
  input: RelationPlanInput,
  versions: ReadonlyMap<string, number>,
): Removals {
  const { deployed, found, names, inProgress = [], inProgressTopics = [] } = input
  const kept = new Set(
    deployed.map(({ relation, version }) => names.source(relation.name, version)),
  )
  const drop = (is: KsqlSource, topic: string | undefined, why: string): RelationAction => ({
    do: 'drop',
    source: is.name,
    kind: is.kind,
    topic,
    why,
  })
  const left = sortReadersFirst(found.sources).filter(
    (one) => inProgress.includes(one.name) && !kept.has(one.name),
  )
  const gone = new Set(left.flatMap((one) => (one.hasQuery ? [one.topic] : [])))
  const inUse = new Set(
    deployed.flatMap(({ relation, version }) =>
      ownsTopic(relation) ? [names.topic(relation.topic, version)] : [],
    ),
  )
  const stale: readonly RelationAction[] = [
    ...left.map((one) => drop(one, one.hasQuery ? one.topic : undefined, LEFT)),
    ...inProgressTopics
      .filter((topic) => found.topics.has(topic) && !gone.has(topic) && !inUse.has(topic))
      .map((topic) => ({ do: 'remove topic', topic, why: LEFT }) as const),
  ]
  const after = deployed
    .toReversed()
    .flatMap(({ relation, version }): readonly RelationAction[] => {
      const next = versions.get(relation.name)
      if (next === version) return []
      const why =
        next === undefined ? 'the project no longer has it' : `version ${next} replaces it`
      const is = found.sources.find((one) => one.name === names.source(relation.name, version))
      const topic = ownsTopic(relation) ? names.topic(relation.topic, version) : undefined
      const isLeft = topic !== undefined && found.topics.has(topic)
      // The topic is named even if somebody deleted it: its schemas are still registered.
      if (is) return [drop(is, topic, why)]
      return isLeft ? [{ do: 'remove topic', topic, why }] : []
    })
  return { leftovers: stale, after }
}

const LEFT = 'an unfinished deployment left it'

/** Sorts sources so that each comes before those that it reads. */
function sortReadersFirst(sources: readonly KsqlSource[]): readonly KsqlSource[] {
  const sorted: KsqlSource[] = []
  const visit = (one: KsqlSource) => {
    if (sorted.includes(one)) return
    for (const reader of sources)
      if (reader !== one && (one.readBy.includes(reader.name) || isOver(reader, one))) visit(reader)
    sorted.push(one)
  }
  for (const one of sources) visit(one)
  return sorted
}

/** Whether a source is declared over the topic of another; the server does not know this link. */
function isOver(reader: KsqlSource, one: KsqlSource): boolean {
  return !reader.hasQuery && one.hasQuery && reader.topic === one.topic
}

/** Sources to be dropped that somebody else's stream or query reads: the server refuses this. */
export function findForeignReaders(
  input: RelationPlanInput,
  { leftovers, after }: Removals,
): readonly PlanBlocker[] {
  const gone = new Set(
    [...leftovers, ...after].flatMap((one) => (one.do === 'drop' ? [one.source] : [])),
  )
  const own = new Set([
    ...gone,
    ...input.deployed.map((one) => input.names.source(one.relation.name, one.version)),
  ])
  return input.found.sources.flatMap(({ name, readBy }) =>
    gone.has(name)
      ? readBy
          .filter((reader) => !own.has(reader))
          .map((reader) => ({
            name,
            why: `${reader} reads it, and ccs did not create that`,
            hint: `Drop ${reader} in ksqlDB, or make it a model of the project.`,
          }))
      : [],
  )
}
