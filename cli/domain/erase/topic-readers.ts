/** How the ids in the records of each of a target's topics are read. */
import type { SchemaRegistry } from '../avro/schema-registry.ts'
import { DLQ_TOPIC, RAW_TOPIC, subjectFor, VALID_TOPIC } from '../log/topics.ts'
import type { Logic } from '../models/logic.ts'
import { traceValues } from '../models/trace-values.ts'
import { type ReadIds, readEventsBy, readRejectsBy, readRowsBy } from './record-ids.ts'

/** What the schemas of a target's topics and the columns of its rows are. */
export interface TopicContracts {
  readonly prefix: string
  readonly logic: Pick<Logic, 'graph' | 'macros' | 'columns'>
  /** Asked for events and rejects, without the prefix. */
  readonly events: Pick<SchemaRegistry, 'versions'>
  /** Asked for rows, with the prefix. */
  readonly rows: Pick<SchemaRegistry, 'versions'>
}

/** Opens the reader of a topic that is named in full; others than a model's have events. */
export async function createTopicReaders({
  prefix,
  logic,
  events,
  rows,
}: TopicContracts): Promise<(topic: string) => Promise<ReadIds>> {
  const { graph, macros, columns } = logic
  const fields = (columns.get('raw.events') ?? []).map(({ name }) => name)
  const fieldsOf = traceValues(graph, macros, fields)
  const readEvent = readEventsBy(await events.versions(subjectFor(RAW_TOPIC)))
  return async (topic) => {
    const name = topic.slice(prefix.length)
    if (name === RAW_TOPIC || name === VALID_TOPIC) return readEvent
    if (name === DLQ_TOPIC)
      return readRejectsBy(await events.versions(subjectFor(DLQ_TOPIC)), readEvent)
    const key = graph.find(({ model }) => model.name === name)?.model.key ?? []
    return readRowsBy(await rows.versions(subjectFor(topic)), { model: name, key, fieldsOf })
  }
}
