/** A plan for a cluster as a document: what `--json` prints, and what `--out` keeps to be applied later. */

import { CcsError, EXIT } from '../../kernel/errors.ts'
import { type StateEffect, widestEffect } from './plan.ts'
import { type ClusterPlan, stepsOf } from './target-plan.ts'
import type { ClusterStep } from './target-step.ts'

const FORMAT = 1

/** Texts of models, schemas and configs are left to the diff. */
export interface ClusterPlanResult {
  readonly format: typeof FORMAT
  readonly target: string
  /** Of the deployment that it was made against; 0 before the first. */
  readonly serial: number
  /** The last deployment was broken off. */
  readonly unfinished: boolean
  readonly changes: number
  /** Steps that undo or repair what others changed. */
  readonly drift: number
  readonly unchanged: number
  /** The widest effect on stored rows. */
  readonly effect: StateEffect
  readonly steps: readonly Omit<ClusterStep, 'before' | 'after'>[]
  readonly remarks: readonly string[]
  /** Of all that it was made from: `ccs deploy FILE` applies it only while that is the same. */
  readonly fingerprint: string
}

export function clusterPlanResult(plan: ClusterPlan): ClusterPlanResult {
  const steps = stepsOf(plan)
  return {
    format: FORMAT,
    target: plan.target,
    serial: plan.serial,
    unfinished: plan.isUnfinished,
    changes: steps.length,
    drift: steps.filter((step) => step.drift).length,
    unchanged: plan.unchanged,
    effect: widestEffect(plan.models),
    steps: steps.map(({ before: _before, after: _after, ...step }) => step),
    remarks: plan.remarks,
    fingerprint: plan.fingerprint,
  }
}

/** What a saved plan must be known by again. CCS_USAGE_INVALID for a file that is none. */
export function readSavedPlan(
  file: string,
  text: string,
): Pick<ClusterPlanResult, 'target' | 'fingerprint'> {
  const { format, target, fingerprint } = parsed(text)
  if (format === FORMAT && typeof target === 'string' && typeof fingerprint === 'string')
    return { target, fingerprint }
  throw new CcsError('CCS_USAGE_INVALID', `${file} is not a plan.`, {
    exit: EXIT.usage,
    hint: `Make one: ccs plan --target NAME --out ${file}`,
  })
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text)
    // Any object has string keys.
    return value !== null && typeof value === 'object' ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
