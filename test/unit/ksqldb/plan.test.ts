/**
 * The upgrade matrix of ksqlDB, cell by cell: what is changed in place, what is recreated beside the
 * old, and what blocks a plan. test/ksqldb checks that a real server agrees.
 */
import { expect, test } from 'vitest'
import type { KsqlSource } from '../../../cli/engines/ksqldb/client/server-answers.ts'
import {
  createNames,
  createNaming,
  type DeployedRelation,
  type RelationAction,
  type RelationPlanInput,
} from '../../../cli/engines/ksqldb/plan/actions.ts'
import { planRelations } from '../../../cli/engines/ksqldb/plan/plan.ts'
import {
  listInputs,
  planTopicConfig,
  printStatement,
  type Relation,
} from '../../../cli/engines/ksqldb/plan/relation.ts'

const KEY = { name: '_key', type: 'STRING', isKey: true }
const FORMATS = [
  ['KEY_FORMAT', 'AVRO'],
  ['VALUE_FORMAT', 'AVRO'],
] as const

const source: Relation = {
  name: 'raw',
  model: 'bronze.events',
  kind: 'stream',
  topic: 'events.valid',
  options: FORMATS,
  memory: 'none',
  columns: [KEY, { name: 'id', type: 'STRING' }, { name: 'n', type: 'INT' }],
  properties: {},
}

const stream: Relation = {
  ...source,
  name: 'clean',
  model: 'silver.clean',
  topic: 'silver.clean',
  body: { items: ['`_key`', '`id`', '`n`'], from: 'raw', where: [] },
}

const table: Relation = {
  ...stream,
  name: 'counts',
  model: 'gold.counts',
  kind: 'table',
  topic: 'gold.counts',
  body: {
    items: ['`id` AS `_key_id`', 'COUNT(*) AS `n`'],
    from: 'clean',
    where: [],
    groupBy: ['`id`'],
  },
  memory: 'table',
  columns: [
    { name: '_key_id', type: 'STRING', isKey: true },
    { name: 'n', type: 'BIGINT' },
  ],
}

/** Declared over the topic of `counts`. */
const echo: Relation = {
  ...source,
  name: 'echo',
  model: 'gold.counts',
  topic: 'gold.counts',
  over: 'counts',
  columns: [KEY, { name: 'n', type: 'BIGINT' }],
}

const windowed: Relation = {
  ...table,
  memory: 'window',
  body: {
    ...bodyOf(table),
    window: 'TUMBLING (SIZE 1 MINUTES, RETENTION 7 DAYS, GRACE PERIOD 0 DAYS)',
  },
}

function bodyOf({ body }: Relation) {
  if (body === undefined) throw new Error('it has no body')
  return body
}

const project = [source, stream, table, echo] as const
const names = createNames('')

/** The server after `relations` were deployed, and ccs's record of it. */
function deployment(
  relations: readonly Relation[],
  versions: Readonly<Record<string, number>> = {},
): Pick<RelationPlanInput, 'deployed' | 'found'> {
  const naming = createNaming(names, new Map(Object.entries(versions)), 1)
  const sources = relations.map((one): KsqlSource => {
    const fields = one.columns.map(({ name, type, isKey = false }) => ({ name, type, isKey }))
    const id = `C_${one.name}_1`
    return {
      name: naming.source(one.name),
      kind: one.kind === 'table' ? 'TABLE' : 'STREAM',
      windowType: '',
      topic: naming.topic(one),
      keyFormat: 'AVRO',
      valueFormat: 'AVRO',
      partitions: 1,
      fields,
      statement: `server's ${printStatement(one, naming)}`,
      hasQuery: one.body !== undefined,
      readBy: relations
        .filter((reader) => reader.body && listInputs(reader).includes(one.name))
        .map((reader) => naming.source(reader.name)),
      writers: one.body ? [{ id, state: 'RUNNING', counts: { RUNNING: 1 } }] : [],
      readers: [],
      lag: [],
    }
  })
  const deployed = relations.map((relation, index): DeployedRelation => {
    const { statement = '', fields = [] } = sources[index] ?? {}
    return { relation, version: versions[relation.name] ?? 1, statement, fields }
  })
  const topics = new Set(['events.valid', ...sources.map((one) => one.topic)])
  return { deployed, found: { sources, topics } }
}

