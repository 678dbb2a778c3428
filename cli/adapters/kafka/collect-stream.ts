/**
 * Reads a topic of reports and writes rejects to events.dlq on Kafka. Initialising the collector's
 * transactional producer fences an earlier collector and ends its transactions; only then the
 * positions and events.dlq are read.
 */
import type { CollectBatch, CollectStream } from '../../domain/dlq/collect-stream.ts'
import { CcsError, EXIT } from '../../domain/kernel/errors.ts'
import { DLQ_TOPIC } from '../../domain/log/topics.ts'
import type { KafkaConnection, Producer, Transaction } from './connection.ts'
import { missingTopic, toKafkaFault } from './fault.ts'
import { readCommittedOffsets } from './gate-lag.ts'
import { chooseRejectPartition, splitByBytes } from './gate-worker.ts'

/** What to collect. */
export interface CollectOptions {
  /** Closed with the stream. */
  readonly kafka: KafkaConnection
  readonly prefix: string
  /** Full name of the topic of reports. */
  readonly log: string
}

const READ_BYTES = 128 * 1024
const WAIT_MS = 250
const SEND_BYTES = 512 * 1024
/** kafkajs's retries of one request, about 10 seconds. */
const RETRIES = 10

/** Throws CCS_KAFKA_TOPIC if one of the two topics is missing. */
export async function openCollectStream(options: CollectOptions): Promise<CollectStream> {
  const { kafka, prefix, log } = options
  const id = `${prefix}ccs.collect`
  const dlq = `${prefix}${DLQ_TOPIC}`
  try {
    const admin = await kafka.admin()
    const there = await admin.listTopics()
    for (const topic of [log, dlq])
      if (!there.includes(topic)) throw missingTopicError(topic, topic === log, kafka.brokers)
    const producer = await kafka.producer({ transactionalId: id, retries: RETRIES })
    const first = await producer.transaction()
    const [committed, ranges, { topics }] = await Promise.all([
      readCommittedOffsets(admin, id, log),
      admin.fetchTopicOffsets(log),
      admin.fetchTopicMetadata({ topics: [dlq] }),
    ])
    let missing = 0
    const places = ranges.map(({ partition, low, high }): [number, number] => {
      const at = committed.get(partition) ?? Number(low)
      // Beyond the end: the topic was deleted and recreated.
      if (at > Number(high)) return [partition, Number(low)]
      missing += Math.max(0, Number(low) - at)
      return [partition, Math.max(Number(low), at)]
    })
    const partition = chooseRejectPartition(0, topics[0]?.partitions.length ?? 1)
    return new KafkaCollectStream(options, producer, first, {
      ...{ id, dlq, partition, missing },
      places: new Map(places),
    })
  } catch (error) {
    await kafka.close()
    throw toKafkaFault(error, kafka.brokers, { topic: log })
  }
}

interface CollectStart {
  /** The transactional id, which is also the group's. */
  readonly id: string
  readonly dlq: string
  /** Partition of events.dlq to write to. */
  readonly partition: number
  readonly missing: number
  readonly places: Map<number, number>
}

class KafkaCollectStream implements CollectStream {
  readonly missing: number
  readonly #options: CollectOptions
  readonly #producer: Producer
  readonly #found: CollectStart
  #transaction: Transaction | undefined

  constructor(
    options: CollectOptions,
    producer: Producer,
    first: Transaction,
    found: CollectStart,
  ) {
    this.#options = options
    this.#producer = producer
    this.#transaction = first
    this.#found = found
    this.missing = found.missing
  }

  async read(): Promise<CollectBatch> {
    const { kafka, log } = this.#options
    const { places } = this.#found
    for (const [partition, offset] of places) {
      const waitMs = Math.ceil(WAIT_MS / places.size)
      const fetched = await kafka.fetch(log, partition, offset, { bytesMax: READ_BYTES, waitMs })
      const { records, nextOffset } = fetched
      if (nextOffset === offset) continue
      // A partition that was just read comes last in the next round.
      places.delete(partition)
      places.set(partition, nextOffset)
      const rows = records.flatMap(({ value }) => value ?? [])
      return { partition, rows, nextOffset, isEnd: false }
    }
    return { partition: 0, rows: [], nextOffset: 0, isEnd: true }
  }

  async commit({ partition, nextOffset }: CollectBatch, rejects: readonly Uint8Array[]) {
    const { kafka, log } = this.#options
    const { id, dlq, partition: into } = this.#found
    let transaction = this.#transaction
    this.#transaction = undefined
    try {
      transaction ??= await this.#producer.transaction()
      const messages = rejects.map((value) => ({ value: Buffer.from(value), partition: into }))
      for (const some of splitByBytes(messages, SEND_BYTES))
        await transaction.send({ topic: dlq, messages: some })
      const partitions = [{ partition, offset: String(nextOffset) }]
      await transaction.sendOffsets({ consumerGroupId: id, topics: [{ topic: log, partitions }] })
      await transaction.commit()
    } catch (error) {
      throw fencedError(error) ?? toKafkaFault(error, kafka.brokers, { topic: dlq })
    }
  }

  close(): Promise<void> {
    return this.#options.kafka.close()
  }
}

function fencedError(error: unknown): CcsError | undefined {
  const { type, cause } = error as { type?: string; cause?: { type?: string } }
  if (!/FENCED|PRODUCER_EPOCH/.test(`${type} ${cause?.type}`)) return undefined
  return new CcsError('CCS_LOG_LOCKED', 'Another ccs dlq collect has taken over.', {
    hint: 'One is enough: it reads the whole processing log.',
    cause: error,
  })
}

function missingTopicError(topic: string, isLog: boolean, brokers: string): CcsError {
  if (!isLog) return missingTopic(`topic ${topic}`, brokers, { exit: EXIT.usage })
  return new CcsError('CCS_KAFKA_TOPIC', `There is no topic ${topic} at ${brokers}.`, {
    exit: EXIT.usage,
    hint: 'Let the engine write its processing log, with rows, to Kafka: see docs/dlq.md.',
  })
}
