/** Composition of `ccs why`: whoever answers for the models, and the published marts. */
import type { WhyReport } from '../domain/provenance/why.ts'
import { type Project, readProjectTexts } from '../project.ts'
import { openLogic } from './project-logic.ts'
import { openAnswers } from './query.ts'
import { withMartsLake } from './reconcile.ts'

/** What to explain. */
export interface WhyRun {
  /** `gold.revenue_daily`, or a mart. */
  readonly model: string
  /** The row's key. */
  readonly words: readonly string[]
  readonly limit: number
}

/** Runs `ccs why`. */
export async function runWhy(
  project: Project,
  { model, words, limit }: WhyRun,
): Promise<WhyReport> {
  const [{ explain }, { withDuck }, { createAstConverter }] = await Promise.all([
    import('../domain/provenance/explain.ts'),
    import('../adapters/duckdb/with-duck.ts'),
    import('../adapters/duckdb/sql-ast.ts'),
  ])
  const logic = await openLogic(project)
  const { graph, macros } = logic
  return withDuck({ threads: 1 }, (connection) =>
    explain(
      {
        ...{ text: createAstConverter(connection, '<why>'), graph, macros, limit },
        openAnswers: () => openAnswers(project),
        readSetAside: async () => (await import('./dlq.ts')).readSetAside(project),
        readMartTexts: () => readProjectTexts(project.dir, 'dbt/models', ['.yml', '.yaml']),
        withMartsLake: (use) => withMartsLake(project, logic, {}, use),
      },
      model,
      words,
    ),
  )
}
