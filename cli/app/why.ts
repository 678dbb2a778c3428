/**
 * Composition of `ccs why`: a row of the models is asked of the engine, or of what was last committed; a row of a
 * mart of the published marts, the Silver they were built from and Bronze.
 */
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import type { DuckConnection } from '../adapters/duckdb/duckdb.ts'
import { didYouMean } from '../domain/kernel/did-you-mean.ts'
import { CcsError, EXIT } from '../domain/kernel/errors.ts'
import { asObject, type JsonObject } from '../domain/kernel/json.ts'
import type { Logic } from '../domain/models/logic.ts'
import type { MartMeta } from '../domain/provenance/mart.ts'
import type { AstConverter } from '../domain/provenance/model-sql.ts'
import type { WhyReport } from '../domain/provenance/why.ts'
import type { Project } from '../project.ts'
import { openLogic } from './project-logic.ts'
import { openAnswers } from './query-sources.ts'
import { withMartsLake } from './reconcile.ts'

export interface WhyRun {
  /** `gold.revenue_daily`, or a mart. */
  readonly model: string
  readonly words: readonly string[]
  readonly limit: number
}

export async function runWhy(
  project: Project,
  { model, words, limit }: WhyRun,
): Promise<WhyReport> {
  const logic = await openLogic(project)
  const { openDuck } = await import('../adapters/duckdb/duckdb.ts')
  const duck = await openDuck({ threads: 1 })
  const connection = await duck.connect()
  try {
    const input = { text: quoteText(connection), graph: logic.graph, macros: logic.macros, limit }
    if (!model.includes('.')) return await explainMart(project, logic, { ...input, model, words })
    const { explainRow } = await import('../domain/provenance/why.ts')
    const answers = await openAnswers(project)
    try {
      return await explainRow({ ...input, query: (sql) => answers.query(sql) }, model, words)
    } finally {
      await answers.close()
    }
  } finally {
    connection.close()
    duck.close()
  }
}

function quoteText(connection: DuckConnection): AstConverter {
  return {
    parse: async (sql) => {
      const { parseSelect } = await import('../domain/sql/ast.ts')
      return parseSelect({ file: '<why>', line: 1, sql }, async (text) => {
        const { rows } = await connection.all('SELECT json_serialize_sql($1::VARCHAR) AS ast', [
          text,
        ])
        return String(rows[0]?.ast)
      })
    },
    print: async (statement) => {
      const { renderAst } = await import('../domain/sql/ast.ts')
      const json = renderAst(statement)
      const { rows } = await connection.all('SELECT json_deserialize_sql($1::JSON) AS sql', [json])
      return String(rows[0]?.sql)
    },
  }
}

interface MartQuestion {
  readonly text: AstConverter
  readonly graph: Logic['graph']
  readonly macros: Logic['macros']
  readonly limit: number
  readonly model: string
  readonly words: readonly string[]
}

async function explainMart(
  project: Project,
  logic: Logic,
  question: MartQuestion,
): Promise<WhyReport> {
  const { model, words } = question
  const metas = await martMetas(project)
  const mart = metas.find(({ name }) => name === model)
  if (!mart)
    throw new CcsError('CCS_USAGE_INVALID', `There is no model or mart '${model}'.`, {
      exit: EXIT.usage,
      hint: didYouMean(model, [
        ...logic.graph.map((one) => one.model.name),
        ...metas.map(({ name }) => name),
      ]),
    })
  const [{ explainMartRow }, { createAuditCatalog }] = await Promise.all([
    import('../domain/provenance/mart.ts'),
    import('../domain/audit/catalog.ts'),
  ])
  return withMartsLake(project, logic, {}, async ({ marts, plain, tables, auditLogic }) => {
    await createAuditCatalog(plain, auditLogic, tables)
    return explainMartRow({ ...question, marts: (sql) => marts.query(sql), plain }, mart, words)
  })
}

/** Marts whose YAML in dbt/ says which events are behind a row. */
async function martMetas(project: Project): Promise<readonly MartMeta[]> {
  const { parseYaml } = await import('../domain/documents/yaml-document.ts')
  const dir = path.join(project.dir, 'dbt/models')
  const names = await readdir(dir, { recursive: true }).catch(() => [])
  const found: MartMeta[] = []
  for (const name of names.filter((one) => /\.ya?ml$/.test(one)).sort()) {
    const file = path.posix.join('dbt/models', name.split(path.sep).join('/'))
    const text = await readFile(path.join(dir, name), 'utf8')
    const { value } = parseYaml(text, { file, code: 'CCS_CONFIG_INVALID' })
    for (const one of list(asObject(value).models)) {
      const meta = asObject(asObject(one.config).meta)
      if (typeof meta.events !== 'string' || !Array.isArray(meta.key)) continue
      found.push({
        name: String(one.name),
        file: file.replace(/[^/]+$/, `${one.name}.sql`),
        description: String(one.description ?? '').trim(),
        key: meta.key.map(String),
        events: meta.events,
      })
    }
  }
  return found
}

function list(value: unknown): readonly JsonObject[] {
  return Array.isArray(value) ? value.map(asObject) : []
}
