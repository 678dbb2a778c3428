/**
 * The models of a target as `ccs plan` and `ccs deploy` see them, whichever engine runs them: what would be done, and
 * doing it. The embedded engine keeps its own record beside its rows; another keeps one in the target's deployment.
 */

import type { DeployedModel } from '../lake/manifest.ts'
import type { Deployment } from './deployment.ts'
import type { Plan } from './plan/plan.ts'
import type { ClusterPlan } from './plan/target-plan.ts'

export interface ModelsReading {
  readonly plan: Plan
  /** What the engine runs. */
  readonly running: readonly DeployedModel[]
  /** Its record for the deployment, should there be nothing to do for it. */
  readonly engine?: string
}

/** What a deployment lends the engine while it is at work. */
export interface ModelsWork {
  /** Keeps another record in the deployment, durable when it resolves. */
  keep(engine: string): Promise<void>
  /** CCS_DEPLOY_LOCKED when another has taken the target; before each thing that can't be undone. */
  check(): Promise<void>
  /** After each thing that is done: where a test ends the process. */
  onReached(): void
}

export interface TargetModels {
  /** What is there now, and the plan that follows from it. Changes nothing. */
  read(deployment: Deployment | undefined): Promise<ModelsReading>
  /**
   * Takes the engine for the plan's model steps. Gives names of schemas that a running engine takes in later;
   * CCS_ENGINE_LOCKED where models changed beside one.
   */
  hold(plan: ClusterPlan): Promise<readonly string[]>
  /** The model steps of the plan, all of them; repeated after a broken-off one it goes on from what is there. */
  apply(plan: Plan, work: ModelsWork): Promise<void>
  /** Makes all rows anew where no step does; after `hold`. */
  rebuild(): Promise<void>
  close(): Promise<void>
}
