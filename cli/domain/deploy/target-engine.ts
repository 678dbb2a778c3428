/**
 * The port that an engine implements to be deployed to: reading what it runs, planning changes and
 * applying them. An engine keeps its record beside its rows, or as one text in the target's
 * deployment record; see docs/adr/0012.
 */
import type { EngineProfile } from '../config/engines.ts'
import type { Deployment } from './deployment.ts'
import type { EnginePlan } from './plan/plan.ts'
import type { Step } from './plan/step.ts'

/** What `inspect` found; an engine adds what its own `diff` and `apply` need. */
export interface EngineState {
  /** Serial of the engine's last commit, 0 before the first; absent: it has no commits. */
  readonly serial?: number
}

/** What a deployment gives the engine while it applies steps. */
export interface EngineWork {
  /** Saves the engine's part of the deployment record; durable when it resolves. */
  saveRecord(record: string): Promise<void>
  /** Call before each irreversible action; CCS_DEPLOY_LOCKED if another deployer has the target. */
  check(): Promise<void>
  /** Call after each action; crash tests end the process there. */
  afterChange(): void
}

/** The engine of one target. */
export interface TargetEngine {
  readonly profile: EngineProfile
  /** Reads what the engine runs; changes nothing. CCS_ENGINE_UNREACHABLE if its server is down. */
  inspect(deployment: Deployment | undefined): Promise<EngineState>
  /** Plans the steps from a state to what the project wants. Pure. */
  diff(state: EngineState): EnginePlan
  /**
   * Throws the faults of models that these steps change and that could not carry every event of the
   * contract. Absent: the engine leaves that to its server.
   */
  checkModels?(steps: readonly Step[]): Promise<void>
  /**
   * Locks the engine for these steps until `close`. Returns the names of schemas that a running
   * engine does not know yet; CCS_ENGINE_LOCKED for other steps while an engine is running.
   */
  hold(steps: readonly Step[]): Promise<readonly string[]>
  /**
   * Applies all steps that `diff` returned for this state, together: an engine switches from old
   * to new at one point. Repeated after a crash, it continues from what exists.
   */
  apply(steps: readonly Step[], state: EngineState, work: EngineWork): Promise<void>
  /** Releases the lock and all that was opened. */
  close(): Promise<void>
}
