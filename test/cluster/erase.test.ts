/**
 * `ccs erase` on a real broker: the person's rows of compacted topics get tombstones, those of
 * others stay, and what it says of other topics is true: which have the person, until when, and
 * what would remove those records now. The gate refuses what comes later.
 */
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import path from 'node:path'
import { expect } from 'vitest'
import { openTopicAdmin } from '../../cli/adapters/kafka/topic-admin.ts'
import { openConfluentRegistry } from '../../cli/adapters/registry/confluent.ts'
import { compileEncoder } from '../../cli/domain/avro/encoder.ts'
import type { Event } from '../../cli/domain/events/contracts.ts'
import { RecordBatch } from '../../cli/domain/log/record-batch.ts'
import { compileGoldEncoder } from '../../cli/domain/pipeline/gold-encoder.ts'
import { ROOT, runCcs } from '../e2e/run-ccs.ts'
import { clusterTest } from '../fixtures/cluster.ts'
import { withGateRig } from '../fixtures/gate-rig.ts'
import { shopEvent } from '../fixtures/shop-events.ts'

/** A number, as shops have them: products, pages and counters have it too. */
const CUSTOMER = '1042'
const VISITOR = 'canary-visitor-91c2'
const AT = Date.UTC(2026, 0, 5, 12)
const WEEK_MS = 7 * 86_400_000

clusterTest('a person gets tombstones, and a list of what remains', async (cluster, prefix) => {
  await withGateRig(cluster, prefix, async (rig) => {
    const golds = ['gold.sessions', 'gold.top_pages_1h'].map((name) => `${prefix}${name}`)
    const [gold = '', pages = ''] = golds
    const admin = await rig.kafka.admin()
    const producer = await rig.kafka.producer()
    symlinkSync(path.join(ROOT, 'sql'), path.join(rig.dir, 'sql'))
    mkdirSync(path.join(rig.dir, 'dbt'))
    symlinkSync(path.join(ROOT, 'dbt/seeds'), path.join(rig.dir, 'dbt/seeds'))
    const configEntries = [{ name: 'cleanup.policy', value: 'compact' }]
    await admin.createTopics({
      topics: golds.map((topic) => ({ topic, numPartitions: 1, configEntries })),
    })
    const registry = await openConfluentRegistry({ url: cluster.registry })
    const encodeGold = async (topic: string, row: Readonly<Record<string, unknown>>) => {
      const name = topic.slice(prefix.length)
      const schema = readFileSync(path.join(ROOT, `schemas/${name}.avsc`), 'utf8')
      const { id } = await registry.register(`${topic}-value`, schema)
      return Buffer.from(compileGoldEncoder(schema, id)(row))
    }
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
      const session = async (visitor: string, customer: string | null) => ({
        key: `${visitor}@1`,
        value: await encodeGold(gold, {
          ...{ session_id: `${visitor}@1`, anonymous_id: visitor, customer_id: customer },
          // Somebody else's session may have as many events, and a campaign of this name.
          ...{ events: 1042, utm_campaign: CUSTOMER },
        }),
      })
      const messages = [
        await session(VISITOR, CUSTOMER),
        await session('other', 'other'),
        { key: CUSTOMER, value: 'not a row of Gold' },
      ]
      await producer.send({ topic: gold, messages: messages.map((m) => ({ ...m, partition: 0 })) })
      const hour = '2026-01-05T12:00:00.000Z'
      const page = { window_start: hour, page: CUSTOMER, views: 1042 }
      const pageKey = JSON.stringify([hour, CUSTOMER])
      const value = await encodeGold(pages, page)
      await producer.send({ topic: pages, messages: [{ key: pageKey, value, partition: 0 }] })
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
      expect(done.topics).toHaveLength(3)
      const place = { partition: 0, from: 2, to: 2 }
      expect(done.unclear).toEqual([{ topic: gold, records: 1, withId: 1, ranges: [place] }])
      expect(done.remains.join('\n')).toContain(`${prefix}events.raw: until ${raw.until}`)
      const receipt = readFileSync(done.receipt, 'utf8')
      expect([`"${CUSTOMER}"`, VISITOR].filter((one) => receipt.includes(one))).toEqual([])

      const limits = { bytesMax: 1_000_000, waitMs: 1_000 }
      const { records } = await rig.kafka.fetch(gold, 0, 0, limits)
      const kept = new Map(records.map((one) => [one.key?.toString(), one.value !== null]))
      expect([...kept]).toEqual([
        [`${VISITOR}@1`, false],
        ['other@1', true],
        [CUSTOMER, true],
      ])
      expect((await rig.kafka.fetch(pages, 0, 0, limits)).records).toHaveLength(1)
      // What the report says would remove them does.
      const [{ topic, partition, offset }] = raw.deleteRecords
      expect(offset).toBe(2)
      await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: String(offset) }] })
      const after = await erase()
      const names = after.topics.map((one: { readonly topic: string }) => one.topic)
      expect(names).not.toContain(`${prefix}events.raw`)
      expect(names).toContain(`${prefix}events.valid`)

      const later = [
        shopEvent('later', AT, { ...own, customer_id: null }),
        shopEvent('later too', AT, { customer_id: CUSTOMER }),
        shopEvent('of another', AT, { customer_id: 'other', page: CUSTOMER }),
      ]
      await producer.send({
        topic: `${prefix}events.raw`,
        messages: later.map((event) => ({ key: 'k', value: encode(event), partition: 0 })),
      })
      const next = rig.gate('--once', '--json')
      expect(await next.ended, next.output()).toBe(0)
      const counts = { records: 3, valid: 1, rejected: 2, reasons: { rule_violation: 2 } }
      expect(JSON.parse(next.output())).toMatchObject(counts)
      const there = ['--project', rig.dir, '--target', 'there', '--json']
      const { stdout } = await runCcs(['dlq', 'ls', ...there])
      const kind = 'Its person was erased: ccs erase.'
      expect(JSON.parse(stdout)).toMatchObject({ total: 2, groups: [{ kind, schemaId: null }] })
    } finally {
      await admin.deleteTopics({ topics: golds })
    }
  })
})
