/**
 * Composition of plan and deploy: a target as its servers, what the project wants of them, and the
 * engine that runs its models. What differs between engines is behind the TargetEngine port.
 */
import { getEngineProfile } from '../domain/config/engines.ts'
import { requireKafka } from '../domain/config/target-needs.ts'
import type { DeployTarget, ServerTarget } from '../domain/deploy/deploy-target.ts'
import type { Deployment } from '../domain/deploy/deployment.ts'
import type { DesiredState } from '../domain/deploy/plan/desired.ts'
import type { Project } from '../project.ts'
import { openLogic } from './project-logic.ts'
import { openDeployments, openServers, readVariables } from './servers.ts'
import { openEngineOf } from './targets/engine.ts'

/** What is planned for a target beside what the project says. */
export interface TargetOptions {
  /** Rebuild all rows, changed or not. */
  readonly isRebuild?: boolean
  /** All models go. */
  readonly isDestroying?: boolean
  /** A rebuild may end with fewer rows than there were. */
  readonly mayLoseRows?: boolean
  /** Adopted resources are removed too. */
  readonly withAdopted?: boolean
  /** Gets sentences for the user while rows are rebuilt. */
  readonly onNotice?: (text: string) => void
  /** What is wanted instead of what the project says. */
  readonly changeDesired?: (fromProject: DesiredState) => DesiredState
}

const USUAL = { isRebuild: false, isDestroying: false, mayLoseRows: false, onNotice: () => {} }

/** A target to plan for and deploy to, until it is closed. */
export interface OpenTarget<T extends DeployTarget = DeployTarget> {
  readonly target: T
  close(): Promise<void>
}

/**
 * Opens the project's target. Throws what openLogic throws, and CCS_SQL_UNSUPPORTED for models that
 * its engine can't run.
 */
export async function openTarget(
  project: Project,
  options: TargetOptions = {},
): Promise<OpenTarget> {
  const whole = await openLogic(project, {
    isDescribed: getEngineProfile(project.target.engine).isCompiled,
  })
  const [{ keepIncluded }, { desireProject }, { describeUser }, { systemClock }, { openFault }] =
    await Promise.all([
      import('../domain/models/exclude-models.ts'),
      import('../domain/deploy/plan/project-desired.ts'),
      import('../adapters/process/machine.ts'),
      import('../adapters/process/system-clock.ts'),
      import('./store.ts'),
    ])
  const logic = { ...whole, graph: keepIncluded(whole.graph, project.target) }
  const servers = project.target.kafka ? await openServers(project) : undefined
  const fromProject = await desireProject(project, logic, servers, () => readVariables(project))
  const engine = await openEngineOf(project, logic, { ...USUAL, ...options, servers })
  const fault = await openFault()
  return {
    target: {
      name: project.target.name,
      servers,
      engine,
      desired: options.changeDesired?.(fromProject) ?? fromProject,
      clock: systemClock(),
      by: describeUser(),
      withAdopted: options.withAdopted ?? false,
      ...(fault ? { afterChange: () => fault.reach('deploy.step') } : {}),
    },
    close: async () => {
      await engine.close()
      await Promise.all([servers?.deployments.close(), servers?.topics.close()])
    },
  }
}

/** The same for what needs the target's servers: CCS_USAGE_INVALID for a target without Kafka. */
export async function openServerTarget(
  project: Project,
  options: TargetOptions = {},
): Promise<OpenTarget<ServerTarget>> {
  requireKafka(project.target, project.config.targets)
  const { target, close } = await openTarget(project, options)
  const { servers } = target
  if (servers) return { target: { ...target, servers }, close }
  throw new Error('a target with Kafka has servers')
}

/** An earlier deployment, opened as what is wanted now. */
export interface OpenRollback extends OpenTarget<ServerTarget> {
  readonly to: Deployment
  /** Files of the project that differ from what will run. */
  readonly differing: readonly string[]
}

/** Opens the deployment with this serial, or the one before the newest. Writes no file. */
export async function openRollback(
  project: Project,
  serial: number | undefined,
  options: Pick<TargetOptions, 'mayLoseRows' | 'onNotice'>,
): Promise<OpenRollback> {
  const { restoreDesired, listDifferingFiles, pickDeployment, restoreProject } = await import(
    '../domain/deploy/plan/rollback.ts'
  )
  const deployments = await openDeployments(project)
  const [history, current] = await Promise.all([deployments.history(), deployments.load()])
  await deployments.close()
  const to = pickDeployment(history, serial, project.target.name)
  const before = restoreProject(project, to)
  const opened = await openServerTarget(before, {
    ...options,
    changeDesired: (fromFiles) => restoreDesired(fromFiles, to, current),
  })
  return { ...opened, to, differing: listDifferingFiles(project, before) }
}
