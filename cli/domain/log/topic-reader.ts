/**
 * The port for reading topics that others fill: committed records with key, value and time, from
 * any offset up to what was the end when the topic was inspected.
 */

/** One record; a value that is null deletes the row of its key. */
export interface TopicRecord {
  readonly offset: number
  readonly timestampMs: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
}

/** Committed records of one partition: from `start` up to, not including, `end`. */
export interface TopicRange {
  readonly partition: number
  readonly start: number
  readonly end: number
}

/** Some of a range's records, by offset. */
export interface TopicPart {
  readonly records: readonly TopicRecord[]
  /** Where the next part begins: gaps of transactions and compaction are behind it. */
  readonly nextOffset: number
}

/** A topic as it is now. */
export interface TopicExtent {
  /** Changes when a topic is deleted and created again. */
  readonly id: string
  /** All partitions, by number. */
  readonly ranges: readonly TopicRange[]
}

/** Reads topics of one Kafka, by their full names. */
export interface TopicReader {
  /** Of messages: where the topics are. */
  readonly place: string
  /** undefined if there is no such topic. */
  inspect(topic: string): Promise<TopicExtent | undefined>
  /** By partition the offset before which all records are older than `timeMs`. */
  findOffsets(topic: string, timeMs: number): Promise<ReadonlyMap<number, number>>
  /** The records of a range in parts of about 1 MB; stop iterating to stop reading. */
  read(topic: string, range: TopicRange): AsyncIterable<TopicPart>
  close(): Promise<void>
}
