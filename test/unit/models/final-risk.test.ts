/** Which Gold models are computed before each commit, because their final rows can fail. */
import { expect, test } from 'vitest'
import { withDuck } from '../../../cli/adapters/duckdb/with-duck.ts'
import { openLogic } from '../../../cli/app/project-logic.ts'
import type { Logic } from '../../../cli/domain/models/logic.ts'
import { compileModels } from '../../../cli/engines/embedded/compile.ts'
import { loadProject } from '../../../cli/project.ts'
import { ROOT } from '../../e2e/run-ccs.ts'

const project = await loadProject(ROOT, { env: {} })

async function listChecked({ graph, macros }: Logic): Promise<readonly string[]> {
  const models = await withDuck({ threads: 1 }, (connection) =>
    compileModels(connection, graph, macros),
  )
  return models.filter(({ gold }) => gold?.mayFail).map(({ model }) => model.name)
}

const windowModel = (column: string) => `/*
kind: window
grain: one row per day
key: [day]
time: event_time
window: 1 day
lateness: 10 minutes
*/
-- A day.
SELECT CAST(time_bucket(INTERVAL 1 DAY, event_time) AS DATE) AS day, ${column} AS value
FROM silver.events
GROUP BY CAST(time_bucket(INTERVAL 1 DAY, event_time) AS DATE)
`

test('no model of the project needs the check', async () => {
  const logic = await openLogic(project)
  expect(logic.graph.filter(({ model }) => model.kind === 'window').length).toBeGreaterThan(2)
  expect(await listChecked(logic)).toEqual([])
})

test('a cast, and a function that may fail on a value, need it', async () => {
  const columns = {
    cast: 'CAST(max(page) AS INTEGER)',
    narrow_sum: 'CAST(sum(results_count) AS INTEGER)',
    few_digits: 'CAST(sum(revenue) AS DECIMAL(10, 2))',
    function: "strptime(max(page), '%Y')",
    product: 'sum(results_count) * sum(results_count)',
    nested: 'CASE WHEN count(*) > 1 THEN CAST(min(page) AS DATE) END',
    safe_cast: 'TRY_CAST(max(page) AS INTEGER)',
    text: 'CAST(count(*) AS VARCHAR)',
    wide_sum: 'CAST(sum(revenue) + sum(tax) AS DECIMAL(18, 2))',
    plain: "coalesce(max(page), '') || min(device)",
  }
  const own = Object.entries(columns).map(([name, column]) => {
    return { file: `sql/gold/${name}.sql`, text: windowModel(column) }
  })
  const base = project.models.filter(({ file }) => /(bronze|silver)\/events\.sql$/.test(file))
  const logic = await openLogic({ ...project, models: [...base, ...own] })
  const names = ['cast', 'few_digits', 'function', 'narrow_sum', 'nested', 'product']
  expect([...(await listChecked(logic))].sort()).toEqual(names.map((name) => `gold.${name}`))
})
