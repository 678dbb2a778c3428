/** The part of the composition root for `ccs query` and `ccs sql`: whoever answers for a target. */
import { CcsError, EXIT } from './core/errors.ts'
import type { Asking, Table } from './flows/asking.ts'
import { type Answers as OpenAnswers, openAnswers } from './open-answers.ts'
import { openMartsAnswers } from './open-marts.ts'
import type { Project } from './project.ts'

export async function openAsking(project: Project): Promise<Asking> {
  if (project.target.ksqldb && project.target.engine === 'ksqldb') return ksqldbAsking(project)
  const answers = await openAnswers(project)
  return asking(answers, async () => {
    const { rows } = await answers.query(TABLES)
    return tablesOf(rows)
  })
}

export async function openMartsAsking(project: Project): Promise<Asking> {
  return asking(await openMartsAnswers(project), async () => [])
}

type Answers = Omit<OpenAnswers, 'status'>

function asking(answers: Answers, tables: Asking['tables']): Asking {
  return {
    from: answers.from,
    asOf: answers.asOf,
    ask: async (sql, { signal } = {}) => {
      try {
        return { ...(await answers.query(sql, signal)), isEndless: false }
      } catch (error) {
        if (!signal?.aborted) throw error
        throw new CcsError('CCS_QUERY_INVALID', 'The query was called off.', { cause: error })
      }
    },
    tables,
    close: () => answers.close(),
  }
}

const TABLES = `SELECT table_schema || '.' || table_name AS name, column_name AS "column", data_type AS "type"
FROM information_schema.columns
WHERE table_catalog = 'memory' AND table_schema IN ('bronze', 'silver', 'gold')
ORDER BY list_position(['bronze', 'silver', 'gold'], table_schema), table_name, ordinal_position`

function tablesOf(rows: readonly Readonly<Record<string, unknown>>[]): readonly Table[] {
  const tables = new Map<string, { readonly name: string; readonly type: string }[]>()
  for (const { name, column, type } of rows) {
    const columns = tables.get(String(name)) ?? []
    columns.push({ name: String(column), type: String(type) })
    tables.set(String(name), columns)
  }
  return [...tables].map(([name, columns]) => ({ name, columns }))
}

async function ksqldbAsking(project: Project): Promise<Asking> {
  const { target } = project
  if (!target.ksqldb)
    throw new CcsError('CCS_CONFIG_INVALID', `Target "${target.name}" has no ksqldb.url.`, {
      exit: EXIT.usage,
    })
  const [{ openKsql }, { KsqlQuestions }] = await Promise.all([
    import('./engines/ksqldb/client.ts'),
    import('./engines/ksqldb/questions.ts'),
  ])
  const client = openKsql(target.ksqldb)
  const questions = new KsqlQuestions(client, {
    prefix: target.prefix,
    target: target.name,
    models: modelNames(project),
  })
  return {
    from: client.url,
    asOf: null,
    ask: (sql, options) => questions.ask(sql, options),
    tables: () => questions.tables(),
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
