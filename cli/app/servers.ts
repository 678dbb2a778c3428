/** Composition of the servers that ccs.yml names for a target. */
import { systemClock } from '../adapters/process/system-clock.ts'
import type { RemoteRegistry } from '../domain/avro/schema-registry.ts'
import type { Target } from '../domain/config/target.ts'
import { requireConnect, requireKafka, requireRegistry } from '../domain/config/target-needs.ts'
import type { ConnectCluster } from '../domain/connectors/connect-cluster.ts'
import type { DeploymentStore } from '../domain/deploy/deployment-store.ts'
import type { OpenedServers } from '../domain/deploy/own-connect.ts'
import type { VariableSources } from '../domain/documents/variables.ts'
import type { TopicAdmin } from '../domain/log/topic-admin.ts'
import type { Project } from '../project.ts'

/** The schema registry; CCS_CONFIG_INVALID for a target without one. */
export async function openRemoteRegistry({ target, config }: Project): Promise<RemoteRegistry> {
  const settings = requireRegistry(target, config.targets)
  const { openConfluentRegistry } = await import('../adapters/registry/confluent.ts')
  return openConfluentRegistry(settings)
}

/** Kafka Connect; CCS_USAGE_INVALID for a target without one. `triesMax` is of each request. */
export async function openConnect(
  target: Target,
  options: { readonly triesMax?: number } = {},
): Promise<ConnectCluster> {
  const settings = requireConnect(target)
  const { connectRest } = await import('../adapters/connect/rest.ts')
  return connectRest(settings, options)
}

/** Topics; CCS_USAGE_INVALID for a target without Kafka. */
export async function openTopics({ target, config, dir }: Project): Promise<TopicAdmin> {
  const settings = requireKafka(target, config.targets)
  const [{ openKafka }, { openTopicAdmin }] = await Promise.all([
    import('../adapters/kafka/connection.ts'),
    import('../adapters/kafka/topic-admin.ts'),
  ])
  return openTopicAdmin(await openKafka(settings, dir))
}

/** Deployment records; CCS_USAGE_INVALID for a target without Kafka. */
export async function openDeployments(project: Project): Promise<DeploymentStore> {
  const { target, config, dir } = project
  const settings = requireKafka(target, config.targets)
  const [{ openKafka }, { openDeploymentStore }] = await Promise.all([
    import('../adapters/kafka/connection.ts'),
    import('../adapters/kafka/deployment-store.ts'),
  ])
  const kafka = await openKafka(settings, dir)
  const { replication } = settings
  return openDeploymentStore({ kafka, prefix: target.prefix, replication, clock: systemClock() })
}

/** All servers of a target with Kafka; only Connect may be asked something already. */
export async function openServers(project: Project): Promise<OpenedServers> {
  const { chooseConnect } = await import('../domain/deploy/own-connect.ts')
  const { target, connectors } = project
  const registry = await openRemoteRegistry(project)
  const deployments = await openDeployments(project)
  const topics = await openTopics(project)
  const connect = await chooseConnect({
    ...{ target, connectors, deployments },
    openConnect: (options) => openConnect(target, options),
  })
  return { topics, registry, deployments, ...connect }
}

/** What the variables of connectors/ stand for: the environment, and the files that they name. */
export async function readVariables({ dir, env, connectors }: Project): Promise<VariableSources> {
  const [{ listSecretFiles }, { readReadableTexts }] = await Promise.all([
    import('../domain/connectors/connector-file.ts'),
    import('../adapters/files/files.ts'),
  ])
  // A file that can't be read is missing: the fault names it at its place, where it is needed.
  return { env, files: await readReadableTexts(dir, listSecretFiles(connectors)) }
}
