/**
 * Composition of a Flink target: its engine, what answers its queries, and what its servers say of
 * themselves.
 */
import type { AuditReport, AuditRun } from '../../domain/audit/audit.ts'
import { requireOwnPrefix } from '../../domain/config/target-needs.ts'
import type { Dialect } from '../../domain/dialects/dialect.ts'
import type { EngineServerCheck } from '../../domain/doctor/examine-target.ts'
import type { JobStatus } from '../../domain/pipeline/job-status.ts'
import type { QueryService } from '../../domain/query/query-service.ts'
import type { Project } from '../../project.ts'
import type { OpenPageSource, OpenTargetEngine, PrintKubernetes } from './engine-module.ts'

/** Opens the engine; CCS_SQL_UNSUPPORTED for models that it can't run. Asks no server yet. */
export const openTargetEngine: OpenTargetEngine = async (project, logic, options) => {
  const { servers, ...how } = options
  if (!servers) throw new Error('a Flink is opened with the servers of its target')
  const [{ readTlsFiles }, { openFlinkTarget }] = await Promise.all([
    import('../../adapters/kafka/tls-files.ts'),
    import('../../engines/flink/open-target.ts'),
  ])
  const { target, config, dir } = project
  requireOwnPrefix(target, config.targets)
  const tls = await readTlsFiles(target.kafka?.tls, dir)
  const { timezone } = config
  return openFlinkTarget({ target, tls, logic, timezone, ...servers, ...how })
}

/** How models are printed for Flink SQL. */
export async function openDialect(): Promise<Dialect> {
  return (await import('../../engines/flink/compile/dialect.ts')).compileFlink
}

/** How models are printed as resources of Kubernetes. */
export async function openKubernetes(): Promise<PrintKubernetes> {
  return (await import('../../engines/flink/compile/kubernetes.ts')).printKubernetes
}

/** Answers queries from the topics that the engine fills; asks no server yet. */
export async function openQueries(project: Project): Promise<QueryService> {
  return (await import('./flink-queries.ts')).openQueries(project)
}

/** What the live page shows: the topics that the engine fills, and its job. */
export async function openPageSource(project: Project): Promise<OpenPageSource> {
  return (await import('./flink-page.ts')).openPageSource(project)
}

/** What `ccs doctor` asks of the target's Flink. */
export async function openServerCheck({
  target,
  config,
  dir,
}: Project): Promise<EngineServerCheck | undefined> {
  const [{ openFlinkCheck }, { readTlsFiles }] = await Promise.all([
    import('../../engines/flink/open-check.ts'),
    import('../../adapters/kafka/tls-files.ts'),
  ])
  const tls = () => readTlsFiles(target.kafka?.tls, dir)
  return openFlinkCheck({ target, timezone: config.timezone, tls })
}

/** How the deployed job is doing. */
export async function readStatus(project: Project): Promise<JobStatus> {
  return (await import('./flink-status.ts')).readStatus(project)
}

/** Accounts for every event, from events.raw to the topics of Gold. */
export async function audit(project: Project, run: AuditRun): Promise<AuditReport> {
  return (await import('./flink-audit.ts')).auditFlink(project, run)
}
