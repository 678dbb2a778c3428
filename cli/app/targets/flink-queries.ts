/** Composition of what answers queries of a Flink target: models, topics, registry. */
import type { QueryService } from '../../domain/query/query-service.ts'
import type { Project } from '../../project.ts'

/** Answers queries from the topics that the deployment record names. */
export async function openQueries(project: Project): Promise<QueryService> {
  const [{ requireKafka }, { openLogic }, servers, { openTopicQueries }, clocks] =
    await Promise.all([
      import('../../domain/config/target-needs.ts'),
      import('../project-logic.ts'),
      import('../servers.ts'),
      import('../../engines/flink/query/open-queries.ts'),
      import('../../adapters/process/system-clock.ts'),
    ])
  const [{ openKafka }, { openTopicReader }] = await Promise.all([
    import('../../adapters/kafka/connection.ts'),
    import('../../adapters/kafka/topic-reader.ts'),
  ])
  const { target, config, dir } = project
  const settings = requireKafka(target, config.targets)
  const deployments = await servers.openDeployments(project)
  const [logic, registry, kafka, deployment] = await Promise.all([
    openLogic(project, { isDescribed: true }),
    servers.openRemoteRegistry(project),
    openKafka(settings, dir),
    deployments.load().finally(() => deployments.close()),
  ])
  return openTopicQueries({
    ...{ target, logic, registry, record: deployment?.engine },
    timezone: config.timezone,
    reader: openTopicReader(kafka),
    limits: config.query,
    clock: clocks.systemClock(),
  })
}
