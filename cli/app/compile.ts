/** The part of the composition root that knows the dialects. */

import type { CompileResult } from '../domain/dialects/compile.ts'
import type { Dialect } from '../domain/dialects/dialect.ts'
import type { EngineName } from '../domain/sql/types.ts'
import type { Project } from '../project.ts'
import { type Logic, openLogic } from './project-logic.ts'

/** Compiles the project's models, each time in a DuckDB of its own, in memory. */
export async function openCompiler(
  project: Project,
  options: { readonly logic?: Logic; readonly ksqldb?: Dialect } = {},
): Promise<(engine: EngineName) => Promise<readonly CompileResult[]>> {
  const logic = options.logic ?? (await openLogic(project))
  const [
    { compileModels },
    { compileEmbedded },
    { compileFlink },
    { compileKsqldb },
    { openDuck },
    { deriveRawColumns },
  ] = await Promise.all([
    import('../domain/dialects/compile.ts'),
    import('../engines/embedded/dialect.ts'),
    import('../engines/flink/compile/dialect.ts'),
    import('../engines/ksqldb/compile/dialect.ts'),
    import('../adapters/duckdb/duckdb.ts'),
    import('../domain/events/raw-columns.ts'),
  ])
  const schema = logic.rawSchemas.at(-1)?.schema ?? '{"type":"record","name":"none","fields":[]}'
  return async (engine) => {
    const duck = await openDuck({ threads: 1 })
    const connection = await duck.connect()
    try {
      const rowsOf = async (sql: string, values?: readonly string[]) =>
        (await connection.all(sql, values)).rows
      return await compileModels(
        {
          models: logic.graph,
          macros: logic.macros,
          seeds: logic.seeds,
          macrosSql: logic.macrosSql,
          timezone: project.config.timezone,
          ...deriveRawColumns(schema),
        },
        engine,
        {
          bench: {
            run: (sql) => connection.run(sql),
            describe: async (sql) =>
              (await rowsOf(sql)).map((row) => ({
                name: String(row.column_name),
                type: String(row.column_type),
              })),
            printSql: async (json) =>
              String(
                (await rowsOf('SELECT json_deserialize_sql($1::JSON) AS sql', [json]))[0]?.sql,
              ),
          },
          dialects: {
            local: compileEmbedded,
            flink: compileFlink,
            ksqldb: options.ksqldb ?? compileKsqldb,
          },
        },
      )
    } finally {
      connection.close()
      duck.close()
    }
  }
}
