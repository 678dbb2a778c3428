/** Composition of `ccs audit` for a Flink target: deployment record, job, topics, two DuckDBs. */
import { systemClock } from '../../adapters/process/system-clock.ts'
import type { AuditReport, AuditRun } from '../../domain/audit/audit.ts'
import { addPrefix } from '../../domain/config/target.ts'
import type { Project } from '../../project.ts'

/** CCS_PLAN_CHANGES where nothing is deployed, or models differ from the deployed ones. */
export async function auditFlink(project: Project, run: AuditRun): Promise<AuditReport> {
  const [servers, { openTargetLogic }, { keepIncluded }, { requireKafka }, opened] =
    await Promise.all([
      import('../servers.ts'),
      import('./log.ts'),
      import('../../domain/models/exclude-models.ts'),
      import('../../domain/config/target-needs.ts'),
      import('../../engines/flink/open-audit.ts'),
    ])
  const { target, config, dir, dataDir } = project
  const settings = requireKafka(target, config.targets)
  const [kafkas, { openTopicReader }, duckdb, { withScratch }, { diskFiles }, { nameGate }] =
    await Promise.all([
      import('../../adapters/kafka/connection.ts'),
      import('../../adapters/kafka/topic-reader.ts'),
      import('../../adapters/duckdb/with-duck.ts'),
      import('../../adapters/files/scratch-dir.ts'),
      import('../../adapters/files/files.ts'),
      import('../../adapters/kafka/gate-names.ts'),
    ])
  const deployments = await servers.openDeployments(project)
  const topics = await servers.openTopics(project)
  const kafka = await kafkas.openKafka(settings, dir)
  try {
    const whole = await openTargetLogic(project, { isDescribed: true })
    const place = { parent: `${dataDir}/tmp`, name: 'audit' }
    return await withScratch(diskFiles(), place, Date.now(), (scratch) => {
      const spill = (name: string) =>
        duckdb.largeDuck(`${scratch}/${name}`, run.memoryLimitBytes ?? AUDIT_BYTES)
      return duckdb.withDuck(spill('plain'), (plain) =>
        duckdb.withDuck(spill('served'), async (served) =>
          opened.runTargetAudit({
            ...{ target, plain, served, timezone: config.timezone },
            logic: { ...whole, graph: keepIncluded(whole.graph, target) },
            deployment: await deployments.load(),
            reader: openTopicReader(kafka),
            registry: await servers.openRemoteRegistry(project),
            progress: (topic, group) => topics.progress(topic, group),
            gateGroup: nameGate(target.prefix).group,
            rawTopic: addPrefix(target, 'events.raw'),
            readStatus: async () => (await import('./flink-status.ts')).readStatus(project),
            scratchFile: (name) => `${scratch}/${name}.parquet`,
            nowMs: systemClock().nowMs(),
            onProgress: run.onProgress ?? (() => {}),
          }),
        ),
      )
    })
  } finally {
    await Promise.all([deployments.close(), topics.close(), kafka.close()])
  }
}

/** Of each of the two. */
const AUDIT_BYTES = 1024 ** 3
