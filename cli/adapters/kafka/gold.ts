/**
 * Publishes Gold to Kafka: one compacted topic per model, keyed records in Confluent's framing. The
 * publisher repeats what may have failed, so a failed producer is replaced instead of repaired.
 */
import { Buffer } from 'node:buffer'
import { addPrefix } from '../../domain/config/target.ts'
import { EXIT } from '../../domain/kernel/errors.ts'
import type { KeyedRecord } from '../../domain/log/keyed-record.ts'
import type { GoldSink } from '../../domain/pipeline/gold-sink.ts'
import type { KafkaConnection, Producer } from './connection.ts'
import { missingTopic, toKafkaFault } from './fault.ts'

/** Of one request: below what a topic accepts by default for each of its partitions. */
const BYTES_MAX = 512 * 1024
const RETRIES = 5
const FETCH = { bytesMax: 4 * 1024 * 1024, waitMs: 0 }

/** Closing it leaves the connection open. */
export function openKafkaGold(
  kafka: KafkaConnection,
  /** `timeMs`: the time of every record; by default the time of writing. */
  options: { readonly prefix: string; readonly timeMs?: number },
): GoldSink {
  const { timeMs } = options
  let producer: Promise<Producer> | undefined
  const nameOf = (model: string) => addPrefix(options, model)
  const topicOf = async (model: string) => {
    const topic = await kafka.stream.topic(nameOf(model))
    if (topic) return topic
    throw missingTopic(`topic ${nameOf(model)}`, kafka.brokers, { exit: EXIT.usage })
  }
  return {
    async publish(model, records) {
      producer ??= kafka.producer({ retries: RETRIES })
      const own = producer
      try {
        const open = await own
        for (const some of groupByBytes(records)) {
          const messages = some.map(({ key, value }) => ({
            key: Buffer.from(key),
            value: value && Buffer.from(value),
            ...(timeMs === undefined ? {} : { timestamp: String(timeMs) }),
          }))
          await open.send({ topic: nameOf(model), acks: -1, messages })
        }
      } catch (error) {
        if (producer === own) producer = undefined
        await own.then((one) => one.disconnect()).catch(() => undefined)
        throw toKafkaFault(error, kafka.brokers)
      }
    },

    async keys(model) {
      const found = new Set<string>()
      const name = nameOf(model)
      for (const partition of (await topicOf(model)).partitions) {
        let { start } = await kafka.stream.range(name, partition)
        for (;;) {
          const { records, nextOffset, endOffset } = await kafka.fetch(
            name,
            partition,
            start,
            FETCH,
          )
          for (const { key, value } of records) {
            if (value) found.add(String(key))
            else found.delete(String(key))
          }
          if (nextOffset >= endOffset) break
          start = nextOffset
        }
      }
      return found
    },

    // The number of partitions decides where a key lies.
    identity: async (model) => {
      const { id, partitions } = await topicOf(model)
      return `${id} ${partitions.length}`
    },

    async close() {
      const own = producer
      producer = undefined
      await own?.then((one) => one.disconnect()).catch(() => undefined)
    },
  }
}

function* groupByBytes(records: readonly KeyedRecord[]): Generator<readonly KeyedRecord[]> {
  let some: KeyedRecord[] = []
  let bytes = 0
  for (const record of records) {
    const size = record.key.length + (record.value?.length ?? 0) + 32
    if (some.length > 0 && bytes + size > BYTES_MAX) {
      yield some
      some = []
      bytes = 0
    }
    some.push(record)
    bytes += size
  }
  if (some.length > 0) yield some
}
