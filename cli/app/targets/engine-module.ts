/** What the composition of one engine offers. */
import type { AuditReport, AuditRun } from '../../domain/audit/audit.ts'
import type { Target } from '../../domain/config/target.ts'
import type { TargetServers } from '../../domain/deploy/deploy-target.ts'
import type { TargetEngine } from '../../domain/deploy/target-engine.ts'
import type { CompileResult } from '../../domain/dialects/compile.ts'
import type { Dialect } from '../../domain/dialects/dialect.ts'
import type { EngineServerCheck } from '../../domain/doctor/examine-target.ts'
import type { Logic } from '../../domain/models/logic.ts'
import type { JobStatus } from '../../domain/pipeline/job-status.ts'
import type { QueryService } from '../../domain/query/query-service.ts'
import type { Project } from '../../project.ts'
import type { PageSource } from '../../web/live/page.ts'

/** What a deployment asks of the engine. */
export interface TargetEngineOptions {
  /** Undefined for a target without servers. */
  readonly servers: Pick<TargetServers, 'topics' | 'registry'> | undefined
  /** Rebuild all rows, changed or not. */
  readonly isRebuild: boolean
  /** All models go. */
  readonly isDestroying: boolean
  /** A rebuild may end with fewer rows than there were. */
  readonly mayLoseRows: boolean
  /** Gets sentences for the user while rows are rebuilt. */
  readonly onNotice: (text: string) => void
}

/** Opens the engine of a project's target. */
export type OpenTargetEngine = (
  project: Project,
  logic: Logic,
  options: TargetEngineOptions,
) => Promise<TargetEngine>

/** Prints compiled models as resources of Kubernetes, in YAML; `name` is the project's. */
export type PrintKubernetes = (results: readonly CompileResult[], name: string) => string

/** Where `ccs dash` gets the page's data until it is closed. */
export interface OpenPageSource extends PageSource {
  /** What `ccs status --json` prints. */
  status(): Promise<unknown>
  close(): Promise<void>
}

/** The composition of one engine. */
export interface EngineModule {
  /** How models are printed for it. */
  readonly openDialect: () => Promise<Dialect>
  readonly openTargetEngine: OpenTargetEngine
  /** Absent: ccs prints no resources of Kubernetes for it. */
  readonly openKubernetes?: () => Promise<PrintKubernetes>
  /** Answers queries itself; absent: the running engine and the lake of the target do. */
  readonly openQueries?: (project: Project) => Promise<QueryService>
  /** What the live page shows; absent: what the data directory of the target has. */
  readonly openPageSource?: (project: Project) => Promise<OpenPageSource>
  /** For `ccs doctor`; absent: it has no server of its own. */
  readonly openServerCheck?: (project: Project) => Promise<EngineServerCheck | undefined>
  /** For `ccs status`; absent: the running engine and the lake of the target say it. */
  readonly readStatus?: (project: Project) => Promise<JobStatus>
  /** For `ccs audit`; absent: the rows are in the data directory, or can't be audited. */
  readonly audit?: (project: Project, run: AuditRun) => Promise<AuditReport>
  /** Topic of the log of records that it could not read; absent: it keeps none. */
  readonly findProcessingLog?: (target: Target) => Promise<string | undefined>
}
