/** Composition of a project's logic: its files parsed, bound by a DuckDB in memory, and checked. */
import type { DuckConnection } from '../adapters/duckdb/duckdb.ts'
import { parseRecordSchema } from '../domain/avro/schema.ts'
import { requireVersions } from '../domain/avro/schema-registry.ts'
import { DLQ_TOPIC, RAW_TOPIC } from '../domain/log/topics.ts'
import type { DuckColumn } from '../domain/models/bind-models.ts'
import { fingerprintSchema, type Logic } from '../domain/models/logic.ts'
import { describeClasses } from '../domain/privacy/field-classes.ts'
import type { Project } from '../project.ts'
import { refuseSchemaBreaks } from './schema.ts'

/** How logic is opened. */
export interface LogicOptions {
  /** Also find out the columns of each model, for dialects. */
  readonly isDescribed?: boolean
}

/** Opens the project's logic. Throws CcsErrors that name all faults, each with its place. */
export async function openLogic(project: Project, options: LogicOptions = {}): Promise<Logic> {
  const [{ buildLogic }, { withDuck }, { openFilesRegistry }, { deriveRawColumns }, seedSql] =
    await Promise.all([
      import('../domain/models/build-logic.ts'),
      import('../adapters/duckdb/with-duck.ts'),
      import('../adapters/registry/files-registry.ts'),
      import('../domain/events/raw-columns.ts'),
      import('../domain/models/seed.ts'),
    ])
  await refuseSchemaBreaks(project)
  const registry = await openFilesRegistry(`${project.dir}/schemas`)
  const { all: rawSchemas, newest: raw } = await requireVersions(registry, RAW_TOPIC)
  const { all: dlqSchemas, newest: dlq } = await requireVersions(registry, DLQ_TOPIC)
  const { models, macros, seeds, config } = project
  const classes = describeClasses(parseRecordSchema(raw.schema, raw.subject))
  return withDuck({ threads: 1 }, async (connection) => {
    const built = await buildLogic(
      {
        models,
        macros,
        seeds,
        timezone: config.timezone,
        classes,
        ...deriveRawColumns(raw.schema),
      },
      {
        run: (sql) => connection.run(sql),
        queryTexts: (sql, values) => connection.texts(sql, values),
        yieldToEventLoop: () => new Promise((resolve) => setImmediate(resolve)),
        ...(options.isDescribed ? { describe: (sql) => describe(connection, sql) } : {}),
      },
    )
    const schemas = [fingerprintSchema(raw), fingerprintSchema(dlq)]
    const macrosSql = macros.text + seedSql.printSeedsSql(built.seeds)
    return { ...built, macrosSql, macrosText: macros.text, schemas, rawSchemas, dlqSchemas }
  })
}

async function describe(connection: DuckConnection, sql: string): Promise<readonly DuckColumn[]> {
  const { rows } = await connection.all(sql)
  return rows.map((row) => ({ name: String(row.column_name), type: String(row.column_type) }))
}
