/** Composition of the live page of a Flink target: its topics, and the status of its job. */
import type { Project } from '../../project.ts'
import type { OpenPageSource } from './engine-module.ts'

/** Asks no server before somebody looks at the page. */
export async function openPageSource(project: Project): Promise<OpenPageSource> {
  const [{ openPageQueries }, { JobHealthReader }, pages, flinkStatus, { openParts }] =
    await Promise.all([
      import('../../engines/flink/query/open-page.ts'),
      import('../../domain/live/job-health.ts'),
      import('../../domain/live/page-metrics.ts'),
      import('./flink-status.ts'),
      import('./flink-queries.ts'),
    ])
  const { openProjectStore } = await import('./log.ts')
  const parts = await openParts(project)
  const { graph } = parts.logic
  const metrics = pages.listPageMetrics(project.metrics, graph)
  const { queries, close } = await openPageQueries({ ...parts, metrics })
  const { log } = await openProjectStore(project)
  const status = await flinkStatus.openStatus(project)
  return {
    log,
    hasTransactions: true,
    sources: async () => [],
    catchUp: () => queries.catchUp(),
    query: (sql, nowMs) => queries.query(sql, nowMs),
    revision: () => queries.revision,
    graph: async () => graph,
    noMarts: NO_MARTS,
    status: () => status.read(),
    openHealth: (own) =>
      new JobHealthReader({
        ...own,
        target: project.target.name,
        status: () => status.read(),
        topics: () => queries.state,
      }),
    close: async () => {
      await close()
      await status.close()
      await log.close()
    },
  }
}

const NO_MARTS =
  'Closed days come from the marts, which dbt builds over the Parquet files of a lake in the ' +
  'data directory. The rows of this target are in topics, and no marts are built of them here.'
