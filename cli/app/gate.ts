/** The part of the composition root for the gate in front of a cluster's engines: Kafka and registry of a target. */

import { systemClock } from '../adapters/process/system-clock.ts'
import { type GatePorts, GateRun } from '../domain/gate/run-gate.ts'
import { CcsError, EXIT } from '../domain/kernel/errors.ts'
import { DLQ_TOPIC, RAW_TOPIC, subjectFor } from '../domain/log/topics.ts'
import type { Project } from '../project.ts'

export interface OpenGateOptions {
  readonly once: boolean
  /** After so long without a sign of life a process loses its partitions to the others. */
  readonly sessionMs: number
  readonly onNotice: (text: string) => void
}

export interface OpenGate {
  readonly run: GateRun
  readonly group: string
  close(): Promise<void>
}

/** CCS_CONFIG_INVALID for a target without Kafka or registry. */
export async function openGate(
  project: Project,
  { once, sessionMs, onNotice }: OpenGateOptions,
): Promise<OpenGate> {
  const { kafka: settings, prefix, name } = project.target
  if (settings === undefined)
    throw new CcsError('CCS_CONFIG_INVALID', `Target "${name}" has no Kafka: it needs no gate.`, {
      exit: EXIT.usage,
      hint: 'Name a target that has one: ccs gate --target NAME. On the embedded log the engine judges by itself.',
    })
  const [schemas, { openKafka }, { openKafkaLog }, { createOriginFinder }] = await Promise.all([
    openGateSchemas(project),
    import('../adapters/kafka/connection.ts'),
    import('../adapters/kafka/event-log.ts'),
    import('../domain/dlq/replay-ledger.ts'),
  ])
  const [{ openGateStream }, { nameGate }] = await Promise.all([
    import('../adapters/kafka/gate-stream.ts'),
    import('../adapters/kafka/gate-names.ts'),
  ])
  const clock = systemClock()
  const connect = () => openKafka(settings, project.dir)
  const stream = await openGateStream({ connect, prefix, sessionMs, clock, onNotice })
  // Where the ledger of replays is read; what fails there is tried again with the batch.
  const log = openKafkaLog(await connect(), { prefix, withRetry: (run) => run() })
  const { recordBytesMax, futureToleranceMs } = project.config.gate
  return {
    run: new GateRun(
      { recordBytesMax, futureToleranceMs, once },
      {
        stream,
        schemas,
        findOrigins: createOriginFinder(log, clock),
        clock,
        onNotice,
      },
    ),
    group: nameGate(prefix).group,
    close: async () => {
      await Promise.all([stream.close(), log.close()])
    },
  }
}

/** Those that the registry has now, judged by the newest of the project's files. */
export async function openGateSchemas(project: Project): Promise<GatePorts['schemas']> {
  const { openRegistry } = await import('./targets/log.ts')
  const registry = await openRegistry(project)
  return async () => {
    const [raw, dlq] = await Promise.all([
      registry.versions(subjectFor(RAW_TOPIC)),
      registry.versions(subjectFor(DLQ_TOPIC)),
    ])
    const newest = dlq.at(-1)
    if (newest === undefined)
      throw new CcsError('CCS_SCHEMA_INVALID', 'schemas/ has no events.dlq.avsc.')
    return { raw, dlq: newest }
  }
}
