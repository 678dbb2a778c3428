/** The project compiled for tests, with the real dialects and DuckDB. */
import { buildGraph } from '../../cli/core/graph.ts'
import type { Model } from '../../cli/core/model.ts'
import { parseMacros } from '../../cli/core/parse-macros.ts'
import { parseModel } from '../../cli/core/parse-model.ts'
import { rawEventColumns } from '../../cli/core/raw-events.ts'
import { type Seed, seedsSql } from '../../cli/core/seed.ts'
import type { EngineName } from '../../cli/core/sql-types.ts'
import { compileEmbedded } from '../../cli/engines/embedded/dialect.ts'
import { compileFlink } from '../../cli/engines/flink/dialect.ts'
import { compileKsqldb } from '../../cli/engines/ksqldb/dialect.ts'
import {
  type CompileProject,
  type CompileResult,
  compileModels,
  type Dialects,
} from '../../cli/flows/compile.ts'
import { modelFiles, openTestDuck, projectFile } from './model-files.ts'

export const dialects: Dialects = {
  local: compileEmbedded,
  flink: compileFlink,
  ksqldb: compileKsqldb,
}

export function projectModels(): Model[] {
  return modelFiles().map(({ file, text }) => parseModel(file, text))
}

/** Compiles models with the project's macros and contract, in a DuckDB of their own. */
export async function compileTest(
  models: readonly Model[],
  engine: EngineName,
  seeds: readonly Seed[] = [],
): Promise<readonly CompileResult[]> {
  const duck = await openTestDuck()
  try {
    const project = await compileProject(models, duck.parseSql, seeds)
    return await compileModels(project, engine, {
      bench: {
        run: (sql) => duck.connection.run(sql),
        describe: async (sql) => {
          const { rows } = await duck.connection.all(sql)
          return rows.map((row) => ({
            name: String(row.column_name),
            type: String(row.column_type),
          }))
        },
        printSql: duck.printSql,
      },
      dialects,
    })
  } finally {
    duck.close()
  }
}

export async function compileProject(
  models: readonly Model[],
  parseSql: (sql: string) => Promise<string>,
  seeds: readonly Seed[] = [],
): Promise<CompileProject> {
  const macroFile = projectFile('sql/macros.sql')
  const macros = await parseMacros(macroFile.file, macroFile.text, parseSql)
  const sources = ['raw.events', ...seeds.map((one) => one.name)]
  const graph = await buildGraph(models, { macros, sources, parseSql })
  return {
    models: graph,
    macros,
    seeds,
    macrosSql: macroFile.text + seedsSql(seeds),
    timezone: 'Europe/Berlin',
    ...rawEventColumns(projectFile('schemas/events.raw.avsc').text),
  }
}
