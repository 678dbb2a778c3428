/** Reads topics that others fill, without a consumer group: whoever reads keeps the positions. */
import type { TopicReader } from '../../domain/log/topic-reader.ts'
import type { KafkaConnection } from './connection.ts'
import { toKafkaFault } from './fault.ts'

const READ_BYTES = 1024 * 1024

/** Connects when first used; closing it closes the connection. */
export function openTopicReader(kafka: KafkaConnection): TopicReader {
  const { stream } = kafka
  return {
    place: kafka.brokers,
    inspect: async (topic) => {
      const found = await stream.topic(topic)
      if (!found) return undefined
      const numbers = found.partitions.toSorted((a, b) => a - b)
      const ranges = await Promise.all(
        numbers.map(async (partition) => ({
          partition,
          ...(await stream.range(topic, partition)),
        })),
      )
      return { id: found.id, ranges }
    },
    findOffsets: async (topic, timeMs) => {
      try {
        const admin = await kafka.admin()
        const time = Math.max(0, Math.floor(timeMs))
        const found = await admin.fetchTopicOffsetsByTimestamp(topic, time)
        return new Map(found.map(({ partition, offset }) => [partition, Number(offset)]))
      } catch (error) {
        throw toKafkaFault(error, kafka.brokers, { topic })
      }
    },
    async *read(topic, { partition, start, end }) {
      for (let at = start; at < end; ) {
        const options = { bytesMax: READ_BYTES, waitMs: 0 }
        const { records, nextOffset } = await kafka.fetch(topic, partition, at, options)
        // What a broker has not got yet, although it named a later end, is read the next time.
        if (nextOffset === at) return
        at = Math.min(nextOffset, end)
        yield { records: records.filter(({ offset }) => offset < end), nextOffset: at }
      }
    },
    close: () => kafka.close(),
  }
}
