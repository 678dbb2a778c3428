/** The part of the composition root for connectors: what the project wants of a target's Kafka Connect. */

import { systemClock } from '../adapters/process/system-clock.ts'
import type { Target } from '../domain/config/target.ts'
import type { ConnectCluster } from '../domain/connectors/connect-cluster.ts'
import type { DesiredConnector } from '../domain/connectors/desired-connectors.ts'
import type { SinkPorts, SinkSources } from '../domain/connectors/sinks.ts'
import type { VariableSources } from '../domain/documents/variables.ts'
import { CcsError, EXIT } from '../domain/kernel/errors.ts'
import type { Project } from '../project.ts'

export interface OpenSinks extends SinkPorts {
  readonly desired: readonly DesiredConnector[]
  /** Ends of topics; undefined for a target without Kafka. */
  readonly log: SinkSources['log']
  close(): Promise<void>
}

/** Throws CCS_CONNECTOR_INVALID for faults of connectors/, CCS_USAGE_INVALID for a target without Connect. */
export async function openSinks(project: Project): Promise<OpenSinks> {
  const { renderConnectors } = await import('../domain/connectors/desired-connectors.ts')
  const connect = await openConnect(project.target)
  const lookup = await connectorLookup(project)
  const desired = renderConnectors(project.connectors, project.target, lookup)
  const ends = await openEnds(project)
  return { connect, clock: systemClock(), desired, ...ends }
}

/** Kafka Connect of a target. Nothing is asked of it yet; `triesMax` of each request, its own number unless given. */
export async function openConnect(
  target: Target,
  options: { readonly triesMax?: number } = {},
): Promise<ConnectCluster> {
  const { connectRest } = await import('../adapters/connect/rest.ts')
  if (target.connect) return connectRest(target.connect, options)
  throw new CcsError('CCS_USAGE_INVALID', `Target "${target.name}" has no Kafka Connect.`, {
    exit: EXIT.usage,
    hint: `Name one in ccs.yml: targets.${target.name}.connect.url, or choose another: --target kafka`,
  })
}

/** What the variables of connectors/ stand for: the environment, and the files that they name. */
export async function connectorLookup(project: Project): Promise<VariableSources> {
  const [{ listSecretFiles }, { readFile }, { resolve }] = await Promise.all([
    import('../domain/connectors/connector-file.ts'),
    import('node:fs/promises'),
    import('node:path'),
  ])
  const files = new Map<string, string>()
  for (const file of listSecretFiles(project.connectors)) {
    // A file that can't be read is missing: the fault names it at its place, where somebody needs it.
    const text = await readFile(resolve(project.dir, file), 'utf8').catch(() => undefined)
    if (text !== undefined) files.set(file, text)
  }
  return { env: project.env, files }
}

async function openEnds(project: Project): Promise<Pick<OpenSinks, 'log' | 'close'>> {
  const { kafka: settings } = project.target
  if (!settings) return { log: undefined, close: async () => {} }
  const [{ openKafka }, { openKafkaLog }] = await Promise.all([
    import('../adapters/kafka/connection.ts'),
    import('../adapters/kafka/event-log.ts'),
  ])
  const kafka = await openKafka(settings, project.dir)
  // Connectors name their topics in full: nothing is put before them.
  const log = openKafkaLog(kafka, { prefix: '', withRetry: (run) => run() })
  return { log, close: () => log.close() }
}
