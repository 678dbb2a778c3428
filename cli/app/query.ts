/** The part of the composition root for `ccs query` and `ccs sql`: whoever answers for a target. */
import { CcsError, EXIT } from '../domain/kernel/errors.ts'
import type { QueryAnswer, QueryService, TableInfo } from '../domain/query/query-service.ts'
import type { QueryResult } from '../domain/sql/query-result.ts'
import type { Project } from '../project.ts'
import { openMartsAnswers } from './marts.ts'
import { openAnswers } from './query-sources.ts'

/** For one question, or a few at once. */
export async function openAsking(project: Project): Promise<QueryService> {
  if (isKsqldb(project)) return ksqldbAsking(project)
  const answers = await openAnswers(project)
  return asking(answers, async () => answers)
}

/** For as long as somebody asks: engines may come and go meanwhile. */
export async function openLastingAsking(project: Project): Promise<QueryService> {
  if (isKsqldb(project)) return ksqldbAsking(project)
  const [{ FailoverQueryService }, { systemClock }] = await Promise.all([
    import('../domain/query/failover-query-service.ts'),
    import('../adapters/process/system-clock.ts'),
  ])
  const answers = new FailoverQueryService(() => openAnswers(project), systemClock())
  return asking(answers, () => answers.source())
}

export async function openMartsAsking(project: Project): Promise<QueryService> {
  const answers = await openMartsAnswers(project)
  return asking(answers, async () => answers)
}

function isKsqldb({ target }: Project): boolean {
  return target.engine === 'ksqldb'
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
        return { from, asOf, ...(await answers.query(sql, signal)), isEndless: false }
      } catch (error) {
        if (!signal?.aborted) throw error
        throw new CcsError('CCS_QUERY_INVALID', 'The query was called off.', { cause: error })
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

async function ksqldbAsking(project: Project): Promise<QueryService> {
  const { target } = project
  if (!target.ksqldb)
    throw new CcsError('CCS_CONFIG_INVALID', `Target "${target.name}" has no ksqldb.url.`, {
      exit: EXIT.usage,
    })
  const [{ openKsql }, { KsqlQuestions }] = await Promise.all([
    import('../engines/ksqldb/client/client.ts'),
    import('../engines/ksqldb/client/queries.ts'),
  ])
  const client = openKsql(target.ksqldb)
  const questions = new KsqlQuestions(client, {
    prefix: target.prefix,
    target: target.name,
    models: modelNames(project),
  })
  return {
    query: async (sql, options) => ({
      from: client.url,
      asOf: null,
      ...(await questions.ask(sql, options)),
    }),
    listTables: () => questions.tables(),
    close: async () => {},
  }
}

const LAYERS = ['bronze', 'silver', 'gold']

/** By their files: a question needs no more of them. */
function modelNames({ models }: Project): readonly string[] {
  const layerOf = (name: string) => LAYERS.indexOf(name.split('.')[0] ?? '')
  return models
    .map(({ file }) => file.replace(/^sql\/|\.sql$/g, '').replace('/', '.'))
    .sort((a, b) => layerOf(a) - layerOf(b) || (a < b ? -1 : 1))
}
