/** Topics on a real broker: created, changed setting by setting, extended, removed. */
import { expect } from 'vitest'
import { openKafka } from '../../cli/adapters/kafka/connection.ts'
import { openTopicAdmin } from '../../cli/adapters/kafka/topic-admin.ts'
import type { TopicAdmin } from '../../cli/domain/log/topic-admin.ts'
import { type Cluster, clusterTest } from '../fixtures/cluster.ts'

async function withAdmin(
  cluster: Cluster,
  prefix: string,
  run: (admin: TopicAdmin) => Promise<void>,
): Promise<void> {
  const brokers = cluster.brokers.split(',')
  const settings = { brokers, partitions: 1, replication: 1, retentionMs: -1 }
  const admin = openTopicAdmin(await openKafka(settings, '.'))
  try {
    await run(admin)
  } finally {
    const names = (await admin.topics()).map((one) => one.name)
    await admin.remove(names.filter((name) => name.startsWith(prefix)))
    await admin.close()
  }
}

clusterTest(
  'a topic is created as requested, and its settings change one by one',
  (cluster, prefix) =>
    withAdmin(cluster, prefix, async (admin) => {
      const name = `${prefix}events`
      const config = { 'cleanup.policy': 'delete', 'retention.ms': '3600000' }
      const topic = { name, partitions: 2, replication: 1, config }
      await admin.create([topic])
      expect(await admin.topics([name, `${prefix}none`])).toEqual([topic])
      await admin.configure(name, { 'retention.ms': null, 'max.message.bytes': '2000000' })
      await admin.addPartitions(name, 5)
      expect(await admin.topics([name])).toEqual([
        {
          name,
          partitions: 5,
          replication: 1,
          config: { 'cleanup.policy': 'delete', 'max.message.bytes': '2000000' },
        },
      ])
      await admin.remove([name, `${prefix}none`])
      expect(await admin.topics([name])).toEqual([])
      // They are gone at once for us, although Kafka deletes later.
      await admin.create([topic])
      expect(await admin.topics([name])).toEqual([topic])
    }),
)

clusterTest("Kafka's own topics are not listed, and errors name the topic", (cluster, prefix) =>
  withAdmin(cluster, prefix, async (admin) => {
    const name = `${prefix}events`
    await admin.create([{ name, partitions: 2, replication: 1, config: {} }])
    const all = await admin.topics()
    expect(all.map((one) => one.name)).toContain(name)
    expect(all.filter((one) => one.name.startsWith('__'))).toEqual([])
    await expect(admin.addPartitions(name, 1)).rejects.toMatchObject({
      code: 'CCS_KAFKA_REFUSED',
      message: expect.stringContaining(name),
    })
    await expect(admin.configure(name, { 'retention.ms': 'soon' })).rejects.toMatchObject({
      code: 'CCS_KAFKA_REFUSED',
      message: expect.stringContaining(name),
    })
    await expect(
      admin.create([{ name: `${prefix}many`, partitions: 1, replication: 9, config: {} }]),
    ).rejects.toMatchObject({ code: 'CCS_KAFKA_REFUSED', message: expect.stringContaining('many') })
    expect(await admin.about()).toMatchObject({ 'message.max.bytes': expect.any(String) })
  }),
)
