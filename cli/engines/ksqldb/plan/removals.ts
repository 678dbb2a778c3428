/**
 * What goes: left-overs of a deployment that was broken off, what the project has no more, and what a newer version
 * has replaced; readers before what they read.
 */

import type { KsqlSource } from '../client/query-service.ts'
import type { KsqlAction, KsqlPlanInput, KsqlRefusal } from './actions.ts'
import { ownsTopic } from './relation.ts'

export interface Removals {
  /** Left over by a deployment that was broken off: gone before anything is made. */
  readonly stale: readonly KsqlAction[]
  /** Not wanted any more, or replaced by a newer version: gone last. */
  readonly after: readonly KsqlAction[]
}

/** `versions`: of each relation that is wanted, once all is done. */
export function removalsOf(input: KsqlPlanInput, versions: ReadonlyMap<string, number>): Removals {
  const { placed, found, names, begun = [], begunTopics = [] } = input
  const kept = new Set(placed.map(({ relation, version }) => names.source(relation.name, version)))
  const drop = (is: KsqlSource, topic: string | undefined, why: string): KsqlAction => ({
    do: 'drop',
    source: is.name,
    kind: is.kind,
    topic,
    why,
  })
  const left = readersFirst(found.sources).filter(
    (one) => begun.includes(one.name) && !kept.has(one.name),
  )
  const gone = new Set(left.flatMap((one) => (one.isMade ? [one.topic] : [])))
  const inUse = new Set(
    placed.flatMap(({ relation, version }) =>
      ownsTopic(relation) ? [names.topic(relation.topic, version)] : [],
    ),
  )
  const stale: readonly KsqlAction[] = [
    ...left.map((one) => drop(one, one.isMade ? one.topic : undefined, LEFT)),
    ...begunTopics
      .filter((topic) => found.topics.has(topic) && !gone.has(topic) && !inUse.has(topic))
      .map((topic) => ({ do: 'remove topic', topic, why: LEFT }) as const),
  ]
  const after = placed.toReversed().flatMap(({ relation, version }): readonly KsqlAction[] => {
    const next = versions.get(relation.name)
    if (next === version) return []
    const why =
      next === undefined ? 'the project has it no more' : `version ${next} takes its place`
    const is = found.sources.find((one) => one.name === names.source(relation.name, version))
    const topic = ownsTopic(relation) ? names.topic(relation.topic, version) : undefined
    const isLeft = topic !== undefined && found.topics.has(topic)
    // Named though somebody deleted it: the registry still has its schemas.
    if (is) return [drop(is, topic, why)]
    return isLeft ? [{ do: 'remove topic', topic, why }] : []
  })
  return { stale, after }
}

const LEFT = 'a deployment that was broken off has left it'

/** Sources so that each comes before what it was made of. */
function readersFirst(sources: readonly KsqlSource[]): readonly KsqlSource[] {
  const placed: KsqlSource[] = []
  const visit = (one: KsqlSource) => {
    if (placed.includes(one)) return
    for (const reader of sources)
      if (reader !== one && (one.readBy.includes(reader.name) || isOver(reader, one))) visit(reader)
    placed.push(one)
  }
  for (const one of sources) visit(one)
  return placed
}

/** Declared over the topic that the other makes; the server does not know that they belong together. */
function isOver(reader: KsqlSource, one: KsqlSource): boolean {
  return !reader.isMade && one.isMade && reader.topic === one.topic
}

/** What others read can't be dropped: the server refuses it, and it would be theirs that breaks. */
export function foreignReaders(
  input: KsqlPlanInput,
  { stale, after }: Removals,
): readonly KsqlRefusal[] {
  const gone = new Set(
    [...stale, ...after].flatMap((one) => (one.do === 'drop' ? [one.source] : [])),
  )
  const own = new Set([
    ...gone,
    ...input.placed.map((one) => input.names.source(one.relation.name, one.version)),
  ])
  return input.found.sources.flatMap(({ name, readBy }) =>
    gone.has(name)
      ? readBy
          .filter((reader) => !own.has(reader))
          .map((reader) => ({
            name,
            why: `${reader} reads it, and ccs did not make that`,
            hint: `Drop ${reader} in ksqlDB, or make it a model of the project.`,
          }))
      : [],
  )
}
