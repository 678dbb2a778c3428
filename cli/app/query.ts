/**
 * Composition of whatever asks about the rows of a target: who answers, and the lines of a shell.
 */
import type { LineInput } from '../adapters/terminal/line-input.ts'
import type { Manifest } from '../domain/lake/manifest.ts'
import type { Logic } from '../domain/models/logic.ts'
import type { QueryBackend } from '../domain/query/failover-query-service.ts'
import type { QueryService } from '../domain/query/query-service.ts'
import type { Project } from '../project.ts'
import { readCopyStatus } from './copy/keep.ts'
import { openRecorder } from './store.ts'
import { loadEngine } from './targets/engine.ts'
import { openProjectStore, openTargetLogic } from './targets/log.ts'

/** Opens the engine that runs on the data, or its last commit without the named damaged files. */
export async function openAnswers(
  project: Project,
  without: ReadonlySet<string> = new Set(),
): Promise<QueryBackend> {
  const answers = await import('../engines/embedded/query/open-answers.ts')
  const store = await openProjectStore(project)
  const openLogic = (manifest: Manifest | undefined) => openLogicOf(project, manifest)
  const recorder = await openRecorder(project)
  const readCopy = () => readCopyStatus(project)
  const more = { openLogic, without, recorder, readCopy }
  return answers.openAnswers({ config: project.config, store, ...more })
}

/** The logic that made the present rows: models as they were deployed, so that no draft is read. */
export async function openDeployedLogic(project: Project): Promise<Logic> {
  const { log, manifests } = await openProjectStore(project)
  const manifest = await manifests.load().finally(() => log.close())
  return openLogicOf(project, manifest)
}

async function openLogicOf(project: Project, manifest: Manifest | undefined): Promise<Logic> {
  const { listDeployedModels } = await import('../engines/embedded/model-diff.ts')
  const models = manifest ? listDeployedModels(manifest) : project.models
  return openTargetLogic({ ...project, models })
}

/** Names of models whose files have changes that are not deployed. */
export async function listUndeployed(project: Project): Promise<readonly string[]> {
  const { listDrafts } = await import('../engines/embedded/model-diff.ts')
  const { log, manifests } = await openProjectStore(project)
  return listDrafts(project.models, await manifests.load().finally(() => log.close()))
}

/** The same for as long as somebody asks: engines may come and go meanwhile. */
export async function openLastingAnswers(project: Project) {
  const [{ FailoverQueryService }, { systemClock }] = await Promise.all([
    import('../domain/query/failover-query-service.ts'),
    import('../adapters/process/system-clock.ts'),
  ])
  return new FailoverQueryService(() => openAnswers(project), systemClock())
}

/** Opens what answers queries of a target, for one query or a few at once. */
export async function openQueries(project: Project): Promise<QueryService> {
  const own = await openOwnQueries(project)
  if (own) return own
  const { serveQueries } = await import('../domain/query/backend-queries.ts')
  const answers = await openAnswers(project)
  return serveQueries(answers, async () => answers)
}

/** The same for as long as somebody asks. */
export async function openLastingQueries(project: Project): Promise<QueryService> {
  const own = await openOwnQueries(project)
  if (own) return own
  const { serveQueries } = await import('../domain/query/backend-queries.ts')
  const answers = await openLastingAnswers(project)
  return serveQueries(answers, () => answers.source())
}

/** Opens what answers queries of the published marts. */
export async function openMartsQueries(project: Project): Promise<QueryService> {
  const [{ serveQueries }, marts] = await Promise.all([
    import('../domain/query/backend-queries.ts'),
    import('../adapters/duckdb/published-marts.ts'),
  ])
  const answers = await marts.openMartsQueries(project, project.config.query)
  return withRecord(
    project,
    serveQueries(answers, async () => answers),
  )
}

/** The target's engine, where it answers queries itself. */
async function openOwnQueries(project: Project): Promise<QueryService | undefined> {
  const own = await (await loadEngine(project.target.engine)).openQueries?.(project)
  return own && withRecord(project, own)
}

async function withRecord(project: Project, service: QueryService): Promise<QueryService> {
  const { recordQueries } = await import('../domain/monitoring/record-history.ts')
  return recordQueries(service, await openRecorder(project))
}

/** Lines of stdin for `ccs sql`, with their history in the project. */
export async function openSqlInput(project: Project, onInterrupt: () => void): Promise<LineInput> {
  const { openLineInput } = await import('../adapters/terminal/line-input.ts')
  return openLineInput({ historyFile: `${project.dir}/.ccs/sql-history`, onInterrupt })
}
