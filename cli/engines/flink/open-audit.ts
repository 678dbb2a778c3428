/** Opens the audit of a target with a Flink: its deployed job, and what its models mean. */
import type { AuditReport } from '../../domain/audit/audit.ts'
import { addPrefix, type Target } from '../../domain/config/target.ts'
import type { Deployment } from '../../domain/deploy/deployment.ts'
import { readDeployedModels } from '../../domain/deploy/plan/desired.ts'
import { toCompileProject, toDialectInputs } from '../../domain/dialects/compile.ts'
import { CcsError } from '../../domain/kernel/errors.ts'
import type { TopicProgress } from '../../domain/log/topic-progress.ts'
import { VALID_TOPIC } from '../../domain/log/topics.ts'
import type { GraphModel } from '../../domain/models/graph.ts'
import type { JobStatus } from '../../domain/pipeline/job-status.ts'
import { auditTarget, type TargetAudit } from './audit/audit-target.ts'
import { isWhole } from './client/job-answers.ts'
import { openJobManager } from './client/job-manager.ts'
import { compileModel } from './compile/dialect.ts'
import { createJobNames } from './plan/names.ts'
import { readRecord } from './plan/record.ts'
import { planTables, type SessionSpan } from './query/plan-tables.ts'

/** What it is opened with. */
export interface OpenAuditOptions
  extends Omit<TargetAudit, 'prefix' | 'job' | 'topicOf' | 'spans' | 'gate'> {
  readonly target: Target
  readonly deployment: Deployment | undefined
  readonly progress: (topic: string, group: string) => Promise<readonly TopicProgress[]>
  readonly gateGroup: string
  readonly rawTopic: string
  readonly readStatus: () => Promise<JobStatus>
}

/** CCS_PLAN_CHANGES where nothing is deployed, or models differ from the deployed ones. */
export async function runTargetAudit(options: OpenAuditOptions): Promise<AuditReport> {
  const { target, deployment, logic, progress, readStatus } = options
  const { deployed } = readRecord(deployment?.engine)
  if (deployed === undefined) throw notDeployedError(target.name)
  refuseChanged(logic.graph, readDeployedModels(deployment?.resources ?? []), target.name)
  const topics = new Map(deployed.sinks.map((one) => [one.model, one.topic]))
  const group = createJobNames(target.prefix).group(deployed.version)
  const manager = target.jobs?.manager && openJobManager(target.jobs.manager)
  return auditTarget({
    ...options,
    prefix: target.prefix,
    topicOf: (model) => topics.get(model),
    spans: findSpans(options),
    gate: { readPositions: () => progress(options.rawTopic, options.gateGroup) },
    job: {
      readStatus,
      isRunning: async () => {
        const job = await manager?.readJob(deployed.id)
        return job !== undefined && isWhole(job)
      },
      progress: () => progress(addPrefix(target, VALID_TOPIC), group),
      checkpointMs: target.jobs?.checkpointMs ?? 0,
    },
  })
}

/** Of each model of sessions, the columns that say whose and when a session is. */
function findSpans({
  logic,
  timezone,
}: Pick<OpenAuditOptions, 'logic' | 'timezone'>): ReadonlyMap<string, SessionSpan> {
  const reads = new Map(logic.graph.map((one) => [one.model.name, one.reads]))
  const models = toDialectInputs(toCompileProject(logic, timezone)).map((input) => {
    return { input, compiled: compileModel(input), reads: reads.get(input.model.name) ?? [] }
  })
  const planned = planTables({ models, macros: logic.macros, findTopic: (name) => name })
  return new Map(
    planned.flatMap(({ model, source }) =>
      source.from === 'sessions' ? [[model.name, source.open.span] as const] : [],
    ),
  )
}

function refuseChanged(
  graph: readonly GraphModel[],
  deployed: readonly { readonly name: string; readonly fingerprint: string }[],
  target: string,
): void {
  const were = new Map(deployed.map((one) => [one.name, one.fingerprint]))
  const names = graph
    .filter((one) => were.get(one.model.name) !== one.fingerprint)
    .map((one) => one.model.name)
  if (names.length === 0) return
  const list = names.slice(0, 5).join(', ') + (names.length > 5 ? ' …' : '')
  const why = 'Rows are audited with the models that made them.'
  throw new CcsError('CCS_PLAN_CHANGES', `Not deployed yet: ${list}. ${why}`, {
    hint: `Look at what would happen: ccs plan --target ${target}. Then: ccs deploy`,
  })
}

function notDeployedError(target: string): CcsError {
  return new CcsError('CCS_PLAN_CHANGES', `Nothing is deployed to target ${target}.`, {
    hint: `Deploy it: ccs deploy --target ${target}`,
  })
}
