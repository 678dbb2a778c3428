/** The part of the composition root for schemas: their files, and what reads them, in a DuckDB that only parses. */
import type { NamedText } from '../domain/documents/json-document.ts'
import type { CompatibilityMode } from '../domain/schemas/check.ts'
import type { SchemaCheckResult } from '../domain/schemas/check-project.ts'
import type { Project } from '../project.ts'

/** Checks the project's schemas; opens a DuckDB only when something changed. */
export async function openSchemaCheck(
  project: Project,
  mode: CompatibilityMode,
): Promise<SchemaCheckResult> {
  const [{ checkSchemas }, { groupSchemasByTopic }] = await Promise.all([
    import('../domain/schemas/check-project.ts'),
    import('../domain/schemas/history.ts'),
  ])
  return checkSchemas(groupSchemasByTopic(project.schemas), mode, () => impactOf(project))
}

/** Throws CCS_SCHEMA_BREAKS when a schema can't read what was written by a kept version of it. */
export async function refuseSchemaBreaks(project: Project): Promise<void> {
  const { groupSchemasByTopic } = await import('../domain/schemas/history.ts')
  const isChanged = groupSchemasByTopic(project.schemas).some(
    ({ current, kept }) => kept.length > 1 || current?.text !== kept[0]?.text,
  )
  if (!isChanged) return
  const result = await openSchemaCheck(project, 'BACKWARD_TRANSITIVE')
  const { throwBlockingBreaks } = await import('../domain/schemas/check-project.ts')
  throwBlockingBreaks(result)
}

/** What reads the topics' fields, in models, marts and dashboards. */
export async function impactOf(project: Project) {
  const [{ openSchemaImpact }, { openDuck }] = await Promise.all([
    import('../domain/models/schema-impact.ts'),
    import('../adapters/duckdb/duckdb.ts'),
  ])
  const { macros } = project
  const models = [...project.models, ...project.metrics]
  const duck = await openDuck({ threads: 1 })
  const connection = await duck.connect()
  try {
    return await openSchemaImpact({ models, macros, dbt: await dbtFiles(project) }, async (sql) => {
      const { rows } = await connection.all('SELECT json_serialize_sql($1::VARCHAR) AS ast', [sql])
      return String(rows[0]?.ast)
    })
  } finally {
    connection.close()
    duck.close()
  }
}

async function dbtFiles(project: Project): Promise<readonly NamedText[]> {
  const { readProjectTexts } = await import('../project.ts')
  return readProjectTexts(project.dir, 'dbt/models', ['.sql', '.yml', '.yaml'])
}

/** The `--json` document of `ccs schema types`. */
export interface SchemaTypes {
  readonly topics: readonly string[]
  /** As it was given; null: printed. */
  readonly file: string | null
  readonly changed: boolean
  readonly types: string
}

/** The types of the named topics, else of all that no model makes, by the ids of their first versions. */
export async function writeSchemaTypes(
  project: Project,
  options: { readonly topics: readonly string[]; readonly out: string | undefined },
): Promise<SchemaTypes> {
  const [{ generateContractTypes }, { groupSchemasByTopic }, { parseSchema }, { pickTopics }] =
    await Promise.all([
      import('../domain/events/generate-types.ts'),
      import('../domain/schemas/history.ts'),
      import('../domain/schemas/tree.ts'),
      import('../domain/schemas/list.ts'),
    ])
  const made = project.models.map(({ file }) =>
    file.slice('sql/'.length, -'.sql'.length).replace('/', '.'),
  )
  const picked = pickTopics(groupSchemasByTopic(project.schemas), options.topics)
    .filter((one) => options.topics.length > 0 || !made.includes(one.topic))
    .flatMap(({ topic, current, kept }) =>
      current === undefined
        ? []
        : [{ topic, text: parseSchema(current).text, id: kept[0]?.id ?? Infinity }],
    )
    .sort((a, b) => a.id - b.id)
  const types = generateContractTypes(picked.map((one) => one.text))
  const topics = picked.map((one) => one.topic)
  if (options.out === undefined) return { topics, file: null, changed: false, types }
  const { readFile, writeFile } = await import('node:fs/promises')
  const before = await readFile(options.out, 'utf8').catch(() => undefined)
  if (before !== types) await writeFile(options.out, types)
  return { topics, file: options.out, changed: before !== types, types }
}
