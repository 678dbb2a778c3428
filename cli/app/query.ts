/** The part of the composition root for `ccs query` and `ccs sql`: whoever answers for a target. */

import { openMartsQueries } from '../adapters/duckdb/published-marts.ts'
import { CcsError, EXIT } from '../domain/kernel/errors.ts'
import type { QueryAnswer, QueryService, TableInfo } from '../domain/query/query-service.ts'
import type { QueryResult } from '../domain/sql/query-result.ts'
import type { Project } from '../project.ts'
import { openAnswers } from './query-sources.ts'
import { loadEngine } from './targets/engine.ts'

/** For one question, or a few at once. */
export async function openAsking(project: Project): Promise<QueryService> {
  const own = await openOwnQueries(project)
  if (own) return own
  const answers = await openAnswers(project)
  return asking(answers, async () => answers)
}

/** For as long as somebody asks: engines may come and go meanwhile. */
export async function openLastingAsking(project: Project): Promise<QueryService> {
  const own = await openOwnQueries(project)
  if (own) return own
  const [{ FailoverQueryService }, { systemClock }] = await Promise.all([
    import('../domain/query/failover-query-service.ts'),
    import('../adapters/process/system-clock.ts'),
  ])
  const answers = new FailoverQueryService(() => openAnswers(project), systemClock())
  return asking(answers, () => answers.source())
}

export async function openMartsAsking(project: Project): Promise<QueryService> {
  const answers = await openMartsQueries(project)
  return asking(answers, async () => answers)
}

/** The target's engine, where it answers queries itself. */
async function openOwnQueries(project: Project): Promise<QueryService | undefined> {
  return (await loadEngine(project.target.engine)).openQueries?.(project)
}

interface Answers {
  query(sql: string, signal?: AbortSignal): Promise<QueryResult>
  close(): Promise<void>
}

type Source = Pick<QueryAnswer, 'asOf' | 'from'>

function asking(answers: Answers, source: () => Promise<Source>): QueryService {
  return {
    query: async (sql, { signal } = {}) => {
      try {
        const { from, asOf } = await source()
        return { from, asOf, ...(await answers.query(sql, signal)), isUnbounded: false }
      } catch (error) {
        if (!signal?.aborted) throw error
        throw new CcsError('CCS_QUERY_INVALID', 'The query was called off.', {
          exit: EXIT.unexpected,
          cause: error,
        })
      }
    },
    listTables: async () => tablesOf((await answers.query(TABLES)).rows),
    close: () => answers.close(),
  }
}

const TABLES = `SELECT table_schema || '.' || table_name AS name, column_name AS "column", data_type AS "type"
FROM information_schema.columns
WHERE table_catalog = 'memory' AND table_schema IN ('bronze', 'silver', 'gold')
ORDER BY list_position(['bronze', 'silver', 'gold'], table_schema), table_name, ordinal_position`

function tablesOf(rows: readonly Readonly<Record<string, unknown>>[]): readonly TableInfo[] {
  const tables = new Map<string, { readonly name: string; readonly type: string }[]>()
  for (const { name, column, type } of rows) {
    const columns = tables.get(String(name)) ?? []
    columns.push({ name: String(column), type: String(type) })
    tables.set(String(name), columns)
  }
  return [...tables].map(([name, columns]) => ({ name, columns }))
}
