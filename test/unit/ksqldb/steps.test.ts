/** What `ccs plan` says of a ksqlDB: one step a model, and the record that the next plan is made from. */
import { expect, test } from 'vitest'
import type { KsqlSource } from '../../../cli/engines/ksqldb/client/query-service.ts'
import {
  type KsqlPlanInput,
  namesOf,
  type Placed,
} from '../../../cli/engines/ksqldb/plan/actions.ts'
import { planKsql } from '../../../cli/engines/ksqldb/plan/plan.ts'
import {
  type KsqlRecord,
  readRecord,
  recordText,
  settledRecord,
} from '../../../cli/engines/ksqldb/plan/record.ts'
import type { Relation } from '../../../cli/engines/ksqldb/plan/relation.ts'
import { ksqlSteps } from '../../../cli/engines/ksqldb/plan/steps.ts'

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
const names = namesOf('t.')
const TEXTS = new Map([
  ['bronze.events', 'SELECT 1'],
  ['silver.clean', 'SELECT 2'],
])

function placed(relation: Relation, version = 1): Placed {
  const fields = relation.columns.map(({ name, type, isKey = false }) => ({ name, type, isKey }))
  return { relation, version, statement: `made ${relation.name}`, fields }
}

function source({ relation, version, statement, fields }: Placed): KsqlSource {
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
    isMade: body !== undefined,
    readBy: name === 'raw' ? [names.source('clean', version)] : [],
    writers: body ? [{ id: `C_${name}`, state: 'RUNNING', counts: { RUNNING: 1 } }] : [],
    readers: [],
    lag: [],
  }
}

/** Steps, and the record once nothing is to be done; what is placed is on the server, unless `found` says else. */
function read(
  desired: readonly Relation[],
  record: Partial<KsqlRecord>,
  found: Partial<KsqlPlanInput['found']> = {},
  more: { readonly lost?: string; readonly rebuild?: boolean } = {},
) {
  const whole: KsqlRecord = { placed: [], begun: [], ...record }
  const sources = whole.placed.map(source)
  const plan = planKsql({
    desired,
    placed: whole.placed,
    found: {
      sources,
      topics: new Set(['t.events.valid', ...sources.map((one) => one.topic)]),
      ...found,
    },
    names,
    begun: whole.begun.map((one) => one.source),
    begunTopics: whole.begun.flatMap((one) => one.topic ?? []),
    rebuild: more.rebuild ?? false,
  })
  const wanted = new Map([...TEXTS].filter(([name]) => desired.some((one) => one.model === name)))
  const steps = ksqlSteps({
    plan,
    desired,
    record: whole,
    names,
    wanted,
    isComplete: true,
    deployed: new Map(whole.placed.map(({ relation }) => [relation.model, 'before'])),
    ...(more.lost === undefined ? {} : { lost: more.lost }),
  })
  return { steps, plan, settled: settledRecord(plan, whole) }
}

const BOTH = { placed: [placed(raw), placed(clean)] }

test('a model that is new says what it becomes, and one that is as it was says nothing', () => {
  const { steps } = read([raw, clean], {}, { topics: new Set(['t.events.valid']) })
  expect(steps).toMatchObject([
    { action: 'add', name: 'bronze.events', state: 'none', reason: 'stream t_raw' },
    { action: 'add', name: 'silver.clean', reason: 'stream t_clean', after: 'SELECT 2' },
  ])
  expect(read([raw, clean], BOTH)).toMatchObject({ steps: [], settled: { ...BOTH, begun: [] } })
})

test('what is done in place and what is made anew are told apart, and so is what can not be made again', () => {
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
      reason: 'formats, retention or timestamp changed; made anew beside the old as t_clean_v2',
      destroys: lost,
    },
  ])
})

test('asked to be made anew, all that has a query is, changed or not', () => {
  const { steps } = read([raw, clean], BOTH, {}, { rebuild: true })
  expect(steps).toMatchObject([{ name: 'silver.clean', state: 'rebuild from log' }])
})

