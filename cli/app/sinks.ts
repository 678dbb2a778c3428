/** Composition of `ccs sink`: a target's Kafka Connect, and the ends of the topics it reads. */
import { systemClock } from '../adapters/process/system-clock.ts'
import type { DesiredConnector } from '../domain/connectors/desired-connectors.ts'
import type { SinkPorts, SinkSources } from '../domain/connectors/sinks.ts'
import type { Closable } from '../domain/kernel/closers.ts'
import type { Project } from '../project.ts'
import { openConnect, readVariables } from './servers.ts'

/** Connect, what the project wants of it, and the log. */
export interface OpenSinks extends SinkPorts, Closable {
  readonly desired: readonly DesiredConnector[]
  /** Ends of topics; undefined for a target without Kafka. */
  readonly log: SinkSources['log']
}

/**
 * CCS_CONNECTOR_INVALID for faults of connectors/, CCS_USAGE_INVALID for a target without Connect.
 */
export async function openSinks(project: Project): Promise<OpenSinks> {
  const { renderConnectors } = await import('../domain/connectors/desired-connectors.ts')
  const { target, connectors, dir } = project
  const connect = await openConnect(target)
  const desired = renderConnectors(connectors, target, await readVariables(project))
  const parts = { connect, clock: systemClock(), desired }
  if (!target.kafka) return { ...parts, log: undefined, close: async () => {} }
  const [{ openKafka }, { openKafkaLog }] = await Promise.all([
    import('../adapters/kafka/connection.ts'),
    import('../adapters/kafka/event-log.ts'),
  ])
  const kafka = await openKafka(target.kafka, dir)
  // Connectors name their topics in full: nothing is put before them.
  const log = openKafkaLog(kafka, { prefix: '', withRetry: (run) => run() })
  return { ...parts, log, close: () => log.close() }
}
