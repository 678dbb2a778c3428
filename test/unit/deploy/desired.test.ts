/** What this project wants a cluster to have, adopting resources, and rollback. */
import path from 'node:path'
import { expect, test } from 'vitest'
import { openLogic } from '../../../cli/app/project-logic.ts'
import { parseConfig } from '../../../cli/domain/config/config.ts'
import type { DesiredConnector } from '../../../cli/domain/connectors/desired-connectors.ts'
import { adoptResource } from '../../../cli/domain/deploy/adopt.ts'
import {
  buildDesiredState,
  type DesiredState,
  readDeployedModels,
} from '../../../cli/domain/deploy/plan/desired.ts'
import {
  printSubject,
  printTopic,
  toResource,
} from '../../../cli/domain/deploy/plan/resource-content.ts'
import {
  pickDeployment,
  readStoredFiles,
  restoreDesired,
} from '../../../cli/domain/deploy/plan/rollback.ts'
import { groupSchemasByTopic } from '../../../cli/domain/schemas/history.ts'
import { loadProject } from '../../../cli/project.ts'
import { deploymentOf, EMPTY } from '../../fixtures/cluster-model.ts'

const ROOT = path.resolve(import.meta.dirname, '../../..')

async function desired(
  settings: string,
  connectors: readonly DesiredConnector[] = [],
): Promise<DesiredState> {
  const project = await loadProject(ROOT, { env: {} })
  const config = parseConfig(
    `targets: { t: { engine: embedded, prefix: "x.", kafka: { brokers: "a:1", ${settings} }, registry: { url: "http://b" } } }`,
    {},
  )
  const target = config.targets.t
  if (!target?.kafka) throw new Error('no target')
  return buildDesiredState({
    config,
    target,
    kafka: target.kafka,
    logic: await openLogic(project),
    schemas: groupSchemasByTopic(project.schemas),
    connectors,
  })
}

test('topics have the prefix and settings of the target; only stored Gold has one', async () => {
  const { topics, subjects } = await desired('partitions: 5, retention: 30 days')
  const byName = new Map(topics.map((one) => [one.name, one]))
  expect(byName.get('x.events.raw')).toEqual({
    name: 'x.events.raw',
    partitions: 5,
    replication: 1,
    config: {
      'cleanup.policy': 'delete',
      'max.message.bytes': '2097152',
      'message.timestamp.type': 'LogAppendTime',
      'retention.ms': '2592000000',
    },
  })
  // The gate keeps the time at which events.raw got a record.
  expect(byName.get('x.events.valid')?.config['message.timestamp.type']).toBe('CreateTime')
  // A record of the greatest size, wrapped, must fit.
  const dlqBytes = Number(byName.get('x.events.dlq')?.config['max.message.bytes'])
  expect(dlqBytes).toBeGreaterThan(Number(byName.get('x.events.raw')?.config['max.message.bytes']))
  expect(byName.get('x.gold.sessions')?.config['cleanup.policy']).toBe('compact')
  expect(byName.has('x.gold.right_now')).toBe(false)
  expect(byName.has('x.gold.campaign_daily')).toBe(false)
  expect(subjects.map((one) => one.name)).toContain('x.events.valid-value')
  const [raw, valid] = ['raw', 'valid'].map((name) =>
    subjects.find((one) => one.name === `x.events.${name}-value`),
  )
  expect(valid?.versions).toEqual(raw?.versions)
})

test('a connector with a pattern reads the topics that it fits as a whole', async () => {
  const reading = (config: Readonly<Record<string, string>>): DesiredConnector => ({
    ...{ name: 's3', file: 'connectors/s3.json', class: 'a.b.Sink', isRequired: false },
    ...{ insteadOf: undefined, config, displayed: config, secrets: [], unresolved: [] },
    ...{ topics: [config['topics.regex'] ?? config['topics'] ?? ''], requiredTopics: [] },
    content: '{}',
  })
  const remarksOn = async (config: Readonly<Record<string, string>>) =>
    (await desired('retention: forever', [reading(config)])).remarks
  expect(await remarksOn({ 'topics.regex': 'x\\.events\\..*' })).toEqual([])
  expect(await remarksOn({ topics: 'x.events.valid' })).toEqual([])
  for (const config of [{ 'topics.regex': 'events' }, { topics: 'x.event' }])
    expect(await remarksOn(config)).toMatchObject([expect.stringContaining('Connector s3 reads')])
})

