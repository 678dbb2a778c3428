/** The part of the composition root for `ccs doctor`: the servers of a target. */
import type { HttpServer, Target } from '../domain/config/target.ts'
import type { Check } from '../domain/doctor/doctor.ts'
import type { KsqldbServer } from '../domain/doctor/examine-target.ts'
import type { Project } from '../project.ts'

/** The topics of the input; what models make comes with a deployment. */
const TOPICS = ['events.raw', 'events.dlq']

/** [] for a target without servers. */
export async function checkTarget(project: Project): Promise<readonly Check[]> {
  const { target } = project
  if (target.name === 'local') return []
  const [{ examineTarget }, { groupSchemasByTopic }, { systemClock }] = await Promise.all([
    import('../domain/doctor/examine-target.ts'),
    import('../domain/schemas/history.ts'),
    import('../adapters/process/system-clock.ts'),
  ])
  const { kafka, registry, connect, ksqldb } = target
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
    ...(ksqldb && { ksqldb: () => openKsqldbPart(ksqldb, target) }),
  })
}

async function openKsqldbPart(server: HttpServer, { prefix }: Target): Promise<KsqldbServer> {
  const [{ openKsql }, { lookAt }, { namesOf }] = await Promise.all([
    import('../engines/ksqldb/client/client.ts'),
    import('../engines/ksqldb/client/inspect.ts'),
    import('../engines/ksqldb/plan/actions.ts'),
  ])
  const client = openKsql(server)
  return { inspect: () => lookAt(client), prefix: namesOf(prefix).source('', 1) }
}
