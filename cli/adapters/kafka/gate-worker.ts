/**
 * The gate's worker for one partition of events.raw, with its own connections and transactional
 * producer. The producer's id belongs to the partition: initialising it fences the previous worker
 * and ends its transactions; only then the group's position is read. So no record is passed on
 * twice, even if a process was paused and comes back.
 */

import type { GateBatch, GatePartition, ReplacedRecord } from '../../domain/gate/gate-stream.ts'
import { CcsError } from '../../domain/kernel/errors.ts'
import type { KafkaConnection, Message, Producer, Transaction } from './connection.ts'
import { toKafkaFault } from './fault.ts'
import type { KafkaRecord, RecordHeaders } from './fetch.ts'
import { readCommittedOffsets } from './gate-lag.ts'
import type { GateNames } from './gate-names.ts'

const BATCH_BYTES = 1_500_000
/** The broker collects so many bytes, or so long, before it answers. */
const GATHER_BYTES = 256 * 1024
const GATHER_MS = 250
/** kafkajs's retries of one request, about 10 seconds; then the worker starts again. */
const RETRIES = 10
/** Overhead of a record, and of a batch. */
const RECORD_BYTES = 40
const FRAME_BYTES = 512

/** What a worker needs. */
export interface GateWorkerOptions {
  /** Closed with the worker. */
  readonly kafka: KafkaConnection
  readonly names: GateNames
  readonly partition: number
  /** Number of partitions of events.dlq. */
  readonly dlqPartitions: number
  /** Largest batch that the topic accepts (max.message.bytes). */
  readonly validBytesMax: number
  readonly dlqBytesMax: number
}

interface ReadBatch extends GateBatch {
  readonly kafkaRecords: readonly KafkaRecord[]
}

/** Takes the partition over. Throws only CcsErrors, now and later. */
export async function openGateWorker(options: GateWorkerOptions): Promise<GateWorker> {
  const { kafka, names, partition } = options
  try {
    const transactionalId = names.transactionalId(partition)
    const producer = await kafka.producer({ transactionalId, retries: RETRIES })
    const first = await producer.transaction()
    const admin = await kafka.admin()
    const [committed, ranges] = await Promise.all([
      readCommittedOffsets(admin, names.group, names.raw),
      admin.fetchTopicOffsets(names.raw),
    ])
    await admin.disconnect()
    const range = ranges.find((one) => one.partition === partition)
    const low = Number(range?.low ?? 0)
    const at = committed.get(partition) ?? low
    // Beyond the end: the topic was deleted and recreated.
    const from = at > Number(range?.high ?? 0) ? low : Math.max(low, at)
    return new GateWorker(options, producer, first, { from, missing: Math.max(0, from - at) })
  } catch (error) {
    await kafka.close()
    throw toKafkaFault(error, kafka.brokers, { topic: names.raw })
  }
}

class GateWorker implements GatePartition {
  readonly partition: number
  readonly missing: number
  readonly #options: GateWorkerOptions
  readonly #producer: Producer
  #transaction: Transaction | undefined
  #offset: number

  constructor(
    options: GateWorkerOptions,
    producer: Producer,
    first: Transaction,
    { from, missing }: { readonly from: number; readonly missing: number },
  ) {
    this.#options = options
    this.partition = options.partition
    this.missing = missing
    this.#producer = producer
    this.#transaction = first
    this.#offset = from
  }

  async read(): Promise<ReadBatch> {
    const { kafka, names } = this.#options
    const { records, nextOffset, endOffset } = await kafka.fetch(
      names.raw,
      this.partition,
      this.#offset,
      { bytesMax: BATCH_BYTES, bytesMin: GATHER_BYTES, waitMs: GATHER_MS },
    )
    this.#offset = nextOffset
    return {
      kafkaRecords: records,
      records: records.map(({ offset, appendMs, value }) => ({
        offset,
        appendMs,
        bytes: value ?? NOTHING,
      })),
      nextOffset,
      endOffset,
    }
  }

  async commit(
    batch: GateBatch,
    rejected: readonly number[],
    rejects: readonly Uint8Array[],
    replaced: ReadonlyMap<number, ReplacedRecord> = new Map(),
  ): Promise<void> {
    const { kafka, names } = this.#options
    let transaction = this.#transaction
    this.#transaction = undefined
    try {
      transaction ??= await this.#producer.transaction()
      // Batches are always those that read() returned.
      const records = (batch as ReadBatch).kafkaRecords.map((one, index) => {
        const other = replaced.get(index)
        if (other === undefined) return one
        return { ...one, key: Buffer.from(other.key), value: Buffer.from(other.value) }
      })
      await this.#send(transaction, records, new Set(rejected), rejects)
      const offsets = [{ partition: this.partition, offset: String(batch.nextOffset) }]
      await transaction.sendOffsets({
        consumerGroupId: names.group,
        topics: [{ topic: names.raw, partitions: offsets }],
      })
      await transaction.commit()
    } catch (error) {
      const fault = tooLargeError(error, names) ?? toKafkaFault(error, kafka.brokers)
      // A retry begins with a new producer, which ends this transaction; here nobody retries soon.
      if (fault.code === 'CCS_LOG_RECORD_TOO_LARGE')
        await transaction?.abort().catch(() => undefined)
      throw fault
    }
  }

