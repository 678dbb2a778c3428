/**
 * `ccs erase` on a real broker: rows of compacted topics get tombstones, and what it says of other
 * topics is true: which have the person, until when, and what would remove those records now.
 */
import { cpSync, mkdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect } from 'vitest'
import { openTopicAdmin } from '../../cli/adapters/kafka/topic-admin.ts'
import { compileEncoder } from '../../cli/domain/avro/encoder.ts'
import type { Event } from '../../cli/domain/events/contracts.ts'
import { RecordBatch } from '../../cli/domain/log/record-batch.ts'
import { ROOT, runCcs } from '../e2e/run-ccs.ts'
import { clusterTest } from '../fixtures/cluster.ts'
import { withGateRig } from '../fixtures/gate-rig.ts'
import { shopEvent } from '../fixtures/shop-events.ts'

const CUSTOMER = 'canary-customer-7f3a'
const VISITOR = 'canary-visitor-91c2'
const AT = Date.UTC(2026, 0, 5, 12)
const WEEK_MS = 7 * 86_400_000

clusterTest('a person gets tombstones, and a list of what remains', async (cluster, prefix) => {
  await withGateRig(cluster, prefix, async (rig) => {
    const gold = `${prefix}gold.sessions`
    const admin = await rig.kafka.admin()
    const producer = await rig.kafka.producer()
    mkdirSync(path.join(rig.dir, 'sql/gold'), { recursive: true })
    cpSync(path.join(ROOT, 'sql/gold/sessions.sql'), path.join(rig.dir, 'sql/gold/sessions.sql'))
    const configEntries = [{ name: 'cleanup.policy', value: 'compact' }]
    await admin.createTopics({ topics: [{ topic: gold, numPartitions: 1, configEntries }] })
    try {
      await openTopicAdmin(rig.kafka).configure(`${prefix}events.raw`, {
        'retention.ms': String(WEEK_MS),
      })
      const write = compileEncoder<Event>(rig.schema.schema, rig.schema.id)
      const encode = (event: Event) =>
        Buffer.from(new RecordBatch().encodeOne((batch) => write(batch, event)))
      const own = { anonymous_id: VISITOR }
      const events = [
        shopEvent('view', AT, own),
        shopEvent('login', AT, { ...own, event_type: 'login', customer_id: CUSTOMER }),
        shopEvent('other', AT, { customer_id: 'other' }),
      ]
      const beganMs = Date.now()
      await producer.send({
        topic: `${prefix}events.raw`,
        messages: events.map((event) => ({
          ...{ key: event.anonymous_id, value: encode(event), partition: 0 },
        })),
      })
      await producer.send({
        topic: gold,
        messages: [`${VISITOR}@1`, 'other@1'].map((key) => ({ key, value: 'row', partition: 0 })),
      })
      const gate = rig.gate('--once')
      expect(await gate.ended, gate.output()).toBe(0)

      const erase = async (...more: readonly string[]) => {
        const there = ['--project', rig.dir, '--target', 'there', '--json', ...more]
        const ran = await runCcs(['erase', '--customer', CUSTOMER, ...there])
        return { code: ran.code, ...JSON.parse(ran.stdout) }
      }
      expect(await erase()).toMatchObject({ code: 3, applied: false, visitors: 1 })
      expect((await erase('--anonymise')).error.code).toBe('CCS_USAGE_INVALID')
      const done = await erase('--yes')
      expect(done).toMatchObject({ code: 0, applied: true })
      const [raw, valid, sessions] = ['events.raw', 'events.valid', 'gold.sessions'].map((name) =>
        done.topics.find((one: { readonly topic: string }) => one.topic === `${prefix}${name}`),
      )
      expect([raw, valid]).toEqual([
        expect.objectContaining({ records: 2, tombstones: 0, isCompacted: false }),
        expect.objectContaining({ records: 2, tombstones: 0, isCompacted: false }),
      ])
      expect(Date.parse(raw.until)).toBeGreaterThanOrEqual(beganMs + WEEK_MS)
      expect(Date.parse(raw.until)).toBeLessThanOrEqual(Date.now() + WEEK_MS)
      expect(sessions).toMatchObject({ records: 1, tombstones: 1, isCompacted: true, until: null })
      expect(done.remains.join('\n')).toContain(`${prefix}events.raw: until ${raw.until}`)
      const receipt = readFileSync(done.receipt, 'utf8')
      expect([CUSTOMER, VISITOR].filter((one) => receipt.includes(one))).toEqual([])

      const limits = { bytesMax: 1_000_000, waitMs: 1_000 }
      const { records } = await rig.kafka.fetch(gold, 0, 0, limits)
      const rows = new Map(records.map((one) => [one.key?.toString(), one.value?.toString()]))
      expect([...rows]).toEqual([
        [`${VISITOR}@1`, undefined],
        ['other@1', 'row'],
      ])
      // What the report says would remove them does.
      const [{ topic, partition, offset }] = raw.deleteRecords
      expect(offset).toBe(2)
      await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: String(offset) }] })
      const after = await erase()
      const names = after.topics.map((one: { readonly topic: string }) => one.topic)
      expect(names).not.toContain(`${prefix}events.raw`)
      expect(names).toContain(`${prefix}events.valid`)
    } finally {
      await admin.deleteTopics({ topics: [gold] })
    }
  })
})
