/**
 * A project's schemas by topic: the one in force, and all versions that records may be written
 * with.
 */
import type { NamedText } from '../documents/json-document.ts'

/** A version in schemas/history/<topic>/<version>.id<id>.avsc. */
export interface KeptSchema extends NamedText {
  readonly version: number
  /** The id in the wire header of the records. */
  readonly id: number
}

/** The schemas of one topic. */
export interface TopicSchemas {
  readonly topic: string
  /** schemas/<topic>.avsc, the schema in force; undefined if only the history is left. */
  readonly current: NamedText | undefined
  /** Oldest first. */
  readonly kept: readonly KeptSchema[]
}

const CURRENT = /^schemas\/([^/]+)\.avsc$/
const KEPT = /^schemas\/history\/([^/]+)\/([1-9]\d{0,8})\.id([1-9]\d{0,8})\.avsc$/

/**
 * Groups files by topic, sorted by name; paths are relative to the project. Skips files of other
 * names.
 */
export function groupSchemasByTopic(files: readonly NamedText[]): readonly TopicSchemas[] {
  const topics = new Map<string, { current?: NamedText; kept: KeptSchema[] }>()
  const topicOf = (name: string) => {
    const topic = topics.get(name) ?? { kept: [] }
    topics.set(name, topic)
    return topic
  }
  for (const one of files) {
    const current = CURRENT.exec(one.file)
    const kept = KEPT.exec(one.file)
    if (current?.[1] !== undefined) topicOf(current[1]).current = one
    else if (kept?.[1] !== undefined)
      topicOf(kept[1]).kept.push({ ...one, version: Number(kept[2]), id: Number(kept[3]) })
  }
  return [...topics]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([topic, { current, kept }]) => ({
      topic,
      current,
      kept: kept.sort((a, b) => a.version - b.version),
    }))
}

/** The path of the next version of each named topic, by topic; each gets an id of its own. */
export function nameNextVersionFiles(
  names: readonly string[],
  topics: readonly TopicSchemas[],
): ReadonlyMap<string, string> {
  const idMax = Math.max(0, ...topics.flatMap((one) => one.kept.map((kept) => kept.id)))
  return new Map(
    names.map((name, index) => {
      const version = topics.find((one) => one.topic === name)?.kept.at(-1)?.version ?? 0
      return [name, `schemas/history/${name}/${version + 1}.id${idMax + 1 + index}.avsc`]
    }),
  )
}
