/**
 * What can be done about a person in Kafka's topics, and what can't: compacted topics get
 * tombstones; in all others records go by retention, so what still has the person, and until when,
 * is said. Nothing is claimed to be erased that a reader of the topic still finds, and nothing of
 * others is: a record is the person's by its own ids, not by bytes that happen to be the same.
 */
import { RAW_TOPIC } from '../log/topics.ts'
import { requireSearchable } from './erase-person.ts'
import { addErased, type ErasedList, nameErased, type Person } from './erased-ids.ts'
import { createJudge } from './judge-record.ts'
import type { ReadIds } from './record-ids.ts'
import {
  type FoundTopic,
  type ReadTopic,
  type SearchedTopic,
  searchTopic,
  type TombstoneKey,
  type UnclearRecords,
} from './search-topic.ts'

/** What an erasure on Kafka works on. */
export interface EraseTopicsPorts {
  readonly nowMs: number
  /** Before the names of topics. */
  readonly prefix: string
  topics(): Promise<readonly SearchedTopic[]>
  readonly read: ReadTopic
  /** How ids are read from the records of a topic, named in full. */
  openReader(topic: string): Promise<ReadIds>
  /** What stands for a field's value in rows. */
  readonly listValues: (field: string, value: string) => readonly string[]
  writeTombstones(topic: string, keys: readonly TombstoneKey[]): Promise<void>
  /** Sinks that have copied topics, and what else has rows; as sentences. */
  listOthers(topics: readonly string[]): readonly string[]
  loadErased(): Promise<ErasedList>
  saveErased(list: ErasedList): Promise<void>
  saveReceipt(receipt: TopicsReceipt): Promise<string>
}

/** What a topic has of a person. */
export interface PersonTopic {
  readonly topic: string
  readonly isCompacted: boolean
  /** How many records name the person. */
  readonly records: number
  /** Rows that get, or got, a tombstone; 0 in a topic that is not compacted. */
  readonly tombstones: number
  /**
   * Until when the broker keeps the last of these records at least, ISO 8601; null: for ever, or
   * until it compacts the topic.
   */
  readonly until: string | null
  /** For kafka-delete-records: removes these records, and all others before the last of them. */
  readonly deleteRecords: readonly {
    readonly topic: string
    readonly partition: number
    readonly offset: number
  }[]
}

/** What is kept about an erasure on Kafka; it does not name the person. */
export interface TopicsReceipt {
  readonly erased: string
  readonly kind: Person['kind']
  /** Keyed hash of the id. */
  readonly person: string
  readonly topics: readonly PersonTopic[]
  readonly unclear: readonly UnclearRecords[]
  /** What still has the person, as sentences. */
  readonly remains: readonly string[]
}

/** What was found, and what was done about it. */
export interface EraseTopicsResult extends Pick<TopicsReceipt, 'topics' | 'unclear' | 'remains'> {
  readonly applied: boolean
  /** Visitors who were this customer and nobody else. */
  readonly visitors: number
  /** Path of the receipt; null: nothing was done. */
  readonly receipt: string | null
}

/** CCS_USAGE_INVALID for an id that is too short to search for. */
export async function eraseFromTopics(
  person: Person,
  ports: EraseTopicsPorts,
  confirm: (plan: EraseTopicsResult) => Promise<boolean>,
): Promise<EraseTopicsResult> {
  requireSearchable(person)
  const all = await ports.topics()
  const raw = all.find(({ name }) => name === `${ports.prefix}${RAW_TOPIC}`)
  const visitors = person.kind === 'customer' && raw ? await findVisitors(person, raw, ports) : []
  const persons = [person, ...visitors.map((id) => ({ kind: 'visitor', id }) as const)]
  const judge = createJudge(persons, ports.listValues)
  const found: FoundTopic[] = []
  for (const topic of all) {
    const readIds = await ports.openReader(topic.name)
    found.push(await searchTopic(topic, ports.read, (record) => judge(record, readIds(record))))
  }
  const named = found.filter(({ records }) => records > 0)
  const topics = named.map((one) => describeTopic(one))
  const unclear = found.flatMap((one) => one.unclear ?? [])
  const names = topics.map((one) => one.topic)
  const remains = [...topics.map(describeRemains), ...ports.listOthers(names)]
  const plan = { topics, unclear, remains, ...NOTHING_DONE, visitors: visitors.length }
  const list = await ports.loadErased()
  const next = persons.reduce(addErased, list)
  if ((topics.length === 0 && next === list) || !(await confirm(plan))) return plan
  await ports.saveErased(next)
  for (const { topic, keys } of named)
    if (keys.length > 0) await ports.writeTombstones(topic.name, keys)
  const receipt = await ports.saveReceipt({
    erased: new Date(ports.nowMs).toISOString(),
    kind: person.kind,
    person: nameErased(next, person),
    ...{ topics, unclear, remains },
  })
  return { ...plan, applied: true, receipt }
}

const NOTHING_DONE = { applied: false, receipt: null }

/** Visitors of events with this customer, and of none with another one. */
async function findVisitors(
  { id }: Person,
  raw: SearchedTopic,
  ports: EraseTopicsPorts,
): Promise<readonly string[]> {
  const own = new Set<string>()
  const others = new Set<string>()
  const readIds = await ports.openReader(raw.name)
  for (const partition of raw.partitions)
    for await (const records of ports.read(raw.name, partition))
      for (const record of records) {
        const ids = readIds(record) ?? []
        const customer = ids.find(({ kind }) => kind === 'customer')
        const visitor = ids.find(({ kind }) => kind === 'visitor')
        if (!customer || !visitor) continue
        const found = customer.id === id ? own : others
        found.add(visitor.id)
      }
  return [...own].filter((one) => !others.has(one))
}

function describeTopic({ topic, records, newestMs, keys, ends }: FoundTopic): PersonTopic {
  const { name, isCompacted, retentionMs } = topic
  const isForEver = isCompacted || retentionMs === null
  return {
    ...{ topic: name, isCompacted, records, tombstones: keys.length },
    until: isForEver ? null : new Date(newestMs + retentionMs).toISOString(),
    deleteRecords: isCompacted
      ? []
      : [...ends].map(([partition, offset]) => ({ topic: name, partition, offset })),
  }
}

function describeRemains({ topic, isCompacted, until }: PersonTopic): string {
  if (isCompacted) return `${topic}: until the broker compacts it, and then the tombstones are due.`
  if (until === null) return `${topic}: for ever, as its retention.ms is -1.`
  return `${topic}: until ${until} at least, by its retention.ms; then with its segment.`
}
