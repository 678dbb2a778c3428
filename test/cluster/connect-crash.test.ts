/**
 * Kills a Connect worker while it writes; part of `npm run test:crash`
 * because recovery takes minutes.
 */
import { randomBytes } from 'node:crypto'
import { expect, inject, test } from 'vitest'
import type { Event } from '../../cli/domain/events/contracts.ts'
import { applyConnector } from '../fixtures/apply-connector.ts'
import { findConnectHome, startOwnConnect } from '../fixtures/own-connect.ts'
import { shopEvents, withSinkRig } from '../fixtures/sink-rig.ts'

const COUNT = 20_000
const KILLS = 3

test('a worker killed while it writes loses and doubles nothing', {
  timeout: 900_000,
}, async (context) => {
  const cluster = inject('cluster')
  const home = findConnectHome()
  if ('skip' in cluster) return context.skip(cluster.skip)
  context.skip(process.env.CCS_CRASH !== 'all', 'takes minutes: npm run test:crash')
  if (home === undefined) return context.skip('no worker to kill: set CCS_TEST_CONNECT_HOME')
  const prefix = `t${randomBytes(4).toString('hex')}.`
  const worker = await startOwnConnect(home, { brokers: cluster.brokers, prefix })
  try {
    await worker.start()
    await withSinkRig({ cluster, prefix, connect: worker.url, waitMs: 240_000 }, async (rig) => {
      const topic = await rig.topic('events.valid')
      const schema = rig.project.schemas.find((one) => one.file === 'schemas/events.raw.avsc')
      const encode = await rig.encoder<Event>(topic, schema?.text ?? '')
      const events = shopEvents(COUNT, 17)
      const producer = await rig.kafka.producer()
      const sink = await rig.connector('bronze-iceberg', { ICEBERG_CATALOG_TYPE: 'hadoop' })
      await applyConnector(rig.ports, sink, { timeoutMs: 180_000 })
      const produce = async () => {
        for (let at = 0; at < COUNT; at += 500) {
          const some = events.slice(at, at + 500)
          const messages = some.map((event) => ({ key: event.anonymous_id, value: encode(event) }))
          await producer.send({ topic, messages })
          await rig.ports.clock.sleep(1_000)
        }
      }
      const producing = produce()
      for (let kill = 0; kill < KILLS; kill++) {
        await rig.ports.clock.sleep(4_000 + kill * 1_300)
        await worker.kill()
        await worker.start()
      }
      await producing
      const rows = await rig.rows(
        `${prefix.replace('.', '/')}bronze/events`,
        'SELECT event_id, partition, "offset" FROM TABLE',
        (found) => found.length >= COUNT,
      )
      const places = new Set(rows.map((row) => `${row.partition}:${row.offset}`))
      expect([rows.length, places.size]).toEqual([COUNT, COUNT])
      expect(rows.map((row) => row.event_id).sort()).toEqual(
        events.map((one) => one.event_id).sort(),
      )
    })
  } finally {
    await worker.stop()
  }
})
