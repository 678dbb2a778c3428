/** Composition of the check of metrics: each is bound by DuckDB over the project's models, without any rows. */
import type { CcsError } from '../domain/kernel/errors.ts'
import { parseMetrics } from '../domain/live/metric.ts'
import type { Project } from '../project.ts'
import { openLogic } from './project-logic.ts'

/** Faults of sql/live/, each with its place; throws those of the models, without which no figure can be read. */
export async function checkFigures(project: Project): Promise<readonly CcsError[]> {
  const [logic, { openDuck }, { bindModels, toBindError }, { deriveRawColumns }] =
    await Promise.all([
      openLogic(project),
      import('../adapters/duckdb/duckdb.ts'),
      import('../domain/models/bind-models.ts'),
      import('../domain/events/raw-columns.ts'),
    ])
  const { metrics, broken } = parseMetrics(project.metrics)
  const faults = broken.flatMap(({ error }) => [error, ...error.others])
  const duck = await openDuck({ threads: 1 })
  const connection = await duck.connect()
  try {
    const newest = logic.rawSchemas.at(-1)
    await bindModels(
      {
        models: logic.graph,
        macrosSql: logic.macrosSql,
        timezone: project.config.timezone,
        rawColumns: newest ? deriveRawColumns(newest.schema).rawColumns : [],
      },
      {
        run: (sql) => connection.run(sql),
        describe: async () => [],
      },
    )
    for (const figure of metrics) {
      try {
        await connection.run(`CREATE VIEW checked AS\n${figure.sql}`)
        await connection.run('DROP VIEW checked')
      } catch (cause) {
        faults.push(toBindError(figure, cause))
      }
    }
    return faults
  } finally {
    connection.close()
    duck.close()
  }
}
