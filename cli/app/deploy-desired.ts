/** Composition of a target's servers, and of what the project wants of them. */
import { systemClock } from '../adapters/process/system-clock.ts'
import type { KafkaSettings } from '../domain/config/target.ts'
import type { ConnectCluster } from '../domain/connectors/connect-cluster.ts'
import type { TargetServers } from '../domain/deploy/deploy-target.ts'
import type { DeploymentStore } from '../domain/deploy/deployment-store.ts'
import {
  buildDesiredState,
  type DesiredState,
  NOTHING_DESIRED,
} from '../domain/deploy/plan/desired.ts'
import { CcsError, EXIT, throwAll } from '../domain/kernel/errors.ts'
import type { Logic } from '../domain/models/logic.ts'
import type { Project } from '../project.ts'

/** The servers of a target, and what its Connect can run. */
export interface OpenedServers extends TargetServers {
  /** Classes that Connect has. */
  readonly plugins: readonly string[]
  /** Why connectors are left out: one sentence each. */
  readonly remarks: readonly string[]
}

/** The Kafka of the project's target; CCS_USAGE_INVALID where it has none. */
export function requireKafka({ target, config }: Project): KafkaSettings {
  if (target.kafka) return target.kafka
  const [other] = Object.values(config.targets).filter((one) => one.kafka)
  throw new CcsError('CCS_USAGE_INVALID', `Target "${target.name}" has no Kafka.`, {
    exit: EXIT.usage,
    hint: other ? `Name one that has: --target ${other.name}` : 'Give a target of ccs.yml one.',
  })
}

/** The deployment records of the project's target. */
export async function openDeployments(project: Project): Promise<DeploymentStore> {
  const { prefix } = project.target
  const settings = requireKafka(project)
  const [{ openKafka }, { openDeploymentStore }] = await Promise.all([
    import('../adapters/kafka/connection.ts'),
    import('../adapters/kafka/deployment-store.ts'),
  ])
  const kafka = await openKafka(settings, project.dir)
  const { replication } = settings
  return openDeploymentStore({ kafka, prefix, replication, clock: systemClock() })
}

/** Opens the servers; only Connect may be asked something already. */
export async function openServers(project: Project): Promise<OpenedServers> {
  const { dir } = project
  const settings = requireKafka(project)
  const [{ openKafka }, { openTopicAdmin }, { openRemoteRegistry }] = await Promise.all([
    import('../adapters/kafka/connection.ts'),
    import('../adapters/kafka/topic-admin.ts'),
    import('./registry.ts'),
  ])
  const registry = await openRemoteRegistry(project)
  const deployments = await openDeployments(project)
  const topics = openTopicAdmin(await openKafka(settings, dir))
  return { topics, registry, deployments, ...(await openOwnConnect(project, deployments)) }
}

/**
 * The target's Connect. Where it does not answer and nothing depends on it, it is left out: sinks
 * are optional, and the rest is deployed without.
 */
async function openOwnConnect(
  { target, connectors }: Project,
  deployments: DeploymentStore,
): Promise<{
  readonly connect: ConnectCluster | undefined
  readonly plugins: readonly string[]
  readonly remarks: readonly string[]
}> {
  const files = connectors.filter((one) => one.file.endsWith('.json'))
  const none = { connect: undefined, plugins: [] }
  if (!target.connect) {
    const remark = `connectors/ is left out: target ${target.name} has no Connect.`
    return { ...none, remarks: files.length > 0 ? [remark] : [] }
  }
  const { openConnect } = await import('./sinks.ts')
  const connect = await openConnect(target)
  if (files.length === 0) return { connect, plugins: [], remarks: [] }
  const deployed = (await deployments.load())?.resources ?? []
  const isNeeded =
    deployed.some((one) => one.kind === 'connector') ||
    files.some((one) => /"required":\s*true/.test(one.text))
  try {
    // One that may as well be down is not waited for.
    const asked = isNeeded ? connect : await openConnect(target, { triesMax: 2 })
    return { connect, plugins: await asked.plugins(), remarks: [] }
  } catch (error) {
    const isAway = error instanceof CcsError && error.code === 'CCS_CONNECT_UNREACHABLE'
    if (!isAway || isNeeded) throw error
    return { ...none, remarks: [`connectors/ is left out: ${error.message}`] }
  }
}

/** What the project wants of the servers, of its connectors those that this Connect can run. */
export async function openDesired(
  project: Project,
  logic: Logic,
  servers: OpenedServers | undefined,
): Promise<DesiredState> {
  const { target, config } = project
  if (!servers || !target.kafka) return NOTHING_DESIRED
  const [{ groupSchemasByTopic }, { chooseConnectors, renderConnectors }, { connectorLookup }] =
    await Promise.all([
      import('../domain/schemas/history.ts'),
      import('../domain/connectors/desired-connectors.ts'),
      import('./sinks.ts'),
    ])
  const all = renderConnectors(project.connectors, target, await connectorLookup(project))
  const { chosen, skipped, faults } =
    servers.connect && all.length > 0
      ? chooseConnectors(all, servers.plugins)
      : { chosen: [], skipped: [], faults: [] }
  throwAll(faults)
  const desired = buildDesiredState({
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
  return { ...desired, remarks: [...desired.remarks, ...servers.remarks, ...passedOver] }
}
