/**
 * Composition of plan and deploy for a target on Kafka: its servers as ports, the project as what is wanted of them,
 * and the embedded engine's own plan and deployment as one of the steps.
 */
import { type ClusterPlan, type FoundState, planCluster } from './core/cluster-plan.ts'
import type { Deployment } from './core/deployment.ts'
import type { DesiredState } from './core/desired.ts'
import { CcsError } from './core/errors.ts'
import type { Plan } from './core/plan.ts'
import { prefixed } from './core/target.ts'
import type { ClusterReading } from './flows/cluster-adopt.ts'
import type { ClusterDeployParts } from './flows/cluster-deploy.ts'
import type { ClusterPorts } from './flows/cluster-read.ts'
import { deployedLogic, type Logic, openFault, openLogic, systemClock } from './open.ts'
import { type OpenDeployment, openDeployment } from './open-deploy.ts'
import { openDesired, openOwnConnect, openServers } from './open-desired.ts'
import type { Project } from './project.ts'

export interface OpenCluster {
  readonly ports: ClusterPorts
  readonly desired: DesiredState
  readonly parts: ClusterDeployParts
  /** What is there now, and the plan that follows from it. */
  read(): Promise<ClusterReading>
  /**
   * Takes the engine's lock for the plan's model steps. Gives names of schemas that a running engine takes in
   * later; CCS_ENGINE_LOCKED where models changed.
   */
  holdModels(plan: ClusterPlan): Promise<readonly string[]>
  /** Makes all rows anew from the log; after holdModels with isRebuild. */
  rebuild(): Promise<void>
  close(): Promise<void>
}

export interface ClusterOptions {
  /** Of an earlier deployment, instead of the project's. */
  readonly desired?: (fromProject: DesiredState) => DesiredState
  /** All models go. */
  readonly isDestroying?: boolean
  readonly withAdopted?: boolean
  readonly isRebuild?: boolean
}

/** Asks the servers nothing yet. CCS_USAGE_INVALID for a target without Kafka. */
export async function openCluster(
  project: Project,
  logic: Logic,
  options: ClusterOptions = {},
): Promise<OpenCluster> {
  const { target } = project
  const [{ readCluster }, { withoutModels }, { hostname, userInfo }] = await Promise.all([
    import('./flows/cluster-read.ts'),
    import('./flows/cluster-destroy.ts'),
    import('node:os'),
  ])
  const servers = await openServers(project)
  const connect = await openOwnConnect(project, servers.deployments)
  const ports: ClusterPorts = { ...servers, connect: connect.connect }
  const fromProject = await openDesired(project, logic, connect)
  const desired = options.desired?.(fromProject) ?? fromProject
  const fault = await openFault()
  const hold: { models?: OpenDeployment; isPending: boolean } = { isPending: false }
  const read = async (): Promise<ClusterReading> => {
    const models = hold.models ?? (await openDeployment(project, logic, { isLocked: false }))
    try {
      const [deployment, manifest] = await Promise.all([
        ports.deployments.load(),
        models.parts.manifests.load(),
      ])
      const running = manifest?.models ?? []
      const found: FoundState = {
        ...(await readCluster(ports, desired, deployment)),
        models: running,
      }
      const own = hold.isPending ? { ...models.plan, steps: [] } : models.plan
      const plan = planCluster({
        target: target.name,
        desired,
        deployment,
        found,
        models: options.isDestroying ? withoutModels(own, running) : own,
        withAdopted: options.withAdopted ?? false,
      })
      return { plan, found, deployment }
    } finally {
      if (models !== hold.models) await models.close()
    }
  }
  return {
    ports,
    desired,
    read,
    parts: {
      ports,
      desired,
      clock: systemClock(),
      by: `${userInfo().username}@${hostname()}`,
      plan: async () => (await read()).plan,
      deployModels: async (plan) => {
        if (hold.models) await deployModels(project, logic, hold.models, plan.models, options)
      },
      ...(fault ? { onReached: () => fault.reach('deploy.step') } : {}),
    },
    holdModels: async (plan) => {
      const steps = plan.tasks.flatMap((task) => task.steps).filter(isOfEngine)
      if (steps.length === 0 && !options.isRebuild) return []
      try {
        hold.models = await openDeployment(project, logic, { isLocked: true })
        return []
      } catch (error) {
        const isRunning = error instanceof CcsError && error.code === 'CCS_ENGINE_LOCKED'
        if (!isRunning || options.isRebuild || steps.some((one) => one.kind === 'model'))
          throw error
        hold.isPending = true
        return steps.map((one) => one.name)
      }
    },
    rebuild: async () => {
      if (hold.models) await deployModels(project, logic, hold.models, hold.models.plan, options)
    },
    close: async () => {
      await hold.models?.close()
      await Promise.all([ports.deployments.close(), ports.topics.close()])
    },
  }
}

function isOfEngine({ kind }: { readonly kind: string }): boolean {
  return kind === 'model' || kind === 'schema'
}

async function deployModels(
  project: Project,
  logic: Logic,
  { parts }: OpenDeployment,
  plan: Plan,
  options: ClusterOptions,
): Promise<void> {
  if (options.isDestroying) return removeData(project)
  const { deploy } = await import('./flows/deploy.ts')
  await deploy(plan, parts, {
    logic: deployedLogic(logic),
    // Asked for the whole plan.
    allowDestructive: true,
    isRebuild: options.isRebuild ?? false,
  })
}

/** Lake and state of the target; other files of the directory are not ccs's to delete. */
async function removeData(project: Project): Promise<void> {
  const [{ diskFiles }, { dataLayout, generationOf }] = await Promise.all([
    import('./io/files.ts'),
    import('./core/layout.ts'),
  ])
  const files = diskFiles()
  const { root, manifest, state, stage, lake, log } = dataLayout(project.dataDir)
  const generations = (await files.readdir(root)).filter((name) => generationOf(name) !== undefined)
  // The manifest first: what none names is nobody's.
  for (const path of [manifest, lake, state, stage, log]) await files.remove(path)
  for (const name of generations) await files.remove(`${root}/${name}`)
}

/** Name of the topic that keeps the target's deployments. */
export function manifestTopic({ target }: Project): string {
  return prefixed(target, '_ccs.manifest')
}

export interface OpenRollback {
  readonly cluster: OpenCluster
  readonly to: Deployment
  /** Files of the project that say something else than what will run. */
  readonly differing: readonly string[]
}

/** An earlier deployment as what is wanted now; nothing is written into the project. */
export async function openRollback(
  project: Project,
  serial: number | undefined,
): Promise<OpenRollback> {
  const { desiredBefore, pickDeployment, storedFiles } = await import('./core/rollback.ts')
  const { deployments, topics } = await openServers(project)
  const [history, current] = await Promise.all([deployments.history(), deployments.load()])
  await Promise.all([deployments.close(), topics.close()])
  const to = pickDeployment(history, serial, project.target.name)
  const { models, macros, connectors } = storedFiles(to)
  const before: Project = { ...project, models, macros, connectors }
  const logic = await openLogic(before)
  const cluster = await openCluster(before, logic, {
    desired: (fromFiles) => desiredBefore(fromFiles, to, current),
  })
  const was = new Map([...models, macros].map((one) => [one.file, one.text]))
  const is = new Map([...project.models, project.macros].map((one) => [one.file, one.text]))
  const differing = [...new Set([...was.keys(), ...is.keys()])].filter(
    (file) => was.get(file) !== is.get(file),
  )
  return { cluster, to, differing }
}
