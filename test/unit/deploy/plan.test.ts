/** Plans for a cluster: all differences of project, last deployment and reality; convergence. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ConnectorState } from '../../../cli/domain/connectors/connect-cluster.ts'
import type { Deployment } from '../../../cli/domain/deploy/deployment.ts'
import type { DesiredState } from '../../../cli/domain/deploy/plan/desired.ts'
import { type FoundResources, planTarget } from '../../../cli/domain/deploy/plan/plan.ts'
import { printPlan, printPlanDiff } from '../../../cli/domain/deploy/plan/plan-text.ts'
import { makeStep } from '../../../cli/domain/deploy/plan/step.ts'
import type { TopicState } from '../../../cli/domain/log/topic-admin.ts'
import { applied, deploymentOf, EMPTY, NO_MODELS } from '../../fixtures/cluster-model.ts'

const V1 = '{"type":"record","name":"E","fields":[{"name":"a","type":"string"}]}'
const V2 =
  '{"type":"record","name":"E","fields":[{"name":"a","type":"string"},{"name":"b","type":"int","default":0}]}'
const V3 =
  '{"type":"record","name":"E","fields":[{"name":"a","type":"string"},{"name":"c","type":"int","default":0}]}'

const RAW: TopicState = {
  name: 'raw',
  partitions: 3,
  replication: 1,
  config: {
    'cleanup.policy': 'delete',
    'message.timestamp.type': 'LogAppendTime',
    'retention.ms': '604800000',
  },
}
const GOLD: TopicState = {
  name: 'gold.sessions',
  partitions: 3,
  replication: 1,
  config: { 'cleanup.policy': 'compact' },
}
const PLAIN = {
  file: 'connectors/lake.json',
  class: 'a.b.Sink',
  isRequired: false,
  insteadOf: undefined,
  secrets: [],
  unresolved: [],
  topics: ['raw'],
  requiredTopics: [],
}
const WANTED: DesiredState = {
  topics: [RAW, GOLD],
  subjects: [{ name: 'raw-value', compatibility: 'BACKWARD_TRANSITIVE', versions: [V1, V2] }],
  connectors: [
    {
      name: 'lake',
      config: { 'connector.class': 'a.b.Sink', topics: 'raw', 'aws.secret': 'hunter2' },
      displayed: { 'connector.class': 'a.b.Sink', topics: 'raw', 'aws.secret': '${AWS_SECRET}' },
      content:
        '{"config":{"connector.class":"a.b.Sink","topics":"raw","aws.secret":"${AWS_SECRET}"}}',
      ...PLAIN,
      secrets: ['hunter2'],
    },
  ],
  models: [],
  remarks: [],
}

/** Deployed and untouched since. */
const { found: THERE, deployment: DEPLOYED }: ReturnType<typeof applied> = (() => {
  const plan: ReturnType<typeof planTarget> = planned({ found: EMPTY, deployment: undefined })
  return applied(plan, EMPTY, WANTED)
})()

function planned(input: {
  readonly desired?: DesiredState
  readonly found?: FoundResources
  readonly deployment?: Deployment | undefined
}) {
  return planTarget({
    target: 'kafka',
    desired: input.desired ?? WANTED,
    deployment: 'deployment' in input ? input.deployment : DEPLOYED,
    found: input.found ?? THERE,
    engine: NO_MODELS,
  })
}

const withTopic = (change: Partial<TopicState>, name = 'raw'): FoundResources => ({
  ...THERE,
  topics: THERE.topics.map((one) => (one.name === name ? { ...one, ...change } : one)),
})
const withConnector = (change: Partial<ConnectorState>): FoundResources => ({
  ...THERE,
  connectors: (THERE.connectors ?? []).map((one) => ({ ...one, ...change })),
})
const withSubject = (change: Partial<FoundResources['subjects'][number]>): FoundResources => ({
  ...THERE,
  subjects: THERE.subjects.map((one) => ({ ...one, ...change })),
})
const registered = (...schemas: readonly string[]) =>
  schemas.map((schema, i) => ({ id: i + 1, subject: 'raw-value', version: i + 1, schema }))

