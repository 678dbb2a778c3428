/** Composition of the compiler: the project's logic, bound once, and the dialect of each engine. */
import { type EngineName, getEngineProfile } from '../domain/config/engines.ts'
import type { CompileResult } from '../domain/dialects/compile.ts'
import { CcsError } from '../domain/kernel/errors.ts'
import type { Project } from '../project.ts'
import { openLogic } from './project-logic.ts'
import { loadEngine } from './targets/engine.ts'
import type { PrintKubernetes } from './targets/engine-module.ts'

/** Compiles a project's models for one engine after another. Throws what openLogic throws. */
export async function withCompiler<T>(
  project: Project,
  use: (compile: (engine: EngineName) => Promise<readonly CompileResult[]>) => Promise<T>,
): Promise<T> {
  const [logic, { compileModels, toCompileProject }, { withDuck }, { deserializeSql }] =
    await Promise.all([
      openLogic(project, { isDescribed: true }),
      import('../domain/dialects/compile.ts'),
      import('../adapters/duckdb/with-duck.ts'),
      import('../adapters/duckdb/sql-ast.ts'),
    ])
  const compiled = toCompileProject(logic, project.config.timezone)
  return withDuck({ threads: 1 }, (connection) =>
    use(async (engine) => {
      const dialect = await (await loadEngine(engine)).openDialect()
      const printSql = (json: string) => deserializeSql(connection, json)
      return compileModels(compiled, engine, { dialect, printSql })
    }),
  )
}

/** CCS_USAGE_INVALID for an engine that no operator of Kubernetes runs. */
export async function openKubernetes(engine: EngineName): Promise<PrintKubernetes> {
  const { openKubernetes: open } = await loadEngine(engine)
  if (open !== undefined) return open()
  const { displayName } = getEngineProfile(engine)
  throw new CcsError(
    'CCS_USAGE_INVALID',
    `ccs prints no Kubernetes resources for ${displayName}.`,
    {
      hint: 'Leave --format out, or name another engine by --engine.',
    },
  )
}