/** The plan in a line a step: what, which, version or name. */
function planned(input: Omit<RelationPlanInput, 'names'>) {
  const { actions, blockers, drifted } = planRelations({ names, ...input })
  return { steps: actions.map(lineOf), blockers: blockers, drifted, actions }
}

function lineOf(one: RelationAction): string {
  switch (one.do) {
    case 'create':
    case 'replace':
    case 'alter':
      return `${one.do} ${one.relation.name} v${one.version}`
    case 'resume':
      return `resume ${one.queryId}`
    case 'await':
      return `await ${one.names.join(' ')}`
    case 'promote':
      return `promote ${one.moves.map((move) => `${move.name} ${move.from}>${move.to}`).join(' ')}`
    case 'drop':
      return `drop ${one.source}${one.topic === undefined ? '' : ` and ${one.topic}`}`
    case 'remove topic':
      return `remove topic ${one.topic}`
  }
}

/** `after` in the place of `before`, with what each of them reads. */
function upgraded(before: Relation, after: Relation) {
  const all = (one: Relation) => (one.name === 'raw' ? [one, stream] : [source, one])
  return planned({ desired: all(after), ...deployment(all(before)) })
}

const withColumn = (relation: Relation, name: string): Relation => ({
  ...relation,
  columns: [...relation.columns, { name, type: 'STRING' }],
  ...(relation.body
    ? { body: { ...relation.body, items: [...relation.body.items, `\`${name}\``] } }
    : {}),
})

test('on an empty server, all is created in the order of reading', () => {
  const { steps, blockers } = planned({
    desired: project,
    deployed: [],
    found: { sources: [], topics: new Set(['events.valid']) },
  })
  expect(blockers).toEqual([])
  expect(steps).toEqual(['create raw v1', 'create clean v1', 'create counts v1', 'create echo v1'])
})

test.each([project, [source, stream, windowed]])(
  'an unchanged relation is never sent again, windowed or not',
  (...relations) => {
    expect(planned({ desired: relations, ...deployment(relations) })).toMatchObject({
      steps: [],
      blockers: [],
      drifted: [],
    })
  },
)

test.each<[string, Relation, Relation]>([
  ['its WHERE changes', stream, { ...stream, body: { ...bodyOf(stream), where: ['`n` > 0'] } }],
  ['a column is added at the end', stream, withColumn(stream, 'more')],
  [
    'a column of the same type is computed differently',
    stream,
    { ...stream, body: { ...bodyOf(stream), items: ['`_key`', 'UCASE(`id`) AS `id`', '`n`'] } },
  ],
])('a stream without memory is replaced in place when %s', (_when, before, after) => {
  const { steps, actions } = upgraded(before, after)
  expect(steps).toEqual(['replace clean v1'])
  expect(actions[0]).toMatchObject({ why: expect.stringContaining('existing rows stay') })
})

test('ALTER adds columns at the end of a declared stream', () => {
  const { actions, steps } = upgraded(source, withColumn(source, 'more'))
  expect(steps).toEqual(['alter raw v1'])
  expect(actions[0]).toMatchObject({ columns: [{ name: 'more', type: 'STRING' }] })
})

const RECREATED = [
  'create clean v2',
  'await clean',
  'promote clean 1>2',
  'drop clean and silver.clean',
]