test('a retention shorter than a model looks back gives a remark', async () => {
  const { remarks } = await desired('retention: 1 day')
  expect(remarks).toContainEqual(
    expect.stringMatching(/x\.events\.raw is kept for 1 d, but silver\.events looks back 2 d/),
  )
  expect((await desired('retention: forever')).remarks).toEqual([])
})

test('adopting records resources as found, and secrets as their variables', async () => {
  const wanted = await desired('retention: forever')
  const mine = { name: 'x.events.raw', partitions: 9, replication: 3, config: { a: 'b' } }
  const found = { ...EMPTY, topics: [mine] }
  expect(adoptResource('topic', 'x.events.raw', wanted, found)).toEqual(
    toResource('topic', 'x.events.raw', printTopic(mine), { adopted: true }),
  )
  expect(adoptResource('topic', 'other', wanted, found)).toBeUndefined()
  expect(adoptResource('topic', 'x.events.dlq', wanted, found)).toBeUndefined()

  const lake = {
    name: 'x.lake',
    file: 'connectors/lake.json',
    class: 'A',
    isRequired: false,
    insteadOf: undefined,
    config: { 'connector.class': 'A', 'db.user': 'me', 'db.password': 'hunter2' },
    displayed: { 'connector.class': 'A', 'db.user': 'me', 'db.password': '${DB}' },
    secrets: ['hunter2'],
    unresolved: [],
    topics: [],
    requiredTopics: [],
    content: '{"config":{"connector.class":"A","db.user":"me","db.password":"${DB}"}}',
  }
  const there = {
    name: 'x.lake',
    state: 'RUNNING',
    tasks: [],
    config: { ...lake.config, 'db.password': 'old', 'other.token': 'abc', 'tasks.max': '2' },
  }
  const taken = adoptResource(
    'connector',
    'x.lake',
    { ...wanted, connectors: [lake] },
    { ...EMPTY, connectors: [there] },
  )
  expect(JSON.parse(taken?.content ?? '')).toEqual({
    name: 'x.lake',
    config: { 'connector.class': 'A', 'db.user': 'me', 'db.password': '${DB}', 'tasks.max': '2' },
  })
})

test('a rollback keeps later schema versions and partitions', async () => {
  const now = await desired('partitions: 2, retention: forever')
  const [first, second] = ['{"type":"record","name":"E","fields":[]}', '"string"'] as const
  const topic = (partitions: number, ms: string) =>
    toResource(
      'topic',
      'x.events.raw',
      printTopic({ partitions, replication: 1, config: { 'retention.ms': ms } }),
    )
  const subject = (...versions: string[]) =>
    toResource('subject', 'x.events.raw-value', printSubject({ compatibility: 'FULL', versions }))
  const model = toResource('model', 'gold.a', 'SELECT 1', { fingerprint: 'f' })
  const sink = toResource('connector', 'x.s', '{"name":"s","insteadOf":"t","config":{}}')
  const earlier = deploymentOf(1, [topic(2, '1'), subject(first), model, sink])
  const current = deploymentOf(2, [topic(4, '2'), subject(first, second)])
  const { topics, subjects } = restoreDesired(now, earlier, current)
  expect(topics).toEqual([
    { name: 'x.events.raw', partitions: 4, replication: 1, config: { 'retention.ms': '1' } },
  ])
  expect(subjects).toEqual([
    { name: 'x.events.raw-value', compatibility: 'FULL', versions: [expect.any(String), second] },
  ])
  const files = readStoredFiles(earlier)
  expect(files.models).toEqual([{ file: 'sql/gold/a.sql', text: 'SELECT 1' }])
  expect(files.connectors[0]?.text).not.toContain('insteadOf')
  expect(readDeployedModels(earlier.resources)).toEqual([
    { name: 'gold.a', fingerprint: 'f', text: 'SELECT 1' },
  ])

  expect(pickDeployment([current, earlier], undefined, 't')).toBe(earlier)
  expect(() => pickDeployment([current, earlier], 7, 't')).toThrow(
    'Target t does not have a deployment no. 7.',
  )
})
