/** Composition of a project's logic: its files parsed, bound by a DuckDB in memory, and checked. */
import type { DuckConnection } from '../adapters/duckdb/duckdb.ts'
import type { RegisteredSchema } from '../domain/avro/schema-registry.ts'
import { CcsError } from '../domain/kernel/errors.ts'
import { DLQ_TOPIC, RAW_TOPIC, subjectFor } from '../domain/log/topics.ts'
import type { DuckColumn } from '../domain/models/bind-models.ts'
import type { Logic, SchemaVersion } from '../domain/models/logic.ts'
import type { Project } from '../project.ts'

/** The topic of events as they arrive. */

/** How logic is opened. */
export interface LogicOptions {
  /** Also find out the columns of each model, for dialects. */
  readonly isDescribed?: boolean
}

/** Opens the project's logic. Throws CcsErrors that name all faults, each with its place. */
export async function openLogic(project: Project, options: LogicOptions = {}): Promise<Logic> {
  const [{ buildLogic }, { openDuck }, { openFilesRegistry }, { deriveRawColumns }] =
    await Promise.all([
      import('../domain/models/build-logic.ts'),
      import('../adapters/duckdb/duckdb.ts'),
      import('../adapters/registry/files-registry.ts'),
      import('../domain/events/raw-columns.ts'),
    ])
  const { refuseSchemaBreaks } = await import('./schema.ts')
  await refuseSchemaBreaks(project)
  const registry = await openFilesRegistry(`${project.dir}/schemas`)
  const rawSchemas = await registry.versions(subjectFor(RAW_TOPIC))
  const [raw] = rawSchemas.slice(-1)
  const dlqSchema = (await registry.versions(subjectFor(DLQ_TOPIC))).at(-1)
  if (!dlqSchema) throw new CcsError('CCS_SCHEMA_INVALID', 'schemas/ has no events.dlq.avsc.')
  if (!raw) throw new CcsError('CCS_SCHEMA_INVALID', 'schemas/ has no events.raw.avsc.')
  const { models, macros, seeds, config } = project
  const duck = await openDuck({ threads: 1 })
  const connection = await duck.connect()
  try {
    const built = await buildLogic(
      { models, macros, seeds, timezone: config.timezone, ...deriveRawColumns(raw.schema) },
      {
        run: (sql) => connection.run(sql),
        queryTexts: (sql, values) => connection.texts(sql, values),
        yieldToEventLoop: () => new Promise((resolve) => setImmediate(resolve)),
        ...(options.isDescribed ? { describe: (sql) => describe(connection, sql) } : {}),
      },
    )
    const schemas = await fingerprints(raw, dlqSchema)
    const { printSeedsSql } = await import('../domain/models/seed.ts')
    const macrosSql = macros.text + printSeedsSql(built.seeds)
    return { ...built, macrosSql, macrosText: macros.text, schemas, rawSchemas, dlqSchema }
  } finally {
    connection.close()
    duck.close()
  }
}

async function describe(connection: DuckConnection, sql: string): Promise<readonly DuckColumn[]> {
  const { rows } = await connection.all(sql)
  return rows.map((row) => ({ name: String(row.column_name), type: String(row.column_type) }))
}

async function fingerprints(
  ...schemas: readonly (RegisteredSchema | undefined)[]
): Promise<readonly SchemaVersion[]> {
  const { createHash } = await import('node:crypto')
  return schemas.flatMap((one) =>
    one
      ? [
          {
            subject: one.subject,
            fingerprint: createHash('sha256').update(one.schema).digest('hex'),
          },
        ]
      : [],
  )
}
