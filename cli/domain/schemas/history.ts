/** The schemas of a project by topic: what is in force, and every version that records may carry. */
import type { NamedText } from '../documents/json-document.ts'

export interface KeptSchema extends NamedText {
  readonly version: number
  /** What records carry. */
  readonly id: number
}

export interface TopicSchemas {
  readonly topic: string
  /** schemas/<topic>.avsc; undefined when only the history is left. */
  readonly current: NamedText | undefined
  /** Oldest first. */
  readonly kept: readonly KeptSchema[]
}

const CURRENT = /^schemas\/([^/]+)\.avsc$/
const KEPT = /^schemas\/history\/([^/]+)\/([1-9]\d{0,8})\.id([1-9]\d{0,8})\.avsc$/

/** From files with paths below the project's folder; by topic. Files of other names are passed over. */
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

/** The next file of each named topic's history, no two with the same id. */
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
