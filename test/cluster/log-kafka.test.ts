/** The event log on a real Kafka: the shared cases of every EventLog, and Kafka's own ones. */
import { randomBytes } from 'node:crypto'
import { expect } from 'vitest'
import { type KafkaConnection, openKafka } from '../../cli/adapters/kafka/connection.ts'
import { openKafkaLog } from '../../cli/adapters/kafka/event-log.ts'
import type { EventLog } from '../../cli/domain/log/event-log.ts'
import { frameRecords } from '../../cli/domain/log/frame-records.ts'
import { RecordBatch } from '../../cli/domain/log/record-batch.ts'
import { type Cluster, clusterTest } from '../fixtures/cluster.ts'
import { kafkaSettings, withTopics } from '../fixtures/kafka-topics.ts'
import { LOG_CASES } from '../fixtures/log-contract.ts'
import { copyRecords, createBatch } from '../fixtures/log-records.ts'

const TOPIC = 'events.raw'
const BYTES_MAX = 4 * 1024 * 1024

interface Place {
  readonly log: EventLog
  readonly kafka: KafkaConnection
  /** The topic's full name in Kafka. */
  readonly name: string
}

async function withLog(
  { brokers }: Cluster,
  prefix: string,
  run: (place: Place) => Promise<void>,
): Promise<void> {
  const configEntries = [{ name: 'max.message.bytes', value: String(BYTES_MAX) }]
  const name = `${prefix}${TOPIC}`
  await withTopics(brokers, [{ topic: name, numPartitions: 1, configEntries }], async (kafka) => {
    const connection = await openKafka(kafkaSettings(brokers), '.')
    const log = openKafkaLog(connection, { prefix, withRetry: (write) => write() })
    try {
      await run({ log, kafka, name })
    } finally {
      await log.close()
    }
  })
}

// Not covered by the shared cases: rolled segments, torn and damaged files, and locks, because Kafka
// lets many write to a partition; names that leave a directory; partitions created by a first write.
for (const { name, run } of LOG_CASES)
  clusterTest(name, (cluster, prefix) =>
    withLog(cluster, prefix, ({ log }) =>
      run(log, TOPIC, { tooLargeBytes: BYTES_MAX + 1024 * 1024, goneCode: 'CCS_KAFKA_OFFSET' }),
    ),
  )

/** Offsets and texts of all records from an offset on. */
async function textsOf(log: EventLog, from = 0): Promise<[number, string][]> {
  const found: [number, string][] = []
  const reader = await log.reader(TOPIC, 0, from)
  for (;;) {
    const frames = await reader.read(1_000_000)
    if (frames.length === 0) break
    for (const frame of frames)
      for (const { offset, bytes } of frameRecords(frame)) found.push([offset, String(bytes)])
  }
  expect((await log.range(TOPIC, 0)).end).toBe(reader.position())
  return found
}

clusterTest(
  'a frame ends at offsets without a record: markers, aborts, a start in between',
  (cluster, prefix) =>
    withLog(cluster, prefix, async ({ log, kafka, name }) => {
      const producer = await kafka.producer({ transactionalId: `${prefix}tx` })
      const messages = (values: string) =>
        [...values].map((value) => ({ value, partition: 0, timestamp: '1000' }))
      for (const [values, isKept] of [
        ['abc', true],
        ['de', false],
        ['fg', true],
      ] as const) {
        const transaction = await producer.transaction()
        await transaction.send({ topic: name, messages: messages(values) })
        await (isKept ? transaction.commit() : transaction.abort())
      }
      const all = [[0, 'a'], [1, 'b'], [2, 'c'], [7, 'f'], [8, 'g']] // biome-ignore format: one row
      expect(await textsOf(log)).toEqual(all)
      expect(await textsOf(log, 1)).toEqual(all.slice(1))
      expect(await textsOf(log, 4)).toEqual(all.slice(3))
      const open = await producer.transaction()
      await open.send({ topic: name, messages: messages('h') })
      expect(await textsOf(log)).toEqual(all)
      await open.abort()
    }),
)