test('a plan has the remarks of the project and those of its engine', () => {
  const { remarks } = planTarget({
    target: 'kafka',
    desired: { ...WANTED, remarks: ['of the project'] },
    deployment: DEPLOYED,
    found: THERE,
    engine: { ...NO_MODELS, remarks: ['of the engine'] },
  })
  expect(remarks).toEqual(['of the project', 'of the engine'])
})

describe('what others changed by hand', () => {
  const lake = { ...THERE.connectors?.[0]?.config }
  const cases: readonly {
    readonly title: string
    readonly found: FoundResources
    readonly step: object
    readonly operations: readonly object[]
  }[] = [
    {
      title: 'a setting of a topic',
      found: withTopic({ config: { ...RAW.config, 'retention.ms': '60000' } }),
      step: {
        action: 'change',
        name: 'raw',
        drift: true,
        category: 'forward-only',
        differences: [
          { key: 'retention.ms', deployed: '604800000', found: '60000', wanted: '604800000' },
        ],
      },
      operations: [{ op: 'configure topic', name: 'raw', config: { 'retention.ms': '604800000' } }],
    },
    {
      title: 'a setting that the project does not name',
      found: withTopic({ config: { ...RAW.config, 'retention.bytes': '5' } }),
      step: {
        drift: true,
        differences: [{ key: 'retention.bytes', deployed: null, found: '5', wanted: null }],
      },
      operations: [{ op: 'configure topic', name: 'raw', config: { 'retention.bytes': null } }],
    },
    {
      title: 'a longer retention, which can only be shortened where deleting is allowed',
      found: withTopic({ config: { ...RAW.config, 'retention.ms': '-1' } }),
      step: { drift: true, category: 'breaking', destroys: 'records older than 7 d' },
      operations: [{ op: 'configure topic', name: 'raw', config: { 'retention.ms': '604800000' } }],
    },
    {
      title: 'a deleted topic',
      found: { ...THERE, topics: [GOLD] },
      step: {
        action: 'add',
        name: 'raw',
        drift: true,
        reason: 'it was deleted by hand; its records are gone',
      },
      operations: [{ op: 'create topic', topic: RAW }],
    },
    {
      title: 'more partitions, which Kafka can not take away',
      found: withTopic({ partitions: 6 }),
      step: {
        drift: true,
        differences: [{ key: 'partitions', deployed: '3', found: '6', wanted: '3' }],
        refused:
          "Kafka can't remove partitions (it has 6); keep it as it is: ccs adopt topic raw --target kafka",
      },
      operations: [],
    },
    {
      title: 'a schema version of somebody else',
      found: withSubject({ versions: registered(V1, V2, V3) }),
      step: {
        drift: true,
        category: 'breaking',
        differences: [{ key: 'version 3', deployed: null, found: 'registered', wanted: null }],
        destroys:
          'version 3, which records may carry; to keep it: ccs adopt subject raw-value --target kafka',
      },
      operations: [{ op: 'remove version', name: 'raw-value', version: 3 }],
    },
    {
      title: 'a version that was deleted',
      found: withSubject({ versions: registered(V1) }),
      step: {
        drift: true,
        differences: [
          {
            key: "the project's version 2",
            deployed: 'registered',
            found: null,
            wanted: 'registered',
          },
        ],
      },
      operations: [{ op: 'register', name: 'raw-value', schema: V2 }],
    },
    {
      title: 'a deleted subject',
      found: { ...THERE, subjects: [] },
      step: { action: 'add', kind: 'subject', drift: true, reason: 'it was deleted by hand' },
      operations: [
        { op: 'register', name: 'raw-value', schema: V1 },
        { op: 'set compatibility', name: 'raw-value', level: 'BACKWARD_TRANSITIVE' },
        { op: 'register', name: 'raw-value', schema: V2 },
      ],
    },
    {
      title: 'a compatibility level',
      found: withSubject({ compatibility: 'NONE' }),
      step: {
        drift: true,
        differences: [
          {
            key: 'compatibility',
            deployed: 'BACKWARD_TRANSITIVE',
            found: 'NONE',
            wanted: 'BACKWARD_TRANSITIVE',
          },
        ],
      },
      operations: [{ op: 'set compatibility', name: 'raw-value', level: 'BACKWARD_TRANSITIVE' }],
    },
    {
      title: 'a paused connector',
      found: withConnector({ state: 'PAUSED' }),
      step: { drift: true, reason: 'it was paused' },
      operations: [
        { op: 'resume connector', name: 'lake' },
        { op: 'await connector', name: 'lake' },
      ],
    },
    {
      title: 'a connector whose fault names its secret',
      found: withConnector({ tasks: [{ id: 0, state: 'FAILED', fault: 'login hunter2 refused' }] }),
      step: { drift: true, reason: 'it failed: login *** refused' },
      operations: [
        { op: 'restart connector', name: 'lake' },
        { op: 'await connector', name: 'lake' },
      ],
    },
    {
      title: 'a connector whose task died',
      found: withConnector({ tasks: [{ id: 0, state: 'FAILED', fault: 'no such bucket' }] }),
      step: { drift: true, reason: 'it failed: no such bucket' },
      operations: [
        { op: 'restart connector', name: 'lake' },
        { op: 'await connector', name: 'lake' },
      ],
    },
    {
      title: 'a deleted connector',
      found: { ...THERE, connectors: [] },
      step: { action: 'add', drift: true, reason: 'it was deleted by hand' },
      operations: [
        { op: 'put connector', name: 'lake' },
        { op: 'await connector', name: 'lake' },
      ],
    },
    {
      title: 'a setting of a connector, and it is paused too',
      found: withConnector({ state: 'PAUSED', config: { ...lake, topics: 'other' } }),
      step: {
        drift: true,
        differences: [
          { key: 'topics', deployed: 'raw', found: 'other', wanted: 'raw' },
          { key: 'state', deployed: 'RUNNING', found: 'PAUSED', wanted: 'RUNNING' },
        ],
      },
      operations: [
        { op: 'put connector', name: 'lake' },
        { op: 'resume connector', name: 'lake' },
        { op: 'await connector', name: 'lake' },
      ],
    },
    {
      title: 'a secret of a connector, which is not shown',
      found: withConnector({ config: { ...lake, 'aws.secret': 'stolen' } }),
      step: {
        drift: true,
        differences: [
          {
            key: 'aws.secret',
            deployed: '${AWS_SECRET}',
            found: '***',
            wanted: '${AWS_SECRET}',
          },
        ],
      },
      operations: [
        { op: 'put connector', name: 'lake' },
        { op: 'await connector', name: 'lake' },
      ],
    },
  ]
  for (const { title, found, step, operations } of cases)
    test(`${title} is found as drift and named`, () => {
      const plan = planned({ found })
      expect(plan.steps).toHaveLength(1)
      expect(plan.steps[0]).toMatchObject(step)
      expect(plan.steps.flatMap((step) => step.operations)).toEqual(operations)
      const words = [...printPlan(plan, { withDiff: true }), ...printPlanDiff(plan)]
      expect(words.join('\n')).not.toMatch(/hunter2|stolen/)
    })
})

