/**
 * The part of the composition root for the servers of a target, and for what the project wants of them: topics,
 * subjects, and those of its connectors that the target's Connect can run.
 */

import { systemClock } from '../adapters/process/system-clock.ts'
import type { ConnectCluster } from '../domain/connectors/connect-cluster.ts'
import type { DeploymentStore } from '../domain/deploy/deployment-store.ts'
import { type DesiredState, desiredState } from '../domain/deploy/plan/desired.ts'
import type { ClusterPorts } from '../domain/deploy/read.ts'
import { CcsError, EXIT, throwAll } from '../domain/kernel/errors.ts'
import type { Project } from '../project.ts'
import type { Logic } from './project-logic.ts'

type Servers = Omit<ClusterPorts, 'connect'>

interface OpenConnect {
  /** Undefined where there is none, or where it is left out. */
  readonly connect: ConnectCluster | undefined
  readonly plugins: readonly string[]
  /** Why it is left out. */
  readonly remarks: readonly string[]
}

export async function openServers(project: Project): Promise<Servers> {
  const { target, dir } = project
  if (!target.kafka) throw noCluster(project)
  const [{ openKafka }, { openTopicAdmin }, { openDeploymentStore }, { openRemoteRegistry }] =
    await Promise.all([
      import('../adapters/kafka/connection.ts'),
      import('../adapters/kafka/topic-admin.ts'),
      import('../adapters/kafka/deployment-store.ts'),
      import('./registry.ts'),
    ])
  const { kafka } = target
  return {
    topics: openTopicAdmin(await openKafka(kafka, dir)),
    registry: await openRemoteRegistry(project),
    deployments: openDeploymentStore({
      kafka: await openKafka(kafka, dir),
      prefix: target.prefix,
      replication: kafka.replication,
      clock: systemClock(),
    }),
  }
}

/**
 * The target's Connect. Where it does not answer and nothing depends on it, it is left out: sinks are optional, and
 * the rest is deployed without.
 */
export async function openOwnConnect(
  project: Project,
  deployments: DeploymentStore,
): Promise<OpenConnect> {
  const { target, connectors } = project
  const files = connectors.filter((one) => one.file.endsWith('.json'))
  if (!target.connect) {
    const remarks =
      files.length > 0 ? [`connectors/ is left out: target ${target.name} has no Connect.`] : []
    return { connect: undefined, plugins: [], remarks }
  }
  const { openConnect } = await import('./sinks.ts')
  const connect = await openConnect(target)
  if (files.length === 0) return { connect, plugins: [], remarks: [] }
  const deployed = (await deployments.load())?.resources ?? []
  const isNeeded =
    deployed.some((one) => one.kind === 'connector') ||
    files.some((one) => /"required":\s*true/.test(one.text))
  try {
    // Where it may as well be down, it is not waited for.
    const asked = isNeeded ? connect : await openConnect(target, { triesMax: 2 })
    return { connect, plugins: await asked.plugins(), remarks: [] }
  } catch (error) {
    const isAway = error instanceof CcsError && error.code === 'CCS_CONNECT_UNREACHABLE'
    if (!isAway || isNeeded) throw error
    const remarks = [`connectors/ is left out: ${error.message}`]
    return { connect: undefined, plugins: [], remarks }
  }
}

function noCluster({ target, config }: Project): CcsError {
  const [other] = Object.values(config.targets).filter((one) => one.kafka)
  return new CcsError('CCS_USAGE_INVALID', `Target "${target.name}" has no Kafka.`, {
    exit: EXIT.usage,
    hint: other ? `Name one that has: --target ${other.name}` : 'Give a target of ccs.yml one.',
  })
}

/** What the project wants, of its connectors those that this Connect can run. */
export async function openDesired(
  project: Project,
  logic: Logic,
  { connect, plugins, remarks }: OpenConnect,
): Promise<DesiredState> {
  const [{ groupSchemasByTopic }, { chooseConnectors, renderConnectors }, { connectorLookup }] =
    await Promise.all([
      import('../domain/schemas/history.ts'),
      import('../domain/connectors/desired-connectors.ts'),
      import('./sinks.ts'),
    ])
  const { target, config } = project
  if (!target.kafka) throw noCluster(project)
  const lookup = await connectorLookup(project)
  const all = renderConnectors(project.connectors, target, lookup)
  const { chosen, skipped, faults } =
    connect && all.length > 0
      ? chooseConnectors(all, plugins)
      : { chosen: [], skipped: [], faults: [] }
  throwAll(faults)
  const desired = desiredState({
    config,
    target,
    kafka: target.kafka,
    logic,
    schemas: groupSchemasByTopic(project.schemas),
    connectors: chosen,
  })
  const passedOver = skipped.map(
    ({ connector, reason }) => `Connector ${connector.name} is left out: ${reason}`,
  )
  return { ...desired, remarks: [...desired.remarks, ...remarks, ...passedOver] }
}
