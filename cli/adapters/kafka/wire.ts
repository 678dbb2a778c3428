/**
 * Three requests that kafkajs lacks in a fast or new enough form, sent over its connections: fetch
 * by topic id, produce of a prepared record batch, and a topic's metadata. Formats:
 * kafka.apache.org/protocol, Fetch 13, Produce 7, Metadata 12; brokers have them since 3.1.
 */
import { CcsError } from '../../domain/kernel/errors.ts'

/** The part of kafkajs's broker object that ccs uses; it is missing in its public types. */
export interface WireBroker {
  readonly versions: Readonly<Record<number, { readonly maxVersion: number } | undefined>> | null
  readonly connectionPool: { send(call: object): Promise<unknown> }
}

/** An error in Kafka's answer; `type` as in kafkajs, or RETRIABLE_<number> if a retry may help. */
export class WireError extends Error {
  readonly type: string

  constructor(code: number) {
    const type = ERRORS[code] ?? (RETRIABLE.has(code) ? `RETRIABLE_${code}` : `ERROR_${code}`)
    super(type)
    this.type = type
  }
}

const UNKNOWN_TOPIC = 3
/** kafka.apache.org/protocol#protocol_error_codes */
const ERRORS: Readonly<Record<number, string>> = {
  1: 'OFFSET_OUT_OF_RANGE',
  [UNKNOWN_TOPIC]: 'UNKNOWN_TOPIC_OR_PARTITION',
  6: 'NOT_LEADER_FOR_PARTITION',
  10: 'MESSAGE_TOO_LARGE',
  18: 'RECORD_LIST_TOO_LARGE',
  19: 'NOT_ENOUGH_REPLICAS',
  20: 'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
  29: 'TOPIC_AUTHORIZATION_FAILED',
  31: 'CLUSTER_AUTHORIZATION_FAILED',
  34: 'ILLEGAL_SASL_STATE',
  45: 'OUT_OF_ORDER_SEQUENCE_NUMBER',
  47: 'INVALID_PRODUCER_EPOCH',
  59: 'UNKNOWN_PRODUCER_ID',
  87: 'INVALID_RECORD',
  100: 'UNKNOWN_TOPIC_ID',
  103: 'INCONSISTENT_TOPIC_ID',
}
const RETRIABLE = new Set([2, 5, 7, 8, 9, 13, 14, 15, 16, 56, 74, 75, 78, 89])

const FETCH = { key: 1, version: 13, name: 'Fetch' }
const PRODUCE = { key: 0, version: 7, name: 'Produce' }
const METADATA = { key: 3, version: 12, name: 'Metadata' }
const READ_COMMITTED = 1
const ALL_ACKS = -1
const PRODUCE_WAIT_MS = 20_000

/** A topic's current identity and partitions. */
export interface TopicIdentity {
  /** Base64; changes when the topic is deleted and recreated. */
  readonly id: string
  readonly partitions: readonly number[]
}

/** undefined if there is no such topic. */
export async function describeTopic(
  broker: WireBroker,
  topic: string,
): Promise<TopicIdentity | undefined> {
  const name = Buffer.from(topic)
  const body = Buffer.concat([
    Buffer.from([0, 2]),
    Buffer.alloc(16),
    uvarint(name.length + 1),
    name,
    Buffer.from([0, 0, 0, 0]),
  ])
  return send(broker, METADATA, body, (answer) => {
    answer.tags()
    answer.int32()
    answer.array(() => {
      answer.int32()
      answer.bytes()
      answer.int32()
      answer.bytes()
      answer.tags()
    })
    answer.bytes()
    answer.int32()
    const [found] = answer.array(() => {
      const error = answer.int16()
      answer.bytes()
      const id = answer.take(16).toString('base64')
      answer.take(1)
      const partitions = answer.array(() => {
        answer.int16()
        const partition = answer.int32()
        answer.take(8)
        for (let list = 0; list < 3; list++) answer.array(() => answer.int32())
        answer.tags()
        return partition
      })
      answer.take(4)
      answer.tags()
      return { error, id, partitions: partitions.sort((a, b) => a - b) }
    })
    if (!found || found.error === UNKNOWN_TOPIC) return undefined
    if (found.error !== 0) throw new WireError(found.error)
    return { id: found.id, partitions: found.partitions }
  })
}

/** What to fetch. */
export interface FetchPlace {
  readonly topicId: string
  readonly partition: number
  readonly offset: number
  readonly bytesMax: number
}

/** Fetched record batches and the aborted transactions in them. */
export interface FetchedBatches {
  /** Record batches as they lie in the log; the last may be incomplete. */
  readonly records: Buffer
  readonly aborted: readonly { readonly producerId: bigint; readonly firstOffset: number }[]
}

