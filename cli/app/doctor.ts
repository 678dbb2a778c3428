/** The part of the composition root for `ccs doctor`: the servers of a target. */

import type { EngineName } from '../domain/config/engines.ts'
import type { Check } from '../domain/doctor/doctor.ts'
import type { EngineServerCheck } from '../domain/doctor/examine-target.ts'
import { DLQ_TOPIC, RAW_TOPIC } from '../domain/log/topics.ts'
import type { Project } from '../project.ts'
import { loadEngine } from './targets/engine.ts'

/** The topics of the input; what models make comes with a deployment. */
const TOPICS = [RAW_TOPIC, DLQ_TOPIC]

/** [] for a target without servers. */
export async function checkTarget(project: Project): Promise<readonly Check[]> {
  const { target } = project
  if (target.name === 'local') return []
  const [{ examineTarget }, { groupSchemasByTopic }, { systemClock }] = await Promise.all([
    import('../domain/doctor/examine-target.ts'),
    import('../domain/schemas/history.ts'),
    import('../adapters/process/system-clock.ts'),
  ])
  const { kafka, registry, connect } = target
  return examineTarget({
    target,
    topics: groupSchemasByTopic(project.schemas).filter((one) => TOPICS.includes(one.topic)),
    clock: systemClock(),
    connectors: async () => {
      const [{ renderConnectors }, { connectorLookup }] = await Promise.all([
        import('../domain/connectors/desired-connectors.ts'),
        import('./sinks.ts'),
      ])
      const lookup = await connectorLookup(project)
      return renderConnectors(project.connectors, target, lookup)
    },
    ...(kafka && {
      kafka: async () => {
        const [{ openKafka }, { openTopicAdmin }] = await Promise.all([
          import('../adapters/kafka/connection.ts'),
          import('../adapters/kafka/topic-admin.ts'),
        ])
        return openTopicAdmin(await openKafka(kafka, project.dir))
      },
    }),
    ...(registry && {
      registry: async () => (await import('./registry.ts')).openRemoteRegistry(project),
    }),
    ...(connect && {
      connect: async () => (await import('./sinks.ts')).openConnect(target),
    }),
    engines: await engineChecks(project),
  })
}

async function engineChecks({ target }: Project): Promise<readonly EngineServerCheck[]> {
  const names = Object.keys(target.engineServers ?? {}) as EngineName[] // engines are its keys
  const checks = await Promise.all(
    names.map(async (name) => (await loadEngine(name)).openServerCheck?.(target)),
  )
  return checks.flatMap((one) => one ?? [])
}
