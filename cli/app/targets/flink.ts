/** Composition of a Flink target: its engine, and what its servers say of themselves. */
import {
  addPrefix,
  type HttpServer,
  type JobSettings,
  type KafkaSettings,
  type Target,
} from '../../domain/config/target.ts'
import type { Dialect } from '../../domain/dialects/dialect.ts'
import type { EngineServerCheck } from '../../domain/doctor/examine-target.ts'
import { CcsError } from '../../domain/kernel/errors.ts'
import { VALID_TOPIC } from '../../domain/log/topics.ts'
import type { OpenTargetEngine } from './engine-module.ts'

/** Opens the engine; CCS_SQL_UNSUPPORTED for models that it can't run. Asks no server yet. */
export const openTargetEngine: OpenTargetEngine = async (project, logic, options) => {
  const { servers, isRebuild, isDestroying, onNotice } = options
  const { gateway, manager, settings, kafka, registry } = requireServers(project.target)
  if (!servers) throw new Error('a Flink is opened with the servers of its target')
  const [
    { requireOwnPrefix },
    { readTlsFiles },
    { toCompileProject },
    { openGateway },
    { openJobManager },
    { openFlinkCluster },
    { compileProjectJob },
    { comparePlanTexts },
    { describeServers },
    { FlinkTargetEngine },
  ] = await Promise.all([
    import('../../domain/config/target-needs.ts'),
    import('../../adapters/kafka/tls-files.ts'),
    import('../../domain/dialects/compile.ts'),
    import('../../engines/flink/client/gateway.ts'),
    import('../../engines/flink/client/job-manager.ts'),
    import('../../engines/flink/client/flink-cluster.ts'),
    import('../../engines/flink/compile/project-job.ts'),
    import('../../engines/flink/plan/compare.ts'),
    import('../../engines/flink/plan/server-options.ts'),
    import('../../engines/flink/target-engine.ts'),
  ])
  requireOwnPrefix(project.target, project.config.targets)
  const { timezone } = project.config
  return new FlinkTargetEngine({
    cluster: openFlinkCluster(openGateway(gateway), openJobManager(manager)),
    topics: servers.topics,
    registry: servers.registry,
    kafka,
    settings,
    servers: describeServers(kafka, await readTlsFiles(kafka.tls, project.dir), registry),
    prefix: project.target.prefix,
    logic,
    job: isDestroying ? undefined : await compileProjectJob(toCompileProject(logic, timezone)),
    compare: comparePlanTexts,
    isRebuild,
    onNotice,
  })
}

/** How models are printed for Flink SQL. */
export async function openDialect(): Promise<Dialect> {
  return (await import('../../engines/flink/compile/dialect.ts')).compileFlink
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

/** What `ccs doctor` asks of the target's Flink. */
export async function openServerCheck(
  target: Target,
  timezone: string,
): Promise<EngineServerCheck | undefined> {
  const server = target.engineServers?.flink
  const manager = target.jobs?.manager
  if (!server || !manager) return undefined
  const [{ openGateway }, { openJobManager }, { checkServers }] = await Promise.all([
    import('../../engines/flink/client/gateway.ts'),
    import('../../engines/flink/client/job-manager.ts'),
    import('../../engines/flink/client/checks.ts'),
  ])
  const question = {
    ...{ target, timezone, topic: addPrefix(target, VALID_TOPIC) },
    jobStart: addPrefix(target, 'ccs-v'),
  }
  const check = () => checkServers(openGateway(server), openJobManager(manager), question)
  return { name: 'flink', server, check }
}