test('an unchanged cluster has no steps, however its settings are written', () => {
  const again: FoundResources = {
    topics: [...THERE.topics].reverse(),
    subjects: [
      {
        name: 'raw-value',
        compatibility: 'BACKWARD_TRANSITIVE',
        versions: registered(
          '{"fields": [{"type": {"type": "string"}, "name": "a"}], "name": "E", "type": "record"}',
          V2,
        ),
      },
    ],
    connectors: THERE.connectors,
  }
  const plan = planned({ found: again })
  expect(plan.steps).toEqual([])
  expect(plan.record.isNew).toBe(false)
  expect(plan.unchanged).toBe(4)
})

test('a change of the project is not drift', () => {
  const desired: DesiredState = {
    ...WANTED,
    topics: [{ ...RAW, partitions: 6, config: { ...RAW.config, 'retention.ms': '-1' } }, GOLD],
    subjects: [{ name: 'raw-value', compatibility: 'BACKWARD_TRANSITIVE', versions: [V1, V2, V3] }],
  }
  const plan = planned({ desired })
  expect(plan.steps).toMatchObject([
    {
      name: 'raw',
      drift: false,
      category: 'forward-only',
      differences: [
        { key: 'partitions', found: '3', wanted: '6' },
        { key: 'retention.ms', found: '604800000', wanted: '-1' },
      ],
    },
    {
      name: 'raw-value',
      drift: false,
      category: 'forward-only',
      reason: 'a new version; records keep the version they were written with',
    },
  ])
  expect(plan.steps[0]?.operations.map((one) => one.op)).toEqual([
    'add partitions',
    'configure topic',
  ])
})

