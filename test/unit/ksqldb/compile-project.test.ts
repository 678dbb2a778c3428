/** All models of a project as streams and tables of ksqlDB. */
import { expect, test } from 'vitest'
import type { Model } from '../../../cli/domain/models/model.ts'
import { compileProjectRelations } from '../../../cli/engines/ksqldb/compile/relations.ts'
import { NOT_ON_KSQLDB } from '../../fixtures/ksqldb-shop.ts'
import { compileProject, projectModels } from '../dialects/compile-bench.ts'
import { openTestDuck } from '../model-files.ts'

async function compile(models: readonly Model[]) {
  const duck = await openTestDuck()
  try {
    return compileProjectRelations(await compileProject(models, duck))
  } finally {
    duck.close()
  }
}

const MODELS = projectModels().filter((one) => !NOT_ON_KSQLDB.includes(one.name))

test('notes name the models whose rows can differ from those of other engines', async () => {
  const { notes } = await compile(MODELS)
  const differing = [...notes].filter(([, sentences]) => sentences.length > 0)
  expect(differing.map(([name]) => name)).toEqual([
    'bronze.events',
    'silver.events',
    'gold.sessions',
  ])
})

test('each key that deduplicates has a table, and Silver has the rows that are first in all', async () => {
  const { relations } = await compile(MODELS)
  const own = relations.filter((one) => one.model === 'silver.events')
  expect(own.map(({ name, kind, over, body }) => [name, kind, over ?? body?.from])).toEqual([
    ['silver_events_seen', 'table', 'bronze_events'],
    ['silver_events_counted', 'stream', 'silver_events_seen'],
    ['silver_events_seen_2', 'table', 'silver_events_counted'],
    ['silver_events_counted_2', 'stream', 'silver_events_seen_2'],
    ['silver_events', 'stream', 'silver_events_counted_2'],
  ])
  expect(own[0]?.body?.groupBy?.join()).toContain('`order_id`')
  expect(own[2]?.body?.groupBy).toEqual(['`event_id`'])
  expect(own[4]?.body?.where).toEqual(['`_n` = 1', '`_n_2` = 1'])
})
