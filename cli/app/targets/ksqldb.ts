/** Composition of a ksqlDB target: its engine, and what answers its queries. */
import type { HttpServer, KafkaSettings, Target } from '../../domain/config/target.ts'
import type { Dialect } from '../../domain/dialects/dialect.ts'
import type { EngineServerCheck } from '../../domain/doctor/examine-target.ts'
import { CcsError } from '../../domain/kernel/errors.ts'
import type { KeyedRecord } from '../../domain/log/keyed-record.ts'
import type { QueryService } from '../../domain/query/query-service.ts'
import type { Project } from '../../project.ts'
import type { OpenTargetEngine } from './engine-module.ts'

/** Opens the engine; CCS_SQL_UNSUPPORTED for models that it can't run. Asks no server yet. */
export const openTargetEngine: OpenTargetEngine = async (project, logic, options) => {
  const { servers, isRebuild, isDestroying } = options
  const { server, kafka } = requireServers(project.target)
  if (!servers) throw new Error('a ksqlDB is opened with the servers of its target')
  const [{ openKsql }, { KsqldbTargetEngine }] = await Promise.all([
    import('../../engines/ksqldb/client/client.ts'),
    import('../../engines/ksqldb/target-engine.ts'),
  ])
  return new KsqldbTargetEngine({
    client: openKsql(server),
    topics: servers.topics,
    registry: servers.registry,
    kafka,
    prefix: project.target.prefix,
    logic,
    timezone: project.config.timezone,
    publishSeed: (topic, records) => publishSeed(project, kafka, topic, records),
    isRebuild,
    isDestroying,
  })
}

/** Answers queries of the target. */
export async function openQueries({ target, models }: Project): Promise<QueryService> {
  const { server } = requireServers(target)
  const [{ openKsql }, { openKsqldbQueries }] = await Promise.all([
    import('../../engines/ksqldb/client/client.ts'),
    import('../../engines/ksqldb/client/query-service.ts'),
  ])
  return openKsqldbQueries(openKsql(server), {
    prefix: target.prefix,
    target: target.name,
    files: models.map((one) => one.file),
  })
}

/** What `ccs doctor` asks of the target's ksqlDB. */
export async function openServerCheck({ target }: Project): Promise<EngineServerCheck | undefined> {
  const server = target.engineServers?.ksqldb
  if (!server) return undefined
  const [{ openKsql }, { checkServer }] = await Promise.all([
    import('../../engines/ksqldb/client/client.ts'),
    import('../../engines/ksqldb/client/checks.ts'),
  ])
  return { name: 'ksqldb', server, check: () => checkServer(openKsql(server), target) }
}

/** Topic of the server's processing log. */
export async function findProcessingLog(target: Target): Promise<string | undefined> {
  const server = target.engineServers?.ksqldb
  if (!server) return undefined
  const [{ openKsql }, { findProcessingLog }] = await Promise.all([
    import('../../engines/ksqldb/client/client.ts'),
    import('../../engines/ksqldb/client/inspect.ts'),
  ])
  const client = openKsql(server)
  const { serviceId } = await client.info()
  return (await findProcessingLog(client, serviceId)).topic
}

function requireServers({ name, engineServers, kafka }: Target): {
  readonly server: HttpServer
  readonly kafka: KafkaSettings
} {
  const server = engineServers?.ksqldb
  if (server && kafka) return { server, kafka }
  throw new CcsError('CCS_CONFIG_INVALID', `Target "${name}" has no ksqldb.url.`, {
    hint: 'Give it one in ccs.yml: ksqldb: { url: "http://127.0.0.1:8088" }',
  })
}

/**
 * The records are of 1970: a join that begins reads what is older first, and an event that came
 * before its seed was deployed has to find the seed's row all the same.
 */
async function publishSeed(
  { dir }: Project,
  settings: KafkaSettings,
  topic: string,
  records: readonly KeyedRecord[],
): Promise<void> {
  const [{ openKafka }, { openKafkaGold }] = await Promise.all([
    import('../../adapters/kafka/connection.ts'),
    import('../../adapters/kafka/gold.ts'),
  ])
  const kafka = await openKafka(settings, dir)
  try {
    const sink = openKafkaGold(kafka, { prefix: '', timeMs: 0 })
    await sink.publish(topic, records)
    await sink.close()
  } finally {
    await kafka.close()
  }
}

/** How models are printed for it. */
export async function openDialect(): Promise<Dialect> {
  return (await import('../../engines/ksqldb/compile/dialect.ts')).compileKsqldb
}
