/** Plans that a gateway compiled, compared: which state of a job may be restored into which node. */
import { describe, expect, test } from 'vitest'
import { comparePlans, type PlanComparison } from '../../../cli/engines/flink/plan/compare-plans.ts'
import {
  type CompiledPlan,
  parseCompiledPlan,
  printCompiledPlan,
  readTable,
} from '../../../cli/engines/flink/plan/compiled-plan.ts'
import { readRecordedPlan } from '../../fixtures/flink-plans.ts'
import { VERSIONS, type VersionName } from '../../fixtures/flink-shop.ts'

const stored = readRecordedPlan('nothing')
const lastId = Math.max(...stored.nodes.map((one) => one.id))

function compare(name: VersionName, options = {}): PlanComparison {
  return comparePlans(stored, readRecordedPlan(name), options)
}

const EXPECTED: Readonly<
  Record<VersionName, readonly [PlanComparison['kind'], string, string | undefined]>
> = {
  nothing: ['same', '', undefined],
  'a stateless change': ['restorable', 'It computes order_id otherwise', 'silver.orders'],
  'an added stream': ['restorable', 'It is new: its topic gets', 'silver.searches'],
  'an added window': ['rebuild', 'It is new and aggregates', 'gold.orders_1h'],
  'a removed stream': ['restorable', 'It is removed, and its state with it', 'silver.orders'],
  'a removed window': ['restorable', 'It is removed, and its state with it', 'gold.pages_1h'],
  'another window': [
    'rebuild',
    'size PT5M; before: Tumbling window, size PT1M',
    'gold.activity_1m',
  ],
  'another distinct column': [
    'rebuild',
    'COUNT(DISTINCT session_id) AS visitors; before: COUNT(DISTINCT anonymous_id)',
    'gold.activity_1m',
  ],
  'another key': ['rebuild', 'It has other keys (order_id; before: page)', 'gold.pages_1h'],
  'a new column of the source': ['restorable', 'It has the new loyalty', 'bronze.events'],
  'an added event type': ['restorable', 'Events are read by another schema', undefined],
  'another lateness': [
    'rebuild',
    'reads other rows, by a condition or a lateness',
    'gold.activity_1m',
  ],
  'another lateness of sessions': ['rebuild', 'waits for late events', 'gold.sessions'],
  'another watermark': ['rebuild', 'It reads other rows', 'gold.activity_1m'],
  'another key of duplicates': ['rebuild', 'before: event_id', 'silver.events'],
  'another pause': ['rebuild', 'gap PT20M; before: Session window, gap PT30M', 'gold.sessions'],
  'a new column of sessions': [
    'rebuild',
    'It keeps other columns of its rows (page',
    'gold.sessions',
  ],
  'another name of a column': [
    'restorable',
    'It has the new page_views, loses views',
    'gold.pages_1h',
  ],
  'another rule for bots': ['rebuild', 'It reads other rows', 'gold.activity_1m'],
  'one more aggregate': ['rebuild', 'COUNT(DISTINCT anonymous_id) AS visitors', 'gold.pages_1h'],
  'another filter': ['rebuild', 'It reads other rows', 'gold.pages_1h'],
}

test.each(Object.keys(VERSIONS) as readonly VersionName[])('an upgrade by %s', (name) => {
  const { kind, reasons } = compare(name)
  const [expected, text, model] = EXPECTED[name]
  expect({ kind, reasons }).toMatchObject({ kind: expected })
  if (text === '') expect(reasons).toEqual([])
  else expect(reasons).toContainEqual({ model, text: expect.stringContaining(text) })
})

describe('of a plan that is restorable', () => {
  test('each state keeps its id, and new nodes have ids above all', () => {
    const { plan, dropsState, fromNow } = compare('an added stream')
    const ids = new Set(plan.nodes.map((one) => one.id))
    const kept = stored.nodes.filter(({ type }) => !type.includes('calc'))
    expect(kept.filter((one) => !ids.has(one.id))).toEqual([])
    const added = plan.nodes.find((one) => readTable(one)?.name === 'silver_searches_topic')
    expect(added?.id).toBeGreaterThan(lastId)
    expect({ dropsState, fromNow }).toEqual({ dropsState: false, fromNow: ['silver.searches'] })
    expect(parseCompiledPlan(printCompiledPlan(plan)).edges).toHaveLength(plan.edges.length)
  })

  test('a state that nobody takes is reported, since Flink refuses it', () => {
    expect(compare('a removed stream').dropsState).toBe(true)
    expect(compare('a removed window').dropsState).toBe(true)
    expect(compare('a stateless change').dropsState).toBe(false)
  })

  test('only the sinks whose columns change get other rows', () => {
    expect(compare('a new column of the source').fromNow).toEqual([
      'bronze.events',
      'silver.events',
    ])
  })
})

