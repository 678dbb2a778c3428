/**
 * Partitions of Kafka as streams of packed records, in both directions, without kafkajs's consumer
 * and producer (docs/adr/0010). Every call is one attempt: if no broker answers, the connections
 * are closed and the next call opens new ones. The caller decides how often to retry.
 */
import type { Socket } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { CcsError } from '../../domain/kernel/errors.ts'
import { type DecodedBatches, decodeBatches } from '../../domain/log/kafka-batch.ts'
import { type FaultPlace, isBrokerError, toKafkaFault, unsupportedCodec } from './fault.ts'
import type { Broker, Cluster } from './fetch.ts'
import {
  describeTopic,
  type FetchPlace,
  fetchBatches,
  produceBatch,
  type TopicIdentity,
} from './wire.ts'

/** Reads and writes partitions; throws CcsErrors. */
export interface KafkaStream {
  /** undefined if there is no such topic. */
  topic(name: string): Promise<TopicIdentity | undefined>
  /** The first offset that exists, and the offset after the last committed record. */
  range(topic: string, partition: number): Promise<{ readonly start: number; readonly end: number }>
  /** Records that are there now. CCS_KAFKA_OFFSET: out of range; CCS_KAFKA_TOPIC: recreated. */
  fetch(topic: string, place: FetchPlace): Promise<DecodedBatches>
  /** A new producer id, without transactions. */
  producerId(): Promise<{ readonly producerId: bigint; readonly epoch: number }>
  /** Appends one encoded batch once, even if it is repeated; returns its first record's offset. */
  produce(topic: string, partition: number, batch: Buffer): Promise<number>
  /** For tools that watch groups; ccs never reads it. */
  commitOffsets(group: string, offsets: readonly CommittedOffset[]): Promise<void>
  close(): Promise<void>
}

/** A position in one partition. */
export interface CommittedOffset {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

/** What a stream is made of. */
export interface StreamParts {
  /** The configured brokers, for messages. */
  readonly brokers: string
  /** Opens a connected kafkajs cluster and adds its sockets to `sockets`. */
  readonly connect: (sockets: Set<Socket>) => Promise<Cluster>
  readonly snappy: (bytes: Buffer) => Promise<Buffer>
}

/** Names of Kafka's compression codecs, by number. */
const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd']
const UNPACKED_BYTES_MAX = 256 * 1024 * 1024
const EARLIEST = '-2'
const LATEST = '-1'
const COMMITTED_ONLY = 1

interface Connection {
  readonly cluster: Promise<Cluster>
  readonly sockets: Set<Socket>
}

/** Connects when first used. */
export function openStream({ brokers, connect, snappy }: StreamParts): KafkaStream {
  let current: Connection | undefined
  const open = () => {
    if (current) return current
    const sockets = new Set<Socket>()
    const cluster = connect(sockets)
    cluster.catch(() => undefined)
    current = { cluster, sockets }
    return current
  }
  const drop = ({ sockets }: Connection) => {
    for (const socket of sockets) socket.destroy(new Error('The connection was closed.'))
  }
  const once = async <T>(place: FaultPlace, run: (cluster: Cluster) => Promise<T>): Promise<T> => {
    const connection = open()
    try {
      return await run(await connection.cluster)
    } catch (error) {
      const fault = toKafkaFault(error, brokers, place)
      if (isBrokerError(error)) {
        // Leaders may have changed.
        const cluster = await connection.cluster.catch(() => undefined)
        await cluster?.refreshMetadata().catch(() => undefined)
      } else if (fault.code === 'CCS_KAFKA_UNREACHABLE') {
        if (current === connection) current = undefined
        drop(connection)
      }
      throw fault
    }
  }
  const topic = (name: string) =>
    once({ topic: name }, async (cluster) => describeTopic(await findAnyBroker(cluster), name))
  return {
    topic,
    range: (name, partition) =>
      once({ topic: name, partition }, async (cluster) => {
        const broker = await findLeader(cluster, name, partition)
        const at = async (timestamp: string) => {
          const partitions = [{ partition, timestamp }]
          const request = { isolationLevel: COMMITTED_ONLY, topics: [{ topic: name, partitions }] }
          const { responses } = await broker.listOffsets(request)
          return Number(responses[0]?.partitions[0]?.offset)
        }
        const [start, end] = await Promise.all([at(EARLIEST), at(LATEST)])
        return { start, end }
      }),
    fetch: async (name, place) => {
      const { partition, offset } = place
      const at = { topic: name, partition, offset }
      try {
        return await once(at, async (cluster) => {
          const { records, aborted } = await fetchBatches(
            await findLeader(cluster, name, partition),
            place,
          )
          return decodeBatches(records, {
            from: offset,
            aborted,
            decompress: createDecompressor(name, snappy),
          })
        })
      } catch (error) {
        if (error instanceof CcsError && error.code === 'CCS_KAFKA_TOPIC') {
          // Right after its start, a broker may not know its topics yet.
          if ((await topic(name))?.id === place.topicId)
            throw toKafkaFault(Object.assign(new Error(), { type: 'RETRIABLE' }), brokers, at)
        }
        throw error
      }
    },
    producerId: () =>
      once({}, async (cluster) => {
        const broker = await findAnyBroker(cluster)
        const { producerId, producerEpoch } = await broker.initProducerId({ transactionTimeout: 0 })
        return { producerId: BigInt(String(producerId)), epoch: producerEpoch }
      }),
    produce: (name, partition, batch) =>
      once({ topic: name, partition }, async (cluster) =>
        produceBatch(await findLeader(cluster, name, partition), { topic: name, partition }, batch),
      ),
    commitOffsets: (groupId, offsets) =>
      once({}, async (cluster) => {
        const topics = offsets.map(({ topic: name, partition, offset }) => {
          return { topic: name, partitions: [{ partition, offset: String(offset), metadata: '' }] }
        })
        const coordinator = await cluster.findGroupCoordinator({ groupId })
        const noMember = { groupGenerationId: -1, memberId: '' }
        await coordinator.offsetCommit({ groupId, ...noMember, topics })
      }),
    close: async () => {
      if (current) drop(current)
      current = undefined
    },
  }
}

async function findLeader(cluster: Cluster, topic: string, partition: number): Promise<Broker> {
  await cluster.addTargetTopic(topic)
  const [nodeId] = Object.keys(cluster.findLeaderForPartitions(topic, [partition]))
  if (nodeId === undefined) throw Object.assign(new Error(), { type: 'RETRIABLE_NO_LEADER' })
  return checkVersions(await cluster.findBroker({ nodeId }))
}

async function findAnyBroker(cluster: Cluster): Promise<Broker> {
  return checkVersions(await cluster.brokerPool.findConnectedBroker())
}

/**
 * kafkajs 2.2.4 takes a broker for connected that accepted the connection and then did not say
 * what it can, and never asks it again: only a new connection helps.
 */
function checkVersions(broker: Broker): Broker {
  if (broker.versions) return broker
  throw Object.assign(new Error('The broker did not say what it can.'), { name: 'ConnectionError' })
}

function createDecompressor(topic: string, snappy: StreamParts['snappy']) {
  return async (codec: number, bytes: Buffer): Promise<Buffer> => {
    if (codec === 1) return gunzipSync(bytes, { maxOutputLength: UNPACKED_BYTES_MAX })
    if (codec === 2) return snappy(bytes)
    throw unsupportedCodec(topic, CODECS[codec] ?? `codec ${codec}`)
  }
}
