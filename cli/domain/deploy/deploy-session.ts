/**
 * Use case: show the plan, ask where something would be lost or made anew, carry it out. The same for `ccs deploy` and
 * `ccs rollback`, which differ in what they want of the cluster.
 */

import { CcsError, EXIT } from '../kernel/errors.ts'
import type { ClusterReading } from './adopt-resources.ts'
import {
  type ClusterDeployParts,
  type ClusterDeployResult,
  deployCluster,
  refuseMoved,
} from './deploy.ts'
import { widestEffect } from './plan/plan.ts'
import { type ClusterPlan, hasChanges, stepsOf } from './plan/target-plan.ts'
import { clusterPlanLines, SIGNS } from './plan/target-plan-text.ts'
import { clusterRefusal } from './preflight.ts'

export interface SessionParts {
  readonly parts: ClusterDeployParts
  read(): Promise<ClusterReading>
  holdModels(plan: ClusterPlan): Promise<readonly string[]>
  /** Makes all rows anew where no step does. */
  rebuild(): Promise<void>
}

/** The person at the other end. */
export interface Talk {
  readonly print: (line: string) => void
  readonly confirm: (question: string) => Promise<boolean>
}

export interface SessionOptions {
  readonly yes: boolean
  readonly allowDestructive: boolean
  readonly isRebuild?: boolean
  /** For hints, such as `ccs deploy --target kafka`. */
  readonly command: string
  /** Of a saved plan: nothing else may be carried out. */
  readonly fingerprint?: string
}

/** The `--json` document of `ccs deploy --target` of a cluster, and of `ccs rollback`. */
export interface SessionResult extends ClusterDeployResult {
  /** Schemas that the running engine does not know yet. */
  readonly pending: readonly string[]
}

export async function runDeployment(
  session: SessionParts,
  options: SessionOptions,
  talk: Talk,
): Promise<SessionResult> {
  const { isRebuild = false, command } = options
  const first = (await session.read()).plan
  refuseMoved(first, { fingerprint: options.fingerprint ?? first.fingerprint })
  const pending = await session.holdModels(first)
  const { plan } = await session.read()
  for (const line of clusterPlanLines(plan, { withDiff: false })) talk.print(line)
  const refused = clusterRefusal(plan, { allowDestructive: options.allowDestructive, command })
  if (refused) throw refused
  if ((isRebuild || isHeavy(plan)) && !options.yes && !(await talk.confirm('Go on?')))
    throw new CcsError('CCS_USAGE_INVALID', 'Not deployed: nobody said yes.', {
      exit: EXIT.usage,
      hint: `Where nobody can be asked: ${command} --yes`,
    })
  const result = await deployCluster(session.parts, {
    fingerprint: plan.fingerprint,
    allowDestructive: options.allowDestructive,
    command,
    onStep: (step, index, count) =>
      talk.print(`[${index}/${count}] ${SIGNS[step.action]} ${step.kind} ${step.name}`),
  })
  if (isRebuild && !stepsOf(plan).some((step) => step.kind === 'model')) await session.rebuild()
  if (pending.length > 0)
    talk.print(
      `The engine that runs does not know ${pending.join(', ')} yet: stop it, ${command}, start it again.`,
    )
  const isDone = result.applied || isRebuild
  talk.print(isDone ? `Deployed as no. ${result.serial}.` : 'Nothing to deploy.')
  return { ...result, applied: isDone, pending }
}

/** What takes long, or can't be undone. */
function isHeavy(plan: ClusterPlan): boolean {
  if (!hasChanges(plan)) return false
  return (
    widestEffect(plan.models) !== 'none' ||
    stepsOf(plan).some((step) => step.destroys !== undefined)
  )
}
