/** The Kafka client with a real broker: reads without a group, committed records, clear errors. */
import { expect } from 'vitest'
import { type KafkaConnection, openKafka } from '../../cli/adapters/kafka/connection.ts'
import { type Cluster, clusterTest } from '../fixtures/cluster.ts'

async function withKafka(
  cluster: Cluster,
  topic: string,
  run: (kafka: KafkaConnection) => Promise<void>,
): Promise<void> {
  const brokers = cluster.brokers.split(',')
  const kafka = await openKafka({ brokers, partitions: 1, replication: 1, retentionMs: -1 }, '.')
  try {
    const admin = await kafka.admin()
    await admin.createTopics({ topics: [{ topic, numPartitions: 1 }] })
    await run(kafka)
    await admin.deleteTopics({ topics: [topic] })
  } finally {
    await kafka.close()
  }
}

async function readAll(kafka: KafkaConnection, topic: string): Promise<string[]> {
  const values: string[] = []
  for (let offset = 0; ; ) {
    const { records, nextOffset } = await kafka.fetch(topic, 0, offset, {
      bytesMax: 100_000,
      waitMs: 0,
    })
    values.push(...records.map(({ value }) => String(value)))
    if (nextOffset === offset) return values
    offset = nextOffset
  }
}

clusterTest('aborted records and transaction markers are skipped', async (cluster, prefix) => {
  const topic = `${prefix}some`
  await withKafka(cluster, topic, async (kafka) => {
    const plain = await kafka.producer()
    const sending = (value: string) => ({ topic, messages: [{ value, partition: 0 }], acks: -1 })
    await plain.send(sending('a'))
    const producer = await kafka.producer({ transactionalId: `${prefix}tx` })
    for (const [value, isKept] of [
      ['b', true],
      ['c', false],
      ['d', true],
    ] as const) {
      const transaction = await producer.transaction()
      await transaction.send(sending(value))
      await (isKept ? transaction.commit() : transaction.abort())
    }
    await plain.send(sending('e'))
    expect(await readAll(kafka, topic)).toEqual(['a', 'b', 'd', 'e'])
  })
})

clusterTest(
  'gzip and snappy are read, and an offset out of range is an error',
  async (cluster, prefix) => {
    const topic = `${prefix}packed`
    await withKafka(cluster, topic, async (kafka) => {
      const producer = await kafka.producer()
      const values = Array.from({ length: 1_000 }, (_, i) => `value ${i}`)
      for (const compression of [0, 1, 2])
        await producer.send({
          topic,
          compression,
          messages: values.map((value) => ({ value, partition: 0 })),
        })
      expect(await readAll(kafka, topic)).toEqual([...values, ...values, ...values])
      await expect(
        kafka.fetch(topic, 0, 99_999, { bytesMax: 1_000, waitMs: 0 }),
      ).rejects.toMatchObject({
        code: 'CCS_KAFKA_OFFSET',
        message: `Partition 0 of ${topic} does not have offset 99999.`,
      })
    })
  },
)

clusterTest('a missing broker is named', async () => {
  const settings = { brokers: ['127.0.0.1:1'], partitions: 1, replication: 1, retentionMs: -1 }
  const kafka = await openKafka(settings, '.')
  await expect(kafka.admin()).rejects.toMatchObject({ code: 'CCS_KAFKA_UNREACHABLE', exit: 4 })
  await kafka.close()
})
