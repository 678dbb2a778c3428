/** Composition of `ccs doctor`: the servers of a target, and the metrics of the page. */
import { systemClock } from '../adapters/process/system-clock.ts'
import type { Check } from '../domain/doctor/doctor.ts'
import type { CcsError } from '../domain/kernel/errors.ts'
import type { Project } from '../project.ts'
import { openLogic } from './project-logic.ts'
import { openConnect, openRemoteRegistry, openTopics, readVariables } from './servers.ts'
import { openServerChecks } from './targets/engine.ts'

/** [] for a target without servers. */
export async function checkTarget(project: Project): Promise<readonly Check[]> {
  const { target } = project
  if (target.name === 'local') return []
  const [{ examineTarget, inputSchemas }, { renderConnectors }] = await Promise.all([
    import('../domain/doctor/examine-target.ts'),
    import('../domain/connectors/desired-connectors.ts'),
  ])
  return examineTarget({
    ...{ target, topics: inputSchemas(project.schemas), clock: systemClock() },
    connectors: async () =>
      renderConnectors(project.connectors, target, await readVariables(project)),
    ...(target.kafka && { kafka: () => openTopics(project) }),
    ...(target.registry && { registry: () => openRemoteRegistry(project) }),
    ...(target.connect && { connect: () => openConnect(target) }),
    engines: await openServerChecks(project),
  })
}

/** Faults of sql/live/, each with its place; throws those of the models that it is bound over. */
export async function checkMetrics(project: Project): Promise<readonly CcsError[]> {
  const [logic, { checkMetricTexts }, { withDuck }] = await Promise.all([
    openLogic(project),
    import('../domain/live/check-metrics.ts'),
    import('../adapters/duckdb/with-duck.ts'),
  ])
  const { timezone } = project.config
  return withDuck({ threads: 1 }, (connection) =>
    checkMetricTexts(project.metrics, logic, timezone, (sql) => connection.run(sql)),
  )
}

/** The collector's settings, and what its senders leave out. */
export async function checkCollect({ config, dataDir }: Project): Promise<readonly Check[]> {
  const [{ checkCollector }, { readFigures }] = await Promise.all([
    import('../domain/doctor/collector-checks.ts'),
    import('../adapters/files/collect-figures.ts'),
  ])
  return checkCollector(config.collect, await readFigures(dataDir))
}
