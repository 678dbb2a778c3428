/** Records that a real ksqlDB can’t read become rejects, each once, with the reasons of the gate. */
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { openConfluentRegistry } from '../../cli/adapters/registry/confluent.ts'
import { compileRecordDecoder } from '../../cli/domain/avro/record-decoder.ts'
import type { Collected } from '../../cli/domain/dlq/collect-until-stopped.ts'
import type { RejectedEvent } from '../../cli/domain/events/contracts.ts'
import { openKsql } from '../../cli/engines/ksqldb/client/client.ts'
import { withKafkaProject } from '../fixtures/kafka-project.ts'
import { ksqldbTest, sweep } from '../fixtures/ksqldb.ts'

const PREFIX = 'ccs_col_'
const QUERIES = ['one', 'two']
const EARLIEST = { 'auto.offset.reset': 'earliest' }

const GARBAGE = Buffer.from('this is no event, \u0000 nor was it ever')
/** Confluent's header with an id that is not registered. */
const UNKNOWN = Buffer.concat([Buffer.from([0, 0, 0x7f, 0xff, 0xff]), Buffer.from('payload')])

ksqldbTest(
  'a record that two queries can’t read becomes one reject with its bytes',
  async (servers) => {
    await sweep(servers, PREFIX)
    try {
      await withKafkaProject(servers, PREFIX, async ({ dir, ccs, kafka }) => {
        const file = path.join(dir, 'ccs.yml')
        const there = `"engine":"ksqldb","ksqldb":{"url":"${servers.url}"}`
        writeFileSync(file, readFileSync(file, 'utf8').replace('"engine":"embedded"', there))
        const collect = async (): Promise<Collected> =>
          JSON.parse(await ccs('dlq', 'collect', '--json')) // what it prints
        const client = openKsql({ url: servers.url })
        await client.execute(
          `CREATE STREAM ${PREFIX}raw WITH (KAFKA_TOPIC='${PREFIX}events.raw', VALUE_FORMAT='AVRO')`,
        )
        for (const name of QUERIES)
          await client.execute(`CREATE STREAM ${PREFIX}${name} AS SELECT * FROM ${PREFIX}raw`, {
            properties: EARLIEST,
          })
        const producer = await kafka.producer()
        const messages = [GARBAGE, UNKNOWN].map((value, partition) => ({ value, partition }))
        await producer.send({ topic: `${PREFIX}events.raw`, messages })
        let reported = 0
        const reasons: Record<string, number> = {}
        let last: Collected | undefined
        for (let tries = 0; reported < 2 * QUERIES.length && tries < 60; tries++) {
          last = await collect()
          reported += last.collected + last.repeated
          for (const [reason, count] of Object.entries(last.reasons))
            reasons[reason] = (reasons[reason] ?? 0) + count
          await sleep(1_000)
        }
        // The log may have the same bytes from an earlier run.
        expect(reported, JSON.stringify(last)).toBeGreaterThanOrEqual(2 * QUERIES.length)
        expect(reasons).toEqual({ bad_magic: 1, unknown_schema_id: 1 })
        expect(last?.log).toBe((await client.describe('KSQL_PROCESSING_LOG'))?.topic)
        const registry = await openConfluentRegistry({ url: servers.registry })
        const schema = (await registry.versions(`${PREFIX}events.dlq-value`)).at(-1)
        const decode = compileRecordDecoder<RejectedEvent>(schema?.schema ?? '', schema?.id ?? 0)
        const rejects: RejectedEvent[] = []
        for (const partition of [0, 1, 2]) {
          const options = { bytesMax: 1_000_000, waitMs: 0 }
          const { records } = await kafka.fetch(`${PREFIX}events.dlq`, partition, 0, options)
          rejects.push(...records.flatMap(({ value }) => (value && decode(value)) ?? []))
        }
        const found = rejects.map(({ reason, topic, partition, offset, schema_id, bytes }) => ({
          ...{ reason, topic, partition, offset, schema_id, bytes: Buffer.from(bytes) },
        }))
        const place = { topic: 'events.raw', offset: 0 }
        expect(found.sort((one, other) => one.partition - other.partition)).toEqual([
          { ...place, partition: 0, reason: 'bad_magic', schema_id: null, bytes: GARBAGE },
          {
            ...place,
            partition: 1,
            reason: 'unknown_schema_id',
            schema_id: 0x7fffff,
            bytes: UNKNOWN,
          },
        ])
        expect(await collect()).toMatchObject({ collected: 0, repeated: 0 })
        await sweep(servers, PREFIX)
        await (await kafka.admin()).deleteGroups([`${PREFIX}ccs.collect`])
      })
    } finally {
      await sweep(servers, PREFIX)
    }
  },
  400_000,
)
