/**
 * `ccs gate` on a real cluster: to a reader of committed records, events.valid and events.dlq
 * together are exactly events.raw, whatever is killed, stopped or unreachable meanwhile.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { openConfluentRegistry } from '../../cli/adapters/registry/confluent.ts'
import { compileEncoder } from '../../cli/domain/avro/encoder.ts'
import { RecordBatch } from '../../cli/domain/log/record-batch.ts'
import { clusterTest } from '../fixtures/cluster.ts'
import { type GateRig, withGateRig } from '../fixtures/gate-rig.ts'
import { shopEvent } from '../fixtures/shop-events.ts'
import { startSwitchableProxy } from '../fixtures/switchable-proxy.ts'

clusterTest(
  'each record is passed on unchanged and in order, or rejected with a reason',
  async (cluster, prefix) => {
    await withGateRig(cluster, prefix, async (rig) => {
      await rig.fill({ count: 8_000, invalid: 0.4 })
      await rig.send(Buffer.alloc((1 << 20) + 1), 'too_large', 1)
      await rig.send(null, 'bad_magic', 1)
      await rig.send(Buffer.alloc(0), 'bad_magic', 2)
      const gate = rig.gate('--once', '--json')
      expect(await gate.ended, gate.output()).toBe(0)
      const counts = await rig.expectExact()
      const printed = JSON.parse(gate.output())
      const { null: _, ...reasons } = Object.fromEntries(counts)
      expect(printed).toMatchObject({ records: 8_003, valid: counts.get(null), lag: 0, missing: 0 })
      expect(printed.reasons).toEqual(reasons)
      expect(Object.keys(reasons).sort()).toEqual([
        'bad_magic',
        'missing_field',
        'rule_violation',
        'too_far_in_future',
        'too_large',
        'undecodable',
        'unknown_schema_id',
      ])
    })
  },
)

/** `npm run test:crash` kills twenty times, at 5,000 events per second. */
const FULL = process.env.CCS_CRASH === 'all'
const KILLS = FULL ? 20 : 3
const EPS = FULL ? 5_000 : 1_000

clusterTest(
  `a gate killed ${KILLS} times under load loses and doubles nothing`,
  async (cluster, prefix) => {
    await withGateRig(cluster, prefix, async (rig) => {
      const enough = new AbortController()
      const filling = rig.fill({ signal: enough.signal, invalid: 0.05, eps: EPS })
      filling.catch(() => undefined)
      for (let kill = 0; kill < KILLS; kill++) {
        const before = await rig.through()
        const gate = rig.gate()
        await rig.untilThrough(before + 1)
        // At a varying moment after the first commit.
        await sleep(137 * (kill % 7))
        gate.kill('SIGKILL')
        await gate.ended
      }
      enough.abort()
      await filling
      const last = rig.gate('--once', '--json')
      expect(await last.ended, last.output()).toBe(0)
      const counts = await rig.expectExact()
      expect(rig.sent()).toBeGreaterThan(KILLS * EPS)
      expect(counts.get(null)).toBeGreaterThan(rig.sent() * 0.9)
    })
  },
  FULL ? 900_000 : 180_000,
)

clusterTest(
  'gates share partitions and take over those of killed and stopped ones',
  async (cluster, prefix) => {
    await withGateRig(cluster, prefix, async (rig) => {
      const first = rig.gate('--json')
      await rig.fill({ count: 600, invalid: 0.05 })
      await rig.untilThrough(600)
      const second = rig.gate('--json')
      const third = rig.gate('--json')
      await membersAre(rig, 3)
      await rig.fill({ count: 3_000, invalid: 0.05, seed: 2 })
      await rig.untilThrough(3_600)
      second.kill('SIGKILL')
      await rig.fill({ count: 3_000, invalid: 0.05, seed: 3 })
      await rig.untilThrough(6_600)
      third.kill('SIGTERM')
      expect(await third.ended, third.output()).toBe(0)
      // It has left the group, so nobody waits for its session to end.
      await membersAre(rig, 1)
      await rig.fill({ count: 600, invalid: 0.05, seed: 4 })
      await rig.untilThrough(7_200)
      first.kill('SIGTERM')
      expect(await first.ended, first.output()).toBe(0)
      await rig.expectExact()
      const [one, two] = [first, third].map((gate) => JSON.parse(gate.output()).records)
      expect(two, 'records of the third').toBeGreaterThan(0)
      expect(one + two).toBeLessThanOrEqual(7_200)
    })
  },
  180_000,
)

clusterTest(
  'a gate that resumes after its session has expired writes nothing',
  async (cluster, prefix) => {
    await withGateRig(cluster, prefix, async (rig) => {
      const zombie = rig.gate()
      const filling = rig.fill({ count: 20_000, invalid: 0.05, eps: 1_000 })
      filling.catch(() => undefined)
      await rig.untilThrough(1_000)
      zombie.kill('SIGSTOP')
      const before = await rig.through()
      const heir = rig.gate()
      // Only the gate that takes over can continue, after the session has ended.
      await rig.untilThrough(before + 2_000)
      zombie.kill('SIGCONT')
      await filling
      await rig.untilThrough(20_000)
      await rig.expectExact()
      for (const gate of [zombie, heir]) {
        gate.kill('SIGTERM')
        expect(await gate.ended, gate.output()).toBe(0)
      }
      await rig.expectExact()
    })
  },
  180_000,
)

clusterTest(
  'new schemas are loaded; nothing is rejected while the registry is away',
  async (cluster, prefix) => {
    const door = await startSwitchableProxy(cluster.registry)
    try {
      await withGateRig(
        cluster,
        prefix,
        async (rig) => {
          const gate = rig.gate()
          await rig.fill({ count: 300, invalid: 0 })
          await rig.untilThrough(300)
          const registry = await openConfluentRegistry({ url: cluster.registry })
          const schema = JSON.parse(rig.schema.schema)
          schema.fields.push({ name: 'later', type: ['null', 'string'], default: null })
          const subject = `${prefix}events.raw-value`
          const newer = await registry.register(subject, JSON.stringify(schema))
          const batch = new RecordBatch()
          compileEncoder(newer.schema, newer.id)(batch, {
            ...shopEvent('of the new schema', Date.now()),
            later: 'something',
          })
          const record = Buffer.from(batch.body.subarray(4))
          await rig.send(record, null)
          await rig.untilThrough(301)
          door.disconnect()
          const unknown = Buffer.from(record)
          unknown.writeUInt32BE(987_654_321, 1)
          await rig.send(unknown, 'unknown_schema_id')
          await gate.says('Waiting for it')
          expect(await rig.through()).toBe(301)
          door.reconnect()
          await rig.untilThrough(302)
          gate.kill('SIGTERM')
          expect(await gate.ended, gate.output()).toBe(0)
          await rig.expectExact()
        },
        door.url,
      )
    } finally {
      await door.end()
    }
  },
)

/** Whether the group has this many members, each with its partitions. */
async function membersAre({ kafka, prefix }: GateRig, count: number): Promise<void> {
  const admin = await kafka.admin()
  for (let waitedMs = 0; waitedMs < 60_000; waitedMs += 200) {
    const { groups } = await admin.describeGroups([`${prefix}ccs.gate`])
    if (groups[0]?.state === 'Stable' && groups[0].members.length === count) return
    await sleep(200)
  }
  throw new Error(`the group has not become one of ${count}`)
}
