/**
 * The upgrade matrix of ksqlDB, cell by cell: what is done in place, what is made anew beside the old, what is
 * refused. That a real server agrees is for test/ksqldb.
 */
import { expect, test } from 'vitest'
import type { KsqlSource } from '../../../cli/engines/ksqldb/client/query-service.ts'
import {
  type KsqlAction,
  type KsqlPlanInput,
  namesOf,
  namingAt,
  type Placed,
} from '../../../cli/engines/ksqldb/plan/actions.ts'
import { planKsql } from '../../../cli/engines/ksqldb/plan/plan.ts'
import {
  inputsOf,
  type Relation,
  statementOf,
  topicConfigOf,
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
const names = namesOf('')

/** The server after `relations` were deployed, and ccs's record of it. */
function deployed(
  relations: readonly Relation[],
  versions: Readonly<Record<string, number>> = {},
): Pick<KsqlPlanInput, 'placed' | 'found'> {
  const naming = namingAt(names, new Map(Object.entries(versions)), 1)
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
      statement: `server's ${statementOf(one, naming)}`,
      isMade: one.body !== undefined,
      readBy: relations
        .filter((reader) => reader.body && inputsOf(reader).includes(one.name))
        .map((reader) => naming.source(reader.name)),
      writers: one.body ? [{ id, state: 'RUNNING', counts: { RUNNING: 1 } }] : [],
      readers: [],
      lag: [],
    }
  })
  const placed = relations.map((relation, index): Placed => {
    const { statement = '', fields = [] } = sources[index] ?? {}
    return { relation, version: versions[relation.name] ?? 1, statement, fields }
  })
  const topics = new Set(['events.valid', ...sources.map((one) => one.topic)])
  return { placed, found: { sources, topics } }
}

/** The plan in a line a step: what, which, version or name. */
function planned(input: Omit<KsqlPlanInput, 'names'>) {
  const { actions, refused, drifted } = planKsql({ names, ...input })
  return { steps: actions.map(lineOf), refused, drifted, actions }
}

function lineOf(one: KsqlAction): string {
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
  return planned({ desired: all(after), ...deployed(all(before)) })
}

const withColumn = (relation: Relation, name: string): Relation => ({
  ...relation,
  columns: [...relation.columns, { name, type: 'STRING' }],
  ...(relation.body
    ? { body: { ...relation.body, items: [...relation.body.items, `\`${name}\``] } }
    : {}),
})

test('nothing there: all is made in the order in which it is read', () => {
  const { steps, refused } = planned({
    desired: project,
    placed: [],
    found: { sources: [], topics: new Set(['events.valid']) },
  })
  expect(refused).toEqual([])
  expect(steps).toEqual(['create raw v1', 'create clean v1', 'create counts v1', 'create echo v1'])
})

test.each([project, [source, stream, windowed]])(
  'what is as it was deployed is never sent again, windowed or not',
  (...relations) => {
    expect(planned({ desired: relations, ...deployed(relations) })).toMatchObject({
      steps: [],
      refused: [],
      drifted: [],
    })
  },
)

test.each<[string, Relation, Relation]>([
  ['its WHERE changes', stream, { ...stream, body: { ...bodyOf(stream), where: ['`n` > 0'] } }],
  ['a column comes at the end', stream, withColumn(stream, 'more')],
  [
    'a column is computed otherwise, of the same type',
    stream,
    { ...stream, body: { ...bodyOf(stream), items: ['`_key`', 'UCASE(`id`) AS `id`', '`n`'] } },
  ],
])('a stream without memory is replaced in place when %s', (_when, before, after) => {
  const { steps, actions } = upgraded(before, after)
  expect(steps).toEqual(['replace clean v1'])
  expect(actions[0]).toMatchObject({ why: expect.stringContaining('rows that are there stay') })
})

test('a declared stream gets columns at its end by ALTER', () => {
  const { actions, steps } = upgraded(source, withColumn(source, 'more'))
  expect(steps).toEqual(['alter raw v1'])
  expect(actions[0]).toMatchObject({ columns: [{ name: 'more', type: 'STRING' }] })
})

const ANEW = ['create clean v2', 'await clean', 'promote clean 1>2', 'drop clean and silver.clean']

