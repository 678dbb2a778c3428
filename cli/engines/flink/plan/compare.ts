/** Compares the compiled plans of the deployed job and of the next one, as the record has them. */
import { comparePlans } from './compare-plans.ts'
import { parseCompiledPlan, printCompiledPlan } from './compiled-plan.ts'
import type { JobComparison } from './plan.ts'

/** CCS_ENGINE_REFUSED for a text that is no plan. */
export function comparePlanTexts(stored: string, next: string): JobComparison {
  const { kind, plan, reasons, dropsState } = comparePlans(
    parseCompiledPlan(stored),
    parseCompiledPlan(next),
  )
  return {
    kind,
    plan: kind === 'same' ? stored : printCompiledPlan(plan),
    reasons: reasons.map(({ model, text }) => ({ model, text: toClause(text) })),
    dropsState,
  }
}

/** A sentence as a part of another. */
function toClause(text: string): string {
  return `${text.charAt(0).toLowerCase()}${text.slice(1).replace(/\.$/, '')}`
}
