/** The engines of targets: each one's composition by its name, opened when it is needed. */
import { type EngineName, getEngineProfile } from '../../domain/config/engines.ts'
import type { Target } from '../../domain/config/target.ts'
import type { TargetServers } from '../../domain/deploy/deploy-target.ts'
import type { TargetEngine } from '../../domain/deploy/target-engine.ts'
import type { Dialect } from '../../domain/dialects/dialect.ts'
import type { EngineServerCheck } from '../../domain/doctor/examine-target.ts'
import { CcsError, EXIT } from '../../domain/kernel/errors.ts'
import type { Logic } from '../../domain/models/logic.ts'
import type { QueryService } from '../../domain/query/query-service.ts'
import type { Project } from '../../project.ts'

/** What a deployment asks of the engine. */
export interface TargetEngineOptions {
  /** Undefined for a target without servers. */
  readonly servers: Pick<TargetServers, 'topics' | 'registry'> | undefined
  /** Rebuild all rows, changed or not. */
  readonly isRebuild: boolean
  /** All models go. */
  readonly isDestroying: boolean
}

/** Opens the engine of a project's target. */
export type OpenTargetEngine = (
  project: Project,
  logic: Logic,
  options: TargetEngineOptions,
) => Promise<TargetEngine>

/** The composition of one engine. */
export interface EngineModule {
  /** How models are printed for it. */
  readonly openDialect: () => Promise<Dialect>
  /** Absent where the profile says that ccs can't deploy to it. */
  readonly openTargetEngine?: OpenTargetEngine
  /** Answers queries itself; absent: the running engine and the lake of the target do. */
  readonly openQueries?: (project: Project) => Promise<QueryService>
  /** For `ccs doctor`; absent: it has no server of its own. */
  readonly openServerCheck?: (target: Target) => Promise<EngineServerCheck | undefined>
  /** Topic of the log of records that it could not read; absent: it keeps none. */
  readonly findProcessingLog?: (target: Target) => Promise<string | undefined>
}

const MODULES: Readonly<Record<EngineName, () => Promise<EngineModule>>> = {
  embedded: () => import('./embedded.ts'),
  flink: () => import('./flink.ts'),
  ksqldb: () => import('./ksqldb.ts'),
}

/** The composition of an engine. */
export function loadEngine(name: EngineName): Promise<EngineModule> {
  return MODULES[name]()
}

/** CCS_USAGE_INVALID for a target whose engine ccs only compiles for. */
export async function openEngineOf(
  project: Project,
  logic: Logic,
  options: TargetEngineOptions,
): Promise<TargetEngine> {
  const { engine } = project.target
  const { openTargetEngine } = await loadEngine(engine)
  refuseCompileOnly(project)
  if (openTargetEngine) return openTargetEngine(project, logic, options)
  throw new Error(`${engine} can be deployed to by its profile, and has no target engine`)
}

/** CCS_USAGE_INVALID where there is nothing to plan yet. */
export function refuseCompileOnly({ target: { name, engine } }: Project): void {
  const { canDeploy, displayName } = getEngineProfile(engine)
  if (canDeploy) return
  throw new CcsError(
    'CCS_USAGE_INVALID',
    `Target ${name} runs on ${displayName}, which ccs compiles models for but can't deploy to yet.`,
    { exit: EXIT.usage, hint: `See what it would run: ccs compile --engine ${engine}` },
  )
}
