/** The steps of `ccs plan` for a ksqlDB, one per model, and the record for the next plan. */
import { expect, test } from 'vitest'
import type { KsqlSource } from '../../../cli/engines/ksqldb/client/server-answers.ts'
import {
  createNames,
  type DeployedRelation,
  type RelationPlanInput,
} from '../../../cli/engines/ksqldb/plan/actions.ts'
import { planRelations } from '../../../cli/engines/ksqldb/plan/plan.ts'
import {
  finalizeRecord,
  type KsqlRecord,
  printRecord,
  readRecord,
} from '../../../cli/engines/ksqldb/plan/record.ts'
import type { Relation } from '../../../cli/engines/ksqldb/plan/relation.ts'
import { toSteps } from '../../../cli/engines/ksqldb/plan/steps.ts'

const KEY = { name: '_key', type: 'STRING', isKey: true }
const raw: Relation = {
  name: 'raw',
  model: 'bronze.events',
  kind: 'stream',
  topic: 'events.valid',
  options: [['KEY_FORMAT', 'AVRO']],
  memory: 'none',
  columns: [KEY, { name: 'n', type: 'INT' }],
  properties: {},
}
const clean: Relation = {
  ...raw,
  name: 'clean',
  model: 'silver.clean',
  topic: 'silver.clean',
  options: [['PARTITIONS', { bare: '1' }]],
  body: { items: ['`_key`', '`n`'], from: 'raw', where: [] },
  properties: { 'auto.offset.reset': 'earliest' },
}
const names = createNames('t.')
const TEXTS = new Map([
  ['bronze.events', 'SELECT 1'],
  ['silver.clean', 'SELECT 2'],
])

function deploy(relation: Relation, version = 1): DeployedRelation {
  const fields = relation.columns.map(({ name, type, isKey = false }) => ({ name, type, isKey }))
  return { relation, version, statement: `made ${relation.name}`, fields }
}

function source({ relation, version, statement, fields }: DeployedRelation): KsqlSource {
  const { name, kind, topic, body } = relation
  return {
    name: names.source(name, version),
    kind: kind === 'table' ? 'TABLE' : 'STREAM',
    windowType: '',
    topic: names.topic(topic, version),
    keyFormat: 'AVRO',
    valueFormat: 'AVRO',
    partitions: 1,
    fields,
    statement,
    hasQuery: body !== undefined,
    readBy: name === 'raw' ? [names.source('clean', version)] : [],
    writers: body ? [{ id: `C_${name}`, state: 'RUNNING', counts: { RUNNING: 1 } }] : [],
    readers: [],
    lag: [],
  }
}

/** The steps, and the record after them; deployed relations are on the server by default. */
function read(
  desired: readonly Relation[],
  record: Partial<KsqlRecord>,
  found: Partial<RelationPlanInput['found']> = {},
  more: { readonly lost?: string; readonly rebuild?: boolean } = {},
) {
  const whole: KsqlRecord = { deployed: [], inProgress: [], ...record }
  const sources = whole.deployed.map(source)
  const plan = planRelations({
    desired,
    deployed: whole.deployed,
    found: {
      sources,
      topics: new Set(['t.events.valid', ...sources.map((one) => one.topic)]),
      ...found,
    },
    names,
    inProgress: whole.inProgress.map((one) => one.source),
    inProgressTopics: whole.inProgress.flatMap((one) => one.topic ?? []),
    rebuild: more.rebuild ?? false,
  })
  const wanted = new Map([...TEXTS].filter(([name]) => desired.some((one) => one.model === name)))
  const steps = toSteps({
    plan,
    desired,
    record: whole,
    names,
    wanted,
    isComplete: true,
    deployed: new Map(whole.deployed.map(({ relation }) => [relation.model, 'before'])),
    ...(more.lost === undefined ? {} : { lost: more.lost }),
  })
  return { steps, plan, settled: finalizeRecord(plan, whole) }
}

const BOTH = { deployed: [deploy(raw), deploy(clean)] }

test('a new model has a step that says what it becomes, an unchanged one has none', () => {
  const { steps } = read([raw, clean], {}, { topics: new Set(['t.events.valid']) })
  expect(steps).toMatchObject([
    { action: 'add', name: 'bronze.events', state: 'none', reason: 'stream t_raw' },
    { action: 'add', name: 'silver.clean', reason: 'stream t_clean', after: 'SELECT 2' },
  ])
  expect(read([raw, clean], BOTH)).toMatchObject({
    steps: [],
    settled: { ...BOTH, inProgress: [] },
  })
})

