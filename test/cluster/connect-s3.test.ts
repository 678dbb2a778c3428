/** The Bronze sink of connectors/ on an S3 server: what it writes to the bucket. */
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect } from 'vitest'
import { openDuck } from '../../cli/adapters/duckdb/duckdb.ts'
import type { Event } from '../../cli/domain/events/contracts.ts'
import { applyConnector } from '../fixtures/apply-connector.ts'
import { listKeys, readObject } from '../fixtures/bucket.ts'
import { clusterTest } from '../fixtures/cluster.ts'
import { shopEvents, withSinkRig } from '../fixtures/sink-rig.ts'

const COUNT = 1_000
const WAIT_MS = 120_000

clusterTest(
  'the Bronze sink writes each event once to the bucket, by its UTC day',
  (cluster, prefix) =>
    withSinkRig({ cluster, prefix }, async (rig) => {
      const server = cluster.s3 ?? ''
      const topic = await rig.topic('events.valid')
      const contract = rig.project.schemas.find((one) => one.file === 'schemas/events.raw.avsc')
      const encode = await rig.encoder<Event>(topic, contract?.text ?? '')
      const events = shopEvents(COUNT, 21)
      const producer = await rig.kafka.producer()
      const messages = events.map((event) => ({ key: event.anonymous_id, value: encode(event) }))
      await producer.send({ topic, messages })

      // Besides bucket, address and keys, no setting is needed.
      const sink = await rig.connector('bronze-iceberg', {
        ICEBERG_WAREHOUSE: `s3://lake/${prefix}warehouse`,
        ICEBERG_IO: '',
        CONNECT_S3_ENDPOINT: server,
        S3_ACCESS_KEY: 'ccs',
        S3_SECRET_KEY: 'ccs-secret',
      })
      expect(sink.config['iceberg.catalog.io-impl']).toBe('org.apache.iceberg.aws.s3.S3FileIO')
      await applyConnector(rig.ports, sink, { timeoutMs: WAIT_MS })

      const duck = await openDuck({ threads: 1 })
      const connection = await duck.connect()
      try {
        const files = new Map<string, string>()
        const written = async (): Promise<readonly string[]> => {
          const keys = await listKeys(server, 'lake', `${prefix}warehouse/`)
          for (const key of keys.filter((one) => one.endsWith('.parquet') && !files.has(one))) {
            const file = path.join(rig.dir, key)
            mkdirSync(path.dirname(file), { recursive: true })
            writeFileSync(file, await readObject(server, 'lake', key))
            files.set(key, file)
          }
          if (files.size === 0) return []
          const list = [...files.values()].map((file) => `'${file}'`).join(', ')
          const { rows } = await connection.all(
            `SELECT event_id || ' ' || dt || ' ' || regexp_extract(filename, '/dt=([^/]+)/', 1) AS id
              FROM read_parquet([${list}], hive_partitioning = false, filename = true)`,
          )
          return rows.map((row) => String(row.id)).sort()
        }
        await expect
          .poll(async () => (await written()).length, { timeout: WAIT_MS, interval: 1_000 })
          .toBeGreaterThanOrEqual(COUNT)
        const day = ({ event_ts }: Event) => new Date(event_ts).toISOString().slice(0, 10)
        const expected = events.map((event) => `${event.event_id} ${day(event)} ${day(event)}`)
        expect(await written()).toEqual(expected.sort())
      } finally {
        connection.close()
        duck.close()
      }
    }),
  { sink: true, s3: true, timeoutMs: 240_000 },
)
