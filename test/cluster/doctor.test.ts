/** What doctor says about real servers: healthy, misconfigured and unreachable ones. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { connectRest } from '../../cli/adapters/connect/rest.ts'
import { openKafka } from '../../cli/adapters/kafka/connection.ts'
import { openTopicAdmin } from '../../cli/adapters/kafka/topic-admin.ts'
import { openConfluentRegistry } from '../../cli/adapters/registry/confluent.ts'
import type { RemoteRegistry } from '../../cli/domain/avro/schema-registry.ts'
import type { Target } from '../../cli/domain/config/target.ts'
import { renderConnectors } from '../../cli/domain/connectors/desired-connectors.ts'
import type { Check } from '../../cli/domain/doctor/doctor.ts'
import { examineTarget } from '../../cli/domain/doctor/examine-target.ts'
import { groupSchemasByTopic } from '../../cli/domain/schemas/history.ts'
import { type Cluster, clusterTest } from '../fixtures/cluster.ts'
import { unusedAddress } from '../fixtures/registry-proxy.ts'
import { registryTest } from '../fixtures/registry-test.ts'

const SCHEMA = readFileSync(path.join(import.meta.dirname, '../../schemas/events.dlq.avsc'), 'utf8')
const TOPICS = groupSchemasByTopic([
  { file: 'schemas/events.dlq.avsc', text: SCHEMA },
  { file: 'schemas/history/events.dlq/1.id2.avsc', text: SCHEMA },
])

function targetOf(more: Partial<Target>): Target {
  return { name: 'staging', engine: 'embedded', data: 'data', prefix: '', ...more }
}

function diagnose(
  target: Target,
  registry: RemoteRegistry,
  aheadMs = 0,
): Promise<readonly Check[]> {
  const clock = { nowMs: () => Date.now() + aheadMs }
  return examineTarget({ ...bare(target), clock, registry: async () => registry })
}

/** A target without any server to ask. */
function bare(target: Target) {
  const clock = { nowMs: () => Date.now() }
  return { target, topics: TOPICS, clock, connectors: async () => [] }
}

function find(checks: readonly Check[], name: string): readonly Check[] {
  return checks.filter((one) => one.name === name)
}

registryTest(
  'a healthy registry is listed with its version, clock and subjects',
  async (registry, prefix) => {
    const target = targetOf({ prefix })
    const subject = `${prefix}events.dlq-value`
    const before = await diagnose(target, registry)
    expect(find(before, 'subjects')).toEqual([
      {
        name: 'subjects',
        status: 'warning',
        detail: `The registry lacks the current schema of ${subject}.`,
        hint: 'ccs schema register --target staging',
      },
    ])
    await registry.setCompatibility(subject, 'BACKWARD_TRANSITIVE')
    await registry.register(subject, SCHEMA)
    const after = await diagnose(target, registry)
    expect(after.filter((one) => one.status !== 'ok')).toEqual([])
    expect(find(after, 'registry')[0]?.detail).toMatch(/(Apicurio|Confluent).* \d+\.\d+.* at http/)
    await registry.setCompatibility(subject, 'NONE')
    expect(find(await diagnose(target, registry), 'subjects')[0]).toMatchObject({
      status: 'warning',
      detail: `Another level than BACKWARD_TRANSITIVE: ${subject} (NONE).`,
    })
  },
)

