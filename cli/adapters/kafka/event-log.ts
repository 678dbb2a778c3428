/**
 * The event log on Kafka. A reader fetches one batch ahead; a writer numbers its batches, so that
 * one that is sent twice is written once (KIP-98). Only here names get the target's prefix.
 */

import { addPrefix } from '../../domain/config/target.ts'
import { EXIT } from '../../domain/kernel/errors.ts'
import type { EventLog, LogFrame, LogReader } from '../../domain/log/event-log.ts'
import type { KafkaConnection } from './connection.ts'
import { missingTopic } from './fault.ts'
import { describeTopics } from './topics.ts'
import { KafkaWriter } from './writer.ts'

/** How to name topics and to retry. */
export interface KafkaLogOptions {
  readonly prefix: string
  /** Runs each attempt to write: repeats it while Kafka is away, or throws its error. */
  readonly withRetry: <T>(run: () => Promise<T>) => Promise<T>
}

/** Connects when first used; closing it closes the connection. A failed read can be repeated. */
export function openKafkaLog(kafka: KafkaConnection, options: KafkaLogOptions): EventLog {
  const { stream } = kafka
  const nameOf = (topic: string) => addPrefix(options, topic)
  const open = new Set<{ close(): Promise<void> }>()
  const found = async (topic: string, partition: number) => {
    const name = nameOf(topic)
    const now = await stream.topic(name)
    if (now?.partitions.includes(partition)) return { name, id: now.id }
    const what = now ? `partition ${partition} of ${name}` : `topic ${name}`
    throw missingTopic(what, kafka.brokers, { exit: EXIT.usage })
  }
  return {
    partitions: async (topic) => (await stream.topic(nameOf(topic)))?.partitions ?? [],
    identity: async (topic) => (await stream.topic(nameOf(topic)))?.id ?? null,
    range: async (topic, partition) => {
      const now = await stream.topic(nameOf(topic))
      if (!now?.partitions.includes(partition)) return { start: 0, end: 0 }
      return stream.range(nameOf(topic), partition)
    },

    async reader(topic, partition, fromOffset) {
      const { name, id } = await found(topic, partition)
      // A first fetch: right after its start, a broker may not know which records are committed.
      await stream.fetch(name, { topicId: id, partition, offset: fromOffset, bytesMax: 1 })
      const reader = new KafkaReader(kafka, { topic, partition, name, id }, fromOffset)
      open.add(reader)
      return reader
    },

    async writer(topic, partition) {
      const { name } = await found(topic, partition)
      const bytesMax = await readMessageBytesMax(kafka, name)
      const { withRetry } = options
      const writer = new KafkaWriter(stream, {
        topic,
        partition,
        name,
        bytesMax,
        withRetry: withRetry,
      })
      open.add(writer)
      return writer
    },

    async close() {
      await Promise.all([...open].map((one) => one.close()))
      await kafka.close()
    },
  }
}

interface ReaderPlace {
  readonly topic: string
  readonly partition: number
  /** The topic's name with the prefix. */
  readonly name: string
  readonly id: string
}

class KafkaReader implements LogReader {
  readonly #kafka: KafkaConnection
  readonly #place: ReaderPlace
  #offset: number
  #ahead: ReturnType<KafkaReader['fetch']> | undefined
  #isClosed = false

  constructor(kafka: KafkaConnection, place: ReaderPlace, fromOffset: number) {
    this.#kafka = kafka
    this.#place = place
    this.#offset = fromOffset
  }

  position(): number {
    return this.#offset
  }

  async read(bytesMax: number): Promise<readonly LogFrame[]> {
    if (this.#isClosed) throw new Error('the log reader is closed')
    const ahead = this.#ahead
    this.#ahead = undefined
    let found = await ahead
    for (;;) {
      // A fetch ahead may have found nothing, although there is something by now.
      if (!found || found.nextOffset === this.#offset) found = await this.fetch(bytesMax)
      const isEnd = found.nextOffset === this.#offset
      this.#offset = found.nextOffset
      if (found.frames.length === 0 && !isEnd) continue
      if (!isEnd) {
        this.#ahead = this.fetch(bytesMax)
        this.#ahead.catch(() => undefined)
      }
      const { topic, partition } = this.#place
      return found.frames.map((frame) => ({ topic, partition, ...frame }))
    }
  }

  fetch(bytesMax: number) {
    const { name, id, partition } = this.#place
    const bytes = Math.max(1, Math.floor(bytesMax))
    const place = { topicId: id, partition, offset: this.#offset, bytesMax: bytes }
    return this.#kafka.stream.fetch(name, place)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#ahead = undefined
  }
}

/** Kafka's default, minus what a batch needs around its records. */
const MESSAGE_BYTES = 1_000_000

/** The default if this user may not read the topic's settings. */
async function readMessageBytesMax(kafka: KafkaConnection, name: string): Promise<number> {
  const admin = await kafka.admin()
  const found = await describeTopics(admin, [name], ['max.message.bytes']).catch(() => undefined)
  return Number(found?.get(name)?.[0]?.value ?? MESSAGE_BYTES)
}
