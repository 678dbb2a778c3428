/** What a real gateway compiles is what the unit tests compare: recorded by CCS_RECORD=1. */
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect } from 'vitest'
import { comparePlans } from '../../cli/engines/flink/plan/compare-plans.ts'
import { parseCompiledPlan } from '../../cli/engines/flink/plan/compiled-plan.ts'
import { flinkTest } from '../fixtures/flink.ts'
import { compileOnGateway, printRecordedPlans, readRecordedPlan } from '../fixtures/flink-plans.ts'
import { compileShop, VERSIONS, type VersionName } from '../fixtures/flink-shop.ts'

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