test('steps say what is changed in place, what is recreated, and what is lost', () => {
  const filtered = { ...clean, body: { items: ['`_key`', '`n`'], from: 'raw', where: ['`n` > 0'] } }
  expect(read([raw, filtered], BOTH).steps).toMatchObject([
    { action: 'change', state: 'none', category: 'forward-only', before: 'before' },
  ])
  const keyed = { ...clean, options: [['KEY_FORMAT', 'KAFKA']] as const }
  const lost = 'rows older than what t.events.valid still holds'
  expect(read([raw, keyed], BOTH, {}, { lost }).steps).toMatchObject([
    {
      action: 'replace',
      state: 'rebuild from log',
      reason: 'formats, retention or timestamp changed; recreated beside the old as t_clean_v2',
      destroys: lost,
    },
  ])
})

test('a rebuild recreates all that has a query, changed or not', () => {
  const { steps } = read([raw, clean], BOTH, {}, { rebuild: true })
  expect(steps).toMatchObject([{ name: 'silver.clean', state: 'rebuild from log' }])
})

test('drift is marked, even if only the record changes', () => {
  const [is] = BOTH.deployed.map(source).slice(1)
  if (is === undefined) throw new Error('nothing is deployed')
  const paused = { ...is, writers: [{ id: 'C_clean', state: 'RUNNING', counts: { PAUSED: 1 } }] }
  const sources = (one: KsqlSource) => [source(deploy(raw)), one]
  expect(read([raw, clean], BOTH, { sources: sources(paused) }).steps).toMatchObject([
    { name: 'silver.clean', action: 'change', drift: true, reason: 'somebody paused its query' },
  ])
  const again = [{ ...source(deploy(raw)), statement: 'in other words' }, is]
  expect(read([raw, clean], BOTH, { sources: again }).steps).toMatchObject([
    { name: 'bronze.events', drift: true, reason: expect.stringContaining('only the record') },
  ])
})

test('a model without a file is removed, and its record even if it was dropped', () => {
  expect(read([raw], BOTH).steps).toMatchObject([
    { name: 'silver.clean', action: 'remove', state: 'drop', before: 'before' },
  ])
  const none = { sources: [source(deploy(raw))], topics: new Set(['t.events.valid']) }
  const { plan, settled } = read([raw], BOTH, none)
  expect(plan.actions).toEqual([])
  expect(settled.deployed.map((one) => one.relation.name)).toEqual(['raw'])
})

test('leftovers of an unfinished deployment are removed, topics too', () => {
  const inProgress = [{ source: 't_clean_v2', topic: 't.silver.clean.v2', model: 'silver.clean' }]
  const topics = new Set(['t.events.valid', 't.silver.clean', 't.silver.clean.v2'])
  const { plan, steps } = read([raw, clean], { ...BOTH, inProgress }, { topics })
  expect(plan.actions).toMatchObject([{ do: 'remove topic', topic: 't.silver.clean.v2' }])
  expect(steps).toMatchObject([{ name: 'silver.clean', action: 'change', state: 'none' }])
  const kept = [{ source: 't_clean', topic: 't.silver.clean', model: 'silver.clean' }]
  expect(read([raw, clean], { ...BOTH, inProgress: kept }).plan.actions).toEqual([])
})

test('what ccs did not create is refused with a hint', () => {
  const sources = [source(deploy(raw)), source(deploy(clean))]
  const { steps } = read([raw, clean], { deployed: [deploy(raw)] }, { sources })
  expect(steps).toMatchObject([
    {
      name: 'silver.clean',
      action: 'add',
      refused: expect.stringMatching(/^t_clean exists.*; drop it in ksqlDB, or .* in ccs\.yml$/),
    },
  ])
})

test('a dropped table is recreated with the streams declared over its topic', () => {
  const over: Relation = { ...raw, name: 'echo', topic: 'silver.clean', over: 'clean' }
  const record = { deployed: [...BOTH.deployed, deploy(over)] }
  const sources = record.deployed.map(source).filter((one) => one.name !== 't_clean')
  const topics = new Set(['t.events.valid'])
  const { plan } = read([raw, clean, over], record, { sources, topics })
  expect(plan.versions.get('clean')).toBe(2)
  expect(plan.versions.get('echo')).toBe(2)
})

test('a printed record is read back, and an invalid one is an error', () => {
  const inProgress = [{ source: 'a', model: 'b' }]
  const record = { deployed: [deploy(raw), deploy(clean, 3)], inProgress }
  expect(readRecord(printRecord(record))).toEqual(record)
  expect(readRecord(undefined)).toEqual({ deployed: [], inProgress: [] })
  const broken = [
    'nonsense',
    '{}',
    '{"format":2,"placed":[],"begun":[]}',
    '{"format":1,"placed":[{}],"begun":[]}',
    '{"format":1,"placed":[],"begun":[{"source":1}]}',
    printRecord(record).replace('"memory":"none"', '"memory":"much"'),
  ]
  for (const text of broken) expect(() => readRecord(text), text).toThrow(/can't be read/)
})
