/** Composition of what answers queries of a Flink target: models, topics, registry. */
import type { QueryService } from '../../domain/query/query-service.ts'
import type { OpenQueriesOptions } from '../../engines/flink/query/open-queries.ts'
import type { Project } from '../../project.ts'

/** Answers queries from the topics that the engine fills; asks no server yet. */
export async function openQueries(project: Project): Promise<QueryService> {
  const { openTopicQueries } = await import('../../engines/flink/query/open-queries.ts')
  return openTopicQueries(await openParts(project))
}

/** What all queries of the target are answered from; asks no server yet. */
export async function openParts(project: Project): Promise<OpenQueriesOptions> {
  const [{ requireKafka }, { openLogic }, { openDeployments, openRemoteRegistry }, clocks] =
    await Promise.all([
      import('../../domain/config/target-needs.ts'),
      import('../project-logic.ts'),
      import('../servers.ts'),
      import('../../adapters/process/system-clock.ts'),
    ])
  const [{ openKafka }, { openTopicReader }] = await Promise.all([
    import('../../adapters/kafka/connection.ts'),
    import('../../adapters/kafka/topic-reader.ts'),
  ])
  const { target, config, dir } = project
  const deployments = await openDeployments(project)
  const settings = requireKafka(target, config.targets)
  const [logic, registry, kafka] = await Promise.all([
    openLogic(project, { isDescribed: true }),
    openRemoteRegistry(project),
    openKafka(settings, dir),
  ])
  return {
    ...{ target, logic, registry },
    timezone: config.timezone,
    loadRecord: async () => (await deployments.load())?.engine,
    reader: {
      ...openTopicReader(kafka),
      close: async () => {
        await Promise.all([kafka.close(), deployments.close()])
      },
    },
    limits: config.query,
    clock: clocks.systemClock(),
  }
}
