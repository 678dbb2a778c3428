/** Composition of `ccs dlq collect`: the processing log's topic, Kafka and registry of a target. */
import { systemClock } from '../adapters/process/system-clock.ts'
import type { Collected, CollectRun } from '../domain/dlq/collect-until-stopped.ts'
import type { Project } from '../project.ts'
import { openGateSchemas } from './gate.ts'
import { openRejectDecoder } from './reader.ts'
import { findProcessingLog } from './targets/engine.ts'

/** What to collect. */
export interface CollectChoice extends Omit<CollectRun, 'clock'> {
  /** Whole name of the processing log's topic; the server is asked where absent. */
  readonly log?: string
}

/** Collects; who follows waits for servers that are unreachable. */
export async function collect(project: Project, choice: CollectChoice): Promise<Collected> {
  const { collectUntilStopped } = await import('../domain/dlq/collect-until-stopped.ts')
  return collectUntilStopped((onProgress) => collectOnce(project, { ...choice, onProgress }), {
    ...choice,
    clock: systemClock(),
  })
}

async function collectOnce(project: Project, choice: CollectChoice): Promise<Collected> {
  const { kafka: settings, prefix, name } = project.target
  const { noProcessingLog } = await import('../domain/dlq/collect-until-stopped.ts')
  if (settings === undefined) throw noProcessingLog(name, 'has no Kafka')
  const [kafkas, logs, streams, offsets, rejects, decode, schemas, topic] = await Promise.all([
    import('../adapters/kafka/connection.ts'),
    import('../adapters/kafka/event-log.ts'),
    import('../adapters/kafka/collect-stream.ts'),
    import('../adapters/kafka/find-offsets.ts'),
    import('../domain/dlq/collect-rejects.ts'),
    openRejectDecoder(project),
    openGateSchemas(project),
    choice.log ?? findProcessingLog(project.target),
  ])
  if (topic === undefined) throw noProcessingLog(name, 'has no engine that keeps a processing log')
  const connect = () => kafkas.openKafka(settings, project.dir)
  // First the stream: it ends whoever collected before, so that what is in events.dlq stays.
  const stream = await streams.openCollectStream({ kafka: await connect(), prefix, log: topic })
  const kafka = await connect()
  const log = logs.openKafkaLog(kafka, { prefix, withRetry: (run) => run() })
  const locateRecords = offsets.createRecordLocator(kafka)
  const topics = rejects.nameEventTopics(project.target)
  try {
    const counts = await rejects.collectRejects(
      { stream, log, decode, schemas, locateRecords, clock: systemClock() },
      { ...project.config.gate, ...choice, topics },
    )
    return { log: topic, ...counts }
  } finally {
    await Promise.all([stream.close(), log.close()])
  }
}
