/**
 * What can be done about a person in Kafka's topics, and what can't: compacted topics get
 * tombstones; in all others records go by retention, so what still has the person, and until when,
 * is said. Nothing is claimed to be erased that a reader of the topic still finds.
 */
import { Buffer } from 'node:buffer'
import { RAW_TOPIC } from '../log/topics.ts'
import type { EventFields } from './anonymise-event.ts'
import { requireSearchable } from './erase-person.ts'
import { addErased, type ErasedList, nameErased, type Person } from './erased-ids.ts'
import { readEventIds } from './find-person.ts'
import { createIdMatcher } from './match-bytes.ts'

/** A topic of the target. */
export interface SearchedTopic {
  /** In full, with the target's prefix. */
  readonly name: string
  readonly partitions: readonly number[]
  /** Of each key, the last record is kept. */
  readonly isCompacted: boolean
  /** ms; null: for ever. */
  readonly retentionMs: number | null
}

/** A record of a topic; a tombstone has no value. */
export interface TopicRecord {
  readonly offset: number
  readonly timestampMs: number
  readonly key: Buffer | null
  readonly value: Buffer | null
}

/** A record's key, for a tombstone. */
export interface TombstoneKey {
  readonly partition: number
  readonly key: Buffer
}

/** What an erasure on Kafka works on. */
export interface EraseTopicsPorts {
  readonly nowMs: number
  /** Before the names of topics. */
  readonly prefix: string
  topics(): Promise<readonly SearchedTopic[]>
  read(topic: string, partition: number): AsyncIterable<readonly TopicRecord[]>
  /** The fields of an event; undefined for a record that is not valid. */
  readEvent(value: Buffer): EventFields | undefined
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
  /** What still has the person, as sentences. */
  readonly remains: readonly string[]
}

/** What was found, and what was done about it. */
export interface EraseTopicsResult extends Pick<TopicsReceipt, 'topics' | 'remains'> {
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
  const values = persons.flatMap(({ kind, id }) => [
    id,
    ...ports.listValues(kind === 'customer' ? 'customer_id' : 'anonymous_id', id),
  ])
  const matchers = [...new Set(values)].map(createIdMatcher)
  const hasId = (bytes: Buffer | null) =>
    bytes !== null && matchers.some((matches) => matches(bytes))
  const found: FoundTopic[] = []
  for (const topic of all) found.push(await searchTopic(topic, ports, hasId))
  const named = found.filter(({ records, keys }) => records + keys.length > 0)
  const topics = named.map((one) => describeTopic(one))
  const names = topics.map((one) => one.topic)
  const remains = [...topics.map(describeRemains), ...ports.listOthers(names)]
  const plan = { applied: false, visitors: visitors.length, topics, remains, receipt: null }
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
    ...{ topics, remains },
  })
  return { ...plan, applied: true, receipt }
}

/** Visitors of events with this customer, and of none with another one. */
async function findVisitors(
  { id }: Person,
  raw: SearchedTopic,
  ports: EraseTopicsPorts,
): Promise<readonly string[]> {
  const own = new Set<string>()
  const others = new Set<string>()
  for (const partition of raw.partitions)
    for await (const records of ports.read(raw.name, partition))
      for (const { value } of records) {
        const event = value && ports.readEvent(value)
        if (!event) continue
        const { customer, visitor } = readEventIds(event)
        if (customer === id) own.add(visitor)
        else if (customer !== null) others.add(visitor)
      }
  return [...own].filter((one) => !others.has(one))
}

interface FoundTopic {
  readonly topic: SearchedTopic
  readonly records: number
  readonly newestMs: number
  readonly keys: readonly TombstoneKey[]
  /** By partition: the offset after the last of these records. */
  readonly ends: ReadonlyMap<number, number>
}

async function searchTopic(
  topic: SearchedTopic,
  ports: EraseTopicsPorts,
  hasId: (bytes: Buffer | null) => boolean,
): Promise<FoundTopic> {
  let records = 0
  let newestMs = 0
  const keys = new Map<string, TombstoneKey>()
  const ends = new Map<number, number>()
  for (const partition of topic.partitions)
    for await (const some of ports.read(topic.name, partition))
      for (const { offset, timestampMs, key, value } of some) {
        const place = `${partition} ${key?.toString('latin1')}`
        // A tombstone names the person too, until the broker removes it.
        if (value === null) keys.delete(place)
        if (!hasId(key) && !hasId(value)) {
          if (value !== null) keys.delete(place)
          continue
        }
        records++
        newestMs = Math.max(newestMs, timestampMs)
        ends.set(partition, offset + 1)
        if (topic.isCompacted && key !== null && value !== null)
          keys.set(place, { partition, key: Buffer.from(key) })
      }
  return { topic, records, newestMs, keys: [...keys.values()], ends }
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
