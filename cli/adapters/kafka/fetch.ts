/**
 * Reads a partition without a consumer group, through kafkajs's cluster object (docs/adr/0010): a
 * group takes seconds to join and rebalances, and the engine keeps its positions itself.
 */
import type { WireBroker } from './wire.ts'
/** A name with several values has a list. */
export type RecordHeaders = Readonly<Record<string, Buffer | null | readonly (Buffer | null)[]>>

/** One record; `headers` and `key` are as they were written. */
export interface KafkaRecord {
  readonly offset: number
  readonly timestampMs: number
  /** The newest time in the batch that it was appended in. */
  readonly appendMs: number
  readonly headers: RecordHeaders
  readonly key: Buffer | null
  /** null: a deletion marker (tombstone). */
  readonly value: Buffer | null
}

/** What one fetch returned. */
export interface Fetched {
  /** By offset, with gaps from transaction markers and compaction. */
  readonly records: readonly KafkaRecord[]
  /** Where the next fetch begins: after the last record and the gaps behind it. */
  readonly nextOffset: number
  /** Current offset after the partition's last committed record. */
  readonly endOffset: number
}

/** Limits of a fetch. */
export interface FetchOptions {
  readonly bytesMax: number
  /** How long the broker may wait for `bytesMin`; 0: not at all. */
  readonly waitMs: number
  /** 1 by default: the broker answers with the first record. */
  readonly bytesMin?: number
}

const COMMITTED_ONLY = 1

/** The part of kafkajs's cluster object that ccs uses; it is missing in its public types. */
export interface Cluster {
  connect(): Promise<void>
  disconnect(): Promise<void>
  isConnected(): boolean
  addTargetTopic(topic: string): Promise<void>
  refreshMetadata(): Promise<void>
  findLeaderForPartitions(topic: string, partitions: readonly number[]): Record<string, number[]>
  findBroker(at: { readonly nodeId: string }): Promise<Broker>
  findGroupCoordinator(of: { readonly groupId: string }): Promise<Broker>
  readonly brokerPool: { findConnectedBroker(): Promise<Broker> }
}

/** The part of kafkajs's broker object that ccs uses. */
export interface Broker extends WireBroker {
  listOffsets(request: object): Promise<{
    readonly responses: readonly { readonly partitions: readonly { readonly offset: string }[] }[]
  }>
  initProducerId(request: object): Promise<{
    readonly producerId: { toString(): string }
    readonly producerEpoch: number
  }>
  offsetCommit(request: object): Promise<unknown>
  fetch(request: object): Promise<{ readonly responses: readonly FetchResponse[] }>
}

interface FetchResponse {
  readonly topicName: string
  readonly partitions: readonly PartitionData[]
}

interface PartitionData {
  readonly partition: number
  readonly highWatermark: string
  readonly lastStableOffset?: string
  readonly abortedTransactions?: readonly { producerId: string; firstOffset: string }[]
  readonly messages: readonly RawMessage[]
}

interface RawMessage {
  readonly offset: string
  readonly timestamp: string
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers?: RecordHeaders
  readonly isControlRecord?: boolean
  readonly batchContext?: {
    readonly firstOffset: string
    readonly lastOffsetDelta: number
    readonly producerId: string
    readonly maxTimestamp: string
    readonly inTransaction: boolean
  }
}

/** kafkajs creates its clusters by a private method of the client, with the client's settings. */
export async function openCluster(kafka: object): Promise<Cluster> {
  const symbol = Object.getOwnPropertySymbols(kafka).find((one) =>
    String(one).includes('createCluster'),
  )
  // The version of kafkajs is pinned, and a contract test reads through this object.
  const make = Reflect.get(kafka, symbol ?? '') as (options: object) => Cluster
  const cluster = make({ metadataMaxAge: 60_000, allowAutoTopicCreation: false })
  await cluster.connect()
  return cluster
}

interface FetchFrom extends FetchOptions {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

/** One request to the partition's leader; throws kafkajs's own errors. */
export async function fetchOnce(cluster: Cluster, from: FetchFrom): Promise<Fetched> {
  const { topic, partition, offset, bytesMax, waitMs, bytesMin = 1 } = from
  await cluster.addTargetTopic(topic)
  const leaders = cluster.findLeaderForPartitions(topic, [partition])
  const [nodeId] = Object.keys(leaders)
  if (nodeId === undefined) throw new Error(`partition ${partition} of ${topic} has no leader`)
  const broker = await cluster.findBroker({ nodeId })
  const { responses } = await broker.fetch({
    maxWaitTime: waitMs,
    minBytes: bytesMin,
    maxBytes: bytesMax,
    isolationLevel: COMMITTED_ONLY,
    topics: [
      { topic, partitions: [{ partition, fetchOffset: String(offset), maxBytes: bytesMax }] },
    ],
  })
  const data = responses[0]?.partitions[0]
  return data
    ? selectCommitted(data, offset)
    : { records: [], nextOffset: offset, endOffset: offset }
}

/** Records from `offset` on, without markers and aborted ones. */
function selectCommitted(data: PartitionData, offset: number): Fetched {
  const aborted = [...(data.abortedTransactions ?? [])].sort(
    (a, b) => Number(a.firstOffset) - Number(b.firstOffset),
  )
  const open = new Set<string>()
  const records: KafkaRecord[] = []
  let nextOffset = offset
  for (const message of data.messages) {
    const at = Number(message.offset)
    const { batchContext } = message
    const producer = batchContext?.producerId ?? ''
    for (let next = aborted[0]; next && Number(next.firstOffset) <= at; next = aborted[0]) {
      open.add(next.producerId)
      aborted.shift()
    }
    // A compacted batch still spans all its offsets.
    const spanned = batchContext
      ? Number(batchContext.firstOffset) + batchContext.lastOffsetDelta + 1
      : at + 1
    nextOffset = Math.max(nextOffset, at + 1, isLastMessage(data, message) ? spanned : 0)
    if (message.isControlRecord) {
      open.delete(producer)
      continue
    }
    if (at < offset || (batchContext?.inTransaction && open.has(producer))) continue
    const { key, value, headers = {} } = message
    const timestampMs = Number(message.timestamp)
    const appendMs = Math.max(0, Number(batchContext?.maxTimestamp ?? timestampMs))
    records.push({ offset: at, timestampMs, appendMs, headers, key, value })
  }
  return { records, nextOffset, endOffset: Number(data.lastStableOffset ?? data.highWatermark) }
}

function isLastMessage(data: PartitionData, message: RawMessage): boolean {
  return data.messages.at(-1) === message
}
