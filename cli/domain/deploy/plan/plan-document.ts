/** A plan as the document that `--json` prints and `--out` saves to be applied later. */
import { CcsError } from '../../kernel/errors.ts'
import { asObject, parseJson } from '../../kernel/json.ts'
import type { Plan } from './plan.ts'
import { findWidestEffect, type StateEffect, type Step } from './step.ts'

const FORMAT = 1

/** The `--json` document of `ccs plan`. Texts of resources are left to `ccs diff`. */
export interface PlanDocument {
  readonly format: typeof FORMAT
  readonly target: string
  /** Serial of the deployment that the plan was made against; 0 before the first. */
  readonly serial: number
  /** Whether the last deployment broke off. */
  readonly unfinished: boolean
  /** Number of steps. */
  readonly changes: number
  /** Number of steps that undo or repair what others changed. */
  readonly drift: number
  readonly unchanged: number
  /** The widest effect on stored rows. */
  readonly effect: StateEffect
  readonly steps: readonly Omit<Step, 'before' | 'after' | 'operations'>[]
  readonly remarks: readonly string[]
  /** `ccs deploy FILE` applies the plan only while this is the same. */
  readonly fingerprint: string
}

/** Turns a plan into its document. */
export function toPlanDocument(plan: Plan): PlanDocument {
  const { target, serial, isUnfinished, steps, unchanged, remarks, fingerprint } = plan
  return {
    format: FORMAT,
    target,
    serial,
    unfinished: isUnfinished,
    changes: steps.length,
    drift: steps.filter((step) => step.drift).length,
    unchanged,
    effect: findWidestEffect(steps),
    steps: steps.map(({ before: _before, after: _after, operations: _operations, ...step }) => {
      return step
    }),
    remarks,
    fingerprint,
  }
}

/** Reads what identifies a saved plan. CCS_USAGE_INVALID if the file is not a plan. */
export function readSavedPlan(
  file: string,
  text: string,
): Pick<PlanDocument, 'target' | 'fingerprint'> {
  const { format, target, fingerprint } = asObject(parseJson(text))
  if (format === FORMAT && typeof target === 'string' && typeof fingerprint === 'string')
    return { target, fingerprint }
  throw new CcsError('CCS_USAGE_INVALID', `${file} is not a plan.`, {
    hint: `Make one: ccs plan --target NAME --out ${file}`,
  })
}
