/**
 * Composition of plan and deploy for a target on Kafka: its servers as ports, the project as what is wanted of them,
 * and the models of its engine as one of the steps.
 */

import { systemClock } from '../adapters/process/system-clock.ts'
import { prefixed } from '../domain/config/target.ts'
import type { ClusterReading } from '../domain/deploy/adopt-resources.ts'
import type { ClusterDeployParts } from '../domain/deploy/deploy.ts'
import type { Deployment } from '../domain/deploy/deployment.ts'
import type { DesiredState } from '../domain/deploy/plan/desired.ts'
import {
  type ClusterPlan,
  type FoundState,
  planCluster,
} from '../domain/deploy/plan/target-plan.ts'
import type { ClusterPorts } from '../domain/deploy/read.ts'
import { modelFile } from '../domain/models/model.ts'
import type { Project } from '../project.ts'
import { openDesired, openOwnConnect, openServers } from './deploy-desired.ts'
import { type Logic, openFault, openLogic } from './project-logic.ts'
import { type ModelsOptions, openModels } from './targets/engine.ts'

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

export interface ClusterOptions extends ModelsOptions {
  /** Of an earlier deployment, instead of the project's. */
  readonly desired?: (fromProject: DesiredState) => DesiredState
  readonly withAdopted?: boolean
}

/** Asks the servers nothing yet. CCS_USAGE_INVALID for a target without Kafka. */
export async function openCluster(
  project: Project,
  whole: Logic,
  options: ClusterOptions = {},
): Promise<OpenCluster> {
  const { target } = project
  const { excludeModels } = await import('../domain/models/exclude-models.ts')
  const logic = { ...whole, graph: excludeModels(whole.graph, target) }
  const [{ readCluster }, { hostname, userInfo }] = await Promise.all([
    import('../domain/deploy/read.ts'),
    import('node:os'),
  ])
  const servers = await openServers(project)
  const connect = await openOwnConnect(project, servers.deployments)
  const ports: ClusterPorts = { ...servers, connect: connect.connect }
  const fromProject = await openDesired(project, logic, connect)
  const desired = options.desired?.(fromProject) ?? fromProject
  const [fault, models] = await Promise.all([
    openFault(),
    openModels(project, logic, ports, options),
  ])
  const read = async (): Promise<ClusterReading> => {
    const deployment = await ports.deployments.load()
    const { plan: own, running, engine } = await models.read(deployment)
    const found: FoundState = {
      ...(await readCluster(ports, desired, deployment)),
      models: running,
    }
    const plan = planCluster({
      target: target.name,
      desired,
      deployment,
      found,
      models: own,
      withAdopted: options.withAdopted ?? false,
      ...(engine === undefined ? {} : { engine }),
    })
    return { plan, found, deployment }
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
      deployModels: (plan, work) => models.apply(plan.models, work),
      ...(fault ? { onReached: () => fault.reach('deploy.step') } : {}),
    },
    holdModels: (plan) => models.hold(plan),
    rebuild: () => models.rebuild(),
    close: async () => {
      await models.close()
      await Promise.all([ports.deployments.close(), ports.topics.close()])
    },
  }
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
  const { desiredBefore, pickDeployment, storedFiles } = await import(
    '../domain/deploy/plan/rollback.ts'
  )
  const { deployments, topics } = await openServers(project)
  const [history, current] = await Promise.all([deployments.history(), deployments.load()])
  await Promise.all([deployments.close(), topics.close()])
  const to = pickDeployment(history, serial, project.target.name)
  const { models, macros, connectors } = storedFiles(to)
  // What the target left out was not deployed either.
  const before: Project = {
    ...project,
    target: { ...project.target, without: [] },
    models,
    macros,
    connectors,
  }
  const logic = await openLogic(before)
  const cluster = await openCluster(before, logic, {
    desired: (fromFiles) => desiredBefore(fromFiles, to, current),
  })
  const was = new Map([...models, macros].map((one) => [one.file, one.text]))
  const left = (project.target.without ?? []).map(modelFile)
  const own = project.models.filter((one) => !left.includes(one.file))
  const is = new Map([...own, project.macros].map((one) => [one.file, one.text]))
  const differing = [...new Set([...was.keys(), ...is.keys()])].filter(
    (file) => was.get(file) !== is.get(file),
  )
  return { cluster, to, differing }
}
