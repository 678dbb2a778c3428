/**
 * Checks the servers of a target. Each is asked separately, so that one that is down costs one
 * line of the answer. Credentials are reported as set or not set, never shown.
 */

import type { RemoteRegistry } from '../avro/schema-registry.ts'
import type { HttpServer, Target } from '../config/target.ts'
import type { ConnectCluster } from '../connectors/connect-cluster.ts'
import { chooseConnectors, type DesiredConnector } from '../connectors/desired-connectors.ts'
import { formatLocation } from '../console/text.ts'
import type { NamedText } from '../documents/json-document.ts'
import { CcsError, throwAll } from '../kernel/errors.ts'
import type { TopicAdmin } from '../log/topic-admin.ts'
import { DLQ_TOPIC, RAW_TOPIC } from '../log/topics.ts'
import { groupSchemasByTopic, type TopicSchemas } from '../schemas/history.ts'
import type { Check } from './doctor.ts'
import { checkKafka } from './kafka-checks.ts'
import { checkRegistry, type RegistryNeeds } from './registry-checks.ts'

/** How to reach the target's servers; undefined for one that the target doesn't have. */
export interface TargetServers extends RegistryNeeds {
  readonly target: Target
  readonly kafka?: () => Promise<TopicAdmin>
  readonly registry?: () => Promise<RemoteRegistry>
  readonly connect?: () => Promise<ConnectCluster>
  /** Of engines that have servers of their own. */
  readonly engines?: readonly EngineServerCheck[]
  /** What the project would run there. */
  readonly connectors: () => Promise<readonly DesiredConnector[]>
}

/** What checks one engine's server. */
export interface EngineServerCheck {
  /** Names the check that fails when the server can't be asked. */
  readonly name: string
  readonly server: HttpServer
  /** Asks the server. */
  check(): Promise<EngineChecks>
}

/** What an engine's server says of itself, and what is then to be asked of Kafka. */
export interface EngineChecks {
  readonly checks: readonly Check[]
  /** Absent: nothing. */
  readonly onKafka?: {
    readonly name: string
    readonly check: (admin: TopicAdmin) => Promise<readonly Check[]>
  }
}

/** Schemas of the topics of the input; topics that models make come with a deployment. */
export function inputSchemas(files: readonly NamedText[]): readonly TopicSchemas[] {
  return groupSchemasByTopic(files).filter(({ topic }) => [RAW_TOPIC, DLQ_TOPIC].includes(topic))
}

/** Never rejects for a server that can't be reached: that is a failed check. */
export async function examineTarget(servers: TargetServers): Promise<readonly Check[]> {
  const { target, kafka, registry, connect, engines = [], connectors } = servers
  const settings = target.kafka
  const checks = await Promise.all([
    kafka === undefined || settings === undefined
      ? []
      : runChecks('kafka', async () => {
          const admin = await kafka()
          try {
            return await checkKafka(admin, target, settings)
          } finally {
            await admin.close()
          }
        }),
    registry === undefined
      ? []
      : runChecks('registry', async () => checkRegistry(await registry(), servers)),
    connect === undefined
      ? []
      : runChecks('connect', async () => checkConnect(await connect(), connectors)),
    ...engines.map((engine) =>
      runChecks(engine.name, async () => {
        const { checks: own, onKafka } = await engine.check()
        if (kafka === undefined || onKafka === undefined) return own
        return [...own, ...(await checkOnKafka(kafka, onKafka))]
      }),
    ),
  ])
  return [credentialsCheck(target, engines), ...checks.flat()]
}

function checkOnKafka(
  kafka: () => Promise<TopicAdmin>,
  { name, check }: NonNullable<EngineChecks['onKafka']>,
): Promise<readonly Check[]> {
  return runChecks(name, async () => {
    const admin = await kafka()
    try {
      return await check(admin)
    } finally {
      await admin.close()
    }
  })
}

/** An error becomes one failed check per fault, with the error's own hint. */
async function runChecks(
  name: string,
  ask: () => Promise<readonly Check[]>,
): Promise<readonly Check[]> {
  try {
    return await ask()
  } catch (error) {
    return toFailedChecks(name, error)
  }
}

/** A failed check for each fault of a CcsError; anything else is thrown on. */
export function toFailedChecks(name: string, error: unknown): readonly Check[] {
  if (!(error instanceof CcsError)) throw error
  return [error, ...error.others].map(({ message, hint, location }) => ({
    name,
    status: 'failed',
    detail: location === undefined ? message : `${formatLocation(location)}: ${message}`,
    ...(hint === undefined ? {} : { hint }),
  }))
}

function credentialsCheck(
  { kafka, registry, connect }: Target,
  engines: readonly EngineServerCheck[],
): Check {
  const login = (name: string, server: HttpServer | undefined) =>
    server === undefined
      ? []
      : [`${name} ${server.username === undefined ? 'none' : 'user and password'}`]
  const parts = [
    ...(kafka === undefined
      ? []
      : [`kafka ${kafka.sasl?.mechanism ?? 'none'}${kafka.tls ? ', TLS' : ''}`]),
    ...login('registry', registry),
    ...login('connect', connect),
    ...engines.flatMap((one) => login(one.name, one.server)),
  ]
  return { name: 'credentials', status: 'ok', detail: `${parts.join('; ')}.` }
}

async function checkConnect(
  connect: ConnectCluster,
  connectors: TargetServers['connectors'],
): Promise<readonly Check[]> {
  const { version, url } = await connect.readServerInfo()
  const there: Check = {
    name: 'connect',
    status: 'ok',
    detail: `Kafka Connect ${version} at ${url}.`,
  }
  const sinks = await runChecks('connectors', async () => {
    const choice = chooseConnectors(await connectors(), await connect.plugins())
    throwAll(choice.faults)
    const { chosen, skipped } = choice
    const left = skipped.map(({ connector, reason }) => `${connector.name}: ${reason}`)
    const detail = [`Can run: ${chosen.map((one) => one.name).join(', ') || 'none'}.`, ...left]
    const isNone = chosen.length === 0 && skipped.length > 0
    return [{ name: 'connectors', status: isNone ? 'warning' : 'ok', detail: detail.join(' ') }]
  })
  return [there, ...sinks]
}
