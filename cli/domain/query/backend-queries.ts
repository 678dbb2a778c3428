/**
 * The QueryService of a target whose rows an engine on this machine, a commit or the marts hold.
 */
import { CcsError } from '../kernel/errors.ts'
import type { QueryControl, QueryResult } from '../sql/query-result.ts'
import type { QueryAnswer, QueryService, TableInfo } from './query-service.ts'

/** What answers. */
interface Answers {
  query(sql: string, control?: QueryControl): Promise<QueryResult>
  close(): Promise<void>
}

const TABLES = `SELECT table_schema || '.' || table_name AS name,
  column_name AS "column", data_type AS "type"
FROM information_schema.columns
WHERE table_catalog = 'memory' AND table_schema IN ('bronze', 'silver', 'gold')
ORDER BY list_position(['bronze', 'silver', 'gold'], table_schema), table_name, ordinal_position`

/** `source` says before each query where its answer will come from. */
export function serveQueries(
  answers: Answers,
  source: () => Promise<Pick<QueryAnswer, 'asOf' | 'from'>>,
): QueryService {
  return {
    query: async (sql, control = {}) => {
      try {
        const { from, asOf } = await source()
        return { from, asOf, ...(await answers.query(sql, control)), isUnbounded: false }
      } catch (error) {
        if (!control.signal?.aborted) throw error
        throw new CcsError('CCS_QUERY_INVALID', 'The query was called off.', { cause: error })
      }
    },
    listTables: async () => groupColumns((await answers.query(TABLES)).rows),
    close: () => answers.close(),
  }
}

function groupColumns(rows: QueryResult['rows']): readonly TableInfo[] {
  const tables = new Map<string, { readonly name: string; readonly type: string }[]>()
  for (const { name, column, type } of rows) {
    const columns = tables.get(String(name)) ?? []
    columns.push({ name: String(column), type: String(type) })
    tables.set(String(name), columns)
  }
  return [...tables].map(([name, columns]) => ({ name, columns }))
}
