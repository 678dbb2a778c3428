/**
 * A copy of Gold on Kafka: a compacted topic a model, keyed records in Confluent's framing. What may have failed is
 * told again by whoever publishes, so a producer that failed is thrown away and not repaired.
 */
import { Buffer } from 'node:buffer'
import { prefixed } from '../../domain/config/target.ts'
import { CcsError, EXIT } from '../../domain/kernel/errors.ts'
import type { KeyedRecord } from '../../domain/log/keyed-record.ts'
import type { GoldSink } from '../../domain/pipeline/gold-sink.ts'
import type { KafkaConnection, Producer } from './connection.ts'
import { kafkaFault } from './fault.ts'

/** Of one request: below what a topic takes by default, for any of its partitions. */
const BYTES_MAX = 512 * 1024
const RETRIES = 5
const FETCH = { bytesMax: 4 * 1024 * 1024, waitMs: 0 }

/** The connection stays open when the copy is closed. */
export function kafkaGold(
  kafka: KafkaConnection,
  /** `timeMs`: of every record; without, when it is written. */
  options: { readonly prefix: string; readonly timeMs?: number },
): GoldSink {
  const { timeMs } = options
  let producer: Promise<Producer> | undefined
  const nameOf = (model: string) => prefixed(options, model)
  const topicOf = async (model: string) => {
    const topic = await kafka.stream.topic(nameOf(model))
    if (topic) return topic
    throw new CcsError(
      'CCS_KAFKA_TOPIC',
      `There is no topic ${nameOf(model)} at ${kafka.brokers}.`,
      {
        exit: EXIT.usage,
        hint: 'Make what the project needs: ccs deploy --target NAME',
      },
    )
  }
  return {
    async publish(model, records) {
      producer ??= kafka.producer({ retries: RETRIES })
      const own = producer
      try {
        const open = await own
        for (const some of groups(records)) {
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
        throw kafkaFault(error, kafka.brokers)
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

    // Keys lie where the number of partitions put them.
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

function* groups(records: readonly KeyedRecord[]): Generator<readonly KeyedRecord[]> {
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