registryTest(
  'a clock that is minutes off is reported with the direction',
  async (registry, prefix) => {
    const target = targetOf({ prefix })
    const [ahead] = find(await diagnose(target, registry, 600_000), 'clock')
    expect(ahead?.status).toBe('warning')
    expect(ahead?.detail).toMatch(/clock is (59\d|60\d) s behind this machine's/)
  },
)

test('each unreachable server is one failed check, and no secret is shown', async () => {
  const server = { url: await unusedAddress(), username: 'carla', password: 'geheim' }
  const target = targetOf({
    registry: server,
    connect: server,
    kafka: {
      brokers: ['127.0.0.1:1'],
      partitions: 1,
      replication: 1,
      retentionMs: -1,
      sasl: { mechanism: 'plain', username: 'carla', password: 'geheim' },
    },
  })
  const checks = await examineTarget({
    ...bare(target),
    registry: async () => openConfluentRegistry(server),
    connect: async () => connectRest(server, { triesMax: 1 }),
  })
  expect(checks.map((one) => [one.name, one.status])).toEqual([
    ['credentials', 'ok'],
    ['registry', 'failed'],
    ['connect', 'failed'],
  ])
  expect(checks[0]?.detail).toBe(
    'kafka plain; registry user and password; connect user and password.',
  )
  expect(checks[1]?.hint).toContain('registry.url')
  expect(JSON.stringify(checks)).not.toMatch(/carla|geheim/)
})

clusterTest('topics that are missing or have wrong settings are named', async (cluster, prefix) => {
  const kafka = {
    brokers: cluster.brokers.split(','),
    partitions: 1,
    replication: 1,
    retentionMs: -1,
  }
  const open = async () => openTopicAdmin(await openKafka(kafka, '.'))
  const target = targetOf({ prefix, kafka })
  const topics = async () => find(await examineTarget({ ...bare(target), kafka: open }), 'topics')
  const fine = { 'retention.ms': '-1', 'message.timestamp.type': 'LogAppendTime' }
  const [raw, valid, dlq] = [`${prefix}events.raw`, `${prefix}events.valid`, `${prefix}events.dlq`]
  const admin = await open()
  try {
    expect(await topics()).toMatchObject([
      {
        status: 'warning',
        detail: `Not there: ${raw}, ${valid}, ${dlq}.`,
        hint: 'ccs deploy --target staging',
      },
    ])
    const made = { partitions: 1, replication: 1 }
    await admin.create([raw, valid, dlq].map((name) => ({ ...made, name, config: fine })))
    const [good, ...none] = await topics()
    expect(none).toEqual([])
    expect(good?.status).toBe('ok')
    expect(good?.detail).toContain(`${raw} (1 × 1, for ever)`)
    await admin.configure(raw, {
      'retention.ms': '604800000',
      'message.timestamp.type': 'CreateTime',
    })
    await admin.configure(dlq, { 'min.insync.replicas': '2' })
    expect((await topics()).map((one) => [one.status, one.detail])).toEqual(
      expect.arrayContaining([
        ['warning', `${raw} keeps events for 7 d, ccs.yml says for ever.`],
        ['warning', expect.stringContaining(`${raw} ages records by the producer’s timestamps`)],
        ['failed', expect.stringContaining(`${dlq} has replication 1 and wants 2 in sync`)],
      ]),
    )
  } finally {
    await admin.remove([raw, valid, dlq])
    await admin.close()
  }
})

const lackingClasses = async ({ connect }: Cluster) => {
  const url = connect ?? ''
  const target = targetOf({ engine: 'flink', connect: { url } })
  const found = async (required: boolean) => {
    const config = { 'connector.class': 'com.example.Nowhere', topics: 'events.valid' }
    const text = JSON.stringify({ name: 'bronze', required, config })
    const files = [{ file: 'connectors/bronze.json', text }]
    const checks = await examineTarget({
      ...bare(target),
      connect: async () => connectRest({ url }),
      connectors: async () => renderConnectors(files, target, { env: {}, files: new Map() }),
    })
    expect(find(checks, 'connect')[0]?.detail).toMatch(/^Kafka Connect \d+\.\d+/)
    return find(checks, 'connectors')
  }
  const detail = expect.stringContaining('has no com.example.Nowhere')
  expect(await found(true)).toMatchObject([{ status: 'failed', detail }])
  expect(await found(false)).toMatchObject([{ status: 'warning', detail }])
}

clusterTest('connectors whose classes the workers lack are named', lackingClasses, {
  sink: true,
})