test('adding partitions to a compacted topic is a breaking change', () => {
  const desired = { ...WANTED, topics: [RAW, { ...GOLD, partitions: 6 }] }
  expect(planned({ desired }).steps).toMatchObject([
    { name: 'gold.sessions', category: 'breaking' },
  ])
})

test('removals run in reverse order, and removing topics is destructive', () => {
  const desired = { ...WANTED, topics: [RAW], subjects: [], connectors: [] }
  const steps = planned({ desired }).steps
  expect(steps.map((one) => `${one.action} ${one.kind} ${one.name}`)).toEqual([
    'remove connector lake',
    'remove subject raw-value',
    'remove topic gold.sessions',
  ])
  expect(steps.map((one) => one.destroys !== undefined)).toEqual([false, true, true])
})

test('a resource that ccs did not create is refused with the command to adopt it', () => {
  const plan = planned({ deployment: undefined })
  expect(plan.steps.map((one) => one.refused)).toEqual([
    'take it over as it is: ccs adopt topic raw --target kafka',
    'take it over as it is: ccs adopt topic gold.sessions --target kafka',
    'take it over as it is: ccs adopt subject raw-value --target kafka',
    'take it over as it is: ccs adopt connector lake --target kafka',
  ])
})

test('an adopted topic keeps its partitions, and stays when the project drops it', () => {
  const mine = { partitions: 6, replication: 3, config: { 'min.insync.replicas': '2' } }
  const deployment = deploymentOf(
    1,
    DEPLOYED.resources.map((one) =>
      one.name === 'raw' ? { ...one, content: JSON.stringify(mine), adopted: true } : one,
    ),
  )
  const plan = planned({ found: withTopic(mine), deployment })
  expect(plan.steps).toMatchObject([
    {
      name: 'raw',
      drift: false,
      differences: [
        { key: 'cleanup.policy', found: null, wanted: 'delete' },
        { key: 'message.timestamp.type', found: null, wanted: 'LogAppendTime' },
        { key: 'retention.ms', found: null, wanted: '604800000' },
      ],
    },
  ])
  const gone = planned({ desired: { ...WANTED, topics: [GOLD] }, deployment })
  expect(gone.steps).toMatchObject([
    {
      action: 'remove',
      reason: 'the project no longer has it; it was there before ccs, and stays',
    },
  ])
  expect(gone.steps[0]?.operations).toEqual([])
})

test('an unfinished deployment is continued, and its missing steps are not drift', () => {
  const deployment = { ...DEPLOYED, complete: false }
  const plan = planned({ found: { ...THERE, topics: [RAW], connectors: [] }, deployment })
  expect(plan.isUnfinished).toBe(true)
  expect(plan.steps).toMatchObject([
    { action: 'add', name: 'gold.sessions', drift: false },
    { action: 'add', name: 'lake', drift: false },
  ])
})

test('before the first step, the record names all that the steps may create', () => {
  const plan = planned({ found: EMPTY, deployment: undefined })
  expect(plan.record.intent.map((one) => one.name)).toEqual(
    plan.record.resources.map((one) => one.name),
  )
  const smaller = planned({ desired: { ...WANTED, topics: [RAW] } })
  expect(smaller.record.intent.map((one) => one.name)).toContain('gold.sessions')
})

test('the fingerprint of a plan changes when anything that it was made from does', () => {
  const { fingerprint } = planned({})
  expect(planned({}).fingerprint).toBe(fingerprint)
  expect(planned({ found: withConnector({ state: 'PAUSED' }) }).fingerprint).not.toBe(fingerprint)
  expect(planned({ found: withTopic({ partitions: 4 }) }).fingerprint).not.toBe(fingerprint)
  expect(planned({ deployment: { ...DEPLOYED, serial: 9 } }).fingerprint).not.toBe(fingerprint)
})

