/**
 * Collects rejects from a processing log in ksqlDB's format on a real Kafka: each bad record once,
 * wherever a collector is killed, with its position in its topic. test/ksqldb/collect.test.ts
 * shows what a real ksqlDB logs.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import type { KafkaConnection } from '../../cli/adapters/kafka/connection.ts'
import { openConfluentRegistry } from '../../cli/adapters/registry/confluent.ts'
import { compileEncoder } from '../../cli/domain/avro/encoder.ts'
import { compileRecordDecoder } from '../../cli/domain/avro/record-decoder.ts'
import type { Collected } from '../../cli/domain/dlq/collect-until-stopped.ts'
import type { Event, RejectedEvent } from '../../cli/domain/events/contracts.ts'
import { RecordBatch } from '../../cli/domain/log/record-batch.ts'
import { clusterTest } from '../fixtures/cluster.ts'
import { withKafkaProject } from '../fixtures/kafka-project.ts'
import { withTopics } from '../fixtures/kafka-topics.ts'
import { createLogRow } from '../fixtures/processing-log.ts'
import { shopEvent } from '../fixtures/shop-events.ts'

const RECORDS = 3_000
const QUERIES = [0, 1, 2]
const KILLS = 4

async function readAll(kafka: KafkaConnection, topic: string, partition: number) {
  const values: Buffer[] = []
  for (let from = 0; ; ) {
    const options = { bytesMax: 4_000_000, waitMs: 0 }
    const { records, nextOffset } = await kafka.fetch(topic, partition, from, options)
    values.push(...records.flatMap(({ value }) => value ?? []))
    if (nextOffset === from) return values
    from = nextOffset
  }
}

clusterTest(
  `records logged by ${QUERIES.length} queries become one reject each, over ${KILLS} kills`,
  (cluster, prefix) =>
    withKafkaProject(cluster, prefix, async ({ ccs, start, kafka: looking }) => {
      const log = `${prefix}processing_log`
      await withTopics(cluster.brokers, [{ topic: log, numPartitions: 2 }], async (kafka) => {
        const raw = `${prefix}events.raw`
        const bad = Array.from({ length: RECORDS }, (_, i) => Buffer.from(`no event ${i}`))
        const producer = await kafka.producer()
        const parts = [0, 1, 2].map((one) => bad.filter((_, i) => i % 3 === one))
        for (const [partition, some] of parts.entries())
          await producer.send({ topic: raw, messages: some.map((value) => ({ value, partition })) })
        const row = (value: Buffer, query: number, topic: string) => ({
          value: createLogRow({ topic, query: `CSAS_Q${query}`, bytes: value, timeMs: Date.now() }),
          partition: query % 2,
        })
        for (let from = 0; from < RECORDS; from += 50) {
          const some = bad.slice(from, from + 50)
          const messages = QUERIES.flatMap((query) => some.map((one) => row(one, query, raw)))
          await producer.send({ topic: log, messages })
        }
        // Other topics exist on the server.
        await producer.send({
          topic: log,
          messages: [row(Buffer.from('x'), 0, 'else'), { value: 'no row', partition: 0 }],
        })
        const registry = await openConfluentRegistry({ url: cluster.registry })
        const newest = async (topic: string) => {
          const schema = (await registry.versions(`${prefix}${topic}-value`)).at(-1)
          if (!schema) throw new Error(`${topic} has no schema`)
          return schema
        }
        const rawSchema = await newest('events.raw')
        const batch = new RecordBatch()
        compileEncoder<Event>(rawSchema.schema, rawSchema.id)(batch, shopEvent('a', Date.now()))
        const good = Buffer.from(batch.body.subarray(4))
        await producer.send({ topic: log, messages: [row(good, 0, raw), row(good, 1, raw)] })
        const written = async () => {
          const ends = [0, 1, 2].map(
            async (one) => (await looking.stream.range(`${prefix}events.dlq`, one)).end,
          )
          return (await Promise.all(ends)).reduce((sum, one) => sum + one, 0)
        }
        const collecting = ['dlq', 'collect', '--log', log]
        for (let kill = 0; kill < KILLS; kill++) {
          const before = await written()
          const child = start([...collecting, '--follow'])
          let isDone: unknown
          void child.ended.then((how) => {
            isDone = how
          })
          while ((await written()) === before) {
            if (isDone !== undefined) throw new Error(child.output())
            await sleep(5)
          }
          await sleep(7 * kill)
          child.kill('SIGKILL')
          await child.ended
        }
        await producer.send({ topic: log, messages: [row(Buffer.from('early'), 1, raw)] })
        const older = start([...collecting, '--follow'])
        // It has read everything and waits for more.
        await older.says(/[1-9]\d* rows read/, 60_000)
        for (let before = -1; before !== (await written()); await sleep(1_000))
          before = await written()
        const last: Collected = JSON.parse(await ccs(...collecting, '--json')) // what it prints
        expect(last.missing).toBe(0)
        // The older collector learns of it with its next batch.
        await producer.send({ topic: log, messages: [row(Buffer.from('late'), 0, raw)] })
        expect(await older.ended).toBe(1)
        expect(older.output()).toContain('Another ccs dlq collect has taken over')
        const again: Collected = JSON.parse(await ccs(...collecting, '--json'))
        expect(again).toMatchObject({ rows: 1, collected: 1, repeated: 0 })

        const { schema, id } = await newest('events.dlq')
        const decode = compileRecordDecoder<RejectedEvent>(schema, id)
        const rejects: RejectedEvent[] = []
        for (const partition of [0, 1, 2])
          for (const value of await readAll(kafka, `${prefix}events.dlq`, partition))
            rejects.push(...[decode(value) ?? []].flat())
        const texts = rejects.map(({ bytes }) => Buffer.from(bytes).toString())
        expect(texts.sort()).toEqual([...bad.map(String), 'early', 'late', String(good)].sort())
        for (const { reason, topic, partition, offset, bytes, message, schema_id } of rejects) {
          // The gate accepts these bytes.
          if (good.equals(bytes)) {
            expect({ reason, schema_id }).toEqual({
              reason: 'undecodable',
              schema_id: rawSchema.id,
            })
            expect(message).toMatch(/^ksqlDB: Error deserializing .*: Unknown magic byte!\.$/)
            continue
          }
          expect({ reason, topic }).toEqual({ reason: 'bad_magic', topic: 'events.raw' })
          const text = Buffer.from(bytes).toString()
          const index = bad.findIndex((one) => String(one) === text)
          const place = index < 0 ? [-1, -1] : [index % 3, Math.floor(index / 3)]
          expect([partition, offset], text).toEqual(place)
        }
        await (await kafka.admin()).deleteGroups([`${prefix}ccs.collect`])
      })
    }),
  180_000,
)
