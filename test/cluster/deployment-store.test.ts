/** The manifest of a target on a real broker: one deployer at a time, and what it saved comes back whole. */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { hostname } from 'node:os'
import { expect } from 'vitest'
import { systemProcesses } from '../../cli/adapters/files/process-id.ts'
import { type KafkaConnection, openKafka } from '../../cli/adapters/kafka/connection.ts'
import {
  type DeploymentStoreOptions,
  openDeploymentStore,
} from '../../cli/adapters/kafka/deployment-store.ts'
import { systemClock } from '../../cli/adapters/process/system-clock.ts'
import type { Deployment } from '../../cli/domain/deploy/deployment.ts'
import type { DeploymentClaim, DeploymentStore } from '../../cli/domain/deploy/deployment-store.ts'
import { type Cluster, clusterTest } from '../fixtures/cluster.ts'

const LEASE_MS = 5_000

interface Target {
  readonly kafka: KafkaConnection
  readonly topic: string
  /** A deployer of its own, closed at the end. */
  store(more?: Partial<DeploymentStoreOptions>): Promise<DeploymentStore>
}

async function withTarget(
  { brokers }: Cluster,
  prefix: string,
  run: (target: Target) => Promise<void>,
): Promise<void> {
  const settings = { brokers: brokers.split(','), partitions: 1, replication: 1, retentionMs: -1 }
  const kafka = await openKafka(settings, '.')
  const topic = `${prefix}_ccs.manifest`
  const stores: DeploymentStore[] = []
  try {
    await run({
      kafka,
      topic,
      store: async (more) => {
        const options = { prefix, replication: 1, clock: systemClock(), leaseMs: LEASE_MS }
        const store = openDeploymentStore({
          kafka: await openKafka(settings, '.'),
          ...options,
          ...more,
        })
        stores.push(store)
        return store
      },
    })
  } finally {
    await Promise.all(stores.map((store) => store.close()))
    const admin = await kafka.admin()
    await admin.deleteTopics({ topics: [topic] }).catch(() => undefined)
    await kafka.close()
  }
}

function deployment(serial: number, more: Partial<Deployment> = {}): Deployment {
  return {
    format: 1,
    serial,
    epoch: 1,
    complete: true,
    deployedMs: 1_764_000_000_000 + serial,
    by: 'somebody@here',
    resources: [
      {
        kind: 'model',
        name: 'gold.revenue',
        fingerprint: `f${serial}`,
        content: `SELECT ${serial}`,
        adopted: false,
      },
    ],
    ...more,
  }
}

/** A clock that is so far ahead of this machine's. */
function clockAhead(ms: number) {
  const clock = systemClock()
  return { ...clock, nowMs: () => clock.nowMs() + ms }
}

/** What a claim says when another has the target. */
const LOCKED = { code: 'CCS_DEPLOY_LOCKED' }

clusterTest(
  'a deployment comes back as it was saved, with those before it, the newest twenty',
  async (cluster, prefix) => {
    await withTarget(cluster, prefix, async ({ store }) => {
      const first = await store()
      expect(await first.load()).toBeUndefined()
      expect(await first.history()).toEqual([])
      const claim = await first.claim('the first')
      expect(claim.epoch).toBe(1)
      for (let serial = 1; serial <= 22; serial++) await claim.save(deployment(serial))
      await claim.save(deployment(23, { complete: false }))
      expect(await first.load()).toEqual(deployment(23, { complete: false }))
      await claim.release()
      await expect(claim.save(deployment(24))).rejects.toMatchObject(LOCKED)

      const other = await store()
      const kept = await other.history()
      expect(kept.map((one) => one.serial)).toEqual(Array.from({ length: 19 }, (_, i) => 22 - i))
      expect(kept[0]).toEqual(deployment(22))
      const next = await other.claim('the second')
      expect(next.epoch).toBe(2)
      // 5 MB that gzip makes no smaller than 3.7 MB, then little again: no part of the larger one stays.
      const content = randomBytes(2_500_000).toString('hex')
      const resource = {
        kind: 'model',
        name: 'a',
        fingerprint: 'f',
        content,
        adopted: true,
      } as const
      const large = deployment(23, { resources: [resource] })
      await next.save(large)
      expect(await first.load()).toEqual(large)
      await next.save(deployment(23))
      expect(await first.load()).toEqual(deployment(23))
      expect(await (await store()).load()).toEqual(deployment(23))
    })
  },
)

clusterTest('of two claims at once exactly one gets the target', async (cluster, prefix) => {
  await withTarget(cluster, prefix, async ({ store }) => {
    const stores = [await store(), await store()]
    for (let round = 1; round <= 20; round++) {
      const tries = await Promise.allSettled(stores.map((one, i) => one.claim(`deployer ${i}`)))
      const won = tries.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
      const lost = tries.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []))
      expect(won.length, `winners of round ${round}`).toBe(1)
      expect(lost[0]).toMatchObject(LOCKED)
      expect(String(lost[0])).toMatch(/deployed by deployer [01] \(process \d+ on .*\), since 20/)
      const [claim] = won as [DeploymentClaim] // its length was looked at
      expect(claim.epoch).toBe(round)
      // Whom the other has fenced by trying still has the target.
      await claim.check()
      await claim.save(deployment(round))
      expect(await stores[0]?.load()).toEqual(deployment(round))
      await claim.release()
    }
  })
})

