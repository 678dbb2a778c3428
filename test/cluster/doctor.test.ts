/** What doctor says of a target's schema registry: the real one, as it should be, as it should not, and away. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import type { RemoteRegistry } from '../../cli/core/ports.ts'
import { topicSchemas } from '../../cli/core/schema-history.ts'
import type { Target } from '../../cli/core/target.ts'
import type { Check } from '../../cli/flows/doctor.ts'
import { examineTarget } from '../../cli/flows/doctor-target.ts'
import { openConfluentRegistry } from '../../cli/registry/confluent.ts'
import { deadAddress } from '../fixtures/registry-proxy.ts'
import { registryTest } from '../fixtures/registry-test.ts'

const SCHEMA = readFileSync(path.join(import.meta.dirname, '../../schemas/events.dlq.avsc'), 'utf8')
const TOPICS = topicSchemas([
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
  return examineTarget({ target, topics: TOPICS, clock, registry })
}

function find(checks: readonly Check[], name: string): readonly Check[] {
  return checks.filter((one) => one.name === name)
}

registryTest(
  'a registry as it should be is named with its version, clock and subjects',
  async (registry, prefix) => {
    const target = targetOf({ prefix })
    const subject = `${prefix}events.dlq-value`
    const before = await diagnose(target, registry)
    expect(find(before, 'subjects')).toEqual([
      {
        name: 'subjects',
        status: 'warning',
        detail: `The registry lacks the schema in force of ${subject}.`,
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
  'a clock that is wrong by minutes is told, with its direction',
  async (registry, prefix) => {
    const target = targetOf({ prefix })
    const [ahead] = find(await diagnose(target, registry, 600_000), 'clock')
    expect(ahead?.status).toBe('warning')
    expect(ahead?.detail).toMatch(/clock is (59\d|60\d) s behind this machine's/)
  },
)

test('a registry that is away is one failed check among the others, and no secret is told', async () => {
  const server = { url: await deadAddress(), username: 'carla', password: 'geheim' }
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
  const checks = await diagnose(target, await openConfluentRegistry(server))
  expect(checks.map((one) => [one.name, one.status])).toEqual([
    ['credentials', 'ok'],
    ['registry', 'failed'],
  ])
  expect(checks[0]?.detail).toBe(
    'kafka plain; registry user and password; connect user and password.',
  )
  expect(checks[1]?.hint).toContain('registry.url')
  expect(JSON.stringify(checks)).not.toMatch(/carla|geheim/)
})
