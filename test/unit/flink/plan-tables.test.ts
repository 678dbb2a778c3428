import { expect, test } from 'vitest'
import { toDialectInputs } from '../../../cli/domain/dialects/compile.ts'
import type { Model } from '../../../cli/domain/models/model.ts'
import { parseModel } from '../../../cli/domain/models/parse-model.ts'
import { compileModel } from '../../../cli/engines/flink/compile/dialect.ts'
import { type PlannedTable, planTables } from '../../../cli/engines/flink/query/plan-tables.ts'
import { compileProject, projectModels } from '../dialects/compile-bench.ts'
import { openTestDuck } from '../model-files.ts'

async function plan(
  models: readonly Model[] = projectModels(),
  without: readonly string[] = [],
): Promise<ReadonlyMap<string, PlannedTable['source']>> {
  const duck = await openTestDuck()
  try {
    const project = await compileProject(models, duck)
    const reads = new Map(project.models.map((one) => [one.model.name, one.reads]))
    const planned = planTables({
      models: toDialectInputs(project).map((input) => {
        const own = reads.get(input.model.name) ?? []
        return { input, compiled: compileModel(input), reads: own }
      }),
      macros: project.macros,
      findTopic: (name) => (without.includes(name) ? undefined : `shop.${name}`),
    })
    return new Map(planned.map(({ model, source }) => [model.name, source]))
  } finally {
    duck.close()
  }
}

const changed = (name: string, change: (text: string) => string) =>
  projectModels().map((one) => (one.name === name ? parseModel(one.file, change(one.text)) : one))

test('rows come from topics, or from SQL where a topic leaves out sessions under way', async () => {
  const sources = await plan()
  const from = (kind: string) => [...sources].filter(([, one]) => one.from === kind).map(([n]) => n)
  expect(from('sessions')).toEqual(['gold.sessions'])
  expect(from('sql').sort()).toEqual([
    ...['gold.campaign_daily', 'gold.device_daily', 'gold.funnel_daily', 'gold.right_now'],
    'silver.people',
  ])
  expect(from('nowhere')).toEqual([])
  expect(sources.get('gold.revenue_daily')).toEqual({
    ...{ from: 'topic', topic: 'shop.gold.revenue_daily', isKeyed: true },
  })
  expect(sources.get('silver.orders')).toEqual({
    ...{ from: 'topic', topic: 'shop.silver.orders', isKeyed: false },
  })
})

test('open sessions need the events behind the view that they read, and few of their columns', async () => {
  const source = (await plan()).get('gold.sessions')
  if (source?.from !== 'sessions') throw new Error('no sessions')
  const { rows, events, topic, columns, time, span } = source.open
  expect([rows.name, events.name, topic, time]).toEqual([
    ...['silver.people', 'silver.events', 'shop.silver.events', 'event_time'],
  ])
  expect(columns).toEqual(expect.arrayContaining(['anonymous_id', 'is_bot', 'late_ms', 'revenue']))
  expect(columns).not.toContain('items')
  expect(span).toEqual({
    ...{ keys: [['anonymous_id', 'anonymous_id']], start: 'session_start', end: 'session_end' },
  })
})

test.each([
  [
    'its sessions do not say when they end',
    (text: string) => text.replace(/max\(event_time\) +AS/, 'min(event_time) AS'),
  ],
  ['nor when they begin', (text: string) => text.replace(/^ {2}session_start,$/m, '')],
])('all sessions are computed from all events where %s', async (_why, change) => {
  const sources = await plan(changed('gold.sessions', change))
  expect(sources.get('gold.sessions')).toEqual({ from: 'sql' })
})

test('a view that is not its events’ rows as they are has all sessions computed', async () => {
  const sources = await plan(
    changed('silver.people', (text) => text.replace('SELECT *', 'SELECT * EXCLUDE (page)')),
  )
  expect(sources.get('gold.sessions')).toEqual({ from: 'sql' })
})

test('a model without a topic is computed, if what it reads is somewhere', async () => {
  const sources = await plan(projectModels(), ['bronze.events', 'gold.activity_1m'])
  expect(sources.get('gold.activity_1m')).toEqual({ from: 'sql' })
  expect(sources.get('bronze.events')).toEqual({
    from: 'nowhere',
    why: 'bronze.events has no topic, and neither has raw.events, which it reads.',
  })
  const none = await plan(projectModels(), ['bronze.events', 'silver.events', 'silver.refunds'])
  expect(none.get('silver.refunds')).toMatchObject({ from: 'nowhere' })
  expect(none.get('silver.orders')).toMatchObject({ from: 'topic' })
  expect(none.get('gold.right_now')).toMatchObject({ from: 'nowhere' })
})
