/** What a real gateway compiles is what the unit tests compare: recorded by CCS_RECORD=1. */
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { locateInModel } from '../../cli/engines/flink/compile/places.ts'
import { comparePlans } from '../../cli/engines/flink/plan/compare-plans.ts'
import { parseCompiledPlan } from '../../cli/engines/flink/plan/compiled-plan.ts'
import { flinkTest } from '../fixtures/flink.ts'
import { ODD_MODEL } from '../fixtures/flink-odd-model.ts'
import { compileOnGateway, printRecordedPlans, readRecordedPlan } from '../fixtures/flink-plans.ts'
import { compileShop, VERSIONS, type VersionName } from '../fixtures/flink-shop.ts'
import { compileTest, projectModels } from '../unit/dialects/compile-bench.ts'

const NAMES = Object.keys(VERSIONS) as readonly VersionName[] // keys of VERSIONS

flinkTest('plans of the small shop are those that are recorded', async (gateway) => {
  const names = process.env.CCS_RECORD ? NAMES : (['nothing', 'an added window'] as const)
  const plans = new Map<string, ReturnType<typeof parseCompiledPlan>>()
  for (const name of names)
    plans.set(name, parseCompiledPlan(await compileOnGateway(gateway, await compileShop(name))))
  if (process.env.CCS_RECORD)
    writeFileSync(
      path.join(import.meta.dirname, '../fixtures/flink/plans.json'),
      printRecordedPlans(plans),
    )
  for (const [name, plan] of plans)
    expect(comparePlans(readRecordedPlan(name), plan), name).toMatchObject({ kind: 'same' })
})

flinkTest('an error of Flink names the line of the model', async (gateway) => {
  const compiled = await compileTest([...projectModels(), ODD_MODEL], 'flink')
  const session = await gateway.openSession()
  onTestFinished(() => session.close())
  const errors: unknown[] = []
  for (const { model, compiled: made } of compiled.filter(
    (one) => one.compiled.faults.length === 0,
  ))
    for (const statement of made.statements.filter((one) => one.what !== 'insert'))
      await session
        .execute(statement.sql, {
          locate: (line, column) => locateInModel(model, statement, line, column),
        })
        .catch((error: unknown) => errors.push(error))
  expect(errors).toMatchObject([
    {
      code: 'CCS_ENGINE_REFUSED',
      message: expect.stringContaining(
        "Cannot apply '=' to arguments of type '<BOOLEAN> = <INTEGER>'",
      ),
      location: { file: 'sql/silver/odd.sql', line: 10, column: 3 },
    },
  ])
})
