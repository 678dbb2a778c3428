/** Composition of the gate in front of a cluster's engines: Kafka and registry of a target. */
import { systemClock } from '../adapters/process/system-clock.ts'
import type { GatePorts, GateRun } from '../domain/gate/run-gate.ts'
import type { Closable } from '../domain/kernel/closers.ts'
import type { Project } from '../project.ts'
import { openRegistry } from './targets/log.ts'

/** How one process of the gate runs. */
export interface OpenGateOptions {
  readonly once: boolean
  /** After so long without a sign of life a process loses its partitions to the others. */
  readonly sessionMs: number
  readonly onNotice: (text: string) => void
}

/** One process of the gate, and the consumer group that it belongs to. */
export interface OpenGate extends Closable {
  readonly run: GateRun
  readonly group: string
}

/** CCS_CONFIG_INVALID for a target without Kafka or registry. */
export async function openGate(
  project: Project,
  { once, sessionMs, onNotice }: OpenGateOptions,
): Promise<OpenGate> {
  const { kafka: settings, prefix, name } = project.target
  const { GateRun } = await import('../domain/gate/run-gate.ts')
  if (settings === undefined) throw (await import('../domain/gate/no-gate.ts')).noGate(name)
  const [schemas, { openKafka }, { openKafkaLog }, { createOriginFinder }] = await Promise.all([
    openGateSchemas(project),
    import('../adapters/kafka/connection.ts'),
    import('../adapters/kafka/event-log.ts'),
    import('../domain/dlq/replay-ledger.ts'),
  ])
  const [{ openGateStream }, { nameGate }, { createPseudonymWatch }, erasedFile, { diskFiles }] =
    await Promise.all([
      import('../adapters/kafka/gate-stream.ts'),
      import('../adapters/kafka/gate-names.ts'),
      import('../adapters/files/pseudonym-source.ts'),
      import('../adapters/files/erased-file.ts'),
      import('../adapters/files/files.ts'),
    ])
  const clock = systemClock()
  const connect = () => openKafka(settings, project.dir)
  const stream = await openGateStream({ connect, prefix, sessionMs, clock, onNotice })
  // For the ledger of replays; a read that fails is repeated with the batch.
  const log = openKafkaLog(await connect(), { prefix, withRetry: (run) => run() })
  const findOrigins = createOriginFinder(log, clock)
  const { recordBytesMax, futureToleranceMs } = project.config.gate
  const place = { files: diskFiles(), root: project.dataDir }
  const pseudonyms = createPseudonymWatch(place, project.config, clock)
  const erased = erasedFile.createErasedWatch(place, clock)
  return {
    run: new GateRun(
      { recordBytesMax, futureToleranceMs, once },
      { stream, schemas, findOrigins, pseudonyms, erased, clock, onNotice },
    ),
    group: nameGate(prefix).group,
    close: async () => void (await Promise.all([stream.close(), log.close()])),
  }
}

/** The schemas that the registry has whenever it is asked. */
export async function openGateSchemas(project: Project): Promise<GatePorts['schemas']> {
  const { readGateSchemas } = await import('../domain/gate/run-gate.ts')
  const registry = await openRegistry(project)
  return () => readGateSchemas(registry)
}