test.each<[string, Relation, Relation, string]>([
  [
    'a column goes',
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
    'it reads another',
    stream,
    { ...stream, body: { ...bodyOf(stream), from: 'other' } },
    'it read raw',
  ],
])(
  'a stream is made anew beside the old, which then goes, when %s',
  (_when, before, after, why) => {
    const { steps, actions } = upgraded(before, after)
    expect(steps).toEqual(ANEW)
    expect(actions[0]).toMatchObject({ why })
  },
)

test('a stream over windows is made anew too, whatever changes', () => {
  const over = {
    ...stream,
    name: 'late',
    topic: 'late',
    body: { ...bodyOf(stream), from: 'counts' },
  }
  const before = [source, stream, windowed, over]
  const after = [source, stream, windowed, { ...over, body: { ...over.body, where: ['`n` > 0'] } }]
  const { steps, actions } = planned({ desired: after, ...deployed(before) })
  expect(steps[0]).toBe('create late v2')
  expect(actions[0]).toMatchObject({ why: 'what reads windows can never be replaced' })
})

test.each<[string, Relation, Relation]>([
  ['a table counts otherwise', table, { ...table, body: { ...bodyOf(table), where: ['`n` > 0'] } }],
  ['a column comes to a table', table, withColumn(table, 'more')],
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
])('what remembers is made anew: %s', (_when, before, after) => {
  const relations = [source, stream]
  const { steps } = planned({
    desired: [...relations, after],
    ...deployed([...relations, before]),
  })
  expect(steps).toEqual([
    'create counts v2',
    'await counts',
    'promote counts 1>2',
    'drop counts and gold.counts',
  ])
})

test('a declaration that loses a column is made anew over the same topic, and so is all that reads it', () => {
  const less = { ...source, columns: source.columns.slice(0, 2) }
  const { steps } = planned({ desired: [less, stream, table, echo], ...deployed(project) })
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
  const naming = namingAt(
    names,
    new Map([
      ['raw', 2],
      ['counts', 2],
      ['echo', 2],
    ]),
    1,
  )
  expect(statementOf(less, naming)).toContain("KAFKA_TOPIC = 'events.valid'")
  expect(statementOf(echo, naming)).toContain("KAFKA_TOPIC = 'gold.counts.v2'")
  expect(statementOf(stream, naming)).toContain('FROM `raw_v2`')
})

test('asked to rebuild, what could be replaced in place is made anew with all that reads it', () => {
  const after = { ...stream, body: { ...bodyOf(stream), where: ['`n` > 0'] } }
  const { steps } = planned({
    desired: [source, after, table, echo],
    ...deployed(project),
    rebuild: true,
  })
  expect(steps.slice(0, 3)).toEqual(['create clean v2', 'create counts v2', 'create echo v2'])
})

test('what the project has no more goes, readers first, with the topics that it filled', () => {
  expect(planned({ desired: [source], ...deployed(project) }).steps).toEqual([
    'drop echo',
    'drop counts and gold.counts',
    'drop clean and silver.clean',
  ])
})

test('a third version follows the second, and a name that somebody has is passed over', () => {
  const state = deployed([source, stream], { clean: 2 })
  const after = { ...stream, options: [['KEY_FORMAT', 'KAFKA']] as const }
  expect(planned({ desired: [source, after], ...state }).steps[0]).toBe('create clean v3')
  const topics = new Set([...state.found.topics, 'silver.clean.v3'])
  const found = { ...state.found, topics }
  expect(planned({ desired: [source, after], placed: state.placed, found }).steps[0]).toBe(
    'create clean v4',
  )
})

