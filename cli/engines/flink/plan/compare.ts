/** Completes and compares compiled plans, as the record has them. */
import type { Model } from '../../../domain/models/model.ts'
import { comparePlans } from './compare-plans.ts'
import { parseCompiledPlan, printCompiledPlan } from './compiled-plan.ts'
import type { JobComparison } from './plan.ts'
import { setStateTtl } from './state-ttl.ts'

/** A plan in which each operator has its time to live. */
export interface CompletedPlan {
  readonly plan: string
  /** A sentence for each state that grows without end. */
  readonly endless: readonly string[]
}

/** Sets the times to live. CCS_ENGINE_REFUSED for a text that is no plan. */
export function completePlanText(text: string, models: readonly Model[]): CompletedPlan {
  const { plan, states } = setStateTtl(parseCompiledPlan(text), models)
  const endless = states.filter((one) => one.bound === undefined)
  return {
    plan: printCompiledPlan(plan),
    endless: endless.map(
      ({ model, operator, keys }) =>
        `${model}: its ${operator} by ${keys.join(', ')} grows without end, as no time bounds it`,
    ),
  }
}

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

/** Turns a sentence into a part of another one: no capital, no full stop. */
function toClause(text: string): string {
  return `${text.charAt(0).toLowerCase()}${text.slice(1).replace(/\.$/, '')}`
}