clusterTest(
  'a deployer whose lease is over writes nothing once another has the target',
  async (cluster, prefix) => {
    await withTarget(cluster, prefix, async ({ store }) => {
      const slow = await (await store()).claim('the slow one')
      await slow.save(deployment(1))
      const ahead = await store({ clock: clockAhead(2 * LEASE_MS) })
      const fast = await ahead.claim('the fast one')
      expect(fast.epoch).toBe(2)
      const saying = { ...LOCKED, message: expect.stringContaining('deployed by the fast one (') }
      await expect(slow.save(deployment(2))).rejects.toMatchObject(saying)
      await expect(slow.check()).rejects.toMatchObject(saying)
      await slow.release()
      await fast.check()
      await fast.save(deployment(3))
      expect((await ahead.history()).map((one) => one.serial)).toEqual([3, 1])
    })
  },
)

clusterTest(
  'the claim of a killed deployer is free at once on its host, elsewhere after its lease',
  async (cluster, prefix) => {
    await withTarget(cluster, prefix, async ({ store }) => {
      const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
      const processes = systemProcesses()
      const self = { pid: child.pid ?? 0, host: hostname(), started: '' }
      const here = await store({ processes: { ...processes, self: () => self } })
      await here.claim('one that is killed')
      await here.close()
      const next = await store()
      await expect(next.claim('the next')).rejects.toMatchObject(LOCKED)
      child.kill('SIGKILL')
      await once(child, 'close')
      await (await next.claim('the next')).release()

      const there = { ...self, host: 'another.host' }
      const far = await store({ processes: { ...processes, self: () => there } })
      await far.claim('one that is killed elsewhere')
      await far.close()
      await expect(next.claim('the next')).rejects.toMatchObject(LOCKED)
      const later = await store({ clock: clockAhead(LEASE_MS + 1_000) })
      expect((await later.claim('the last')).epoch).toBe(4)
    })
  },
)

clusterTest(
  'a claim is kept by its own timer beyond one lease, and by check',
  async (cluster, prefix) => {
    await withTarget(cluster, prefix, async ({ store }) => {
      const leaseMs = 1_500
      const claim = await (await store({ leaseMs })).claim('a patient one')
      const other = await store()
      await systemClock().sleep(2 * leaseMs)
      await expect(other.claim('another')).rejects.toMatchObject(LOCKED)
      await claim.check()
      await claim.save(deployment(1))
    })
  },
)

clusterTest(
  'what is no manifest of this version is refused, and so is a secret in clear',
  async (cluster, prefix) => {
    await withTarget(cluster, prefix, async ({ store, kafka, topic }) => {
      const claim = await (await store()).claim('somebody')
      const connector = (content: object) =>
        deployment(1, {
          resources: [
            {
              kind: 'connector',
              name: 'sink',
              fingerprint: 'f',
              content: JSON.stringify(content),
              adopted: false,
            },
          ],
        })
      const clear = connector({ config: { 's3.secret-access-key': 'hunter2' } })
      const refused = claim.save(clear)
      await expect(refused).rejects.toMatchObject({ code: 'CCS_CONFIG_INVALID' })
      await expect(refused).rejects.not.toThrow('hunter2')
      await claim.save(connector({ config: { 's3.secret-access-key': '${SECRET}' } }))
      await claim.save(deployment(2))
      const producer = await kafka.producer()
      const put = (key: string, value: string) =>
        producer.send({ topic, messages: [{ key, value, partition: 0 }] })
      const load = async () => (await store()).load()
      const invalid = (message: string) => ({
        code: 'CCS_MANIFEST_INVALID',
        message: expect.stringContaining(message),
      })
      await put('deployment/2/0', 'nonsense')
      await expect(load()).rejects.toMatchObject(invalid('deployment/2 of'))
      await put('current', '{"format":2,"serial":"of another kind"}')
      await expect(load()).rejects.toMatchObject(invalid('newer version of ccs'))
      await put('current', '{"format":1}')
      await expect(load()).rejects.toMatchObject(invalid('current of'))
      await put('claim', '[')
      await expect((await store()).claim('x')).rejects.toMatchObject(invalid('claim of'))
    })
  },
)

clusterTest('compaction of the topic loses nothing', async (cluster, prefix) => {
  await withTarget(cluster, prefix, async ({ store, kafka, topic }) => {
    const writer = await store()
    const claim = await writer.claim('somebody')
    const admin = await kafka.admin()
    const fast = {
      'min.cleanable.dirty.ratio': '0.001',
      'segment.ms': '100',
      'delete.retention.ms': '0',
    }
    await admin.alterConfigs({
      validateOnly: false,
      resources: [
        {
          type: 2,
          name: topic,
          configEntries: Object.entries({ 'cleanup.policy': 'compact', ...fast }).map(
            ([name, value]) => ({ name, value }),
          ),
        },
      ],
    })
    let serial = 0
    const isCompacted = async () => {
      const { records } = await kafka.fetch(topic, 0, 0, { bytesMax: 1_000_000, waitMs: 0 })
      return (records[0]?.offset ?? 0) > 0
    }
    for (const endMs = Date.now() + 60_000; !(await isCompacted()) && Date.now() < endMs; ) {
      await claim.save(deployment(++serial % 30))
      await systemClock().sleep(200)
    }
    expect(await isCompacted(), 'Kafka has compacted the topic').toBe(true)
    const last = deployment(serial % 30)
    expect(await (await store()).load()).toEqual(last)
    expect(await (await store()).history()).toEqual(await writer.history())
    await claim.check()
  })
})
