/** Finds the records of a person in a topic, from its beginning. */
import { Buffer } from 'node:buffer'
import type { Verdict } from './judge-record.ts'
import type { RecordParts } from './record-ids.ts'

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
export interface TopicRecord extends RecordParts {
  readonly offset: number
  readonly timestampMs: number
}

/** Reads a partition to its end. */
export type ReadTopic = (topic: string, partition: number) => AsyncIterable<readonly TopicRecord[]>

/** A record's key, for a tombstone. */
export interface TombstoneKey {
  readonly partition: number
  readonly key: Buffer
}

/** Records of which can't be told whether they are the person's: somebody has to look. */
export interface UnclearRecords {
  /** In full. */
  readonly topic: string
  readonly records: number
  /** How many of these have one of the ids as a whole word; the others can't be decoded. */
  readonly withId: number
  /** Where they are; the offset `to` is the last one's. */
  readonly ranges: readonly OffsetRange[]
}

interface OffsetRange {
  readonly partition: number
  readonly from: number
  readonly to: number
}

/** What a topic has of a person. */
export interface FoundTopic {
  readonly topic: SearchedTopic
  /** How many name the person. */
  readonly records: number
  /** Time of the last of them. */
  readonly newestMs: number
  /** Keys whose newest record does, where the topic is compacted. */
  readonly keys: readonly TombstoneKey[]
  /** By partition: the offset after the last of these records. */
  readonly ends: ReadonlyMap<number, number>
  /** undefined: all are clear. */
  readonly unclear: UnclearRecords | undefined
}

/** `judge` says of a record whose it is. */
export async function searchTopic(
  topic: SearchedTopic,
  read: ReadTopic,
  judge: (record: TopicRecord) => Verdict,
): Promise<FoundTopic> {
  const { name, isCompacted } = topic
  let records = 0
  let newestMs = 0
  const keys = new Map<string, TombstoneKey>()
  const ends = new Map<number, number>()
  const unclear = { topic: name, records: 0, withId: 0, ranges: [] as OffsetRange[] }
  for (const partition of topic.partitions)
    for await (const some of read(name, partition))
      for (const record of some) {
        const { offset, timestampMs, key, value } = record
        const place = `${partition} ${key?.toString('latin1')}`
        const verdict = judge(record)
        // Only the newest record of a key stays.
        if (verdict !== 'person' || value === null) keys.delete(place)
        if (verdict === 'other') continue
        if (verdict === 'person') {
          // A tombstone names the person too, until the broker removes it.
          records++
          newestMs = Math.max(newestMs, timestampMs)
          ends.set(partition, offset + 1)
          if (isCompacted && key !== null && value !== null)
            keys.set(place, { partition, key: Buffer.from(key) })
          continue
        }
        unclear.records++
        if (verdict === 'unclear with id') unclear.withId++
        addOffset(unclear.ranges, partition, offset)
      }
  const isClear = unclear.records === 0
  const found = { topic, records, newestMs, keys: [...keys.values()], ends }
  return { ...found, unclear: isClear ? undefined : unclear }
}

function addOffset(ranges: OffsetRange[], partition: number, offset: number): void {
  const last = ranges.at(-1)
  const isNext = last?.partition === partition && last.to === offset - 1
  if (isNext) ranges[ranges.length - 1] = { ...last, to: offset }
  else ranges.push({ partition, from: offset, to: offset })
}