test('drift is marked, with or without something to do', () => {
  const [is] = BOTH.placed.map(source).slice(1)
  if (is === undefined) throw new Error('nothing is placed')
  const paused = { ...is, writers: [{ id: 'C_clean', state: 'RUNNING', counts: { PAUSED: 1 } }] }
  const sources = (one: KsqlSource) => [source(placed(raw)), one]
  expect(read([raw, clean], BOTH, { sources: sources(paused) }).steps).toMatchObject([
    { name: 'silver.clean', action: 'change', drift: true, reason: 'somebody paused its query' },
  ])
  const again = [{ ...source(placed(raw)), statement: 'in other words' }, is]
  expect(read([raw, clean], BOTH, { sources: again }).steps).toMatchObject([
    { name: 'bronze.events', drift: true, reason: expect.stringContaining('only the record') },
  ])
})

test('a model whose file is gone loses its rows; its record goes even when somebody dropped it before', () => {
  expect(read([raw], BOTH).steps).toMatchObject([
    { name: 'silver.clean', action: 'remove', state: 'drop', before: 'before' },
  ])
  const none = { sources: [source(placed(raw))], topics: new Set(['t.events.valid']) }
  const { plan, settled } = read([raw], BOTH, none)
  expect(plan.actions).toEqual([])
  expect(settled.placed.map((one) => one.relation.name)).toEqual(['raw'])
})

test('what a broken-off deployment has left goes, topics without their source too', () => {
  const begun = [{ source: 't_clean_v2', topic: 't.silver.clean.v2', model: 'silver.clean' }]
  const topics = new Set(['t.events.valid', 't.silver.clean', 't.silver.clean.v2'])
  const { plan, steps } = read([raw, clean], { ...BOTH, begun }, { topics })
  expect(plan.actions).toMatchObject([{ do: 'remove topic', topic: 't.silver.clean.v2' }])
  expect(steps).toMatchObject([{ name: 'silver.clean', action: 'change', state: 'none' }])
  const kept = [{ source: 't_clean', topic: 't.silver.clean', model: 'silver.clean' }]
  expect(read([raw, clean], { ...BOTH, begun: kept }).plan.actions).toEqual([])
})

test('what ccs did not make is refused with what to do', () => {
  const sources = [source(placed(raw)), source(placed(clean))]
  const { steps } = read([raw, clean], { placed: [placed(raw)] }, { sources })
  expect(steps).toMatchObject([
    {
      name: 'silver.clean',
      action: 'add',
      refused: expect.stringMatching(/^t_clean is there.*; drop it in ksqlDB, or .* in ccs\.yml$/),
    },
  ])
})

test('a dropped table that others were declared over is made anew with them: they would read its rows twice', () => {
  const over: Relation = { ...raw, name: 'echo', topic: 'silver.clean', over: 'clean' }
  const record = { placed: [...BOTH.placed, placed(over)] }
  const sources = record.placed.map(source).filter((one) => one.name !== 't_clean')
  const topics = new Set(['t.events.valid'])
  const { plan } = read([raw, clean, over], record, { sources, topics })
  expect(plan.versions.get('clean')).toBe(2)
  expect(plan.versions.get('echo')).toBe(2)
})

test('a record comes back as it was kept, and what is none is said to be so', () => {
  const begun = [{ source: 'a', model: 'b' }]
  const record = { placed: [placed(raw), placed(clean, 3)], begun }
  expect(readRecord(recordText(record))).toEqual(record)
  expect(readRecord(undefined)).toEqual({ placed: [], begun: [] })
  const broken = [
    'nonsense',
    '{}',
    '{"format":2,"placed":[],"begun":[]}',
    '{"format":1,"placed":[{}],"begun":[]}',
    '{"format":1,"placed":[],"begun":[{"source":1}]}',
    recordText(record).replace('"memory":"none"', '"memory":"much"'),
  ]
  for (const text of broken) expect(() => readRecord(text), text).toThrow(/can't be read/)
})
