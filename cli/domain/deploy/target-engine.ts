/**
 * The port that an engine implements to be deployed to: what it runs now, what would change, and
 * changing it. An engine keeps its record beside its rows, or as one text in the target's deployment
 * record; see docs/adr/0012.
 */
import type { EngineProfile } from '../config/engines.ts'
import type { Deployment } from './deployment.ts'
import type { EnginePlan } from './plan/plan.ts'
import type { Step } from './plan/step.ts'

/** What `inspect` found; an engine adds what its own `diff` and `apply` need. */
export interface EngineState {
  /** Serial of the engine's last commit, 0 before the first; absent: it has no commits of its own. */
  readonly serial?: number
}

/** What a deployment lends the engine while it applies steps. */
export interface EngineWork {
  /** Saves the engine's part of the deployment record; durable when it resolves. */
  saveRecord(record: string): Promise<void>
  /** CCS_DEPLOY_LOCKED when another deployer has the target; before each irreversible action. */
  check(): Promise<void>
  /** Called after each action; tests end the process there. */
  onReached(): void
}

/** The engine of one target. */
export interface TargetEngine {
  readonly profile: EngineProfile
  /** Reads what the engine runs; changes nothing. CCS_ENGINE_UNREACHABLE if its server is down. */
  inspect(deployment: Deployment | undefined): Promise<EngineState>
  /** What has to be done to get from a state to what the project wants. Pure. */
  diff(state: EngineState): EnginePlan
  /**
   * Takes the engine for these steps until `close`. Returns the names of schemas that a running
   * engine learns by itself later; CCS_ENGINE_LOCKED where other steps meet a running engine.
   */
  hold(steps: readonly Step[]): Promise<readonly string[]>
  /**
   * Applies the steps that `diff` gave for this state, all of them: an engine swaps old for new at
   * one point. Repeated after a crash it continues from what exists.
   */
  apply(steps: readonly Step[], state: EngineState, work: EngineWork): Promise<void>
  /** Releases the engine and all that was opened. */
  close(): Promise<void>
}
