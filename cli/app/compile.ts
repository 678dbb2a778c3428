/** Composition of the compiler: the project's logic, bound once, and the dialect of each engine. */
import type { Duck, DuckConnection } from '../adapters/duckdb/duckdb.ts'
import type { EngineName } from '../domain/config/engines.ts'
import type { CompileResult } from '../domain/dialects/compile.ts'
import type { Project } from '../project.ts'
import { openLogic } from './project-logic.ts'
import { loadEngine } from './targets/engine.ts'

/** Compiles a project's models for one engine after another. */
export interface OpenCompiler {
  compile(engine: EngineName): Promise<readonly CompileResult[]>
  close(): void
}

/** Opens the compiler. Throws what openLogic throws. */
export async function openCompiler(project: Project): Promise<OpenCompiler> {
  const [logic, { compileModels, toCompileProject }] = await Promise.all([
    openLogic(project, { isDescribed: true }),
    import('../domain/dialects/compile.ts'),
  ])
  const compiled = toCompileProject(logic, project.config.timezone)
  let printer: { readonly duck: Duck; readonly connection: DuckConnection } | undefined
  return {
    compile: async (engine) => {
      const { openDialect } = await loadEngine(engine)
      const dialect = await openDialect()
      return compileModels(compiled, engine, {
        dialect,
        printSql: async (json) => {
          printer ??= await openPrinter()
          const sql = 'SELECT json_deserialize_sql($1::JSON) AS sql'
          const { rows } = await printer.connection.all(sql, [json])
          return String(rows[0]?.sql)
        },
      })
    },
    close: () => {
      printer?.connection.close()
      printer?.duck.close()
    },
  }
}

async function openPrinter() {
  const { openDuck } = await import('../adapters/duckdb/duckdb.ts')
  const duck = await openDuck({ threads: 1 })
  return { duck, connection: await duck.connect() }
}