  close(): Promise<void> {
    return this.#options.kafka.close()
  }

  async #send(
    transaction: Transaction,
    records: readonly KafkaRecord[],
    rejected: ReadonlySet<number>,
    rejects: readonly Uint8Array[],
  ): Promise<void> {
    const { names, dlqPartitions, validBytesMax, dlqBytesMax } = this.#options
    const { partition } = this
    const dlqPartition = chooseRejectPartition(partition, dlqPartitions)
    const nowMs = Date.now()
    const kept = records.flatMap(({ key, value, timestampMs, headers }, index): Message[] =>
      rejected.has(index)
        ? []
        : [
            {
              key,
              value,
              partition,
              ...toKafkaHeaders(headers),
              // Brokers refuse records of the future; the clock of events.raw may have been ahead.
              timestamp: String(Math.min(Math.max(0, timestampMs), nowMs)),
            },
          ],
    )
    const dead = rejects.map(
      (value): Message => ({ value: Buffer.from(value), partition: dlqPartition }),
    )
    const valid = splitByBytes(kept, validBytesMax)
    const dlq = splitByBytes(dead, dlqBytesMax)
    for (let i = 0; i < Math.max(valid.length, dlq.length); i++) {
      const topicMessages = [
        { topic: names.valid, messages: asOnePartition(partition, valid[i] ?? []) },
        { topic: names.dlq, messages: asOnePartition(dlqPartition, dlq[i] ?? []) },
      ]
      await transaction.sendBatch({
        topicMessages: topicMessages.filter(({ messages }) => messages.length > 0),
      })
    }
  }
}

/** Partition 0 of events.dlq belongs to an embedded engine: its commits count the records in it. */
export function chooseRejectPartition(partition: number, partitions: number): number {
  return partitions < 2 ? 0 : 1 + (partition % (partitions - 1))
}

const NOTHING = Buffer.alloc(0)

/** Splits messages, in order, so that each part fits into one batch: kafkajs makes one per send. */
export function splitByBytes(messages: readonly Message[], bytesMax: number): Message[][] {
  const all: Message[][] = []
  let bytes = bytesMax
  for (const message of messages) {
    const size =
      RECORD_BYTES +
      (message.value?.length ?? 0) +
      (message.key?.length ?? 0) +
      countHeaderBytes(message.headers ?? {})
    if (bytes + size > bytesMax - FRAME_BYTES) {
      all.push([])
      bytes = 0
    }
    all.at(-1)?.push(message)
    bytes += size
  }
  return all
}

/**
 * kafkajs groups messages by partition with `reduce`, copying the list for each message: a quarter
 * of the gate's CPU time. A list of one partition answers at once.
 */
function asOnePartition(partition: number, messages: Message[]): Message[] {
  return Object.defineProperty(messages, 'reduce', { value: () => ({ [partition]: messages }) })
}

/** kafkajs can't write a header without a value, so an empty one replaces it. */
function toKafkaHeaders(headers: RecordHeaders): { headers?: NonNullable<Message['headers']> } {
  const entries = Object.entries(headers)
  if (entries.length === 0) return {}
  return {
    headers: Object.fromEntries(
      entries.map(([name, value]) => [
        name,
        [value].flat().map((one: Buffer | null) => one ?? NOTHING),
      ]),
    ),
  }
}

function countHeaderBytes(headers: NonNullable<Message['headers']>): number {
  let bytes = 0
  for (const [name, value] of Object.entries(headers))
    for (const one of Array.isArray(value) ? value : [value])
      bytes += name.length * 3 + (one?.length ?? 0) + 8
  return bytes
}

function tooLargeError(error: unknown, names: GateNames): CcsError | undefined {
  const { type, cause } = error as { type?: string; cause?: { type?: string } }
  if (!/MESSAGE_TOO_LARGE|RECORD_LIST_TOO_LARGE/.test(`${type} ${cause?.type}`)) return undefined
  return new CcsError(
    'CCS_LOG_RECORD_TOO_LARGE',
    `A record of ${names.raw} is larger than ${names.valid} or ${names.dlq} accepts.`,
    {
      hint:
        `Give both a larger max.message.bytes than ${names.raw}: ` +
        'a reject is 4 KB larger than its record.',
      cause: error,
    },
  )
}