test.each<[string, Relation, Relation, string]>([
  [
    'a column is removed',
    stream,
    { ...stream, columns: [KEY, { name: 'id', type: 'STRING' }] },
    'column n is gone, moved or of another type',
  ],
  [
    'columns change places',
    stream,
    { ...stream, columns: [KEY, { name: 'n', type: 'INT' }, { name: 'id', type: 'STRING' }] },
    'column id is gone, moved or of another type',
  ],
  [
    'a type changes',
    stream,
    { ...stream, columns: [KEY, { name: 'id', type: 'STRING' }, { name: 'n', type: 'BIGINT' }] },
    'column n is gone, moved or of another type',
  ],
  [
    'its key changes',
    stream,
    {
      ...stream,
      columns: [{ name: 'id', type: 'STRING', isKey: true }, ...stream.columns.slice(1)],
    },
    'its key changed',
  ],
  [
    'its formats change',
    stream,
    { ...stream, options: [['KEY_FORMAT', 'KAFKA']] },
    'formats, retention or timestamp changed',
  ],
  [
    'it reads another source',
    stream,
    { ...stream, body: { ...bodyOf(stream), from: 'other' } },
    'it read raw',
  ],
])('a stream is recreated and the old one dropped when %s', (_when, before, after, why) => {
  const { steps, actions } = upgraded(before, after)
  expect(steps).toEqual(RECREATED)
  expect(actions[0]).toMatchObject({ why })
})

test('a stream that reads windows is recreated at any change', () => {
  const over = {
    ...stream,
    name: 'late',
    topic: 'late',
    body: { ...bodyOf(stream), from: 'counts' },
  }
  const before = [source, stream, windowed, over]
  const after = [source, stream, windowed, { ...over, body: { ...over.body, where: ['`n` > 0'] } }]
  const { steps, actions } = planned({ desired: after, ...deployment(before) })
  expect(steps[0]).toBe('create late v2')
  expect(actions[0]).toMatchObject({ why: 'a relation that reads windows can never be replaced' })
})

test.each<[string, Relation, Relation]>([
  [
    'a table counts other rows',
    table,
    { ...table, body: { ...bodyOf(table), where: ['`n` > 0'] } },
  ],
  ['a table gets a column', table, withColumn(table, 'more')],
  [
    'a window changes its size',
    windowed,
    { ...windowed, body: { ...bodyOf(windowed), window: 'TUMBLING (SIZE 2 MINUTES)' } },
  ],
  ['a windowed table gets a column', windowed, withColumn(windowed, 'more')],
  ['a table gets windows', table, windowed],
  [
    'sessions change',
    { ...windowed, memory: 'session' },
    withColumn({ ...windowed, memory: 'session' }, 'more'),
  ],
  ['a table becomes a stream', table, { ...stream, name: 'counts', topic: 'gold.counts' }],
])('a relation with state is recreated when %s', (_when, before, after) => {
  const relations = [source, stream]
  const { steps } = planned({
    desired: [...relations, after],
    ...deployment([...relations, before]),
  })
  expect(steps).toEqual([
    'create counts v2',
    'await counts',
    'promote counts 1>2',
    'drop counts and gold.counts',
  ])
})

test('a declaration that loses a column is recreated with all that reads it', () => {
  const less = { ...source, columns: source.columns.slice(0, 2) }
  const { steps } = planned({ desired: [less, stream, table, echo], ...deployment(project) })
  expect(steps).toEqual([
    'create raw v2',
    'create clean v2',
    'create counts v2',
    'create echo v2',
    'await clean counts',
    'promote raw 1>2 clean 1>2 counts 1>2 echo 1>2',
    'drop echo',
    'drop counts and gold.counts',
    'drop clean and silver.clean',
    'drop raw',
  ])
  const naming = createNaming(
    names,
    new Map([
      ['raw', 2],
      ['counts', 2],
      ['echo', 2],
    ]),
    1,
  )
  expect(printStatement(less, naming)).toContain("KAFKA_TOPIC = 'events.valid'")
  expect(printStatement(echo, naming)).toContain("KAFKA_TOPIC = 'gold.counts.v2'")
  expect(printStatement(stream, naming)).toContain('FROM `raw_v2`')
})

test('a rebuild recreates what could be replaced in place, and all that reads it', () => {
  const after = { ...stream, body: { ...bodyOf(stream), where: ['`n` > 0'] } }
  const { steps } = planned({
    desired: [source, after, table, echo],
    ...deployment(project),
    rebuild: true,
  })
  expect(steps.slice(0, 3)).toEqual(['create clean v2', 'create counts v2', 'create echo v2'])
})

test('relations not in the project are dropped with their topics, readers first', () => {
  expect(planned({ desired: [source], ...deployment(project) }).steps).toEqual([
    'drop echo',
    'drop counts and gold.counts',
    'drop clean and silver.clean',
  ])
})

