/**
 * Use case: show the plan, ask where rows are rebuilt or something is lost, apply it. The target is
 * read once for the plan that is shown, and once more when it is claimed. What the steps may create
 * is recorded before the first of them, and what they made after the last: a deployer may die
 * anywhere in between, and the next plan starts from what exists and knows what is its own.
 */
import { CcsError } from '../kernel/errors.ts'
import { applySteps, withClaim } from './apply.ts'
import { type DeployTarget, readTarget } from './deploy-target.ts'
import { hasChanges, type Plan } from './plan/plan.ts'
import { planLines, stepLine } from './plan/plan-text.ts'
import { isEngineStep, type StateEffect, widestEffect } from './plan/step.ts'
import { checkServers, findBlocker } from './preflight.ts'

/** The person who deploys. */
export interface UserPrompt {
  readonly print: (line: string) => void
  /** False also where nobody can be asked. */
  readonly confirm: (question: string) => Promise<boolean>
  /** Shows that something is under way while it runs. */
  readonly whileApplying?: <T>(run: () => Promise<T>) => Promise<T>
}

/** What the command line says about a deployment. */
export interface DeployOptions {
  /** Confirmed already. */
  readonly yes: boolean
  readonly allowDestructive: boolean
  /** What was typed, such as `ccs deploy --target kafka`, for hints. */
  readonly command: string
  /** Of a saved plan: no other plan may be applied. */
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
  refuseMoved(first.plan, options.fingerprint ?? first.plan.fingerprint)
  const pending = await target.engine.hold(first.plan.steps.filter(isEngineStep))
  const shown = withoutSchemas(first.plan, pending)
  for (const line of planLines(shown, { withDiff: false })) prompt.print(line)
  const blocker = findBlocker(shown, options)
  if (blocker) throw blocker
  if (isCostly(shown) && !options.yes && !(await prompt.confirm('Go on?')))
    throw new CcsError('CCS_USAGE_INVALID', 'Not deployed: it was not confirmed.', {
      hint: `Without a terminal, confirm by a flag: ${command} --yes`,
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
    effect: widestEffect(steps),
    steps: applied ? steps.length : 0,
    serial,
    pending,
  }
}

async function applyPlan(target: DeployTarget, shown: Plan, prompt: UserPrompt): Promise<number> {
  if (target.servers) await checkServers(shown, target.servers, target.desired)
  return withClaim(target, async (claim) => {
    const now = await readTarget(target)
    refuseMoved(now.plan, shown.fingerprint)
    return applySteps(target, { ...now, plan: keepSteps(now.plan, shown) }, claim, {
      onStep: (step, index, count) => prompt.print(stepLine(step, index, count)),
    })
  })
}

/** The plan of now without the steps that were left out of the one that was shown. */
function keepSteps(now: Plan, shown: Plan): Plan {
  const names = new Set(shown.steps.map((step) => `${step.kind} ${step.name}`))
  return { ...now, steps: now.steps.filter((step) => names.has(`${step.kind} ${step.name}`)) }
}

function withoutSchemas(plan: Plan, names: readonly string[]): Plan {
  const isLeftOut = ({ kind, name }: Plan['steps'][number]) =>
    kind === 'schema' && names.includes(name)
  return { ...plan, steps: plan.steps.filter((step) => !isLeftOut(step)) }
}

/** CCS_PLAN_CHANGES unless it is the plan that was shown or saved. */
function refuseMoved(plan: Plan, fingerprint: string): void {
  if (plan.fingerprint === fingerprint) return
  throw new CcsError(
    'CCS_PLAN_CHANGES',
    `The plan no longer fits: target ${plan.target} or the project changed since it was made.`,
    { hint: `Nothing was touched. Make it again: ccs plan --target ${plan.target}` },
  )
}

/** Whether it takes long or can't be undone. */
function isCostly({ steps }: Plan): boolean {
  return widestEffect(steps) !== 'none' || steps.some((step) => step.destroys !== undefined)
}