/** Committed records that are there now, without waiting for more. */
export async function fetchBatches(broker: WireBroker, place: FetchPlace): Promise<FetchedBatches> {
  const { topicId, partition, offset, bytesMax } = place
  const body = Buffer.alloc(81)
  body.writeInt32BE(-1, 1) // no replica; then: don't wait, for any number of bytes
  body.writeInt32BE(bytesMax, 13)
  body.writeInt8(READ_COMMITTED, 17)
  body.writeInt32BE(-1, 22) // no session
  body.writeInt8(2, 26) // a list begins with its length plus one
  Buffer.from(topicId, 'base64').copy(body, 27)
  body.writeInt8(2, 43)
  body.writeInt32BE(partition, 44)
  body.writeInt32BE(-1, 48) // any leader epoch
  body.writeBigInt64BE(BigInt(offset), 52)
  body.writeInt32BE(-1, 60)
  body.writeBigInt64BE(-1n, 64)
  body.writeInt32BE(bytesMax, 72)
  body.set([0, 0, 1, 1, 0], 76) // no tags, no forgotten topics, no rack
  return send(broker, FETCH, body, (answer) => {
    answer.tags()
    answer.int32()
    throwOnError(answer.int16())
    answer.int32()
    const [found] = answer.array(() => {
      answer.take(16)
      const partitions = answer.array(() => {
        answer.int32()
        throwOnError(answer.int16())
        answer.take(24)
        const aborted = answer.array(() => {
          const producerId = answer.int64()
          const firstOffset = Number(answer.int64())
          answer.tags()
          return { producerId, firstOffset }
        })
        answer.int32()
        const records = answer.bytes()
        answer.tags()
        return { records, aborted }
      })
      answer.tags()
      return partitions[0]
    })
    return found ?? { records: Buffer.alloc(0), aborted: [] }
  })
}

/** Appends a batch, acknowledged by all in-sync replicas; returns its first record's offset. */
export async function produceBatch(
  broker: WireBroker,
  place: { readonly topic: string; readonly partition: number },
  batch: Buffer,
): Promise<number> {
  const topic = Buffer.from(place.topic)
  const head = Buffer.alloc(14 + topic.length + 12)
  head.writeInt16BE(-1, 0) // no transaction
  head.writeInt16BE(ALL_ACKS, 2)
  head.writeInt32BE(PRODUCE_WAIT_MS, 4)
  head.writeInt32BE(1, 8)
  head.writeInt16BE(topic.length, 12)
  head.set(topic, 14)
  head.writeInt32BE(1, 14 + topic.length)
  head.writeInt32BE(place.partition, 18 + topic.length)
  head.writeInt32BE(batch.length, 22 + topic.length)
  return send(broker, PRODUCE, Buffer.concat([head, batch]), (answer) => {
    answer.int32()
    answer.take(answer.int16())
    answer.take(8)
    throwOnError(answer.int16())
    return Number(answer.int64())
  })
}

function throwOnError(code: number): void {
  if (code !== 0) throw new WireError(code)
}

/** Over kafkajs's connection, which numbers requests, times them out and authenticates. */
async function send<T>(
  broker: WireBroker,
  api: { readonly key: number; readonly version: number; readonly name: string },
  body: Buffer,
  decode: (answer: Answer) => T,
): Promise<T> {
  const newest = broker.versions?.[api.key]?.maxVersion ?? 0
  if (newest < api.version)
    throw new CcsError(
      'CCS_KAFKA_REFUSED',
      `This Kafka knows ${api.name} up to version ${newest}; ccs needs ${api.version}.`,
      { hint: 'Use Kafka 3.1 or newer.' },
    )
  let decoded: { readonly value: T } | undefined
  await broker.connectionPool.send({
    request: {
      apiKey: api.key,
      apiVersion: api.version,
      apiName: api.name,
      encode: async () => ({ buf: body, buffer: body }),
    },
    response: {
      decode: async (bytes: Buffer) => {
        decoded = { value: decode(new Answer(bytes)) }
        return {}
      },
      parse: async () => undefined,
    },
    logResponseError: false,
  })
  if (!decoded) throw new Error(`${api.name} was not answered`)
  return decoded.value
}

function uvarint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  for (; rest > 127; rest >>>= 7) bytes.push((rest & 127) | 128)
  return Buffer.from([...bytes, rest])
}

/** Reads an answer field by field; newer formats have lengths plus one as varints, and tags. */
class Answer {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  take(bytes: number): Buffer {
    this.#at += bytes
    return this.#bytes.subarray(this.#at - bytes, this.#at)
  }

  int16(): number {
    return this.take(2).readInt16BE()
  }

  int32(): number {
    return this.take(4).readInt32BE()
  }

  int64(): bigint {
    return this.take(8).readBigInt64BE()
  }

  /** Bytes or a text; empty if absent. */
  bytes(): Buffer {
    return this.take(Math.max(0, this.#uvarint() - 1))
  }

  array<T>(item: () => T): T[] {
    const items: T[] = []
    for (let left = this.#uvarint() - 1; left > 0; left--) items.push(item())
    return items
  }

  tags(): void {
    for (let left = this.#uvarint(); left > 0; left--) {
      this.#uvarint()
      this.take(this.#uvarint())
    }
  }

  #uvarint(): number {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = this.#bytes.readUInt8(this.#at++)
      value += (byte & 127) * 2 ** shift
      if (byte < 128) return value
    }
  }
}