test('the next version is the first one whose names are free', () => {
  const state = deployment([source, stream], { clean: 2 })
  const after = { ...stream, options: [['KEY_FORMAT', 'KAFKA']] as const }
  expect(planned({ desired: [source, after], ...state }).steps[0]).toBe('create clean v3')
  const topics = new Set([...state.found.topics, 'silver.clean.v3'])
  const found = { ...state.found, topics }
  expect(planned({ desired: [source, after], deployed: state.deployed, found }).steps[0]).toBe(
    'create clean v4',
  )
})

test('a dropped stream is recreated beside its old topic, if that still exists', () => {
  const { deployed, found } = deployment(project)
  const sources = found.sources.filter(
    (one) => one.name !== 'clean' && one.name !== 'counts' && one.name !== 'echo',
  )
  const { steps, drifted } = planned({
    desired: project,
    deployed,
    found: { ...found, sources },
  })
  expect(steps).toEqual([
    'create clean v2',
    'create counts v2',
    'create echo v2',
    'await clean counts',
    'promote clean 1>2 counts 1>2 echo 1>2',
    'remove topic gold.counts',
    'remove topic silver.clean',
  ])
  expect(drifted).toEqual(['clean', 'counts', 'echo'])
})

test('after the command topic is lost, all is created again from the record', () => {
  const { deployed, found } = deployment(project)
  const { steps } = planned({
    desired: project,
    deployed,
    found: { ...found, sources: [] },
  })
  expect(steps[0]).toBe('create raw v1')
  expect(steps.filter((one) => one.startsWith('create'))).toHaveLength(4)
})

test('a stream that was dropped with its topic is created again under its name', () => {
  const { deployed, found } = deployment([source, stream])
  const state = { sources: found.sources.slice(0, 1), topics: new Set(['events.valid']) }
  const { steps, drifted } = planned({ desired: [source, stream], deployed, found: state })
  expect(steps).toEqual(['create clean v1'])
  expect(drifted).toEqual(['clean'])
})

test('a relation whose topic was deleted is recreated', () => {
  const { deployed, found } = deployment([source, stream])
  const topics = new Set(['events.valid'])
  const { steps, drifted } = planned({
    desired: [source, stream],
    deployed,
    found: { ...found, topics },
  })
  expect(steps).toEqual(RECREATED)
  expect(drifted).toEqual(['clean'])
})

test('a paused query is resumed', () => {
  const { deployed, found } = deployment([source, stream])
  const sources = found.sources.map((one) => ({
    ...one,
    writers: one.writers.map((two) => ({ ...two, counts: { PAUSED: 1 } })),
  }))
  expect(
    planned({ desired: [source, stream], deployed, found: { ...found, sources } }),
  ).toMatchObject({ steps: ['resume C_clean_1'], drifted: ['clean'] })
})

test.each([
  ['ended its query', [], 'another would write every row a second time'],
  [
    'lets another query write into it',
    ['C_clean_1', 'INSERTQUERY_45'],
    "somebody lets INSERTQUERY_45 write into it; its rows can't be told apart",
  ],
])('a stream is recreated if somebody %s', (_what, ids, why) => {
  const { deployed, found } = deployment([source, stream])
  const writers = ids.map((id) => ({ id, state: 'RUNNING', counts: { RUNNING: 1 } }))
  const sources = found.sources.map((one) => (one.name === 'clean' ? { ...one, writers } : one))
  const { steps, drifted, actions } = planned({
    desired: [source, stream],
    deployed,
    found: { ...found, sources },
  })
  expect(steps).toEqual(RECREATED)
  expect(drifted).toEqual(['clean'])
  expect(actions[0]).toMatchObject({ why: expect.stringContaining(why) })
})

