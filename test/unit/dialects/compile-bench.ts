/** The project compiled for tests, with the real dialects and DuckDB. */

import type { EngineName } from '../../../cli/domain/config/engines.ts'
import {
  type CompileProject,
  type CompileResult,
  compileModels,
} from '../../../cli/domain/dialects/compile.ts'
import type { Dialect } from '../../../cli/domain/dialects/dialect.ts'
import { deriveRawColumns } from '../../../cli/domain/events/raw-columns.ts'
import { bindModels } from '../../../cli/domain/models/bind-models.ts'
import type { Model } from '../../../cli/domain/models/model.ts'
import { parseModel } from '../../../cli/domain/models/parse-model.ts'
import { printSeedsSql, type Seed } from '../../../cli/domain/models/seed.ts'
import { parseMacros } from '../../../cli/domain/sql/parse-macros.ts'
import { compileEmbedded } from '../../../cli/engines/embedded/dialect.ts'
import { compileFlink } from '../../../cli/engines/flink/compile/dialect.ts'
import { compileKsqldb } from '../../../cli/engines/ksqldb/compile/dialect.ts'
import { buildGraph, modelFiles, openTestDuck, projectFile } from '../model-files.ts'

export const dialects: Readonly<Record<EngineName, Dialect>> = {
  embedded: compileEmbedded,
  flink: compileFlink,
  ksqldb: compileKsqldb,
}

/** The shop's in these tests, unless another is given. */
const TIMEZONE = 'Europe/Berlin'

export function projectModels(): Model[] {
  return modelFiles().map(({ file, text }) => parseModel(file, text))
}

interface CompileTestOptions {
  readonly timezone?: string
  /** The contract of events.raw; default: the project's. */
  readonly rawSchema?: string
}

/** Compiles models with the project's macros, in a DuckDB of their own. */
export async function compileTest(
  models: readonly Model[],
  engine: EngineName,
  seeds: readonly Seed[] = [],
  options: CompileTestOptions = {},
): Promise<readonly CompileResult[]> {
  const duck = await openTestDuck()
  try {
    const project = await compileProject(models, duck, seeds, options)
    return await compileModels(project, engine, {
      dialect: dialects[engine],
      printSql: duck.printSql,
    })
  } finally {
    duck.close()
  }
}

/** Models as dialects are given them, bound in a DuckDB that is still empty. */
export async function compileProject(
  models: readonly Model[],
  duck: Awaited<ReturnType<typeof openTestDuck>>,
  seeds: readonly Seed[] = [],
  options: CompileTestOptions = {},
): Promise<CompileProject> {
  const macroFile = projectFile('sql/macros.sql')
  const { parseSql, connection } = duck
  const macros = await parseMacros(macroFile.file, macroFile.text, parseSql)
  const sources = ['raw.events', ...seeds.map((one) => one.name)]
  const graph = await buildGraph(models, { macros, sources, parseSql })
  const { timezone = TIMEZONE, rawSchema = projectFile('schemas/events.raw.avsc').text } = options
  const { rawColumns } = deriveRawColumns(rawSchema)
  const columns = await bindModels(
    { models: graph, macrosSql: macroFile.text + printSeedsSql(seeds), timezone, rawColumns },
    {
      run: (sql) => connection.run(sql),
      describe: async (sql) => {
        const { rows } = await connection.all(sql)
        return rows.map((row) => ({
          name: String(row.column_name),
          type: String(row.column_type),
        }))
      },
    },
  )
  return { models: graph, macros, seeds, columns, timezone, rawSchema }
}
