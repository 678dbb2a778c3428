/** Topics of a cluster in which a person is looked for: their settings, records, and tombstones. */
import type { EraseTopicsPorts } from '../../domain/erase/erase-topics.ts'
import { CcsError } from '../../domain/kernel/errors.ts'
import type { KafkaConnection } from './connection.ts'
import { toKafkaFault } from './fault.ts'
import { describeTopics } from './topics.ts'

const READ = { bytesMax: 4 * 1024 * 1024, waitMs: 0 }

/** Of these names, those that exist. Throws CcsErrors; a compressed record may be one. */
export function openPersonTopics(
  kafka: KafkaConnection,
  names: readonly string[],
): Pick<EraseTopicsPorts, 'topics' | 'read' | 'writeTombstones'> {
  return {
    topics: async () => {
      const admin = await kafka.admin()
      const all = new Set(await admin.listTopics())
      const there = names.filter((name) => all.has(name))
      if (there.length === 0) return []
      const settings = await describeTopics(admin, there, ['cleanup.policy', 'retention.ms'])
      const { topics } = await admin.fetchTopicMetadata({ topics: [...there] })
      return topics.map(({ name, partitions }) => {
        const read = (key: string) => settings.get(name)?.find((one) => one.key === key)?.value
        const retentionMs = Number(read('retention.ms') ?? -1)
        return {
          name,
          partitions: partitions.map((one) => one.partitionId).sort((a, b) => a - b),
          isCompacted: read('cleanup.policy')?.includes('compact') === true,
          retentionMs: retentionMs < 0 ? null : retentionMs,
        }
      })
    },

    read: async function* (topic, partition) {
      const admin = await kafka.admin()
      const ranges = await admin.fetchTopicOffsets(topic)
      const range = ranges.find((one) => one.partition === partition)
      let at = Number(range?.low ?? 0)
      for (const end = Number(range?.high ?? 0); at < end; ) {
        const { records, nextOffset } = await kafka.fetch(topic, partition, at, READ)
        if (nextOffset <= at) break
        at = nextOffset
        yield records
      }
    },

    writeTombstones: async (topic, keys) => {
      try {
        const producer = await kafka.producer()
        const messages = keys.map(({ partition, key }) => ({ partition, key, value: null }))
        await producer.send({ topic, messages })
      } catch (error) {
        throw error instanceof CcsError ? error : toKafkaFault(error, kafka.brokers, { topic })
      }
    },
  }
}
