/** Composition of `ccs why`: who answers for the models, the rejects, the published marts. */
import type { EventReport } from '../domain/provenance/event-report.ts'
import type { EventQuestion, FindLeftOutPorts } from '../domain/provenance/find-left-out.ts'
import type { LeftOut, LeftOutPorts } from '../domain/provenance/left-out.ts'
import type { WhyReport } from '../domain/provenance/why.ts'
import { type Project, readProjectTexts } from '../project.ts'
import { openAnswers, openDeployedLogic } from './query.ts'
import { openRejectDecoder } from './reader.ts'
import { withMartsLake } from './reconcile.ts'
import { openProjectStore } from './targets/log.ts'

/** What to explain. */
export interface WhyRun {
  /** `gold.revenue_daily`, or a mart. */
  readonly model: string
  /** The row's key. */
  readonly words: readonly string[]
  readonly limit: number
}

/** Runs `ccs why` for a row of a model or mart. */
export async function runWhy(
  project: Project,
  { model, words, limit }: WhyRun,
): Promise<WhyReport> {
  const [{ explain }, { withDuck }, { createAstConverter }] = await Promise.all([
    import('../domain/provenance/explain.ts'),
    import('../adapters/duckdb/with-duck.ts'),
    import('../adapters/duckdb/sql-ast.ts'),
  ])
  const logic = await openDeployedLogic(project)
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

/** Runs `ccs why` for an event, an order or a reject. */
export async function runWhyEvent(project: Project, question: EventQuestion): Promise<EventReport> {
  const { explainEvent } = await import('../domain/provenance/find-left-out.ts')
  return withEvents(project, (ports) => explainEvent(ports, question))
}

/** Counts what the numbers of a day leave out; undefined: today. */
export async function runLeftOut(project: Project, day: string | undefined): Promise<LeftOut> {
  const { readLeftOut } = await import('../domain/provenance/left-out.ts')
  return withEvents(project, (ports) => readLeftOut(ports, day))
}

async function withEvents<T>(
  project: Project,
  use: (ports: FindLeftOutPorts & LeftOutPorts) => Promise<T>,
): Promise<T> {
  const [{ findLeftOutModels }, { RejectCounter }] = await Promise.all([
    import('../domain/provenance/left-out-sql.ts'),
    import('../domain/dlq/count-rejects.ts'),
  ])
  const models = findLeftOutModels((await openDeployedLogic(project)).graph)
  const decode = await openRejectDecoder(project)
  const [answers, { log }] = await Promise.all([openAnswers(project), openProjectStore(project)])
  const counter = new RejectCounter(log)
  return use({
    ...{ models, timezone: project.config.timezone, rejects: { log, decode } },
    query: (sql) => answers.query(sql),
    countRejects: counter.count.bind(counter),
    findReject: counter.findNewest.bind(counter),
  }).finally(() => Promise.all([answers.close(), log.close()]))
}
