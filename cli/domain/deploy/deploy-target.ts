/** A target to plan for and deploy to, and reading its state. */

import type { RemoteRegistry } from '../avro/schema-registry.ts'
import type { ConnectCluster } from '../connectors/connect-cluster.ts'
import type { Clock } from '../kernel/clock.ts'
import type { TopicAdmin } from '../log/topic-admin.ts'
import type { Deployment, ResourceKind } from './deployment.ts'
import type { DeploymentStore } from './deployment-store.ts'
import type { DesiredState } from './plan/desired.ts'
import { type FoundResources, type Plan, planTarget } from './plan/plan.ts'
import { isEngineStep } from './plan/step.ts'
import type { FoundSubject } from './plan/subject-plan.ts'
import type { EngineState, TargetEngine } from './target-engine.ts'

/** The servers around a target's engine. */
export interface TargetServers {
  readonly topics: TopicAdmin
  readonly registry: RemoteRegistry
  /** Undefined where the target has none. */
  readonly connect: ConnectCluster | undefined
  readonly deployments: DeploymentStore
}

/** What planning and deploying need of a target. */
export interface DeployTarget {
  readonly name: string
  /**
   * Undefined for a target without servers: its resources are models and schemas, and the engine
   * keeps the record.
   */
  readonly servers: TargetServers | undefined
  readonly engine: TargetEngine
  readonly desired: DesiredState
  readonly clock: Clock
  /** Who deploys: user@host. */
  readonly by: string
  /** Whether adopted resources are removed too. */
  readonly withAdopted?: boolean
  /** Called after each change; crash tests end the process there. */
  readonly afterChange?: () => void
}

/** A target that has servers, and so a deployment record. */
export type ServerTarget = DeployTarget & { readonly servers: TargetServers }

/** A target as it was found at one moment, and the plan for that state. */
export interface TargetReading {
  readonly plan: Plan
  readonly found: FoundResources
  readonly state: EngineState
  /** Undefined before the first deployment, and for a target without servers. */
  readonly deployment: Deployment | undefined
}

/** Reads all of a target once and plans. Changes nothing. */
export async function readTarget(target: DeployTarget): Promise<TargetReading> {
  const { servers, engine, desired, withAdopted = false } = target
  const deployment = await servers?.deployments.load()
  const state = await engine.inspect(deployment)
  const found = servers ? await readResources(servers, desired, deployment) : NOTHING_FOUND
  const plan = planTarget({
    target: target.name,
    desired,
    deployment,
    ...(servers || state.serial === undefined ? {} : { engineSerial: state.serial }),
    found,
    engine: engine.diff(state),
    withAdopted,
  })
  return { plan, found, state, deployment }
}

/** Throws the faults of models that the plan changes; call it before anything else is done. */
export async function checkPlannedModels(
  { engine }: Pick<DeployTarget, 'engine'>,
  { steps }: Pick<Plan, 'steps'>,
): Promise<void> {
  await engine.checkModels?.(steps.filter(isEngineStep))
}

const NOTHING_FOUND: FoundResources = { topics: [], subjects: [], connectors: undefined }

/** Requests to the registry at a time. */
const CONCURRENCY = 8

async function readResources(
  servers: TargetServers,
  desired: DesiredState,
  deployment: Deployment | undefined,
): Promise<FoundResources> {
  const listNames = (kind: ResourceKind, wanted: readonly { readonly name: string }[]) => [
    ...new Set([
      ...wanted.map((one) => one.name),
      ...(deployment?.resources ?? []).filter((one) => one.kind === kind).map((one) => one.name),
    ]),
  ]
  const topics = listNames('topic', desired.topics)
  const connectors = listNames('connector', desired.connectors)
  const [foundTopics, subjects, found] = await Promise.all([
    topics.length === 0 ? [] : servers.topics.topics(topics),
    readSubjects(servers.registry, listNames('subject', desired.subjects)),
    // Without connectors of the project, Connect is not asked: it may be down.
    connectors.length === 0 ? [] : servers.connect?.connectors(),
  ])
  return {
    topics: foundTopics,
    subjects,
    connectors: servers.connect && found?.filter((one) => connectors.includes(one.name)),
  }
}

async function readSubjects(
  registry: RemoteRegistry,
  names: readonly string[],
): Promise<readonly FoundSubject[]> {
  if (names.length === 0) return []
  const registered = new Set(await registry.subjects())
  const queue = names.filter((name) => registered.has(name))
  const found: FoundSubject[] = []
  const worker = async () => {
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
      const versions = await registry.versions(name)
      if (versions.length === 0) continue
      found.push({ name, compatibility: await registry.compatibility(name), versions })
    }
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, worker))
  return found.sort((a, b) => (a.name < b.name ? -1 : 1))
}