test('a foreign change is undone in place for a stream, by recreating for a table', () => {
  const { deployed, found } = deployment([source, stream, table])
  const changed = (name: string) => ({
    ...found,
    sources: found.sources.map((one) =>
      one.name === name ? { ...one, statement: 'theirs' } : one,
    ),
  })
  const desired = [source, stream, table]
  expect(planned({ desired, deployed, found: changed('clean') })).toMatchObject({
    steps: ['replace clean v1'],
    drifted: ['clean'],
  })
  expect(planned({ desired, deployed, found: changed('counts') })).toMatchObject({
    steps: [
      'create counts v2',
      'await counts',
      'promote counts 1>2',
      'drop counts and gold.counts',
    ],
    drifted: ['counts'],
  })
})

test('different names of one type are equal, also inside lists', () => {
  const lines = { name: 'lines', type: 'ARRAY<STRUCT<`sku` VARCHAR, `quantity` INT>>' }
  const listed = { ...stream, columns: [...stream.columns, lines] }
  const { deployed, found } = deployment([source, listed])
  const sources = found.sources.map((one) => ({
    ...one,
    statement: one.name === 'clean' ? 'theirs' : one.statement,
    fields: one.fields.map((field) =>
      field.name === 'lines'
        ? { ...field, type: 'ARRAY<STRUCT<sku STRING, quantity INTEGER>>' }
        : field,
    ),
  }))
  const state = { deployed, found: { ...found, sources } }
  expect(planned({ desired: [source, listed], ...state }).steps).toEqual(['replace clean v1'])
})

test('a source or topic that ccs did not create blocks the plan, with a hint', () => {
  const { found } = deployment([source, stream])
  const { blockers } = planned({ desired: [source, stream], deployed: [], found })
  expect(blockers.map((one) => one.why)).toEqual([
    'raw exists, and ccs did not create it',
    'clean exists, and ccs did not create it',
  ])
  expect(blockers[0]?.hint).toContain('prefix')
  const topics = new Set(['silver.clean'])
  expect(
    planned({ desired: [source, stream], deployed: [], found: { sources: [], topics } }).blockers,
  ).toMatchObject([{ why: 'the topic silver.clean exists, and ccs did not create it' }])
})

test('leftovers of an unfinished deployment are dropped first, readers first', () => {
  const { found } = deployment(project)
  const inProgress = ['raw', 'clean', 'counts', 'echo']
  const { steps, blockers } = planned({ desired: project, deployed: [], found, inProgress })
  expect(blockers).toEqual([])
  expect(steps).toEqual([
    'drop echo',
    'drop counts and gold.counts',
    'drop clean and silver.clean',
    'drop raw',
    'create raw v1',
    'create clean v1',
    'create counts v1',
    'create echo v1',
  ])
})

test('a source that others read is not dropped, and the plan names the reader', () => {
  const { deployed, found } = deployment([source, stream])
  const sources = found.sources.map((one) =>
    one.name === 'clean' ? { ...one, readBy: ['THEIRS'] } : one,
  )
  const state = { ...found, sources }
  expect(planned({ desired: [source], deployed, found: state }).blockers).toMatchObject([
    { name: 'clean', why: 'THEIRS reads it, and ccs did not create that' },
  ])
})

test('two models with the same name in ksqlDB block the plan', () => {
  const clash = { ...stream, name: 'CLEAN', model: 'silver.CLEAN', topic: 'silver.CLEAN' }
  const { blockers } = planned({
    desired: [source, stream, clash],
    deployed: [],
    found: { sources: [], topics: new Set() },
  })
  expect(blockers).toMatchObject([
    { name: 'CLEAN', why: 'the models silver.clean and silver.CLEAN would both get this name' },
  ])
})

test('names of sources and topics get a prefix in the letters that each allows', () => {
  const naming = createNaming(createNames('staging-1.'), new Map(), 3)
  const sql = printStatement(stream, naming)
  expect(sql).toContain('CREATE STREAM `staging_1_clean`')
  expect(sql).toContain("KAFKA_TOPIC = 'staging-1.silver.clean'")
  expect(sql).toContain('PARTITIONS = 3')
  expect(sql).toContain('FROM `staging_1_raw`')
})