test('a dropped stream whose topic is left is made anew: the old topic would get every row twice', () => {
  const { placed, found } = deployed(project)
  const sources = found.sources.filter(
    (one) => one.name !== 'clean' && one.name !== 'counts' && one.name !== 'echo',
  )
  const { steps, drifted } = planned({ desired: project, placed, found: { ...found, sources } })
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

test('the command topic is lost: all is made again from the record, sources under their own names', () => {
  const { placed, found } = deployed(project)
  const { steps } = planned({ desired: project, placed, found: { ...found, sources: [] } })
  expect(steps[0]).toBe('create raw v1')
  expect(steps.filter((one) => one.startsWith('create'))).toHaveLength(4)
})

test('a stream that was dropped with its topic is made again under its own name', () => {
  const { placed, found } = deployed([source, stream])
  const state = { sources: found.sources.slice(0, 1), topics: new Set(['events.valid']) }
  const { steps, drifted } = planned({ desired: [source, stream], placed, found: state })
  expect(steps).toEqual(['create clean v1'])
  expect(drifted).toEqual(['clean'])
})

test('a deleted topic is found, and what filled it is made anew', () => {
  const { placed, found } = deployed([source, stream])
  const topics = new Set(['events.valid'])
  const { steps, drifted } = planned({
    desired: [source, stream],
    placed,
    found: { ...found, topics },
  })
  expect(steps).toEqual(ANEW)
  expect(drifted).toEqual(['clean'])
})

test('a paused query is resumed', () => {
  const { placed, found } = deployed([source, stream])
  const sources = found.sources.map((one) => ({
    ...one,
    writers: one.writers.map((two) => ({ ...two, counts: { PAUSED: 1 } })),
  }))
  expect(
    planned({ desired: [source, stream], placed, found: { ...found, sources } }),
  ).toMatchObject({ steps: ['resume C_clean_1'], drifted: ['clean'] })
})

test.each([
  ['ended its query', [], 'another would write every row a second time'],
  [
    'lets another query write into it',
    ['C_clean_1', 'INSERTQUERY_45'],
    "somebody lets INSERTQUERY_45 write into it; those rows can't be told apart",
  ],
])('a stream is made anew where somebody %s', (_what, ids, why) => {
  const { placed, found } = deployed([source, stream])
  const writers = ids.map((id) => ({ id, state: 'RUNNING', counts: { RUNNING: 1 } }))
  const sources = found.sources.map((one) => (one.name === 'clean' ? { ...one, writers } : one))
  const { steps, drifted, actions } = planned({
    desired: [source, stream],
    placed,
    found: { ...found, sources },
  })
  expect(steps).toEqual(ANEW)
  expect(drifted).toEqual(['clean'])
  expect(actions[0]).toMatchObject({ why: expect.stringContaining(why) })
})

test('what somebody replaced is put back: in place where it keeps nothing, else anew', () => {
  const { placed, found } = deployed([source, stream, table])
  const changed = (name: string) => ({
    ...found,
    sources: found.sources.map((one) =>
      one.name === name ? { ...one, statement: 'theirs' } : one,
    ),
  })
  const desired = [source, stream, table]
  expect(planned({ desired, placed, found: changed('clean') })).toMatchObject({
    steps: ['replace clean v1'],
    drifted: ['clean'],
  })
  expect(planned({ desired, placed, found: changed('counts') })).toMatchObject({
    steps: [
      'create counts v2',
      'await counts',
      'promote counts 1>2',
      'drop counts and gold.counts',
    ],
    drifted: ['counts'],
  })
})

test('types are compared as they mean, also inside of lists', () => {
  const lines = { name: 'lines', type: 'ARRAY<STRUCT<`sku` VARCHAR, `quantity` INT>>' }
  const listed = { ...stream, columns: [...stream.columns, lines] }
  const { placed, found } = deployed([source, listed])
  const sources = found.sources.map((one) => ({
    ...one,
    statement: one.name === 'clean' ? 'theirs' : one.statement,
    fields: one.fields.map((field) =>
      field.name === 'lines'
        ? { ...field, type: 'ARRAY<STRUCT<sku STRING, quantity INTEGER>>' }
        : field,
    ),
  }))
  const state = { placed, found: { ...found, sources } }
  expect(planned({ desired: [source, listed], ...state }).steps).toEqual(['replace clean v1'])
})

test('a name or a topic that others have is refused, and what to do is said', () => {
  const { found } = deployed([source, stream])
  const { refused } = planned({ desired: [source, stream], placed: [], found })
  expect(refused.map((one) => one.why)).toEqual([
    'raw is there, and ccs did not make it',
    'clean is there, and ccs did not make it',
  ])
  expect(refused[0]?.hint).toContain('prefix')
  const topics = new Set(['silver.clean'])
  expect(
    planned({ desired: [source, stream], placed: [], found: { sources: [], topics } }).refused,
  ).toMatchObject([{ why: 'the topic silver.clean is there, and ccs did not make it' }])
})

test('what a broken-off deployment has left goes first, readers before what they read', () => {
  const { found } = deployed(project)
  const begun = ['raw', 'clean', 'counts', 'echo']
  const { steps, refused } = planned({ desired: project, placed: [], found, begun })
  expect(refused).toEqual([])
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

test('what somebody else reads is not dropped: the plan says who', () => {
  const { placed, found } = deployed([source, stream])
  const sources = found.sources.map((one) =>
    one.name === 'clean' ? { ...one, readBy: ['THEIRS'] } : one,
  )
  const state = { ...found, sources }
  expect(planned({ desired: [source], placed, found: state }).refused).toMatchObject([
    { name: 'clean', why: 'THEIRS reads it, and ccs did not make that' },
  ])
})

test('models whose names would be one in ksqlDB are refused together', () => {
  const twin = { ...stream, name: 'CLEAN', model: 'silver.CLEAN', topic: 'silver.CLEAN' }
  const { refused } = planned({
    desired: [source, stream, twin],
    placed: [],
    found: { sources: [], topics: new Set() },
  })
  expect(refused).toMatchObject([
    { name: 'CLEAN', why: 'the models silver.clean and silver.CLEAN would both have it' },
  ])
})

test('a prefix goes before sources and topics, in the letters that each may have', () => {
  const naming = namingAt(namesOf('staging-1.'), new Map(), 3)
  const sql = statementOf(stream, naming)
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

test("a seed's topic is one of its own, compacted, with the times that ccs writes", () => {
  expect(topicConfigOf(seed, { retentionMs: '1' })).toEqual({
    'cleanup.policy': 'compact',
    'message.timestamp.type': 'CreateTime',
  })
  const found = { sources: [], topics: new Set(['events.valid', 'seeds.skus']) }
  expect(planned({ desired: seeded, placed: [], found }).refused).toMatchObject([
    { name: 'seeds_skus', why: 'the topic seeds.skus is there, and ccs did not make it' },
  ])
})

test('a seed as it was deployed is not filled again; other rows are another table, and its readers are made anew', () => {
  expect(planned({ desired: seeded, ...deployed(seeded) }).steps).toEqual([])
  const desired = [source, stream, { ...seed, seed: 'rows of now' }, joining]
  const { steps, actions } = planned({ desired, ...deployed(seeded) })
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
    { why: 'seeds_skus is made anew' },
  ])
})

test('a join is never replaced in place, not even where somebody else replaced it', () => {
  const desired = [source, stream, seed, { ...joining, body: { ...bodyOf(joining), where: ['y'] } }]
  const replaced = [
    'create branded v2',
    'await branded',
    'promote branded 1>2',
    'drop branded and silver.branded',
  ]
  expect(planned({ desired, ...deployed(seeded) }).steps).toEqual(replaced)
  const { placed, found } = deployed(seeded)
  const sources = found.sources.map((one) =>
    one.name === 'branded' ? { ...one, statement: 'another' } : one,
  )
  const again = planned({ desired: seeded, placed, found: { ...found, sources } })
  expect(again).toMatchObject({ steps: replaced, drifted: ['branded'] })
})

test('a seed whose topic was deleted is filled anew beside it; one that nothing joins goes, with its topic', () => {
  const { placed, found } = deployed(seeded)
  const topics = new Set([...found.topics].filter((one) => one !== 'seeds.skus'))
  const { steps, drifted } = planned({ desired: seeded, placed, found: { ...found, topics } })
  expect(steps.slice(0, 2)).toEqual(['create seeds_skus v2', 'create branded v2'])
  expect(drifted).toEqual(['seeds_skus'])
  expect(planned({ desired: [source, stream], ...deployed(seeded) }).steps).toEqual([
    'drop branded and silver.branded',
    'drop seeds_skus and seeds.skus',
  ])
})

test('a seed that was filled when the deployment was broken off goes before it is filled again', () => {
  const { placed, found } = deployed([source, stream])
  const topics = new Set([...found.topics, 'seeds.skus'])
  const begun = { begun: ['seeds_skus'], begunTopics: ['seeds.skus'] }
  const cut = planned({ desired: seeded, placed, found: { ...found, topics }, ...begun })
  expect(cut.refused).toEqual([])
  expect(cut.steps).toEqual([
    'remove topic seeds.skus',
    'create seeds_skus v1',
    'create branded v1',
  ])
  const declared = deployed([source, stream, seed]).found
  expect(planned({ desired: seeded, placed, found: declared, ...begun }).steps).toEqual([
    'drop seeds_skus',
    'remove topic seeds.skus',
    'create seeds_skus v1',
    'create branded v1',
  ])
})