const NAMES = ['raw', 'gold.sessions', 'dlq'] as const
const topic = fc.record({
  name: fc.constantFrom(...NAMES),
  partitions: fc.integer({ min: 1, max: 4 }),
  replication: fc.constant(1),
  config: fc.dictionary(
    fc.constantFrom('retention.ms', 'cleanup.policy', 'segment.bytes'),
    fc.constantFrom('compact', 'delete', '1', '-1'),
  ),
})
const topics = fc.uniqueArray(topic, { selector: (one) => one.name })
const versions = fc.uniqueArray(fc.constantFrom(V1, V2, V3), { minLength: 1 })
const level = fc.constantFrom('NONE', 'BACKWARD')
const connector = (config: Readonly<Record<string, string>>) => ({
  name: 'lake',
  config,
  displayed: config,
  content: JSON.stringify({ config }),
  ...PLAIN,
})
const someDesired: fc.Arbitrary<DesiredState> = fc.record({
  topics,
  subjects: fc
    .option(fc.record({ name: fc.constant('raw-value'), compatibility: level, versions }))
    .map((one) => (one ? [one] : [])),
  connectors: fc
    .option(fc.dictionary(fc.constantFrom('topics', 'tasks.max'), fc.constantFrom('a', 'b')))
    .map((config) => (config ? [connector(config)] : [])),
  models: fc.constant([]),
  remarks: fc.constant([]),
})
const someFound: fc.Arbitrary<FoundResources> = fc.record({
  topics,
  subjects: fc
    .option(fc.tuple(level, versions))
    .map((one) =>
      one ? [{ name: 'raw-value', compatibility: one[0], versions: registered(...one[1]) }] : [],
    ),
  connectors: fc
    .option(
      fc.record({
        name: fc.constant('lake'),
        state: fc.constantFrom('RUNNING', 'PAUSED', 'FAILED'),
        tasks: fc.constant([]),
        config: fc.dictionary(fc.constantFrom('topics', 'tasks.max', 'name'), fc.constant('a')),
      }),
    )
    .map((one) => (one ? [one] : [])),
})

test('applied to any cluster, a plan leaves nothing to plan', () => {
  fc.assert(
    fc.property(someDesired, someDesired, someFound, fc.boolean(), (before, now, there, isDone) => {
      // What was deployed once, then changed by others, then by the project.
      const first = applied(
        planned({ desired: before, found: EMPTY, deployment: undefined }),
        EMPTY,
        before,
      )
      const deployment = { ...first.deployment, complete: isDone }
      const plan = planned({ desired: now, found: there, deployment })
      if (plan.steps.some((step) => step.refused)) return
      const after = applied(plan, there, now)
      const second = planned({ desired: now, found: after.found, deployment: after.deployment })
      expect(second.steps).toEqual([])
      expect(second.record.isNew).toBe(false)
    }),
    { numRuns: 500, seed: 5 },
  )
})

test('after a crash at any operation, the next plan gives the same result', () => {
  fc.assert(
    fc.property(someDesired, someFound, fc.nat(20), (now, there, cut) => {
      const own = planned({ desired: now, found: EMPTY, deployment: undefined }).record.resources
      const plan = planned({ desired: now, found: there, deployment: deploymentOf(1, own) })
      if (plan.steps.some((step) => step.refused)) return
      const operations = plan.steps.flatMap((step) => step.operations).slice(0, cut)
      const halfway = applied(
        {
          ...plan,
          steps: [
            makeStep({ action: 'change', kind: 'topic', name: 'x', reason: 'x', operations }),
          ],
        },
        there,
        now,
      ).found
      const record = deploymentOf(2, plan.record.intent, false)
      const next = planned({ desired: now, found: halfway, deployment: record })
      const end = applied(next, halfway, now)
      const whole = applied(plan, there, now)
      const inOrder = (state: FoundResources) =>
        JSON.stringify([
          [...state.topics].sort((a, b) => (a.name < b.name ? -1 : 1)),
          state.subjects.map((one) => [
            one.compatibility,
            one.versions.map((v) => v.schema).sort(),
          ]),
          state.connectors?.map((one) => [one.state, Object.entries(one.config).sort()]),
        ])
      expect(JSON.parse(inOrder(end.found))).toEqual(JSON.parse(inOrder(whole.found)))
    }),
    { numRuns: 500, seed: 5 },
  )
})