clusterTest(
  'tombstones are empty records; keys and headers are ignored; codecs are unpacked',
  (cluster, prefix) =>
    withLog(cluster, prefix, async ({ log, kafka, name }) => {
      const producer = await kafka.producer()
      const headers = { one: 'x', two: ['y', 'z'] }
      for (const compression of [0, 1, 2])
        await producer.send({
          topic: name,
          compression,
          messages: [
            { key: 'k', value: null, partition: 0 },
            { key: null, value: 'v'.repeat(300), headers, partition: 0, timestamp: '5000' },
          ],
        })
      const values = (await textsOf(log)).map(([, text]) => text.length)
      expect(values).toEqual([0, 300, 0, 300, 0, 300])
    }),
)

clusterTest('an unsupported codec is named', (cluster, prefix) =>
  withLog(cluster, prefix, async ({ log, kafka, name }) => {
    const admin = await kafka.admin()
    const configEntries = [{ name: 'compression.type', value: 'lz4' }]
    await admin.alterConfigs({ validateOnly: false, resources: [{ type: 2, name, configEntries }] })
    const writer = await log.writer(TOPIC, 0, 'test')
    await writer.append(RecordBatch.of([Buffer.alloc(500)]), 1)
    const read = async () => (await log.reader(TOPIC, 0, 0)).read(1000)
    await expect(read()).rejects.toMatchObject({
      code: 'CCS_KAFKA_CODEC',
      message: `${name} holds records compressed with lz4.`,
    })
  }),
)

clusterTest(
  'a large append is several batches; a record that compresses well still fits',
  (cluster, prefix) =>
    withLog(cluster, prefix, async ({ log }) => {
      const writer = await log.writer(TOPIC, 0, 'test')
      const records = Array.from({ length: 12 }, () => randomBytes(900_000))
      expect(await writer.append(RecordBatch.of(records), 1)).toBe(0)
      expect(await writer.append(RecordBatch.of([Buffer.alloc(2 * BYTES_MAX)]), 2)).toBe(12)
      const reader = await log.reader(TOPIC, 0, 0)
      const found: Buffer[] = []
      for (let frames = 1; frames > 0; ) {
        const next = await reader.read(1_000_000)
        found.push(...next.flatMap(copyRecords))
        frames = next.length
      }
      expect(found.map((one, n) => one.equals(records[n] ?? Buffer.alloc(2 * BYTES_MAX)))).toEqual(
        Array.from({ length: 13 }, () => true),
      )
    }),
)

clusterTest('deleted records and a recreated topic are always reported', (cluster, prefix) =>
  withLog(cluster, prefix, async ({ log, kafka, name }) => {
    const writer = await log.writer(TOPIC, 0, 'test')
    await writer.append(createBatch(0, 10), 1)
    const reader = await log.reader(TOPIC, 0, 0)
    const before = await log.identity(TOPIC)
    const admin = await kafka.admin()
    await admin.fetchTopicOffsets(name) // kafkajs knows the leader after this
    await admin.deleteTopicRecords({ topic: name, partitions: [{ partition: 0, offset: '4' }] })
    expect(await log.range(TOPIC, 0)).toEqual({ start: 4, end: 10 })
    await expect(reader.read(1)).rejects.toMatchObject({ code: 'CCS_KAFKA_OFFSET' })
    await expect(log.reader(TOPIC, 0, 3)).rejects.toMatchObject({ code: 'CCS_KAFKA_OFFSET' })
    const following = await log.reader(TOPIC, 0, 4)
    expect((await following.read(1e6)).length).toBe(1)
    await admin.deleteTopics({ topics: [name] })
    await expect(following.read(1e6)).rejects.toMatchObject({ code: 'CCS_KAFKA_TOPIC' })
    expect(await log.partitions(TOPIC)).toEqual([])
    await admin.createTopics({ topics: [{ topic: name, numPartitions: 2 }] })
    expect(await log.identity(TOPIC)).not.toBe(before)
    expect(await log.partitions(TOPIC)).toEqual([0, 1])
    // As many records as before: only the topic's id distinguishes the two.
    const again = await log.writer(TOPIC, 0, 'test')
    await again.append(createBatch(0, 12), 1)
    await expect(following.read(1e6)).rejects.toMatchObject({ code: 'CCS_KAFKA_TOPIC' })
  }),
)
