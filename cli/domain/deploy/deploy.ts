/**
 * Carries out a plan on a cluster: the target is claimed, the plan made again from what is there then, the record of
 * what may be made is saved before the first step and that of what was made after the last. A deployer may die
 * anywhere in between: the next plan starts from what it finds, and knows by the record what is its own.
 */

import type { Clock } from '../kernel/clock.ts'
import { CcsError, EXIT } from '../kernel/errors.ts'
import { carryOut } from './apply-operation.ts'
import { DEPLOYMENT_FORMAT, type DeployedResource, type Deployment } from './deployment.ts'
import type { DeploymentClaim } from './deployment-store.ts'
import type { DesiredState } from './plan/desired.ts'
import { type ClusterPlan, hasChanges } from './plan/target-plan.ts'
import type { ClusterStep, Task } from './plan/target-step.ts'
import { clusterRefusal, preflight } from './preflight.ts'
import type { ClusterPorts } from './read.ts'
import type { ModelsWork } from './target-models.ts'

export interface ClusterDeployParts {
  readonly ports: ClusterPorts
  readonly desired: DesiredState
  readonly clock: Clock
  /** user@host */
  readonly by: string
  /** Made anew from what is there now. */
  readonly plan: () => Promise<ClusterPlan>
  /** The model steps of the plan, all at once. */
  readonly deployModels: (plan: ClusterPlan, work: ModelsWork) => Promise<void>
  /** After each thing that is done: where a test ends the process. */
  readonly onReached?: () => void
}

export interface ClusterDeployOptions {
  /** Of the plan that was shown; the deployment is refused when another one is due. */
  readonly fingerprint: string
  readonly allowDestructive: boolean
  /** What was typed, for the hint. */
  readonly command: string
  readonly onStep?: (step: ClusterStep, index: number, count: number) => void
}

export interface ClusterDeployResult {
  readonly target: string
  readonly applied: boolean
  /** Of the deployment in force. */
  readonly serial: number
  readonly steps: number
}

export async function deployCluster(
  parts: ClusterDeployParts,
  options: ClusterDeployOptions,
): Promise<ClusterDeployResult> {
  const shown = await parts.plan()
  refuseMoved(shown, options)
  const { target, serial } = shown
  if (!hasChanges(shown) && !shown.isNewRecord) return { target, applied: false, serial, steps: 0 }
  const refused = clusterRefusal(shown, options)
  if (refused) throw refused
  await preflight(shown, parts.ports, parts.desired)
  return claimed(parts, async (claim) => {
    const plan = await parts.plan()
    refuseMoved(plan, options)
    const saved = await takeSteps(plan, claim, parts, options)
    return { target, applied: true, serial: saved.serial, steps: countOf(plan.tasks) }
  })
}

/** Runs with the target claimed; the claim is given back whatever happens. */
export async function claimed<T>(
  parts: Pick<ClusterDeployParts, 'ports' | 'by'>,
  run: (claim: DeploymentClaim) => Promise<T>,
): Promise<T> {
  const claim = await parts.ports.deployments.claim(parts.by)
  try {
    return await run(claim)
  } finally {
    await claim.release()
  }
}

async function takeSteps(
  plan: ClusterPlan,
  claim: DeploymentClaim,
  parts: ClusterDeployParts,
  options: ClusterDeployOptions,
): Promise<Deployment> {
  // A deployment that was broken off is gone on with under its own number.
  const serial = plan.isUnfinished ? plan.serial : plan.serial + 1
  let engine = (await parts.ports.deployments.load())?.engine
  const save = async (resources: readonly DeployedResource[], complete: boolean) => {
    const deployment: Deployment = {
      format: DEPLOYMENT_FORMAT,
      serial,
      epoch: claim.epoch,
      complete,
      deployedMs: parts.clock.nowMs(),
      by: parts.by,
      resources,
      ...(engine === undefined ? {} : { engine }),
    }
    await claim.save(deployment)
    parts.onReached?.()
    return deployment
  }
  if (plan.tasks.length > 0) await save(plan.intent, false)
  let isKept = false
  await takeTasks(plan, claim, parts, {
    ...options,
    keep: async (text) => {
      engine = text
      isKept = true
      await save(plan.intent, false)
    },
  })
  if (!isKept) engine = plan.engine ?? engine
  return save(plan.resources, true)
}

/** Step by step, each only while the target is still ours. */
export async function takeTasks(
  plan: ClusterPlan,
  claim: DeploymentClaim,
  parts: ClusterDeployParts,
  options: Pick<ClusterDeployOptions, 'onStep'> & Pick<ModelsWork, 'keep'>,
): Promise<void> {
  const work: ModelsWork = {
    keep: options.keep,
    check: () => claim.check(),
    onReached: () => parts.onReached?.(),
  }
  const count = countOf(plan.tasks)
  let index = 0
  for (const { steps, operations } of plan.tasks) {
    for (const step of steps) options.onStep?.(step, ++index, count)
    for (const operation of operations) {
      await claim.check()
      await carryOut(operation, { ...parts, deployModels: () => parts.deployModels(plan, work) })
      parts.onReached?.()
    }
  }
}

function countOf(tasks: readonly Task[]): number {
  return tasks.reduce((sum, task) => sum + task.steps.length, 0)
}

/** CCS_PLAN_CHANGES when it is not the plan that was shown or saved. */
export function refuseMoved(
  plan: ClusterPlan,
  options: Pick<ClusterDeployOptions, 'fingerprint'>,
): void {
  if (plan.fingerprint === options.fingerprint) return
  throw new CcsError(
    'CCS_PLAN_CHANGES',
    `The plan no longer fits: target ${plan.target} or the project changed since it was made.`,
    {
      exit: EXIT.changes,
      hint: `Nothing was touched. Look again: ccs plan --target ${plan.target}`,
    },
  )
}
