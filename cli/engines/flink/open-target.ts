/** Opens the Flink of a target as its engine, from the target's settings. */
import type {
  HttpServer,
  JobSettings,
  KafkaSettings,
  Target,
  Tls,
} from '../../domain/config/target.ts'
import { toCompileProject } from '../../domain/dialects/compile.ts'
import { CcsError } from '../../domain/kernel/errors.ts'
import { openFlinkCluster } from './client/flink-cluster.ts'
import { openGateway } from './client/gateway.ts'
import { openJobManager } from './client/job-manager.ts'
import { compileProjectJob } from './compile/project-job.ts'
import { comparePlanTexts, completePlanText } from './plan/compare.ts'
import { describeServers } from './plan/server-options.ts'
import { FlinkTargetEngine, type FlinkTargetParts } from './target-engine.ts'

/** What it is opened with. */
export interface FlinkTargetOptions
  extends Pick<FlinkTargetParts, 'topics' | 'registry' | 'logic' | 'isRebuild' | 'onNotice'> {
  readonly target: Target
  /** Texts of the files that `kafka.tls` names. */
  readonly tls: Tls
  /** Time zone of the project. */
  readonly timezone: string
  /** Whether all models are removed. */
  readonly isDestroying: boolean
}

/** CCS_SQL_UNSUPPORTED for models that it can't run. Asks no server yet. */
export async function openFlinkTarget({
  target,
  tls,
  timezone,
  isDestroying,
  ...parts
}: FlinkTargetOptions): Promise<FlinkTargetEngine> {
  const { gateway, manager, settings, kafka, registry } = requireServers(target)
  const project = toCompileProject(parts.logic, timezone)
  const models = project.models.map((one) => one.model)
  return new FlinkTargetEngine({
    ...parts,
    cluster: openFlinkCluster(openGateway(gateway), openJobManager(manager)),
    kafka,
    settings,
    servers: describeServers(kafka, tls, registry),
    prefix: target.prefix,
    job: isDestroying ? undefined : await compileProjectJob(project),
    complete: (plan) => completePlanText(plan, models),
    compare: comparePlanTexts,
  })
}

function requireServers({ name, engineServers, jobs, kafka, registry }: Target): {
  readonly gateway: HttpServer
  readonly manager: HttpServer
  readonly settings: JobSettings
  readonly kafka: KafkaSettings
  readonly registry: HttpServer
} {
  const gateway = engineServers?.flink
  if (gateway && jobs?.manager && kafka && registry)
    return { gateway, manager: jobs.manager, settings: jobs, kafka, registry }
  throw new CcsError('CCS_CONFIG_INVALID', `Target "${name}" lacks an address of its Flink.`, {
    hint: 'Give it flink.url, its SQL Gateway, and flink.jobmanager.url in ccs.yml.',
  })
}
