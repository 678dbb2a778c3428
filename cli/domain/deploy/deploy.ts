/**
 * Use case: show the plan, ask for confirmation if rows are rebuilt or lost, apply it. The
 * target is read once for the plan that is shown, and again after it is claimed. What the steps may
 * create is recorded before the first step, and what they created after the last. If the process
 * dies in between, the next plan starts from what exists and knows which of it is ccs's.
 */
import { CcsError } from '../kernel/errors.ts'
import { applySteps, withClaim } from './apply.ts'
import { checkPlannedModels, type DeployTarget, readTarget } from './deploy-target.ts'
import { hasChanges, type Plan } from './plan/plan.ts'
import { printPlan, printStepHead } from './plan/plan-text.ts'
import { findWidestEffect, isEngineStep, type StateEffect } from './plan/step.ts'
import { checkServers, findBlocker } from './preflight.ts'

/** The person who deploys. */
export interface UserPrompt {
  readonly print: (line: string) => void
  /** False also if nobody can be asked. */
  readonly confirm: (question: string) => Promise<boolean>
  /** Shows progress while it runs. */
  readonly whileApplying?: <T>(run: () => Promise<T>) => Promise<T>
}

/** What the command line says about a deployment. */
export interface DeployOptions {
  /** Whether it is confirmed already. */
  readonly yes: boolean
  readonly allowDestructive: boolean
  /** Asks before each change; absent: before one that rebuilds or loses rows. */
  readonly asksAlways?: boolean
  /** What was typed, such as `ccs deploy --target kafka`, for hints. */
  readonly command: string
  /** Fingerprint of a saved plan: no other plan may be applied. */
  readonly fingerprint?: string
}

/** The `--json` document of `ccs deploy`. */
export interface DeployResult {
  readonly target: string
  /** False: there was nothing to do. */
  readonly applied: boolean
  /** The widest effect on stored rows. */
  readonly effect: StateEffect
  /** Number of steps that were applied. */
  readonly steps: number
  /** Serial of the deployment in force. */
  readonly serial: number
  /** Subjects whose new schema the running engine does not know yet. */
  readonly pending: readonly string[]
}

/**
 * Deploys. Throws CCS_PLAN_CHANGES if the plan has refused or destructive steps, or the target
 * changed since the plan was shown or saved, and CCS_USAGE_INVALID if it was not confirmed.
 */
export async function deployTarget(
  target: DeployTarget,
  options: DeployOptions,
  prompt: UserPrompt,
): Promise<DeployResult> {
  const { command } = options
  const first = await readTarget(target)
  requireSamePlan(first.plan, options.fingerprint ?? first.plan.fingerprint)
  await checkPlannedModels(target, first.plan)
  const pending = await target.engine.hold(first.plan.steps.filter(isEngineStep))
  const shown = dropSchemas(first.plan, pending)
  for (const line of printPlan(shown, { withDiff: false })) prompt.print(line)
  const blocker = findBlocker(shown, options)
  if (blocker) throw blocker
  const asks = isCostly(shown) || (options.asksAlways === true && hasChanges(shown))
  if (asks && !options.yes && !(await prompt.confirm('Go on?')))
    throw new CcsError('CCS_USAGE_INVALID', 'Nothing was deployed: the plan was not confirmed.', {
      hint: `To confirm it without a terminal: ${command} --yes`,
    })
  const applied = hasChanges(shown) || shown.record.isNew
  const { whileApplying = (run) => run() } = prompt
  const serial = applied
    ? await whileApplying(() => applyPlan(target, shown, prompt))
    : shown.serial
  if (pending.length > 0)
    prompt.print(
      `The running engine does not know ${pending.join(', ')} yet: ` +
        `stop it, ${command}, start it again.`,
    )
  prompt.print(applied ? `Deployed as no. ${serial}.` : 'Nothing to deploy.')
  const { steps } = shown
  return {
    target: target.name,
    applied,
    effect: findWidestEffect(steps),
    steps: applied ? steps.length : 0,
    serial,
    pending,
  }
}

async function applyPlan(target: DeployTarget, shown: Plan, prompt: UserPrompt): Promise<number> {
  if (target.servers) await checkServers(shown, target.servers, target.desired)
  return withClaim(target, async (claim) => {
    const now = await readTarget(target)
    requireSamePlan(now.plan, shown.fingerprint)
    return applySteps(target, { ...now, plan: keepSteps(now.plan, shown) }, claim, {
      onStep: (step, index, count) => prompt.print(printStepHead(step, index, count)),
    })
  })
}

/** The new plan without the steps that the plan as shown does not have. */
function keepSteps(now: Plan, shown: Plan): Plan {
  const names = new Set(shown.steps.map((step) => `${step.kind} ${step.name}`))
  return { ...now, steps: now.steps.filter((step) => names.has(`${step.kind} ${step.name}`)) }
}

function dropSchemas(plan: Plan, names: readonly string[]): Plan {
  const isLeftOut = ({ kind, name }: Plan['steps'][number]) =>
    kind === 'schema' && names.includes(name)
  return { ...plan, steps: plan.steps.filter((step) => !isLeftOut(step)) }
}

/** Throws CCS_PLAN_CHANGES unless it is the plan that was shown or saved. */
function requireSamePlan(plan: Plan, fingerprint: string): void {
  if (plan.fingerprint === fingerprint) return
  throw new CcsError(
    'CCS_PLAN_CHANGES',
    `The plan no longer fits: target ${plan.target} or the project changed since it was made.`,
    {
      hint: `Nothing was changed. Make the plan again: ccs plan --target ${plan.target}`,
    },
  )
}

/** Whether a plan takes long or can't be undone. */
function isCostly({ steps }: Plan): boolean {
  return findWidestEffect(steps) !== 'none' || steps.some((step) => step.destroys !== undefined)
}
