/**
 * Checks the metrics of the page: DuckDB binds each over the project's models, without any rows.
 */
import { deriveRawColumns } from '../events/raw-columns.ts'
import type { CcsError } from '../kernel/errors.ts'
import { bindModels, toBindError } from '../models/bind-models.ts'
import type { Logic } from '../models/logic.ts'
import { parseMetrics } from './metric.ts'

/** `run` executes SQL in an empty DuckDB. Returns all faults, each with its place. */
export async function checkMetricTexts(
  texts: Parameters<typeof parseMetrics>[0],
  { graph, macrosSql, rawSchemas }: Logic,
  timezone: string,
  run: (sql: string) => Promise<unknown>,
): Promise<readonly CcsError[]> {
  const { metrics, broken } = parseMetrics(texts)
  const faults = broken.flatMap(({ error }) => [error, ...error.others])
  const newest = rawSchemas.at(-1)
  const rawColumns = newest ? deriveRawColumns(newest.schema).rawColumns : []
  await bindModels(
    { models: graph, macrosSql, timezone, rawColumns },
    {
      run,
      describe: async () => [],
    },
  )
  for (const metric of metrics)
    try {
      await run(`CREATE VIEW checked AS\n${metric.sql}`)
      await run('DROP VIEW checked')
    } catch (cause) {
      faults.push(toBindError(metric, cause))
    }
  return faults
}
