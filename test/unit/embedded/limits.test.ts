/** Which models the check of limits runs on: what a plan changes, and all that it reads. */
import { expect, test } from 'vitest'
import { openLogic } from '../../../cli/app/project-logic.ts'
import { makeStep, type Step } from '../../../cli/domain/deploy/plan/step.ts'
import { CcsError } from '../../../cli/domain/kernel/errors.ts'
import { requireLimits } from '../../../cli/engines/embedded/limits.ts'
import { loadProject } from '../../../cli/project.ts'
import { ROOT } from '../../e2e/run-ccs.ts'

/** The project with a model that fails, and one that reads it. */
async function openFaultyLogic() {
  const project = await loadProject(ROOT, { env: {} })
  const header = 'kind: view\ngrain: one row per order\nkey: [event_id]\n'
  const view = (name: string, select: string) => {
    return { file: `sql/silver/${name}.sql`, text: `/*\n${header}*/\n${select}\n` }
  }
  const models = [
    ...project.models,
    view('cheap', 'SELECT event_id, CAST(total AS SMALLINT) AS total FROM silver.orders'),
    view('cheaper', 'SELECT event_id, total - 1 AS less FROM silver.cheap'),
  ]
  return openLogic({ ...project, models })
}

test('a plan checks what it changes and reads; a changed schema, all; no change, nothing', {
  timeout: 60_000,
}, async () => {
  const logic = await openFaultyLogic()
  const faultsOf = async (...steps: Step[]): Promise<readonly string[]> => {
    const failure = await requireLimits(logic, steps, 'UTC').catch((error: unknown) => error)
    if (!(failure instanceof CcsError)) return []
    return [failure, ...failure.others].map(({ location }) => `${location?.file}:${location?.line}`)
  }
  const change = (name: string, action: Step['action'] = 'change') =>
    makeStep({ kind: 'model', action, name, reason: 'its SQL or header changed' })
  const schema = makeStep({
    kind: 'schema',
    action: 'add',
    name: 'events.raw-value',
    reason: 'new',
  })
  const cheap = 'sql/silver/cheap.sql:6'
  expect(await faultsOf()).toEqual([])
  expect(await faultsOf(change('silver.cheap', 'remove'))).toEqual([])
  expect(await faultsOf(change('silver.page_view'))).toEqual([])
  expect(await faultsOf(change('silver.cheaper'))).toEqual([cheap])
  expect(await faultsOf(schema)).toEqual([cheap])
})