/** Filled by ccs. */
const seed: Relation = {
  ...source,
  name: 'seeds_skus',
  model: 'seeds.skus',
  kind: 'table',
  topic: 'seeds.skus',
  keeps: { of: 'rows' },
  seed: 'rows of then',
  columns: [
    { name: 'sku', type: 'STRING', isKey: true },
    { name: 'brand', type: 'STRING' },
  ],
}
const joining: Relation = {
  ...stream,
  name: 'branded',
  model: 'silver.branded',
  topic: 'silver.branded',
  memory: 'join',
  body: { ...bodyOf(stream), from: 'clean', join: { table: 'seeds_skus', on: 'x' } },
}
const seeded = [source, stream, seed, joining] as const

test("a seed's topic is compacted and keeps the times that ccs writes", () => {
  expect(planTopicConfig(seed, { retentionMs: '1' })).toEqual({
    'cleanup.policy': 'compact',
    'message.timestamp.type': 'CreateTime',
  })
  const found = { sources: [], topics: new Set(['events.valid', 'seeds.skus']) }
  expect(planned({ desired: seeded, deployed: [], found }).blockers).toMatchObject([
    { name: 'seeds_skus', why: 'the topic seeds.skus exists, and ccs did not create it' },
  ])
})

test('an unchanged seed is not filled again; a changed one is recreated with readers', () => {
  expect(planned({ desired: seeded, ...deployment(seeded) }).steps).toEqual([])
  const desired = [source, stream, { ...seed, seed: 'rows of now' }, joining]
  const { steps, actions } = planned({ desired, ...deployment(seeded) })
  expect(steps).toEqual([
    'create seeds_skus v2',
    'create branded v2',
    'await branded',
    'promote seeds_skus 1>2 branded 1>2',
    'drop branded and silver.branded',
    'drop seeds_skus and seeds.skus',
  ])
  expect(actions.slice(0, 2)).toMatchObject([
    { why: 'its rows changed' },
    { why: 'seeds_skus is recreated' },
  ])
})

test('a join is never replaced in place, even if somebody else replaced it', () => {
  const desired = [source, stream, seed, { ...joining, body: { ...bodyOf(joining), where: ['y'] } }]
  const replaced = [
    'create branded v2',
    'await branded',
    'promote branded 1>2',
    'drop branded and silver.branded',
  ]
  expect(planned({ desired, ...deployment(seeded) }).steps).toEqual(replaced)
  const { deployed, found } = deployment(seeded)
  const sources = found.sources.map((one) =>
    one.name === 'branded' ? { ...one, statement: 'another' } : one,
  )
  const again = planned({ desired: seeded, deployed, found: { ...found, sources } })
  expect(again).toMatchObject({ steps: replaced, drifted: ['branded'] })
})

test('a seed without its topic is recreated; one that nothing joins is dropped', () => {
  const { deployed, found } = deployment(seeded)
  const topics = new Set([...found.topics].filter((one) => one !== 'seeds.skus'))
  const { steps, drifted } = planned({
    desired: seeded,
    deployed,
    found: { ...found, topics },
  })
  expect(steps.slice(0, 2)).toEqual(['create seeds_skus v2', 'create branded v2'])
  expect(drifted).toEqual(['seeds_skus'])
  expect(planned({ desired: [source, stream], ...deployment(seeded) }).steps).toEqual([
    'drop branded and silver.branded',
    'drop seeds_skus and seeds.skus',
  ])
})

test('a seed that an unfinished deployment filled is removed and filled again', () => {
  const { deployed, found } = deployment([source, stream])
  const topics = new Set([...found.topics, 'seeds.skus'])
  const unfinished = { inProgress: ['seeds_skus'], inProgressTopics: ['seeds.skus'] }
  const cut = planned({ desired: seeded, deployed, found: { ...found, topics }, ...unfinished })
  expect(cut.blockers).toEqual([])
  expect(cut.steps).toEqual([
    'remove topic seeds.skus',
    'create seeds_skus v1',
    'create branded v1',
  ])
  const declared = deployment([source, stream, seed]).found
  expect(planned({ desired: seeded, deployed, found: declared, ...unfinished }).steps).toEqual([
    'drop seeds_skus',
    'remove topic seeds.skus',
    'create seeds_skus v1',
    'create branded v1',
  ])
})