test('a new window begins in a running job only if that is allowed', () => {
  expect(compare('an added window', { mayBeginNow: true })).toMatchObject({
    kind: 'restorable',
    fromNow: ['gold.orders_1h'],
  })
})

test('going back from an upgrade is judged like any other', () => {
  const back = (name: VersionName) => comparePlans(readRecordedPlan(name), stored)
  expect(back('an added stream')).toMatchObject({ kind: 'restorable', dropsState: true })
  expect(back('another distinct column').kind).toBe('rebuild')
  expect(back('a removed window')).toMatchObject({ kind: 'rebuild', fromNow: ['gold.pages_1h'] })
})

/** The stored plan with another value in place of each number, text and flag of an attribute. */
function* mutate(type: string, attribute: string): Generator<CompiledPlan> {
  for (const node of stored.nodes.filter((one) => one.type.includes(type)))
    for (const value of mutateValue(node.json[attribute])) {
      const json = { ...node.json, [attribute]: value }
      const nodes = stored.nodes.map((one) => (one === node ? { ...one, json } : one))
      yield { ...stored, nodes }
    }
}

function* mutateValue(value: unknown): Generator<unknown> {
  if (typeof value === 'number') yield value === -1 ? 0 : value + 1
  if (typeof value === 'boolean') yield !value
  if (typeof value === 'string') yield `${value}X`
  if (typeof value !== 'object' || value === null) return
  for (const [key, one] of Object.entries(value)) {
    // Aliases, and how many columns there are, say nothing of a state.
    if (key === 'name' || key === 'originalInputFields') continue
    for (const other of mutateValue(one))
      yield Array.isArray(value) ? value.with(Number(key), other) : { ...value, [key]: other }
  }
}

test.each([
  ['group-aggregate', 'grouping'],
  ['group-aggregate', 'aggCalls'],
  ['group-aggregate', 'needRetraction'],
  ['group-aggregate', 'aggCallNeedRetractions'],
  ['window-aggregate', 'grouping'],
  ['window-aggregate', 'aggCalls'],
  ['window-aggregate', 'windowing'],
  ['window-table-function', 'windowing'],
  ['over-aggregate', 'overSpec'],
  ['deduplicate', 'uniqueKeys'],
  ['deduplicate', 'keepLastRow'],
])('no change in %s of %s is restored', (type, attribute) => {
  const kinds = [...mutate(type, attribute)].map((one) => comparePlans(stored, one).kind)
  expect(kinds.length).toBeGreaterThan(0)
  expect(new Set(kinds)).toEqual(new Set(['rebuild']))
})

describe('what is not proven is not restored', () => {
  const change = (from: string, to: string) =>
    comparePlans(stored, parseCompiledPlan(printCompiledPlan(stored).replaceAll(from, to)))

  test('a type of node that ccs does not know', () => {
    expect(change('stream-exec-deduplicate_1', 'stream-exec-deduplicate_2')).toMatchObject({
      kind: 'rebuild',
      reasons: [
        { text: expect.stringContaining("ccs can't tell what stream-exec-deduplicate_2 does") },
      ],
    })
  })

  test('a plan of another Flink', () => {
    const text = expect.stringContaining('compiled by Flink 2.3, this plan by 2.4')
    expect(change('"flinkVersion": "2.3"', '"flinkVersion": "2.4"')).toMatchObject({
      kind: 'rebuild',
      reasons: [{ model: undefined, text }],
    })
  })

  test('another topic of the source, and other brokers', () => {
    expect(change('events.valid', 'events.other').kind).toBe('rebuild')
    expect(change('KAFKA_BOOTSTRAP_SERVERS', 'OTHER').kind).toBe('rebuild')
  })

  test('a sink that writes to another topic begins without the former', () => {
    expect(change('}gold.pages_1h', '}gold.pages')).toMatchObject({
      kind: 'restorable',
      dropsState: true,
      fromNow: ['gold.pages_1h'],
    })
  })
})

test('numbers stay as Flink wrote them', () => {
  const plan =
    '{"flinkVersion":"2.3","nodes":[{"id":1,"type":"t","values":[9223372036854775807,1.50,-2,"1.50"]}],"edges":[]}'
  const printed = printCompiledPlan(parseCompiledPlan(plan))
  expect(printed.replace(/\s/g, '')).toContain('[9223372036854775807,1.50,-2,"1.50"]')
})

test.each(['', '[]', '{}', '{"flinkVersion":"2.3","nodes":[{"id":"1"}],"edges":[]}', '{"nodes"'])(
  'a text that is no plan is refused: %s',
  (text) => {
    expect(() => parseCompiledPlan(text)).toThrow('not a compiled plan of Flink')
  },
)
