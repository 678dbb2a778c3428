/** Reads what is really there of a cluster, of the resources that a project or its last deployment name. */

import type { RemoteRegistry } from '../avro/schema-registry.ts'
import type { ConnectCluster } from '../connectors/connect-cluster.ts'
import type { TopicAdmin } from '../log/topic-admin.ts'
import type { Deployment, ResourceKind } from './deployment.ts'
import type { DeploymentStore } from './deployment-store.ts'
import type { DesiredState } from './plan/desired.ts'
import type { FoundSubject } from './plan/subject-plan.ts'
import type { FoundState } from './plan/target-plan.ts'

export interface ClusterPorts {
  readonly topics: TopicAdmin
  readonly registry: RemoteRegistry
  /** Undefined where the target names none. */
  readonly connect: ConnectCluster | undefined
  readonly deployments: DeploymentStore
}

/** Requests to the registry at a time. */
const AT_ONCE = 8

export async function readCluster(
  ports: ClusterPorts,
  desired: Omit<DesiredState, 'models' | 'remarks'>,
  deployment: Deployment | undefined,
): Promise<Omit<FoundState, 'models'>> {
  const names = (kind: ResourceKind, wanted: readonly { readonly name: string }[]) => [
    ...new Set([
      ...wanted.map((one) => one.name),
      ...(deployment?.resources ?? []).filter((one) => one.kind === kind).map((one) => one.name),
    ]),
  ]
  const topics = names('topic', desired.topics)
  const connectors = names('connector', desired.connectors)
  const [foundTopics, subjects, found] = await Promise.all([
    topics.length === 0 ? [] : ports.topics.topics(topics),
    readSubjects(ports.registry, names('subject', desired.subjects)),
    // A Connect that has nothing of ours is not asked: it may be down.
    connectors.length === 0 ? [] : ports.connect?.connectors(),
  ])
  return {
    topics: foundTopics,
    subjects,
    connectors: ports.connect && found?.filter((one) => connectors.includes(one.name)),
  }
}

async function readSubjects(
  registry: RemoteRegistry,
  names: readonly string[],
): Promise<readonly FoundSubject[]> {
  if (names.length === 0) return []
  const there = new Set(await registry.subjects())
  const left = names.filter((name) => there.has(name))
  const found: FoundSubject[] = []
  const next = async () => {
    for (let name = left.shift(); name !== undefined; name = left.shift()) {
      const versions = await registry.versions(name)
      if (versions.length === 0) continue
      found.push({ name, compatibility: await registry.compatibility(name), versions })
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, next))
  return found.sort((a, b) => (a.name < b.name ? -1 : 1))
}
